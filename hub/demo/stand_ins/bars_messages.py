"""Beside the flow: the message bundles that a GP system writes in BaRS, of the same synthetic people."""

from __future__ import annotations

from typing import Any
from uuid import NAMESPACE_URL, uuid5

from .persons import NHS_NUMBER, SNOMED, Person

Json = dict[str, Any]  # Any: JSON
_BARS = "https://fhir.nhs.uk"
_AT = "2026-03-02T09:00:00+00:00"


def referral(who: Person, number: str, journey: str, note: str = "") -> Json:
    """A new referral: header, ServiceRequest, Encounter, CarePlan with the reason, Patient, the practice, consent to direct care."""
    request = _request(number, journey, "active") | {
        "encounter": _to(journey, "Encounter"), "basedOn": [_to(journey, "CarePlan")], "reasonReference": [_to(journey, "Condition")],
    }  # fmt: skip
    plan = {
        "resourceType": "CarePlan", "status": "completed", "intent": "plan", "subject": _to(journey, "Patient"), "addresses": [_to(journey, "Condition")],
        **({"activity": [{"outcomeCodeableConcept": [{"text": note}]}]} if note else {}),
    }  # fmt: skip
    condition = {
        "resourceType": "Condition", "subject": _to(journey, "Patient"),
        "code": {"coding": [{"system": SNOMED, "code": who.need[0], "display": who.need[1]}], "text": who.need[1]},
    }  # fmt: skip
    encounter = {
        "resourceType": "Encounter", "status": "finished", "subject": _to(journey, "Patient"),
        "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"}, "episodeOfCare": [{"reference": f"urn:uuid:{journey}"}],
    }  # fmt: skip
    return _bundle(journey, "new", [request, encounter, plan, condition, _patient(who), _practice(), _consent(journey)])


def cancelled(who: Person, number: str, journey: str) -> Json:
    """The cancellation: `update` and `revoked`, with no more than says what is meant."""
    request = _request(number, journey, "revoked") | {"reasonCode": [{"text": "The circumstances have changed."}]}
    return _bundle(journey, "update", [request, _patient(who), _practice()])


def _bundle(journey: str, reason: str, resources: list[Json]) -> Json:
    header = {
        "resourceType": "MessageHeader",
        "eventCoding": {"system": f"{_BARS}/CodeSystem/message-events-bars", "code": "servicerequest-request"},
        "reason": {"coding": [{"system": f"{_BARS}/CodeSystem/message-reason-bars", "code": reason}]},
        "destination": [{"endpoint": f"{_BARS}/Id/dos-service-id|9900000001"}],
        "source": {"name": "Prawf", "software": "Prawf", "endpoint": f"{_BARS}/Id/dos-service-id|9900000002"},
        "sender": _to(journey, "Organization"),
        "focus": [_to(journey, "ServiceRequest")],
    }
    entries = [{"fullUrl": _url(journey, one["resourceType"]), "resource": {**one, "meta": {"lastUpdated": _AT}}} for one in (header, *resources)]
    return {
        "resourceType": "Bundle", "id": str(uuid5(NAMESPACE_URL, f"{journey}/{reason}")), "type": "message", "timestamp": _AT,
        "meta": {"versionId": "1.4.0", "lastUpdated": _AT, "profile": [f"{_BARS}/StructureDefinition/BARSBundleMessage"]}, "entry": entries,
    }  # fmt: skip


def _request(number: str, journey: str, status: str) -> Json:
    return {
        "resourceType": "ServiceRequest",
        "identifier": [{"system": "https://practice.example.wales/Id/referral", "value": number}],
        "status": status,
        "intent": "plan",
        "category": [{"coding": [{"system": f"{_BARS}/CodeSystem/message-category-servicerequest", "code": "referral"}]}],
        "code": {"coding": [{"system": SNOMED, "code": "871731000000106", "display": "Referral to social prescribing service"}]},
        "subject": _to(journey, "Patient"),
        "authoredOn": _AT,
        "requester": _to(journey, "Organization"),
    }


def _patient(who: Person) -> Json:
    return {
        "resourceType": "Patient",
        "identifier": [{"system": NHS_NUMBER, "value": who.nhs_number}],
        "name": [{"family": who.family, "given": [who.given]}],
        "birthDate": who.birth_date,
        "address": [{"line": ["1 Stryd y Prawf"], "postalCode": who.postcode}],
        "telecom": [{"system": "phone", "value": "07700 900123"}],
        "communication": [{"language": {"coding": [{"system": "urn:ietf:bcp:47", "code": who.language}]}, "preferred": True}],
    }


def _practice() -> Json:
    return {"resourceType": "Organization", "identifier": [{"system": f"{_BARS}/Id/ods-organization-code", "value": "W99998"}], "name": "Prawf"}


def _consent(journey: str) -> Json:
    return {
        "resourceType": "Consent", "status": "active", "patient": _to(journey, "Patient"), "dateTime": _AT,
        "scope": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy"}]},
        "category": [{"coding": [{"system": f"{_BARS}/CodeSystem/consent-categories-bars", "code": "DRC"}]}],
        "policyRule": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "IMPLIED"}]},
    }  # fmt: skip


def _url(journey: str, kind: str) -> str:
    return f"urn:uuid:{uuid5(NAMESPACE_URL, f'{journey}/{kind}')}"


def _to(journey: str, kind: str) -> Json:
    return {"reference": _url(journey, kind)}
