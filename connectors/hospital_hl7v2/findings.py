"""Within translating a hospital's message: DG1, OBX and PV1 become Conditions, Observations, Consents and an Encounter."""

from __future__ import annotations

import re
from collections.abc import Iterator

from connectors.hospital_hl7v2 import consents
from connectors.hospital_hl7v2.source import Made, Reading, Source, absent, clean, coding, concept, first, tidy
from schemas.codes.discharge import Ending, destination_known, discharge, method_known
from schemas.fhir.build import JsonObject
from schemas.hl7v2 import Segment, dates
from schemas.rejection import Issue, Reason

_CODED = ("CE", "CWE", "CNE", "CF", "IS", "ID")
_NO_TEXT = (
    *_CODED,
    *("ED", "RP", "NM", "SN", "NA", "MA", "MO", "CP", "CQ", "DT", "TM", "TS", "DTM", "DR"),
    *("CX", "CK", "CN", "XAD", "XCN", "XON", "XPN", "XTN", "AD", "PN"),
)
_STATUS = {"P": "preliminary", "R": "registered", "C": "corrected", "X": "cancelled", "D": "entered-in-error", "W": "entered-in-error"}
_ACT_CODE = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
_DESTINATION = "https://fhir.hl7.org.uk/CodeSystem/UKCore-DischargeDestinationWales"
_METHOD = "https://fhir.hl7.org.uk/CodeSystem/UKCore-DischargeMethodWales"
_CLASS = {"I": "IMP", "O": "AMB", "E": "EMER"}


def read_conditions(source: Source) -> Reading:
    """One Condition for each diagnosis or need that a DG1 names (DG1-3 and its repetitions, else DG1-4)."""
    made: list[Made] = []
    for dg1 in source.message.segments("DG1"):
        said, words = first(dg1.field(3)), dg1.component(4)
        code = (concept(source, said) if said and not said.is_null else None) or tidy({"text": words})
        more = [concept(source, one) for one in dg1.field(3).repetitions[1:] if not one.is_null]
        for one in (code, *more):
            if one:
                resource = {"resourceType": "Condition", "code": one, "subject": source.reference("Patient")}
                made.append(Made(dg1.place, source.url("Condition", len(made) + 1), resource, {"": dg1.at(3)}))
    return Reading(tuple(made))


# --- OBX --------------------------------------------------------------------------------------------------------------------------------


def texts(source: Source) -> list[tuple[int, str]]:
    """What each OBX of a text says, with its place in the message."""
    found = [(obx.place, obx.field(5).text.strip()) for obx in source.message.segments("OBX") if is_text(obx)]
    return [(place, said) for place, said in found if said]


def is_text(obx: Segment) -> bool:
    """FT, TX, ST, no type, or one that nobody knows (`UT`): somebody wrote it."""
    return obx.component(2).upper() not in _NO_TEXT


def read_observations(source: Source) -> Reading:
    """One Consent for each consent that an OBX plainly gives or refuses, one Observation for each other OBX with a text, code or number; documents (ED)
    stay in the raw message. Warns of a consent that cannot be read."""
    made: list[Made] = []
    warnings: list[Issue] = []
    doubted = consents.doubted(source.message)
    for obx in source.message.segments("OBX"):
        said = {kind: is_given for kind, is_given in consents.given(obx).items() if not (is_given and kind in doubted)}
        for kind, is_given in said.items():
            made.append(Made(obx.place, source.url("Consent", _ordinal(made, "Consent")), consents.consent(source, kind, is_given), {"": obx.at(5)}))
        if consents.is_consent(obx) and not said:
            warnings.append(Issue(Reason.CODE_UNKNOWN, obx.at(5)))
        if not said and (value := _value(source, obx)):
            url = source.url("Observation", _ordinal(made, "Observation"))
            made.append(Made(obx.place, url, _observation(source, obx, value), {"": obx.at(5), "code": obx.at(3)}))
    return Reading(tuple(made), tuple(warnings))


def _ordinal(made: list[Made], kind: str) -> int:
    return len([one for one in made if one.resource["resourceType"] == kind]) + 1


def _value(source: Source, obx: Segment) -> JsonObject:
    if obx.field(5).is_null:
        return {}
    if is_text(obx):
        return tidy({"valueString": obx.field(5).text.strip()})
    if obx.component(2).upper() in _CODED:
        return tidy({"valueCodeableConcept": _every_code(source, obx)})
    if obx.component(2).upper() == "NM" and (number := re.fullmatch(r"\+?(-?\d{1,12}(?:\.\d{1,6})?)", obx.component(5))):
        return {"valueQuantity": tidy({"value": _number(number[1]), "unit": clean(obx.component(6))})}
    return {}


