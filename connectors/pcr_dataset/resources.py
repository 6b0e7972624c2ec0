"""Within translating a Planned Care Referral record: its items become a Patient, a PractitionerRole and a ServiceRequest."""

from __future__ import annotations

import re

from connectors.pcr_dataset.items import PRIORITIES, SEXES, item
from connectors.pcr_dataset.unnamed import may_have_died
from schemas.fhir.strict_json import JsonObject
from schemas.hl7v2.dates import fhir_date

NHS_NUMBER = "https://fhir.nhs.uk/Id/nhs-number"
ODS = "https://fhir.nhs.uk/Id/ods-organization-code"
RECORD, REFERRAL = "urn:pcr:record-id", "urn:pcr:referral-identifier"
SPECIALTY = "urn:pcr:main-specialty"
_REGISTERS = (("gmc", re.compile("C[0-9]{7}")), ("gmp", re.compile("G[0-9]{7}")))


def patient(body: JsonObject) -> JsonObject:
    """Whom it is about."""

    def said(place: str) -> str | None:
        return item(body, f"PatientDetails.{place}")

    lines = [one for one in (said("UsualAddress.NoAndStreet"),) if one]
    made = {
        "resourceType": "Patient",
        "identifier": [*_identified(NHS_NUMBER, said("NhsNumber")), *_identified(_local_system(body), said("LocalPatientIdentifier"))],
        "name": [_tidy({"family": said("PatientName.Surname"), "given": [one for one in (said("PatientName.FirstName"),) if one]})],
        "gender": SEXES.get((said("Sex") or "").upper()),
        "birthDate": _day(said("BirthDate")),
        "deceasedBoolean": True if may_have_died(body) else None,
        "address": [_tidy({"line": lines, "city": said("UsualAddress.Town"), "postalCode": said("UsualAddress.Postcode")})],
        "generalPractitioner": [{"identifier": one} for one in _identified(ODS, said("GpPracticeCode"))],
    }
    return _tidy(made)


def referrer(body: JsonObject) -> JsonObject:
    """Who refers, and for which organisation."""
    code, organization = item(body, "ReferralDetails.ReferrerCode"), item(body, "ReferralDetails.ReferringOrganisationCode")
    register = next((name for name, form in _REGISTERS if code and form.fullmatch(code)), None)
    system = f"https://fhir.hl7.org.uk/Id/{register}-number" if register else "urn:pcr:referrer-code"
    made = {
        "resourceType": "PractitionerRole",
        "practitioner": next(({"identifier": one} for one in _identified(system, code)), None),
        "organization": next(({"identifier": one} for one in _identified(ODS, organization)), None),
    }
    return _tidy(made)


def request(body: JsonObject, person: str, requester: str) -> JsonObject:
    """What is asked for. MainSpecialty stands as a category: it says which service, as the sender coded it."""

    def said(place: str) -> str | None:
        return item(body, f"ReferralDetails.{place}")

    specialty, reason = said("MainSpecialty"), said("ReasonForReferral")
    made = {
        "resourceType": "ServiceRequest",
        "identifier": [*_identified(REFERRAL, said("ReferralIdentifier")), *_identified(RECORD, item(body, "RecordId"))],
        "status": "active",
        "intent": "order",
        "category": [{"coding": [{"system": SPECIALTY, "code": specialty}]}] if specialty else [],
        "priority": PRIORITIES.get(said("ReferrerPriorityType") or ""),
        "subject": {"reference": person},
        "authoredOn": _day(said("DateOfReferral")),
        "requester": {"reference": requester},
        "reasonCode": [{"text": reason}] if reason else [],
    }
    return _tidy(made)


def _local_system(body: JsonObject) -> str | None:
    """A local number is somebody's only when it is said whose it is."""
    provider = item(body, "ContractDetails.ProviderOrganisationCode")
    return f"urn:pcr:patient:{provider}" if provider and re.fullmatch("[A-Za-z0-9]{5}", provider) else None


def _identified(system: str | None, value: str | None) -> list[JsonObject]:
    return [{"system": system, "value": value}] if system and value else []


def _day(written: str | None) -> str | None:
    """`ccyyMMdd` as FHIR writes it; what is no day of eight digits as it was sent, for the structure check to name and leave out."""
    if written is None or not re.fullmatch("[0-9]{8}", written):
        return written
    return fhir_date(written) or f"{written[:4]}-{written[4:6]}-{written[6:]}"


def _tidy(element: JsonObject) -> JsonObject:
    return {name: value for name, value in element.items() if value not in (None, "", [], {}, [{}])}
