"""Within translating a hospital's message: a REF, or a letter that counts as one, becomes a ServiceRequest and what belongs to it."""

from __future__ import annotations

import re

from connectors.hospital_hl7v2.providers import asked, read_requester
from connectors.hospital_hl7v2.source import (
    Made,
    Reading,
    Source,
    clean,
    coding,
    concept,
    entity_identifier,
    fhir_identifiers,
    first,
    tidy,
)
from connectors.hospital_hl7v2.stays import expected_discharge, is_on_ward
from schemas.codes.hl7 import local_priority_of, priority_of, referral_status_of
from schemas.fhir.build import JsonObject
from schemas.hl7v2 import Repetition, Segment, dates
from schemas.messages import Identifier
from schemas.rejection import Issue, Reason

_TABLE_TYPE = "http://terminology.hl7.org/CodeSystem/v2-0281"
_TABLE_REASON = "http://terminology.hl7.org/CodeSystem/v2-0336"
RF1_SHIFTED = "rf1-shifted"
"""The dialect of a sender that writes the date of the referral in RF1-5."""
_DOCUMENT = re.compile(r"\b(?:notes?|letters?|documents?|reports?|summary|attachment|llythyr|dogfen|crynodeb|nodyn)\b", re.IGNORECASE)
_URGENT = re.compile(r"\b(?:urgent|brys)\b", re.IGNORECASE)


def referral_identifiers(source: Source) -> tuple[Identifier, ...]:
    """The referral's own numbers: RF1-6, RF1-11 and OBR-2, of a letter TXA-12 to TXA-14; each once."""
    rf1, txa = source.message.first("RF1"), source.message.first("TXA")
    entities = [*rf1.field(6).repetitions, *rf1.field(11).repetitions]
    entities += [one for obr in source.message.segments("OBR") for one in obr.field(2).repetitions]
    entities += [one for number in (12, 13, 14) for one in txa.field(number).repetitions]
    return tuple(dict.fromkeys(found for one in entities if (found := entity_identifier(source, one))))


def read_request(source: Source, encounter: bool = False) -> Reading:
    """The ServiceRequest of RF1, with who refers and who is asked (PRD). `encounter`: the message holds the stay that it belongs to."""
    rf1 = source.message.first("RF1")
    priority, about_priority = _priority(rf1)
    status, about_status = _status(rf1)
    written, about_dates = _written(source)
    requester = read_requester(source)
    whom = asked(source, sum(one.resource["resourceType"] == "Practitioner" for one in requester))
    resource = {
        "resourceType": "ServiceRequest",
        "identifier": fhir_identifiers(referral_identifiers(source)),
        "status": status,
        "intent": "order",
        "category": _orders(source),
        "priority": priority,
        "code": _kind(source, rf1),
        "subject": source.reference("Patient"),
        "encounter": source.reference("Encounter") if encounter else None,
        "occurrenceDateTime": expected_discharge(source) if encounter and is_on_ward(source) else None,
        "authoredOn": written,
        "requester": {"reference": requester[0].url} if requester else None,
        "performer": [{"reference": one.url} for one in whom],
        "reasonCode": [_reason(source, one) for one in rf1.field(10).repetitions if concept(source, one)],
        "note": [{"text": said} for _, said in notes(source)],
    }
    sources = {"": rf1.at(), "subject": "PID[1]", "priority": rf1.at(2), "code": rf1.at(3), "authoredOn": rf1.at(7), "reasonCode": rf1.at(10)}
    sources |= {f"category[{place}]": obr.at(4) for place, obr in enumerate(_orders_of(source))} | {"note": "NTE[1]-3", "identifier": rf1.at(6)}
    made = Made(rf1.place, source.url("ServiceRequest"), tidy(resource), sources)
    return Reading((made, *requester, *whom), (*about_priority, *about_status, *about_dates))


def withdrawn(source: Source) -> tuple[Issue, ...]:
    """A referral that its own sender calls rejected or expired (RF1-1) is nothing that can be acted on."""
    rf1 = source.message.first("RF1")
    is_over = referral_status_of(rf1.component(1)) == "revoked"
    return (Issue(Reason.NO_REFERRAL, rf1.at(1), "hospital.withdrawn"),) if is_over else ()