def _number(said: str) -> int | float:
    return float(said) if "." in said else int(said)


def _every_code(source: Source, obx: Segment) -> JsonObject:
    """The codes of every repetition, and the first one's words."""
    read = [found for one in obx.field(5).repetitions if not one.is_null and (found := concept(source, one))]
    return tidy({"coding": [code for one in read for code in one.get("coding", [])], "text": next((one["text"] for one in read if "text" in one), None)})


def _observation(source: Source, obx: Segment, value: JsonObject) -> JsonObject:
    named = first(obx.field(3))
    return {
        "resourceType": "Observation",
        "status": _STATUS.get(obx.component(11).upper(), "final"),
        "code": (concept(source, named) if named else None) or absent(),
        "subject": source.reference("Patient"),
        **value,
    }


# --- PV1 --------------------------------------------------------------------------------------------------------------------------------


def ended_in_death(source: Source) -> bool:
    """Whether a destination or method in PV1-36 or PV1-37 is a death, or one that clearly stands a field or two beside them.

    A destination of death is like no code of the neighbouring fields; a method counts there where the destination stands next to it.
    """
    pv1 = source.message.first("PV1")
    early, before, destination, method, after = (pv1.component(number) for number in (34, 35, 36, 37, 38))
    if any(map(_is_death, (destination, method))):
        return True
    if any(destination_known(code) and _is_death(code) for code in (early, before, after)):
        return True
    return (destination_known(destination) and not method and _is_death(before)) or (destination_known(method) and not destination and _is_death(after))


def _is_death(code: str) -> bool:
    """A code that is no destination may be a method."""
    found = discharge(code, None) if destination_known(code) else discharge(None, code)
    return found.ending is Ending.DIED


def read_stay(source: Source, status: str, moved_at: bool = True) -> Reading:
    """The Encounter of PV1. `status` is FHIR's; `moved_at`: also when and where it ended, which a referral does not need."""
    pv1 = source.message.first("PV1")
    number = first(pv1.field(19))
    visit = {"system": source.system(number.component(4), number.component(5)), "value": number.component(1)} if number and number.component(1) else None
    resource: JsonObject = {
        "resourceType": "Encounter",
        "identifier": [visit] if visit else [],
        "status": status,
        "class": _class(pv1),
        "subject": source.reference("Patient"),
    }
    warnings: list[Issue] = []
    if moved_at:
        period, warnings = _period(pv1)
        ward = first(pv1.field(3))
        where = ", ".join(clean(part) for part in ward.components if part.strip()) if ward and not ward.is_null else ""
        resource |= {"period": period, "location": [{"location": {"display": where}}] if where else [], "hospitalization": _went_to(pv1)}
        warnings += list(_shifted(pv1))
    made = Made(pv1.place, source.url("Encounter"), tidy(resource), {"": pv1.at(), "period": pv1.at(44), "location": pv1.at(3)})
    return Reading((made,), tuple(warnings))


def _class(pv1: Segment) -> JsonObject:
    code = pv1.component(2).upper()
    if code in _CLASS:
        return coding(_ACT_CODE, _CLASS[code])
    return coding("http://terminology.hl7.org/CodeSystem/v2-0004", code) if code else absent()


def _period(pv1: Segment) -> tuple[JsonObject, list[Issue]]:
    found: JsonObject = {}
    warnings = []
    for name, number in (("start", 44), ("end", 45)):
        if said := pv1.component(number):
            moment = dates.fhir_date_time(said)
            if moment is None:
                warnings.append(Issue(Reason.DATE_IMPOSSIBLE, pv1.at(number)))
            else:
                found[name] = moment
    if found.get("start", "")[:10] > found.get("end", "9999")[:10]:
        return {"start": found["start"]}, [*warnings, Issue(Reason.DATE_IMPOSSIBLE, pv1.at(45))]
    return found, warnings


def _went_to(pv1: Segment) -> JsonObject | None:
    codes = [code for number in (36, 37) if (code := pv1.component(number))]
    if not codes:
        return None
    written = [coding(_METHOD if not destination_known(code) and method_known(code) else _DESTINATION, code) for code in codes]
    return {"dischargeDisposition": {"coding": [one for place, one in enumerate(written) if one not in written[:place]]}}


def _shifted(pv1: Segment) -> Iterator[Issue]:
    """Real senders write the disposition or the times a field too early or too late: that is said, and nothing is read from there."""
    if dates.is_timestamp(pv1.component(46)) and not dates.is_timestamp(pv1.component(44)):
        yield Issue(Reason.FIELD_SHIFTED, pv1.at(46))
    early = next((number for number in (34, 35) if destination_known(pv1.component(number))), None)
    if early and not pv1.component(36):
        yield Issue(Reason.FIELD_SHIFTED, pv1.at(early))
