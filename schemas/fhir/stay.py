"""In translating and under the ledger's locks: what a hospital's Encounter says of where the person is, and which postcode that leaves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from schemas.codes.discharge import Discharge, Ending, discharge
from schemas.fhir.read import objects, string
from schemas.identifiers import Postcode

JsonObject = dict[str, Any]  # Any: FHIR JSON

DESTINATION_SYSTEM = "https://fhir.hl7.org.uk/CodeSystem/UKCore-DischargeDestinationWales"
METHOD_SYSTEM = "https://fhir.hl7.org.uk/CodeSystem/UKCore-DischargeMethodWales"
ACT_CODE = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
OUTPATIENT = "AMB"
_INSIDE = ("in-progress", "onleave", "arrived")
_INPATIENT = ("IMP", "ACUTE", "NONAC")
_STILL_IN = (Ending.MOVED, Ending.NOT_DISCHARGED)


@dataclass(frozen=True, slots=True)
class Stay:
    """`inside`: the person is in a hospital, this one or the next. `visit` is the hospital's number of the stay; `at` where the person went
    (own-home, care-home, no-fixed-abode …), None while that is not told."""

    inside: bool
    inpatient: bool
    visit: tuple[str, str] | None = None
    at: str | None = None
    ending: Ending = Ending.UNKNOWN


def read_stay(encounter: JsonObject) -> Stay:
    """The stay of an Encounter. One that is finished by a move to another hospital, or by a code that says it is not, goes on."""
    ended = _ended(encounter)
    status = string(encounter, "status")
    inside = status in _INSIDE or (status == "finished" and ended.ending in _STILL_IN)
    inpatient = string(encounter.get("class") or {}, "code") in _INPATIENT
    return Stay(inside, inpatient, _visit(encounter), ended.at, ended.ending)


def postcode_after(stay: Stay, home: str | None, temporary: str | None) -> str | None:
    """Where to look for services: at home, or where the destination is another place, there; None when that is not told.

    A home that the person did not go back to is nobody's guess of where they are.
    """
    return home if stay.at in (None, "own-home") else temporary


def home_postcode(patient: JsonObject) -> str | None:
    """The postcode of the address that is home, or of which nobody said what it is."""
    homes = [one for one in objects(patient.get("address")) if one.get("use") in ("home", None) and string(one, "postalCode")]
    sent = string(min(homes, key=lambda one: one.get("use") != "home"), "postalCode") if homes else None
    read = Postcode.read(sent) if sent else None
    return read.value if read else sent


def temporary_postcode(patient: JsonObject) -> str | None:
    """The postcode of the address at which the person stays for now (`use` temp)."""
    return next((code for one in objects(patient.get("address")) if one.get("use") == "temp" and (code := string(one, "postalCode"))), None)


def _ended(encounter: JsonObject) -> Discharge:
    hospitalization = encounter.get("hospitalization")
    disposition = hospitalization.get("dischargeDisposition") if isinstance(hospitalization, dict) else None
    coded = objects(disposition.get("coding")) if isinstance(disposition, dict) else []
    codes = {system: string(one, "code") for one in reversed(coded) for system in (one.get("system"),) if isinstance(system, str)}
    return discharge(codes.get(DESTINATION_SYSTEM), codes.get(METHOD_SYSTEM))


def _visit(encounter: JsonObject) -> tuple[str, str] | None:
    for one in objects(encounter.get("identifier")):
        system, value = string(one, "system"), string(one, "value")
        if system and value:
            return system, value
    return None
