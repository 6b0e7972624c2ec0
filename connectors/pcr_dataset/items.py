"""Within translating a Planned Care Referral record: its items, what the data set asks of each, and where FHIR's faults are in its names."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from schemas.fhir.read import string
from schemas.fhir.strict_json import JsonObject
from schemas.rejection import Issue, Reason

# Item → its form, as far as the data set is published (required items; lengths as DSCN 2024/11 states them).
_DAY = r"[0-9]{8}"
REQUIRED: Mapping[str, str] = {
    "RecordId": r".{1,36}",
    "ContractDetails.ProviderOrganisationCode": r"[A-Za-z0-9]{5}",
    "PatientDetails.NhsNumber": r"[0-9]{10}",
    "PatientDetails.NhsNumberStatusIndicator": r"[0-9]{2}",
    "PatientDetails.PatientName.Surname": r".{1,35}",
    "PatientDetails.PatientName.FirstName": r".{1,35}",
    "PatientDetails.BirthDate": _DAY,
    "PatientDetails.Sex": r"[A-Z]",
    "PatientDetails.UsualAddress.NoAndStreet": r".+",
    "PatientDetails.UsualAddress.Town": r".+",
    "PatientDetails.UsualAddress.Postcode": r".{5,8}",
    "ReferralDetails.OutpatientReferralSource": r"[A-Za-z0-9]{2}",
    "ReferralDetails.ReferringOrganisationCode": r"[A-Za-z0-9]{1,6}",
    "ReferralDetails.ServiceTypeRequested": r"[A-Za-z0-9]",
    "ReferralDetails.ReferrerCode": r".{1,9}",
    "ReferralDetails.AdministrativeCategory": r"[0-9]{2}",
    "ReferralDetails.DateOfReferral": _DAY,
    "ReferralDetails.MainSpecialty": r".{1,3}",
    "ReferralDetails.ReferrerPriorityType": r"[0-9]",
    "ReferralDetails.ReasonForReferral": r".{1,8}",
    "ReferralDetails.ReferralIdentifier": r".{1,12}",
}
_OPTIONAL: Mapping[str, str] = {
    "PatientDetails.GpPracticeCode": r"[A-Za-z0-9]{6}",
    "PatientDetails.EthnicGroup": r"[A-Za-z0-9]{1,2}",
    "PatientDetails.LocalPatientIdentifier": r".{1,10}",
}
FIELDS = (*REQUIRED, *_OPTIONAL)

# FHIR path → item.
PLACES: Mapping[str, str] = {
    "Patient": "PatientDetails",
    "Patient.identifier": "PatientDetails.NhsNumber",
    "Patient.name": "PatientDetails.PatientName",
    "Patient.birthDate": "PatientDetails.BirthDate",
    "Patient.gender": "PatientDetails.Sex",
    "Patient.address": "PatientDetails.UsualAddress",
    "Patient.generalPractitioner": "PatientDetails.GpPracticeCode",
    "PractitionerRole.practitioner": "ReferralDetails.ReferrerCode",
    "PractitionerRole.organization": "ReferralDetails.ReferringOrganisationCode",
    "ServiceRequest": "ReferralDetails",
    "ServiceRequest.identifier": "ReferralDetails.ReferralIdentifier",
    "ServiceRequest.category": "ReferralDetails.MainSpecialty",
    "ServiceRequest.priority": "ReferralDetails.ReferrerPriorityType",
    "ServiceRequest.subject": "PatientDetails",
    "ServiceRequest.authoredOn": "ReferralDetails.DateOfReferral",
    "ServiceRequest.reasonCode": "ReferralDetails.ReasonForReferral",
}

PRIORITIES: Mapping[str, str] = {"1": "routine", "2": "urgent"}
SEXES: Mapping[str, str] = {"F": "female", "M": "male", "U": "other", "Z": "unknown"}
_CODED = {"ReferralDetails.ReferrerPriorityType": PRIORITIES, "PatientDetails.Sex": SEXES}


def item(body: JsonObject, place: str) -> str | None:
    """The text of an item, `PatientDetails.PatientName.Surname`; None when it is absent, blank or no text."""
    *outer, last = place.split(".")
    for name in outer:
        inner = body.get(name)
        body = inner if isinstance(inner, dict) else {}
    return string(body, last)


def in_text(body: JsonObject) -> tuple[JsonObject, list[Issue]]:
    """The record with each item that was sent as a whole number as its digits, and a warning for each: an urgent `2` is no less urgent so."""
    return _in_text(body, "")


def _in_text(body: JsonObject, within: str) -> tuple[JsonObject, list[Issue]]:
    made, warnings = dict(body), []
    for name, value in body.items():
        if isinstance(value, dict):
            made[name], inner = _in_text(value, f"{within}{name}.")
            warnings += inner
        elif type(value) is int and within + name in FIELDS:
            made[name] = str(value)
            warnings.append(Issue(Reason.RULE_NOT_MET, within + name))
    return made, warnings


def rule_faults(body: JsonObject) -> Iterator[Issue]:
    """A warning for each required item that is missing, each that has not its form, each code that is not in its list."""
    for place, form in (*REQUIRED.items(), *_OPTIONAL.items()):
        sent = item(body, place)
        if sent is None:
            if place in REQUIRED:
                yield Issue(Reason.RULE_NOT_MET, place)
        elif not re.fullmatch(form, sent, re.ASCII | re.DOTALL) and not _is_said_elsewhere(place):
            yield Issue(Reason.RULE_NOT_MET, place)
        elif place in _CODED and sent.upper() not in _CODED[place]:
            yield Issue(Reason.CODE_UNKNOWN, place)


def _is_said_elsewhere(place: str) -> bool:
    """An NHS number and a date have warnings of their own, which say more."""
    return place in ("PatientDetails.NhsNumber", "PatientDetails.BirthDate", "ReferralDetails.DateOfReferral")
