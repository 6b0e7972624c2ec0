"""Within translating a row: who it is about, as a FHIR Patient; how and in which language they may be told is part of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial

from connectors.batch_csv.columns import plain
from connectors.batch_csv.names import parted
from connectors.batch_csv.row import Row
from connectors.batch_csv.values import Answer, answer, fhir_day, is_homeless, language, listed, phone_number, said
from schemas.codes.languages import LANGUAGE_SYSTEM
from schemas.fhir.build import JsonObject
from schemas.fhir.contact import METHODS, PREFERENCE, SAFE
from schemas.fhir.read import NHS_NUMBER_SYSTEM
from schemas.identifiers import OdsCode, Postcode
from schemas.rejection import Issue, Reason

ODS = "https://fhir.nhs.uk/Id/ods-organization-code"
INTERPRETER = "http://hl7.org/fhir/StructureDefinition/patient-interpreterRequired"
PROFICIENCY = "http://hl7.org/fhir/StructureDefinition/patient-proficiency"
_MODES = "http://terminology.hl7.org/CodeSystem/v3-LanguageAbilityMode"
_SEVERAL = re.compile(r"\s*[;|\n]\s*")
_NOTHING_SAID = ("", "n a", "na", "not applicable", "amh")
_ALIVE = ("alive", "living", "yn fyw", "byw")


def several(row: Row, name: str) -> list[str]:
    """Every value of a field, those between semicolons, bars and line ends of one cell too, each once."""
    return list(dict.fromkeys(part for cell in row.all(name) for part in _SEVERAL.split(cell) if part))


def tidy(resource: JsonObject) -> JsonObject:
    """Without what is empty."""
    return {name: value for name, value in resource.items() if value not in (None, "", [], {})}


def patient(row: Row) -> tuple[JsonObject, list[Issue]]:
    """The Patient, and a warning for each cell that does not say what its column asks for."""
    warnings: list[Issue] = []
    made = {
        "resourceType": "Patient",
        "extension": [*_interpreter(row, warnings), *_wishes(row, warnings)],
        "identifier": [{"system": NHS_NUMBER_SYSTEM, "value": " ".join(number.split())} for number in row.all("nhs_number")],
        "name": _names(row),
        "telecom": [*_points(row, "phone", "safe_message", warnings), *_points(row, "email", "safe_email", warnings)],
        "gender": _listed(row, "gender", warnings),
        "birthDate": _date(row, "birth_date", warnings),
        **_deceased(row, warnings),
        "address": _address(row, warnings),
        "communication": [*_language(row, "language", warnings), *_language(row, "written_language", warnings)],
        "generalPractitioner": _practice(row, warnings),
    }
    return tidy(made), warnings


def _names(row: Row) -> list[JsonObject]:
    """Family and given names as they stand; of a whole name the part before a comma, else the last word with its particle, is the family name."""
    family, given, whole, title = (row.one(name) for name in ("family", "given", "name", "title"))
    if whole and not family:
        before, first, last = parted(whole)
        family, given, title = (last, first, title or before) if not given else (whole, given, title)
    name = tidy({"text": whole, "family": family, "given": (given or "").split(), "prefix": [title] if title else []})
    return [name] if name else []


def _points(row: Row, field: str, safety: str, warnings: list[Issue]) -> Iterator[JsonObject]:
    """Phones or e-mail addresses, each with what was said of its safety."""
    system = "email" if field == "email" else "phone"
    for value in several(row, field):
        written = value if system == "email" else phone_number(value)
        if written is None:
            warnings.append(Issue(Reason.ELEMENT_REMOVED, row.at(field), "batch.phone"))
            continue
        yield tidy({"extension": _safe(row, safety, warnings), "system": system, "value": written})


def _safe(row: Row, field: str, warnings: list[Issue]) -> list[JsonObject]:
    """A plain yes or no; whatever is unclear is a no, and said to be unclear."""
    found = answer(row.all(field))
    if found is Answer.UNCLEAR and not any(one.at == row.at(field) for one in warnings):
        warnings.append(Issue(Reason.CODE_UNKNOWN, row.at(field), "batch.yes-or-no"))
    return [{"url": SAFE, "valueBoolean": found is Answer.YES}] if found else []


def _address(row: Row, warnings: list[Issue]) -> list[JsonObject]:
    lines = [line.strip() for cell in row.all("address") for line in cell.split("\n") if line.strip()]
    sent = row.one("postcode")
    if any(map(is_homeless, (*lines, sent or ""))):
        return [_homeless(row, lines, sent, warnings)]
    if sent and Postcode.read(sent) is None:
        warnings.append(Issue(Reason.CODE_UNKNOWN, row.at("postcode"), "batch.postcode"))
    made = tidy({"line": lines, "city": row.one("town"), "postalCode": sent})
    return [tidy({"extension": _safe(row, "safe_letter", warnings), "use": "home", **made})] if made else []


def _homeless(row: Row, lines: list[str], sent: str | None, warnings: list[Issue]) -> JsonObject:
    """No fixed abode has a postcode of its own in the NHS; one that was given says where to look."""
    code = sent if sent and Postcode.read(sent) else Postcode.NO_FIXED_ABODE
    return tidy({"extension": _safe(row, "safe_letter", warnings), "use": "temp", "line": lines, "city": row.one("town"), "postalCode": code})


def _date(row: Row, field: str, warnings: list[Issue]) -> str | None:
    sent = row.one(field)
    found = fhir_day(sent, month_first=row.month_first) if sent else None
    if sent and found is None:
        warnings.append(Issue(Reason.DATE_IMPOSSIBLE, row.at(field), "batch.date"))
    return found


def _deceased(row: Row, warnings: list[Issue]) -> JsonObject:
    """A date, or an answer; whatever is no plain no means that the person may have died, and is for a human."""
    told = [one for one in row.all("deceased") if plain(one) not in _NOTHING_SAID]
    if not told:
        return {}
    if all(plain(one) in _ALIVE for one in told):
        return {"deceasedBoolean": False}
    day = next((day for one in told if (day := fhir_day(one, month_first=row.month_first))), None)
    if day is not None:
        return {"deceasedDateTime": day}
    found = answer(told)
    if found is Answer.UNCLEAR or (found is Answer.NO and len(told) > 1):
        warnings.append(Issue(Reason.CODE_UNKNOWN, row.at("deceased"), "batch.yes-or-no"))
        return {"deceasedBoolean": True}
    return {"deceasedBoolean": found is Answer.YES}


def _listed(row: Row, field: str, warnings: list[Issue]) -> str | None:
    sent = row.one(field)
    found = said(field, sent) if sent else None
    if sent and found is None:
        warnings.append(Issue(Reason.CODE_UNKNOWN, row.at(field)))
    return found


def _language(row: Row, field: str, warnings: list[Issue]) -> Iterator[JsonObject]:
    sent = row.one(field)
    if sent is None:
        return
    written = field == "written_language"
    mode = {"url": PROFICIENCY, "extension": [{"url": "type", "valueCoding": {"system": _MODES, "code": "RWR" if written else "RSP"}}]}
    for words in listed(sent, language):
        known = language(words)
        if known is None:
            warnings.append(Issue(Reason.CODE_UNKNOWN, row.at(field), "batch.language"))
        yield {"extension": [mode], "language": {"coding": [{"system": LANGUAGE_SYSTEM, "code": known}]} if known else {"text": words}}


def _interpreter(row: Row, warnings: list[Issue]) -> Iterator[JsonObject]:
    sent = row.one("interpreter")
    found = answer((sent,)) if sent else None
    if found is Answer.UNCLEAR:
        warnings.append(Issue(Reason.CODE_UNKNOWN, row.at("interpreter"), "batch.yes-or-no"))
    elif found:
        yield {"url": INTERPRETER, "valueBoolean": found is Answer.YES}


def _wishes(row: Row, warnings: list[Issue]) -> Iterator[JsonObject]:
    """How, an extension for each choice, and when the person wants to be contacted (UK Core ContactPreference)."""
    for words in (one for cell in several(row, "contact_by") for one in listed(cell, partial(said, "contact_by"))):
        code = said("contact_by", words)
        if code is None:
            warnings.append(Issue(Reason.CODE_UNKNOWN, row.at("contact_by")))
        concept: JsonObject = {"coding": [{"system": METHODS, "code": code}]} if code else {"text": words}
        yield {"url": PREFERENCE, "extension": [{"url": "PreferredContactMethod", "valueCodeableConcept": concept}]}
    for words in row.all("contact_when"):
        yield {"url": PREFERENCE, "extension": [{"url": "PreferredContactTimes", "valueString": words}]}


def _practice(row: Row, warnings: list[Issue]) -> list[JsonObject]:
    """By its code, else by its name, as it was sent."""
    sent = row.one("practice")
    code = OdsCode.read(sent) if sent and any(map(str.isdigit, sent)) else None
    if sent and code is None:
        warnings.append(Issue(Reason.ORGANISATION_UNKNOWN, row.at("practice")))
        return [{"display": sent}]
    return [{"type": "Organization", "identifier": {"system": ODS, "value": code.value}}] if code else []
