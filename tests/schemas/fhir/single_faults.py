"""Hand-written resources with one fault each (or none that only looks like one), over the types that the hub uses.

`r4` is what FHIR R4 (4.0.1) demands: the path and kind of the fault, or None where the resource is legal. `ours` is what `schemas.fhir.check`
says and `library` whether fhir.resources R4B accepts it: both are compared with the truth by the test, so that the table stays honest.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import Any

GONE = object()

PATIENT: dict[str, Any] = {
    "resourceType": "Patient",
    "id": "p1",
    "identifier": [{"system": "https://fhir.nhs.uk/Id/nhs-number", "value": "9990000018"}],
    "name": [{"use": "official", "family": "Enghraifft", "given": ["Prawf"]}],
    "birthDate": "1950-03-01",
    "gender": "female",
    "communication": [{"language": {"coding": [{"system": "urn:ietf:bcp:47", "code": "cy"}]}, "preferred": True}],
}

BASES: dict[str, dict[str, Any]] = {
    "ServiceRequest": {
        "resourceType": "ServiceRequest",
        "id": "sr1",
        "contained": [PATIENT],
        "status": "active",
        "intent": "order",
        "code": {"coding": [{"system": "http://snomed.info/sct", "code": "871731000000106"}]},
        "subject": {"reference": "#p1"},
        "authoredOn": "2026-03-02T09:00:00Z",
    },
    "Patient": PATIENT,
    "Task": {
        "resourceType": "Task",
        "status": "requested",
        "intent": "order",
        "focus": {"reference": "ServiceRequest/sr1"},
        "authoredOn": "2026-03-02T09:00:00Z",
        "lastModified": "2026-03-02T10:00:00Z",
    },
    "Organization": {"resourceType": "Organization", "name": "Meddygfa Enghraifft"},
    "Practitioner": {"resourceType": "Practitioner", "name": [{"family": "Enghraifft"}]},
    "PractitionerRole": {"resourceType": "PractitionerRole", "practitioner": {"reference": "Practitioner/x"}},
    "Encounter": {"resourceType": "Encounter", "status": "finished", "class": {"code": "AMB"}},
    "CarePlan": {"resourceType": "CarePlan", "status": "completed", "intent": "plan", "subject": {"reference": "Patient/p1"}},
    "Condition": {"resourceType": "Condition", "subject": {"reference": "Patient/p1"}, "code": {"text": "unig"}},
    "Observation": {"resourceType": "Observation", "status": "final", "code": {"text": "ons4"}, "valueInteger": 4},
    "Consent": {
        "resourceType": "Consent",
        "status": "active",
        "scope": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy"}]},
        "category": [{"coding": [{"system": "https://fhir.nhs.uk/CodeSystem/consent-categories-bars", "code": "DRC"}]}],
        "policyRule": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "IMPLIED"}]},
    },
    "HealthcareService": {"resourceType": "HealthcareService", "name": "Cyswllt", "availableTime": [{"daysOfWeek": ["mon"]}]},
    "Flag": {"resourceType": "Flag", "status": "active", "code": {"text": "x"}, "subject": {"reference": "Patient/p1"}},
    "MessageHeader": {"resourceType": "MessageHeader", "eventCoding": {"code": "x"}, "source": {"endpoint": "urn:x"}},
    "Bundle": {
        "resourceType": "Bundle",
        "type": "message",
        "entry": [
            {"fullUrl": "urn:uuid:11111111-1111-4111-8111-111111111111", "resource": {
                "resourceType": "MessageHeader", "eventCoding": {"code": "x"}, "source": {"endpoint": "urn:x"}}},
            {"fullUrl": "urn:uuid:22222222-2222-4222-8222-222222222222", "resource": PATIENT},
        ],
    },
    "OperationOutcome": {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "required"}]},
    "Provenance": {
        "resourceType": "Provenance",
        "target": [{"reference": "Patient/p1"}],
        "recorded": "2026-03-02T09:00:00Z",
        "agent": [{"type": {"text": "assembler"}, "who": {"display": "x"}}],
    },
    "QuestionnaireResponse": {"resourceType": "QuestionnaireResponse", "status": "completed", "item": [{"linkId": "1"}]},
    "DocumentReference": {"resourceType": "DocumentReference", "status": "current", "content": [{"attachment": {"url": "http://example.wales/d"}}]},
    "Communication": {"resourceType": "Communication", "status": "completed", "payload": [{"contentString": "x"}]},
    "Goal": {
        "resourceType": "Goal", "lifecycleStatus": "active", "description": {"text": "x"}, "subject": {"reference": "Patient/p1"},
    },
    "Appointment": {"resourceType": "Appointment", "status": "booked", "participant": [{"actor": {"display": "x"}, "status": "accepted"}]},
    "Procedure": {"resourceType": "Procedure", "status": "completed", "subject": {"reference": "Patient/p1"}},
    "Location": {"resourceType": "Location", "name": "Neuadd", "position": {"longitude": -3.9, "latitude": 51.6}},
    "RelatedPerson": {"resourceType": "RelatedPerson", "patient": {"reference": "Patient/p1"}},
}


@dataclass(frozen=True)
class Case:
    """`change` sets dotted paths (`contained.0.gender`) of the base of `kind`, or takes them away (GONE)."""

    why: str
    kind: str
    change: dict[str, Any]
    r4: tuple[str, str] | None
    ours: tuple[str, str] | None
    library: bool = field(default=False)

    @property
    def resource(self) -> dict[str, Any]:
        """The base with the change."""
        made = copy.deepcopy(BASES[self.kind])
        for path, value in self.change.items():
            *holders, last = (int(part) if part.isdigit() else part for part in path.split("."))
            node: Any = made
            for part in holders:
                node = node[part]
            if value is GONE:
                del node[last]
            else:
                node[last] = value
        return made


def refused(why: str, kind: str, change: dict[str, Any], path: str, fault: str, *, library: bool) -> Case:
    """R4 refuses it, and so do we, at this path and for this kind of fault."""
    return Case(why, kind, change, (path, fault), (path, fault), library)


def legal(why: str, kind: str, change: dict[str, Any], *, library: bool) -> Case:
    """R4 allows it, and so do we."""
    return Case(why, kind, change, None, None, library)


SR, PT, TK = "ServiceRequest", "Patient", "Task"
EXT = "https://example.wales/e"
NO, YES = {"library": False}, {"library": True}

CASES: tuple[Case, ...] = (
    # --- required elements
    refused("status is 1..1", SR, {"status": GONE}, "ServiceRequest", "required", **NO),
    refused("intent is 1..1", SR, {"intent": GONE}, "ServiceRequest", "required", **NO),
    refused("a backbone's own required element", PT, {"communication.0.language": GONE}, "Patient.communication[0]", "required", **NO),
    refused("class is 1..1 in R4", "Encounter", {"class": GONE}, "Encounter", "required", **NO),
    refused("a choice of which one must be given", "MessageHeader", {"eventCoding": GONE}, "MessageHeader", "required", **NO),
    refused("a nested required element", "MessageHeader", {"source": {"name": "x"}}, "MessageHeader.source", "required", **NO),
    refused("an issue needs its severity", "OperationOutcome", {"issue.0.severity": GONE}, "OperationOutcome.issue[0]", "required", **NO),
    refused("an agent needs who", "Provenance", {"agent.0.who": GONE}, "Provenance.agent[0]", "required", **NO),
    refused("target is 1..*", "Provenance", {"target": GONE}, "Provenance", "required", **NO),
    refused("scope is 1..1", "Consent", {"scope": GONE}, "Consent", "required", **NO),
    refused("a position needs its latitude", "Location", {"position": {"longitude": -3.9}}, "Location.position", "required", **NO),
    refused("subject is 1..1", "Goal", {"subject": GONE}, "Goal", "required", **NO),
    refused("lifecycleStatus is 1..1", "Goal", {"lifecycleStatus": GONE}, "Goal", "required", **NO),
    refused("a participant needs a status", "Appointment", {"participant.0.status": GONE}, "Appointment.participant[0]", "required", **NO),
    refused("an extension needs its url", PT, {"extension": [{"valueString": "x"}]}, "Patient.extension[0]", "required", **NO),
    legal("a required primitive may be only an extension (2.4.0.3)", SR, {
        "status": GONE, "_status": {"extension": [{"url": EXT, "valueCode": "unknown"}]}}, **YES),
    # --- elements that are not there
    refused("an unknown element", SR, {"colour": "red"}, "ServiceRequest.colour", "unknown-element", **NO),
    refused("an unknown element at depth", SR, {"code.coding.0.colour": "red"}, "ServiceRequest.code.coding[0].colour", "unknown-element", **NO),
    refused("an element of R5", TK, {"requestedPeriod": {"start": "2026"}}, "Task.requestedPeriod", "unknown-element", **NO),
    refused("an element of STU3", SR, {"context": {"reference": "Encounter/1"}}, "ServiceRequest.context", "unknown-element", **NO),
    refused("a comment of DSTU2", PT, {"fhir_comments": ["x"]}, "Patient.?", "unknown-element", **YES),
    refused("a value type that R4 has not (R4B's)", PT, {"extension": [{"url": EXT, "valueRatioRange": {"denominator": {"value": 1}}}]},
            "Patient.extension[0].valueRatioRange", "unknown-element", **YES),
    refused("an element in a contained resource", SR, {"contained.0.colour": "red"}, "ServiceRequest.contained[0].colour", "unknown-element", **NO),
    refused("an element of an entry's resource", "Bundle", {"entry.1.resource.colour": "red"}, "Bundle.entry[1].resource.colour",
            "unknown-element", **NO),
    # --- JSON types
    refused("a reference is an object", SR, {"contained": GONE, "subject": "Patient/1"}, "ServiceRequest.subject", "type", **NO),
    refused("a repeating element is an array", PT, {"name": {"family": "X"}}, "Patient.name", "type", **NO),
    refused("a single element is no array", SR, {"code": [{"text": "x"}]}, "ServiceRequest.code", "type", **NO),
    refused("a boolean is no string", PT, {"communication.0.preferred": "true"}, "Patient.communication[0].preferred", "type", **YES),
    refused("a string is no number", PT, {"name.0.family": 5}, "Patient.name[0].family", "type", **NO),
    refused("a date is no number", PT, {"birthDate": 1950}, "Patient.birthDate", "type", **NO),
    refused("an integer is no string", "Observation", {"valueInteger": "4"}, "Observation.valueInteger", "type", **YES),
    refused("an integer is not written 4.0", "Observation", {"valueInteger": 4.0}, "Observation.valueInteger", "type", **YES),
    refused("a decimal is no string", "Location", {"position.latitude": "51.6"}, "Location.position.latitude", "type", **YES),
    refused("a code is no number", SR, {"status": 1}, "ServiceRequest.status", "type", **NO),
    refused("an object in a list of strings", PT, {"name.0.given": [{"text": "x"}]}, "Patient.name[0].given[0]", "type", **NO),
    # --- forms of primitives
    refused("an id of other characters", SR, {"id": "a b"}, "ServiceRequest.id", "format", **NO),
    refused("an id of 65 characters", SR, {"id": "x" * 65}, "ServiceRequest.id", "format", **YES),
    refused("a day that is not in the calendar", PT, {"birthDate": "1900-02-30"}, "Patient.birthDate", "date", **NO),
    refused("29 February of a year that is no leap year", PT, {"birthDate": "1900-02-29"}, "Patient.birthDate", "date", **NO),
    legal("29 February of a leap year", PT, {"birthDate": "2000-02-29"}, **YES),
    refused("a month that is not in the calendar", PT, {"birthDate": "1950-13"}, "Patient.birthDate", "date", **NO),
    refused("a date in the local form", PT, {"birthDate": "01/03/1950"}, "Patient.birthDate", "format", **NO),
    refused("a date is not a dateTime", PT, {"birthDate": "1950-03-01T00:00:00Z"}, "Patient.birthDate", "format", **NO),
    refused("a time needs its offset", SR, {"authoredOn": "2026-03-02T09:00:00"}, "ServiceRequest.authoredOn", "format", **NO),
    refused("a time needs its seconds", SR, {"authoredOn": "2026-03-02T09:00Z"}, "ServiceRequest.authoredOn", "format", **NO),
    refused("an instant is not partial", "Provenance", {"recorded": "2026-03-02"}, "Provenance.recorded", "format", **NO),
    refused("a code with two spaces inside", PT, {"communication.0.language.coding.0.code": "c  y"},
            "Patient.communication[0].language.coding[0].code", "format", **NO),
    refused("a uri with a space", SR, {"code.coding.0.system": "http://snomed info"}, "ServiceRequest.code.coding[0].system", "format", **YES),
    refused("base64 with other characters", "DocumentReference", {"content.0.attachment": {"contentType": "text/plain", "data": "a*b="}},
            "DocumentReference.content[0].attachment.data", "format", **NO),
    refused("a positive integer from 1", PT, {"telecom": [{"system": "phone", "value": "x", "rank": 0}]}, "Patient.telecom[0].rank", "format", **NO),
    refused("a control character", PT, {"name.0.family": "a\u0001b"}, "Patient.name[0].family", "format", **YES),
    legal("a partial date", PT, {"birthDate": "1950"}, **YES),
    legal("a time with fraction and offset", SR, {"authoredOn": "2026-03-02T09:00:00.123+01:00"}, **YES),
    # --- codes of required bindings
    refused("a status of another type", SR, {"status": "cancelled"}, "ServiceRequest.status", "code", **YES),
    refused("a status in capitals", TK, {"status": "Requested"}, "Task.status", "code", **YES),
    refused("a gender that is not listed", PT, {"gender": "F"}, "Patient.gender", "code", **YES),
    refused("a priority that is not listed", SR, {"priority": "high"}, "ServiceRequest.priority", "code", **YES),
    refused("an issue type that is not listed", "OperationOutcome", {"issue.0.code": "oops"}, "OperationOutcome.issue[0].code", "code", **YES),
    refused("a day of the week that is not listed", "HealthcareService", {"availableTime.0.daysOfWeek": ["llun"]},
            "HealthcareService.availableTime[0].daysOfWeek[0]", "code", **YES),
    legal("a status that the models cut short", "Observation", {"status": "corrected"}, **YES),
    legal("Task's own spelling", TK, {"status": "cancelled"}, **YES),
    # --- nothing empty, no null
    refused("null for a value", PT, {"birthDate": None}, "Patient.birthDate", "null", **YES),
    refused("null for an object", SR, {"requester": None}, "ServiceRequest.requester", "null", **YES),
    refused("null in a list of objects", PT, {"name": [None]}, "Patient.name[0]", "null", **NO),
    refused("null in a list of strings with nothing beside it", PT, {"name.0.given": [None, "x"]}, "Patient.name[0].given[0]", "null", **YES),
    legal("null that holds the place of an extension", PT, {
        "name.0.given": [None, "x"], "name.0._given": [{"extension": [{"url": EXT, "valueCode": "unknown"}]}, None]}, **YES),
    refused("an empty list", PT, {"telecom": []}, "Patient.telecom", "empty", **YES),
    refused("an empty object", PT, {"telecom": [{}]}, "Patient.telecom[0]", "empty", **YES),
    refused("an empty string", PT, {"name.0.family": ""}, "Patient.name[0].family", "empty", **NO),
    # --- one value for a choice
    refused("two times of one occurrence", SR, {"occurrenceDateTime": "2026", "occurrencePeriod": {"start": "2026"}},
            "ServiceRequest.occurrencePeriod", "choice", **NO),
    refused("dead and not dead", PT, {"deceasedBoolean": False, "deceasedDateTime": "2026-01-01"}, "Patient.deceasedBoolean", "choice", **NO),
    refused("two values of an observation", "Observation", {"valueString": "4"}, "Observation.valueString", "choice", **NO),
    refused("two values of an extension", PT, {"extension": [{"url": EXT, "valueString": "x", "valueCode": "x"}]},
            "Patient.extension[0].valueCode", "choice", **NO),
    # --- rules that are not of structure
    refused("ext-1: neither value nor extensions", PT, {"extension": [{"url": EXT}]}, "Patient.extension[0]", "invariant", **YES),
    refused("ext-1: value and extensions", PT, {"extension": [{"url": EXT, "valueString": "x", "extension": [{"url": "y", "valueString": "z"}]}]},
            "Patient.extension[0]", "invariant", **YES),
    refused("ref-1: a contained resource that is not there", SR, {"requester": {"reference": "#nobody"}}, "ServiceRequest.requester",
            "unresolved", **YES),
    refused("dom-2: contained in contained", SR, {"contained.0.contained": [{"resourceType": "Flag", "id": "f", "status": "active",
            "code": {"text": "x"}, "subject": {"display": "x"}}]}, "ServiceRequest.contained[0].contained", "invariant", **YES),
    refused("dom-3: contained and referred to by nobody", SR, {"subject": {"reference": "Patient/p1"}}, "ServiceRequest.contained[0]",
            "invariant", **YES),
    refused("dom-4: a version in a contained resource", SR, {"contained.0.meta": {"versionId": "1"}}, "ServiceRequest.contained[0].meta.versionId",
            "invariant", **YES),
    refused("dom-5: a security label in a contained resource", SR, {"contained.0.meta": {"security": [{"code": "R"}]}},
            "ServiceRequest.contained[0].meta.security", "invariant", **YES),
    refused("prr-1: orderDetail without code", SR, {"code": GONE, "orderDetail": [{"text": "x"}]}, "ServiceRequest.orderDetail", "invariant", **YES),
    refused("per-1: a period that ends before it starts", PT, {"identifier.0.period": {"start": "2026-02", "end": "2026-01"}},
            "Patient.identifier[0].period", "invariant", **YES),
    legal("per-1: an end that is less precise", PT, {"identifier.0.period": {"start": "2026-02-03", "end": "2026-02"}}, **YES),
    refused("inv-1: modified before it was written", TK, {"lastModified": "2026-03-01T00:00:00Z"}, "Task.lastModified", "invariant", **YES),
    legal("inv-1: the same moment in two zones", TK, {"lastModified": "2026-03-02T10:00:00+01:00"}, **YES),
    refused("pat-1: a contact without any detail", PT, {"contact": [{"gender": "male"}]}, "Patient.contact[0]", "invariant", **YES),
    refused("cpt-2: a number of no system", PT, {"telecom": [{"value": "07700 900000"}]}, "Patient.telecom[0]", "invariant", **YES),
    refused("att-1: data of no content type", "DocumentReference", {"content.0.attachment": {"data": "aGVsbG8="}},
            "DocumentReference.content[0].attachment", "invariant", **YES),
    refused("qty-3: a unit's code of no system", "Observation", {"valueInteger": GONE, "valueQuantity": {"value": 1, "code": "d"}},
            "Observation.valueQuantity", "invariant", **YES),
    refused("org-1: neither name nor identifier", "Organization", {"name": GONE, "active": True}, "Organization", "invariant", **YES),
    refused("con-5: an error with a clinical status", "Condition", {
        "verificationStatus": {"coding": [{"code": "entered-in-error"}]}, "clinicalStatus": {"coding": [{"code": "active"}]}},
            "Condition.clinicalStatus", "invariant", **YES),
    refused("obs-6: a value and why there is none", "Observation", {"dataAbsentReason": {"text": "x"}}, "Observation.dataAbsentReason",
            "invariant", **YES),
    refused("ppc-1: no policy", "Consent", {"policyRule": GONE}, "Consent", "invariant", **YES),
    refused("bdl-12: a message that begins otherwise", "Bundle", {"entry.0": GONE}, "Bundle", "invariant", **YES),
    refused("bdl-7: one fullUrl twice", "Bundle", {"entry.1.fullUrl": "urn:uuid:11111111-1111-4111-8111-111111111111"}, "Bundle",
            "invariant", **YES),
    refused("a modifierExtension that we do not know", SR, {"modifierExtension": [{"url": EXT, "valueBoolean": True}]},
            "ServiceRequest.modifierExtension", "unknown-modifier", **YES),
    refused("the same at depth", PT, {"contact": [{"name": {"text": "x"}, "modifierExtension": [{"url": EXT, "valueBoolean": True}]}]},
            "Patient.contact[0].modifierExtension", "unknown-modifier", **YES),
    legal("a contained resource that another contained one refers to", SR, {"requester": {"reference": "#r"}, "contained": [PATIENT, {
        "resourceType": "PractitionerRole", "id": "r", "organization": {"reference": "#o"}}, {
        "resourceType": "Organization", "id": "o", "name": "x"}]}, **YES),
    refused("ref-1 in a contained resource", SR, {"requester": {"reference": "#r"}, "contained": [PATIENT, {
        "resourceType": "PractitionerRole", "id": "r", "organization": {"reference": "#o"}}]}, "ServiceRequest.contained[1].organization",
            "unresolved", **YES),
    # --- types of resource
    refused("a contained resource of no known type", SR, {"contained.0.resourceType": "Person2"}, "ServiceRequest.contained[0].resourceType",
            "resource-type", **NO),
    refused("a contained resource without a type", SR, {"contained.0.resourceType": GONE}, "ServiceRequest.contained[0]", "required", **NO),
    refused("a type in small letters", SR, {"resourceType": "servicerequest"}, "servicerequest", "resource-type", **NO),
    legal("an extension on a primitive", PT, {"_birthDate": {"extension": [{"url": EXT, "valueDateTime": "1950-03-01T10:00:00Z"}]}}, **YES),
    legal("a logical reference", SR, {"requester": {"identifier": {"system": "https://fhir.nhs.uk/Id/ods-organization-code", "value": "W95295"}}}, **YES),
    legal("a period with equal ends", "Encounter", {"period": {"start": "2026-03-02", "end": "2026-03-02"}}, **YES),
)
