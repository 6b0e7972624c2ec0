"""Within translating a hospital's message: PV1 and PV2 become an Encounter; where the fields of a stay stand, and how it ended."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from connectors.hospital_hl7v2.source import Made, Reading, Source, absent, clean, coding, first, tidy
from schemas.codes.discharge import Ending, destination_known, discharge, method_known
from schemas.fhir.build import JsonObject
from schemas.fhir.stay import ACT_CODE, DESTINATION_SYSTEM, METHOD_SYSTEM
from schemas.hl7v2 import Segment, dates
from schemas.messages import Identifier
from schemas.rejection import Issue, Reason

SHIFTED = "pv1-shifted"
"""The dialect of a sender that writes the destination in PV1-34 or 35, or its times in PV1-45 and 46: read there, where the types fit."""
WARD = "ward"
"""The dialect of a sender that refers only people who are on its wards now."""
_CLASS = {"I": "IMP", "O": "AMB", "E": "EMER"}
_DIED = re.compile(r"\b(?:died|dead|deceased|death|expired|passed away|rip|bu farw|wedi marw|marwolaeth)\b|^exp$")
_NOT_SO = re.compile(  # said of the death itself, or of somebody else's; "Died - no post mortem" is a death
    r"\b(?:not|never|no|nid(?: yw| oedd)?|d?dim(?: wedi)?) (?:\w+ )?(?:died|dead|deceased|death(?! cert)|expired|wedi marw|marw)\b|\b(?:alive|fyw)\b"
    r"|\b(?:wife|husband|partner|spouse|mother|father|carer|parent|son|daughter|gŵr|gwraig)(?:['’]s)? (?:has |is |was )?(?:died|dead|deceased|death)\b"
    r"|\b(?:death|died) of (?:his|her|their|a|partner|wife|husband|spouse|carer)\b"
    r"|\b(?:lease|tenancy|licence|visa|cover|contract|prescription) (?:has |is )?expired\b"
)
_NO_DISCHARGE = (Ending.MOVED, Ending.NOT_DISCHARGED, Ending.DIED, Ending.STILLBIRTH)


@dataclass(frozen=True, slots=True)
class Places:
    """The numbers of the fields in which this sender writes how and when a stay ended."""

    destination: int = 36
    method: int = 37
    begun: int = 44
    ended: int = 45


def places_of(source: Source) -> Places:
    """Where the standard has them; for a sender whose profile says that it shifts them, where their types show that they stand."""
    if SHIFTED not in source.dialect:
        return Places()
    pv1 = source.message.first("PV1")
    early = next((number for number in (36, 35, 34) if destination_known(pv1.component(number))), 36)
    late = 1 if dates.is_timestamp(pv1.component(46)) and not dates.is_timestamp(pv1.component(44)) else 0
    return Places(early, early + 1, 44 + late, 45 + late)


def visit_of(source: Source) -> Identifier | None:
    """The hospital's number of the stay (PV1-19)."""
    number = first(source.message.first("PV1").field(19))
    if number is None or not number.component(1):
        return None
    return Identifier(source.system(number.component(4), number.component(5)), number.component(1))


def expected_discharge(source: Source) -> str | None:
    """The date by which the ward expects to discharge somebody who is there yet: PV2-9, else an RF1-7 that lies ahead; None when none lies ahead."""
    for said in (source.message.first("PV2").component(9), source.message.first("RF1").component(7)):
        day = dates.fhir_date(said)
        if day and len(day) == 10 and source.today and date.fromisoformat(day) > source.today:
            return day
    return None


def is_on_ward(source: Source) -> bool:
    """Whether a referral is about an inpatient who is in the hospital yet: a discharge is expected, or the sender refers only such people."""
    pv1, where = source.message.first("PV1"), places_of(source)
    if pv1.component(2).upper() != "I" or dates.fhir_date(pv1.component(where.ended)):
        return False
    return WARD in source.dialect or expected_discharge(source) is not None


def stay_of_referral(source: Source) -> str | None:
    """FHIR's status of the stay that a referral names: of an inpatient here yet, of one who left, else unknown; None when it names none."""
    if is_on_ward(source):
        return "in-progress"
    pv1, where = source.message.first("PV1"), places_of(source)
    if pv1.component(2).upper() == "I" and dates.fhir_date(pv1.component(where.ended)):
        return "finished"
    return "unknown" if visit_of(source) else None


def real_discharge(source: Source) -> bool:
    """Whether the codes say that the person went out into the world (standards: not 51, 55, 79, 87, 98, not method 4, 5, 8).

    A code that nobody knows, or one that stands where it does not belong, is not relied on; none at all leaves the event's own word.
    """
    pv1, where = source.message.first("PV1"), places_of(source)
    said = [code for number in (where.destination, where.method) if (code := pv1.component(number))]
    endings = [_ending(code) for code in said]
    if any(ending in _NO_DISCHARGE for ending in endings) or next(_shifted(source), None) is not None:
        return False
    return not said or Ending.DISCHARGED in endings


