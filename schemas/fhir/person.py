"""In translating: who a referral is about, read from the Patient that its subject names; deciding looks at nothing else of the person."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from schemas.codes.languages import language_of
from schemas.fhir.read import (
    NHS_NUMBER_SYSTEM,
    Found,
    Identified,
    JsonObject,
    Message,
    boolean,
    codings,
    extensions,
    fhir_date,
    identifiers,
    indexed,
    is_system,
    objects,
    string,
    strings,
    texts,
)
from schemas.identifiers import NhsNumber, NhsNumberReading, NhsNumberStatus, Postcode, read_nhs_numbers
from schemas.rejection import Issue, Reason

Gender = Literal["male", "female", "other", "unknown"]


class LocalIdentifier(BaseModel):
    """A number that one organisation knows the person by."""

    model_config = ConfigDict(frozen=True)

    system: str
    value: str = Field(repr=False)


class Person(BaseModel):
    """The person as far as deciding needs; dates as sent, perhaps partial (`1950`); None where nothing was stated."""

    model_config = ConfigDict(frozen=True)

    nhs_number: str | None = Field(default=None, repr=False)
    nhs_number_status: NhsNumberStatus = NhsNumberStatus.ABSENT
    family: str | None = Field(default=None, repr=False)
    given: tuple[str, ...] = Field(default=(), repr=False)
    birth_date: str | None = Field(default=None, repr=False)
    postcode: str | None = Field(default=None, repr=False)
    language_spoken: str | None = None
    language_written: str | None = None
    deceased: bool | None = None
    gender: Gender | None = None
    local_identifiers: tuple[LocalIdentifier, ...] = Field(default=(), repr=False)
    phones: tuple[str, ...] = Field(default=(), repr=False)
    emails: tuple[str, ...] = Field(default=(), repr=False)
    has_address: bool = False
    interpreter_required: bool | None = None
    contact_preferences: tuple[str, ...] = ()

    @property
    def is_enough(self) -> bool:
        """Whether we know who it is (contracts.md, Who is enough)."""
        if self.nhs_number and NhsNumber(self.nhs_number).usable:
            return True
        if any(_is_known(one.system) for one in self.local_identifiers):
            return True
        return bool(self.family and (self.birth_date or self.has_address or self.phones or self.emails))

    def contract(self) -> dict[str, object]:
        """The published shape: R.person of the translate command."""
        names = ("nhs_number", "nhs_number_status", "family", "birth_date", "postcode", "language_spoken", "language_written", "deceased")
        return {name: getattr(self, name) for name in names} | {"nhs_number_status": self.nhs_number_status.value, "given": list(self.given)}


def _is_known(system: str) -> bool:
    """An HL7 number whose authority was not said could be anybody's."""
    return bool(system) and not (system.startswith("urn:hl7v2:") and system.split(":")[3:4] in ([], ["-"], [""]))


def read_person(message: Message, request: Found, today: date | None, sent: Message | None = None) -> tuple[Person, tuple[Issue, ...]]:
    """The person that `request.subject` names, and a warning for each thing that was left out or not trusted.

    `today` (the day of receipt) judges dates in the future; None leaves that rule out. `sent` is the message before anything was left out
    of it: a death counts however it is written.
    """
    found = patient_of(message, request) or Found({}, "Patient")
    patient, path = found.resource, found.path
    warnings: list[Issue] = []
    named = [*identifiers(patient, path), *_logical(request)]
    numbers, number_warnings = _nhs_numbers(named)
    warnings += number_warnings
    born, born_warnings = _birth_date(patient, path, today)
    warnings += born_warnings
    spoken, written, language_warnings = _languages(patient, path)
    warnings += language_warnings
    name = _best(objects(patient.get("name")), ("official", "usual", None), today)
    person = Person(
        nhs_number=numbers.number.value if numbers.number else None,
        nhs_number_status=numbers.status,
        family=string(name, "family"),
        given=strings(name, "given"),
        birth_date=born,
        postcode=_postcode(patient, today),
        language_spoken=spoken,
        language_written=written,
        deceased=_deceased(_as_sent(sent) or patient),
        gender=_gender(patient),
        local_identifiers=tuple(LocalIdentifier(system=one.system, value=one.value) for one in named if not _is_nhs(one)),
        phones=tuple(_telecoms(patient, today, "phone", "sms")),
        emails=tuple(_telecoms(patient, today, "email")),
        has_address=any(_says_where(address) for address in objects(patient.get("address"))),
        interpreter_required=next((boolean(one, "valueBoolean") for one in extensions(patient, "/patient-interpreterRequired")), None),
        contact_preferences=tuple(_contact_preferences(patient)),
    )
    return person, tuple(warnings)


