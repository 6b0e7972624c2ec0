"""Within translating a hospital's message: DG1 and OBX become Conditions, Observations and Consents."""

from __future__ import annotations

import re

from connectors.hospital_hl7v2 import consents
from connectors.hospital_hl7v2.source import Made, Reading, Source, absent, clean, concept, first, tidy
from schemas.fhir.build import JsonObject
from schemas.hl7v2 import Segment
from schemas.rejection import Issue, Reason

_CODED = ("CE", "CWE", "CNE", "CF", "IS", "ID")
_NO_TEXT = (
    *_CODED,
    *("ED", "RP", "NM", "SN", "NA", "MA", "MO", "CP", "CQ", "DT", "TM", "TS", "DTM", "DR"),
    *("CX", "CK", "CN", "XAD", "XCN", "XON", "XPN", "XTN", "AD", "PN"),
)
_STATUS = {"P": "preliminary", "R": "registered", "C": "corrected", "X": "cancelled", "D": "entered-in-error", "W": "entered-in-error"}


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