def notes(source: Source) -> list[tuple[int, str]]:
    """What each NTE says, with its place in the message."""
    found = [(nte.place, nte.field(3).text.strip()) for nte in source.message.segments("NTE")]
    return [(place, said) for place, said in found if said]


# --- RF1 --------------------------------------------------------------------------------------------------------------------------------


def _priority(rf1: Segment) -> tuple[str | None, list[Issue]]:
    """Table 0280, or what British sites write in its place; a code of the table wins over its words, but that of "soon" is no "stat"."""
    code, words = rf1.component(2), rf1.component(2, 2)
    if not code and not words:
        return None, []
    known, local = priority_of(code), local_priority_of(code, words)
    if known == "stat" and local == "asap":  # S^Soon
        return local, []
    if known or local:
        return known or local, []
    shouted = [Issue(Reason.PRIORITY_TEXT, rf1.at(2))] if _URGENT.search(f"{code} {words}") else []
    return None, [Issue(Reason.CODE_UNKNOWN, rf1.at(2)), *shouted]


def _status(rf1: Segment) -> tuple[str, list[Issue]]:
    code = rf1.component(1)
    known = referral_status_of(code) if code else "active"
    return (known, []) if known else ("unknown", [Issue(Reason.CODE_UNKNOWN, rf1.at(1))])


def _written(source: Source) -> tuple[str | None, list[Issue]]:
    """RF1-7, else RF1-9; of a letter TXA-6, else TXA-4. A date in RF1-5, where the category stands, shows that the sender's fields are shifted:
    it is said, and read only where the sender's profile says so."""
    rf1, txa = source.message.first("RF1"), source.message.first("TXA")
    shifted = dates.is_timestamp(rf1.component(5))
    warnings = [Issue(Reason.FIELD_SHIFTED, rf1.at(5))] if shifted else []
    agreed = [(rf1, 5)] if shifted and RF1_SHIFTED in source.dialect else []
    for segment, number in (*agreed, (rf1, 7), (rf1, 9), (txa, 6), (txa, 4)):
        if said := segment.component(number):
            if moment := dates.fhir_date_time(said):
                return moment, warnings
            warnings.append(Issue(Reason.DATE_IMPOSSIBLE, segment.at(number)))
    return None, warnings


def _kind(source: Source, rf1: Segment) -> JsonObject | None:
    """RF1-3, the service that is asked for: table 0281, or a specialty of three digits."""
    said = first(rf1.field(3))
    if said is None or said.is_null:
        return None
    code = said.component(1)
    if re.fullmatch(r"[1-9]\d\d", code, re.ASCII) and said.component(3) in ("", "L", "NHS"):
        return tidy({"coding": [coding(source.system(kind="specialty"), code, said.component(2))], "text": clean(said.component(2))})
    return concept(source, said, _TABLE_TYPE)


def _reason(source: Source, said: Repetition) -> JsonObject:
    """RF1-10. A code of table 0336 says why another was asked, not what the person needs: only its words are kept."""
    made = concept(source, said, _TABLE_REASON) or {}
    codes = [one for one in made.get("coding", ()) if one.get("system") != _TABLE_REASON]
    text = made.get("text") or next((one.get("display") or one["code"] for one in made.get("coding", ())), None)
    return tidy({"coding": codes, "text": text})


def _orders_of(source: Source) -> list[Segment]:
    return [obr for obr in source.message.segments("OBR") if (said := first(obr.field(4))) and not _is_document(said) and concept(source, said)]


def _orders(source: Source) -> list[JsonObject]:
    """OBR-4 says what is ordered, unless it is the code of a document."""
    found = (first(obr.field(4)) for obr in _orders_of(source))
    return [made for one in found if one and (made := concept(source, one))]


def _is_document(said: Repetition) -> bool:
    """LOINC names documents and measurements, never a service; other codes by their words."""
    return said.component(3).upper() in ("LN", "LOINC") or bool(_DOCUMENT.search(f"{said.component(1)} {said.component(2)}"))