def patient_of(message: Message, request: Found) -> Found | None:
    """The Patient that the subject leads to; else the message's one Patient who carries an identifier that the subject names."""
    found = message.follow(request.resource.get("subject"), request)
    if found is not None:
        return found if found.resource.get("resourceType") == "Patient" else None
    named = {_as_one(one) for one in _logical(request) if one.system}
    same = [one for one in message.of_type("Patient") if named & {_as_one(held) for held in identifiers(one.resource, one.path)}]
    return same[0] if len(same) == 1 else None


def _as_one(named: Identified) -> tuple[str, str]:
    system = NHS_NUMBER_SYSTEM if _is_nhs(named) else named.system
    return system.casefold(), named.value.replace(" ", "")


def _logical(request: Found) -> list[Identified]:
    """The subject named by an identifier alone (FHIR R4 2.3.0.2, logical reference)."""
    subject = request.resource.get("subject")
    if not isinstance(subject, dict) or subject.get("type", "Patient") != "Patient":
        return []
    return list(identifiers(subject, f"{request.path}.subject"))


def _is_nhs(one: Identified) -> bool:
    return is_system(one.system, NHS_NUMBER_SYSTEM)


def _nhs_numbers(named: list[Identified]) -> tuple[NhsNumberReading, list[Issue]]:
    sent = [one for one in named if _is_nhs(one)]
    reading = read_nhs_numbers(one.value for one in sent)
    warnings = [Issue(Reason.NHS_NUMBER_FORMAT, one.at) for one in sent if NhsNumber.read(one.value) is None]
    if reading.status is NhsNumberStatus.FAILED_CHECK:
        warnings.append(Issue(Reason.NHS_NUMBER_FAILED, sent[0].at))
    return reading, warnings


def _birth_date(patient: JsonObject, path: str, today: date | None) -> tuple[str | None, list[Issue]]:
    sent = string(patient, "birthDate")
    born = fhir_date(sent)
    if sent is None:
        return None, []
    if born is None:
        return None, [Issue(Reason.DATE_IMPOSSIBLE, f"{path}.birthDate")]
    if today is not None and born > today.isoformat():
        return None, [Issue(Reason.DATE_FUTURE, f"{path}.birthDate", "fhir.birth-date-future")]
    return born, []


def _best(items: list[JsonObject], uses: tuple[str | None, ...], today: date | None) -> JsonObject:
    """The first item of the most wanted `use`; an item of a use that is not wanted only when there is nothing else, an old one never. One whose
    time is over, or without `today` one with an end to it, comes after the others."""
    current = [item for item in items if item.get("use") not in ("old", "maiden")]

    def wanted(item: JsonObject) -> tuple[bool, int]:
        use, late = item.get("use"), _is_over(item, today) if today else _end(item) is not None
        return late, uses.index(use) if use in uses else len(uses)

    return min(current, key=wanted, default={})


def _end(item: JsonObject) -> str | None:
    period = item.get("period")
    return fhir_date(string(period, "end")) if isinstance(period, dict) else None


def _is_over(item: JsonObject, today: date | None) -> bool:
    """Whether it was marked old, or its time has ended; without `today` an end says nothing. A partial end (`2019`) lasts until it is over."""
    end = _end(item)
    return item.get("use") == "old" or (today is not None and end is not None and end < today.isoformat()[: len(end)])


def _postcode(patient: JsonObject, today: date | None) -> str | None:
    """The home postcode in its usual form; one that is malformed as it was sent, because its district may still say something. Where none has an
    element of its own, the one that is written among the lines of the home address."""
    addresses = [one for one in objects(patient.get("address")) if not _is_over(one, today)]
    sent = string(_best([one for one in addresses if string(one, "postalCode")], _HOME, today), "postalCode")
    read = Postcode.read(sent) if sent else _written(_best(addresses, _HOME, today))
    return read.value if read else sent