def ended_in_death(source: Source) -> bool:
    """Whether a destination or method in PV1-36 or PV1-37 is a death, in its code or its words (20 is "expired" in HL7's table 0112 and a care home in
    Wales), or one that clearly stands a field or two beside them.

    A destination of death is like no code of the neighbouring fields; a method counts there where the destination stands next to it.
    """
    pv1 = source.message.first("PV1")
    if any(_died_in_words(pv1, number) for number in (36, 37)):
        return True
    early, before, destination, method, after = (pv1.component(number) for number in (34, 35, 36, 37, 38))
    if any(map(_is_death, (destination, method))):
        return True
    if any(destination_known(code) and _is_death(code) for code in (early, before, after)):
        return True
    return (destination_known(destination) and not method and _is_death(before)) or (destination_known(method) and not destination and _is_death(after))


def _died_in_words(pv1: Segment, number: int) -> bool:
    words = " ".join((pv1.component(number), pv1.component(number, 2))).strip().casefold()
    return bool(_DIED.search(words)) and not _NOT_SO.search(words)


def _is_death(code: str) -> bool:
    return _ending(code) is Ending.DIED


def _ending(code: str) -> Ending:
    """A code that is no destination may be a method."""
    return (discharge(code, None) if destination_known(code) else discharge(None, code)).ending


def read_stay(source: Source, status: str, moved_at: bool = True, happened: str | None = None) -> Reading:
    """The Encounter of PV1. `status` is FHIR's; `moved_at`: also when and where it ended, which a referral from a clinic does not need;
    `happened`: whether what happened (EVN-6) is the stay's `start` or `end`, where PV1 does not say when that was."""
    pv1, visit = source.message.first("PV1"), visit_of(source)
    resource: JsonObject = {
        "resourceType": "Encounter",
        "identifier": [{"system": visit.system, "value": visit.value}] if visit else [],
        "status": status,
        "class": _class(pv1),
        "subject": source.reference("Patient"),
    }
    warnings: list[Issue] = []
    if moved_at:
        period, warnings = _period(source, happened)
        ward = first(pv1.field(3))
        where = ", ".join(clean(part) for part in ward.components if part.strip()) if ward and not ward.is_null else ""
        resource |= {"period": period, "location": [{"location": {"display": where}}] if where else [], "hospitalization": _went_to(source)}
        warnings += list(_shifted(source))
    made = Made(pv1.place, source.url("Encounter"), tidy(resource), {"": pv1.at(), "period": pv1.at(44), "location": pv1.at(3)})
    return Reading((made,), tuple(warnings))


def _class(pv1: Segment) -> JsonObject:
    code = pv1.component(2).upper()
    if code in _CLASS:
        return coding(ACT_CODE, _CLASS[code])
    return coding("http://terminology.hl7.org/CodeSystem/v2-0004", code) if code else absent()


def _period(source: Source, happened: str | None) -> tuple[JsonObject, list[Issue]]:
    pv1, evn, where = source.message.first("PV1"), source.message.first("EVN"), places_of(source)
    found: JsonObject = {}
    warnings = []
    for name, number in (("start", where.begun), ("end", where.ended)):
        segment, at = (evn, 6) if name == happened and not pv1.component(number) else (pv1, number)
        if said := segment.component(at):
            moment = dates.fhir_date_time(said)
            if moment is None:
                warnings.append(Issue(Reason.DATE_IMPOSSIBLE, segment.at(at)))
            else:
                found[name] = moment
    if found.get("start", "")[:10] > found.get("end", "9999")[:10]:
        return {"start": found["start"]}, [*warnings, Issue(Reason.DATE_IMPOSSIBLE, pv1.at(where.ended))]
    return found, warnings


def _went_to(source: Source) -> JsonObject | None:
    pv1, where = source.message.first("PV1"), places_of(source)
    codes = [code for number in (where.destination, where.method) if (code := pv1.component(number)) and not _died_in_words(pv1, number)]
    words = [clean(pv1.component(number, 2) or pv1.component(number)) for number in (36, 37) if _died_in_words(pv1, number)]
    if not codes:
        return {"dischargeDisposition": {"text": words[0]}} if words else None
    written = [coding(METHOD_SYSTEM if not destination_known(code) and method_known(code) else DESTINATION_SYSTEM, code) for code in codes]
    return {"dischargeDisposition": {"coding": [one for place, one in enumerate(written) if one not in written[:place]]}}


def _shifted(source: Source) -> Iterator[Issue]:
    """Real senders write the disposition or the times a field too early or too late: that is said, and nothing is read from there unless agreed."""
    pv1, where = source.message.first("PV1"), places_of(source)
    if where.begun == 44 and dates.is_timestamp(pv1.component(46)) and not dates.is_timestamp(pv1.component(44)):
        yield Issue(Reason.FIELD_SHIFTED, pv1.at(46))
    early = next((number for number in (34, 35) if destination_known(pv1.component(number))), None)
    if early and where.destination == 36 and not pv1.component(36):
        yield Issue(Reason.FIELD_SHIFTED, pv1.at(early))