_HOME = ("home", None, "temp")
_LOOKS_LIKE_POSTCODE = re.compile(r"\b[A-Z]{1,2}[0-9][A-Z0-9]? ?[0-9][A-Z]{2}\b", re.IGNORECASE | re.ASCII)


def _written(address: JsonObject) -> Postcode | None:
    """The one postcode that its lines hold; None when there are two."""
    lines = (*strings(address, "line"), *(string(address, name) or "" for name in ("text", "city", "district")))
    found = {read for line in lines for one in _LOOKS_LIKE_POSTCODE.findall(line) if (read := Postcode.read(one))}
    return found.pop() if len(found) == 1 else None


def _says_where(address: JsonObject) -> bool:
    return bool(strings(address, "line")) or any(string(address, name) for name in ("text", "city", "postalCode"))


def _telecoms(patient: JsonObject, today: date | None, *systems: str) -> Iterator[str]:
    for one in objects(patient.get("telecom")):
        if one.get("system") in systems and not _is_over(one, today) and (value := string(one, "value")):
            yield value


def _as_sent(sent: Message | None) -> JsonObject | None:
    request = sent.first("ServiceRequest") if sent else None
    found = patient_of(sent, request) if sent and request else None
    return found.resource if found else None


_ALIVE = ("false", "no", "n", "0")


def _deceased(patient: JsonObject) -> bool | None:
    """True for any date of death, also one that is none or is unknown, and for a flag that does not plainly say no."""
    dated = (patient.get(name) for name in ("deceasedDateTime", "_deceasedDateTime"))
    flagged = [value for name in ("deceasedBoolean", "deceased") if (value := patient.get(name)) not in (None, "")]
    if any(value not in (None, "", False) for value in dated) or any(str(value).strip().lower() not in _ALIVE for value in flagged):
        return True
    return False if flagged else None


def _gender(patient: JsonObject) -> Gender | None:
    for known in ("male", "female", "other", "unknown"):
        if patient.get("gender") == known:
            return known
    return None


def _contact_preferences(patient: JsonObject) -> Iterator[str]:
    """Codes of the preferred contact methods (UK Core ContactPreference: 1 letter … 9 SMS), as sent."""
    for preference in extensions(patient, "Extension-UKCore-ContactPreference"):
        for method in extensions(preference, "PreferredContactMethod"):
            yield from (coded.code for coded in codings(method, "valueCodeableConcept", ""))


_SPOKEN, _WRITTEN = frozenset({"RSP", "ESP"}), frozenset({"RWR", "EWR"})


def _languages(patient: JsonObject, path: str) -> tuple[str | None, str | None, list[Issue]]:
    """Spoken and written language. Where the mode is not said it is the spoken one; several without a preference say nothing. A language that
    is named and not coded counts as well."""
    spoken: list[tuple[str, bool]] = []
    written: list[tuple[str, bool]] = []
    warnings: list[Issue] = []
    for one, where in indexed(patient, "communication", path):
        sent = list(codings(one, "language", where))
        said = (*(coded.code for coded in sent), *(coded.display or "" for coded in sent), *(words for words, _ in texts(one, "language", where)))
        known = next((code for name in said if (code := language_of(name))), None)
        if known is None:
            warnings += [Issue(Reason.CODE_UNKNOWN, coded.at) for coded in sent[:1]]
            continue
        modes = _modes(one)
        if not modes or modes & _SPOKEN:
            spoken.append((known, one.get("preferred") is True))
        if modes & _WRITTEN:
            written.append((known, one.get("preferred") is True))
    return _preferred(spoken), _preferred(written), warnings


def _modes(communication: JsonObject) -> set[str]:
    """The abilities that a patient-proficiency extension states: received or expressed, spoken or written (v3-LanguageAbilityMode)."""
    return {
        coded.code
        for proficiency in extensions(communication, "/patient-proficiency")
        for kind in extensions(proficiency, "type")
        for coded in codings(kind, "valueCoding", "")
    }


def _preferred(languages: list[tuple[str, bool]]) -> str | None:
    preferred = {code for code, is_preferred in languages if is_preferred}
    candidates = preferred or {code for code, _ in languages}
    return candidates.pop() if len(candidates) == 1 else None
