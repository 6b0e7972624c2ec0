"""Nothing that a sender wrote of a person goes unheard: what triage finds where the shape is wrong, or where no reader looks."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.fhir_rest.connector import translate
from hub.deciding.policy import load_policy
from hub.deciding.triage import CLEAR, Triage, triage
from schemas.fhir.build import ABSENT_REASON
from schemas.identifiers import NhsNumberStatus
from schemas.messages import InboundMessage
from schemas.referral import Referral
from schemas.rejection import Reason, Rejected

SAID = "Suicidal, took an overdose last night."
DIV = f'<div xmlns="http://www.w3.org/1999/xhtml"><p>{SAID}</p></div>'
SCT = "http://snomed.info/sct"
WHO = {"reference": "#person"}
NHS = "https://fhir.nhs.uk/Id/nhs-number"


def request(**changed: Any) -> dict[str, Any]:
    """A referral that nothing is wrong with, but for what is changed; `inside` is contained beside the Patient, `patient` changes that."""
    inside, changes = changed.pop("inside", []), changed.pop("patient", {})
    person = {
        "resourceType": "Patient",
        "id": "person",
        "birthDate": "1948-05-17",
        "identifier": [{"system": NHS, "value": "9990000026"}],
        "name": [{"family": "Prawf", "given": ["Non"]}],
        "address": [{"postalCode": "LL57 2AB"}],
    }
    made = {
        "resourceType": "ServiceRequest",
        "status": "active",
        "intent": "order",
        "code": {"text": "Social prescribing"},
        "subject": WHO,
        "note": [{"text": "Misses company."}],
        "contained": [person | changes, *inside],
        "supportingInfo": [{"reference": "#c"}] if inside else None,
    }
    return {name: value for name, value in (made | changed).items() if value is not None}


def referral_of(sent: dict[str, Any]) -> Referral:
    message = InboundMessage(json.dumps(sent).encode(), received_at=datetime(2026, 3, 3, 12, tzinfo=UTC))
    referral = translate(message).facts[0].referral
    assert referral is not None
    return referral


def found(sent: dict[str, Any]) -> Triage:
    return triage(referral_of(sent), load_policy())


def within(kind: str, **elements: Any) -> dict[str, Any]:
    return request(inside=[{"resourceType": kind, "id": "c", **elements}])


def asked(question: str, **answer: Any) -> dict[str, Any]:
    return within("QuestionnaireResponse", status="completed", item=[{"linkId": "1", "text": question, "answer": [answer] if answer else []}])


def document(**attachment: Any) -> dict[str, Any]:
    return within("DocumentReference", status="current", content=[{"attachment": attachment}])


CONDITION = {"subject": WHO}
OBSERVATION = {"status": "final", "code": {"text": "Mood"}}
EXTENSION = [{"url": "https://x.example/risk", "valueString": SAID}]
DATA = base64.b64encode(SAID.encode()).decode()
CODED = {"system": SCT, "code": "6471006"}

HEARD = [
    # of the wrong shape, so that it is left out of what is read
    ("a note that is a string", request(note=SAID)),
    ("a note that is an object", request(note={"text": SAID})),
    ("notes that are strings", request(note=[SAID])),
    ("an unknown element of a note", request(note=[{"text": "ok", "comment": SAID}])),
    ("a note that looks like a question", request(note=[{"text": SAID, "linkId": "1", "answer": False}])),
    ("a sentence for a code", request(category=[{"coding": [{"system": SCT, "code": SAID}]}])),
    ("a note beside a service", within("HealthcareService", name="Link work", extension=EXTENSION)),
    ("a note whose time is none", request(note=[{"text": SAID, "time": "yesterday"}])),
    ("a reason that is a string", request(reasonCode=SAID)),
    ("a reason that is an object", request(reasonCode={"text": SAID})),
    ("an unknown element", request(comment=SAID)),
    ("comments of an older release", request(fhir_comments=[SAID])),
    ("a Condition of nobody", within("Condition", code={"text": SAID})),
    ("a Condition with a list of codes", within("Condition", **CONDITION, code=[{"text": SAID}])),
    ("a contained type that is none", within("Worry", text=SAID)),
    ("a reference that is a sentence", request(reasonReference=[{"reference": SAID}])),
    # where no reader of needs or notes looks
    ("the narrative", request(text={"status": "generated", "div": DIV})),
    ("a contained narrative", within("Condition", **CONDITION, text={"status": "generated", "div": DIV})),
    ("a reason by display", request(reasonReference=[{"display": SAID}])),
    ("other information by display", request(supportingInfo=[{"display": SAID}])),
    ("a category in words", request(category=[{"text": SAID}])),
    ("an extension", request(extension=EXTENSION)),
    ("an extension of a note", request(note=[{"text": "ok", "extension": EXTENSION}])),
    ("an extension of the Patient", request(patient={"extension": EXTENSION})),
    ("evidence of a Condition", within("Condition", **CONDITION, code={"text": "Low mood"}, evidence=[{"code": [{"text": SAID}]}])),
    ("a component", within("Observation", **OBSERVATION, component=[{"code": {"text": "x"}, "valueString": SAID}])),
    ("a goal", within("Goal", lifecycleStatus="active", subject=WHO, description={"text": SAID})),
    ("why something was done", within("Procedure", status="completed", subject=WHO, reasonCode=[{"text": SAID}])),
    ("what is planned", within("CarePlan", status="active", intent="plan", subject=WHO, activity=[{"detail": {"status": "scheduled", "description": SAID}}])),
    ("a section", within("Composition", section=[{"title": "Risk", "text": {"status": "generated", "div": DIV}}])),
    ("an attachment's title", document(title=SAID)),
    ("an attachment's text", document(contentType="text/plain", data=DATA)),
    ("an attachment of no stated type", document(data=DATA)),
    ("a risk assessment", within("RiskAssessment", status="final", subject=WHO, prediction=[{"outcome": {"text": SAID}}])),
    ("an allergy's note", within("AllergyIntolerance", patient=WHO, note=[{"text": SAID}])),
    # coded, but not as it should be
    ("a display without a code", request(reasonCode=[{"coding": [{"system": SCT, "display": "Suicidal thoughts"}]}])),
    ("a code that is a number, with display", request(reasonCode=[{"coding": [{"system": SCT, "code": 6471006, "display": "Suicidal thoughts"}]}])),
    ("a code that is a number", request(reasonCode=[{"coding": [{"system": SCT, "code": 6471006}]}])),
    ("a code in words without a system", request(reasonCode=[{"coding": [{"code": "suicidal"}]}])),
    ("a Flag whose status is misspelt", within("Flag", status="Active", subject=WHO, code={"coding": [CODED]})),
    ("a Flag without status", within("Flag", subject=WHO, code={"coding": [CODED]})),
    ("a Flag of nobody", within("Flag", status="active", code={"coding": [CODED]})),
    ("a Flag's code without system", within("Flag", status="active", subject=WHO, code={"coding": [{"code": "6471006"}]})),
    # questions: what is asked and what is answered are one
    ("yes", asked("Thoughts of suicide?", valueBoolean=True)),
    ("yes in a word", asked("Thoughts of suicide?", valueString="Yes")),
    ("yes as a code", asked("Thoughts of suicide?", valueCoding={"code": "LA33-6", "display": "Yes"})),
    ("yes, whatever its code", asked("Thoughts of suicide?", valueCoding={"code": "0", "display": "Most days"})),
    ("how often", asked("Thoughts of suicide", valueInteger=2)),
    ("an answer of the wrong shape", within("QuestionnaireResponse", status="completed", item=[{"linkId": "1", "text": "Suicidal?", "answer": True}])),
    ("the answer itself", asked("How are you?", valueString=SAID)),
]  # fmt: skip


@pytest.mark.parametrize(("why", "sent"), HEARD, ids=[row[0] for row in HEARD])
def test_words_of_risk_are_heard_wherever_they_stand(why: str, sent: dict[str, Any]) -> None:
    assert Reason.CRISIS in found(sent).reasons


def test_a_category_of_a_flag_in_words_is_heard() -> None:
    flag = {"status": "active", "subject": WHO, "category": [{"text": "Safeguarding concern"}], "code": {"text": "See notes"}}
    assert Reason.SAFEGUARDING in found(within("Flag", **flag)).reasons


HARMLESS = [
    ("a question answered no", asked("Thoughts of suicide?", valueBoolean=False)),
    ("no in a word", asked("Thoughts of suicide?", valueString="No.")),
    ("no in Welsh", asked("Meddyliau am hunanladdiad?", valueString="Nac oes")),
    ("never, as a code", asked("Thoughts of suicide?", valueCoding={"code": "LA6568-5", "display": "Not at all"})),
    ("no, and a little more", asked("Thoughts of suicide?", valueString="No, never")),
    ("none counted", asked("Thoughts of suicide", valueInteger=0)),
    ("a question nobody answered", asked("Thoughts of suicide?")),
    ("no as a code alone", asked("Thoughts of suicide?", valueCoding={"system": "http://loinc.org", "code": "LA32-8"})),
    ("an empty answer", asked("Thoughts of suicide?", valueString=" ")),
    ("a heading", within("QuestionnaireResponse", status="completed", item=[{"linkId": "1", "text": "Suicide", "item": []}])),
    ("a component that is not so", within("Observation", **OBSERVATION, component=[{"code": {"text": "Suicidal"}, "valueBoolean": False}])),
    ("a person's name", request(patient={"name": [{"family": "Suicidal", "given": ["Overdose"]}]})),
    ("an address", request(patient={"address": [{"text": "1 Suicide Row", "city": "Overdose"}]})),
    ("a way to reach somebody", request(patient={"telecom": [{"system": "email", "value": "suicidal@example.org"}]})),
    ("an identifier", request(identifier=[{"system": "https://x.example", "value": "suicidal"}])),
    ("a url", request(extension=[{"url": "https://x.example/suicidal", "valueUri": "https://x.example/overdose"}])),
    ("a reference", request(reasonReference=[{"reference": "Condition/suicidal", "display": "Lonely"}])),
    ("who asks and who is asked", request(requester={"display": "Suicide Prevention Team"}, performer=[{"display": "Crisis Team, Suicide Prevention"}])),
    ("a service's name and what it does", request(inside=[
        {"resourceType": "Organization", "id": "c", "name": "Suicide Prevention"},
        {"resourceType": "HealthcareService", "id": "d", "name": "Link work", "comment": "We do not help anybody who is suicidal"}])),
    ("who wrote a note", request(note=[{"text": "Misses company.", "authorString": "Suicide Prevention"}])),
    ("a code that has a system", request(category=[{"coding": [{"system": "https://x.example", "code": "suicidal"}]}])),
    ("an attachment that is no text", document(contentType="application/pdf", data=base64.b64encode(b"%PDF\xff\xfe suicidal").decode())),
    ("a denial in the narrative", request(text={"status": "generated", "div": "<div><p>No <b>suicidal</b> thoughts</p></div>"})),
]  # fmt: skip


@pytest.mark.parametrize(("why", "sent"), HARMLESS, ids=[row[0] for row in HARMLESS])
def test_what_is_said_of_nobody_or_denied_holds_nothing(why: str, sent: dict[str, Any]) -> None:
    assert found(sent) == CLEAR


# --- consent ----------------------------------------------------------------------------------------------------------------------------

PATIENT_PRIVACY = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy"}]}
DRC = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "DRC"}]}
RESEARCH = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "RESEARCH"}]}
POLICY = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "OPTIN"}]}


def consent(**changed: Any) -> dict[str, Any]:
    made = {"status": "active", "scope": PATIENT_PRIVACY, "category": [DRC], "patient": WHO, "policyRule": POLICY, "provision": {"type": "permit"}}
    return within("Consent", **{name: value for name, value in (made | changed).items() if value is not None})


REFUSED, UNCLEAR = Reason.CONSENT_REFUSED, Reason.CONSENT_UNCLEAR
CONSENTS = [
    ("a permission", consent(), True, ()),
    ("a permission by default", consent(provision=None), True, ()),
    ("a refusal", consent(provision={"type": "deny"}), False, (REFUSED,)),
    ("a refusal in capitals", consent(provision={"type": "Deny"}), False, (REFUSED,)),
    ("a refusal in a list", consent(provision=[{"type": "deny"}]), False, (REFUSED,)),
    ("a refusal without scope", consent(scope=None, provision={"type": "deny"}), False, (REFUSED,)),
    ("a refusal by a status in capitals", consent(status="Rejected"), False, (REFUSED,)),
    ("a refusal within a permission", consent(provision={"type": "permit", "provision": [{"type": "deny"}]}), None, (UNCLEAR,)),
    ("a provision that says something else", consent(provision={"type": "refuse"}), None, (UNCLEAR,)),
    ("a provision that is a word", consent(provision="deny"), None, (UNCLEAR,)),
    ("no scope", consent(scope=None), None, (UNCLEAR,)),
    ("a status in capitals", consent(status="Active"), None, (UNCLEAR,)),
    ("no status", consent(status=None), None, (UNCLEAR,)),
    ("a status that is none", consent(status=True), None, (UNCLEAR,)),
    ("a category that is no list", consent(category=DRC), None, (UNCLEAR,)),
    ("no category", consent(category=None), None, (UNCLEAR,)),
    ("an unknown element", consent(unless="she is asked"), None, (UNCLEAR,)),
    ("refused, but who knows what", consent(category=[{"text": "Referral"}], provision={"type": "deny"}), None, (UNCLEAR,)),
    ("only a draft", consent(status="draft"), None, ()),
    ("of another kind", consent(category=[RESEARCH], provision={"type": "deny"}), None, ()),
    ("of another kind, and wrong", consent(category=[RESEARCH], scope=None), None, ()),
]


@pytest.mark.parametrize(("why", "sent", "direct_care", "reasons"), CONSENTS, ids=[row[0] for row in CONSENTS])
def test_a_consent_that_is_not_plainly_a_permission_is_none(why: str, sent: dict[str, Any], direct_care: bool | None, reasons: tuple[Reason, ...]) -> None:
    assert referral_of(sent).consent.direct_care is direct_care
    assert found(sent).reasons == reasons


# --- death ------------------------------------------------------------------------------------------------------------------------------

DEATHS = [
    ("plainly", {"deceasedBoolean": True}, True),
    ("as a word", {"deceasedBoolean": "true"}, True),
    ("as a word that nobody knows", {"deceasedBoolean": "Y"}, True),
    ("as a number", {"deceasedBoolean": 1}, True),
    ("on a day", {"deceasedDateTime": "2026-02-01"}, True),
    ("on a day written otherwise", {"deceasedDateTime": "01/02/2026"}, True),
    ("on a day that is none", {"deceasedDateTime": "2026-02-30"}, True),
    ("on a day that is a number", {"deceasedDateTime": 20260201}, True),
    ("on a day nobody knows", {"_deceasedDateTime": {"extension": [{"url": ABSENT_REASON, "valueCode": "unknown"}]}}, True),
    ("in an element that there is not", {"deceased": True}, True),
    ("on a day, and not", {"deceasedBoolean": False, "deceasedDateTime": "2026-02-30"}, True),
    ("not", {"deceasedBoolean": False}, False),
    ("not, as a word", {"deceasedBoolean": "false"}, False),
    ("not said", {}, False),
    ("not said, with nothing", {"deceasedDateTime": ""}, False),
]  # fmt: skip


@pytest.mark.parametrize(("why", "patient", "died"), DEATHS, ids=[row[0] for row in DEATHS])
def test_a_death_is_heard_however_it_is_written(why: str, patient: dict[str, Any], died: bool) -> None:
    assert (Reason.DECEASED in found(request(patient=patient)).reasons) is died


# --- modifiers --------------------------------------------------------------------------------------------------------------------------

MODIFIERS = [
    ("not to be done", request(doNotPerform=True), "ServiceRequest.doNotPerform"),
    ("perhaps not to be done", request(doNotPerform="true"), "ServiceRequest.doNotPerform"),
    ("nothing said of whether to do it", request(doNotPerform=None) | {"doNotPerform": None}, "ServiceRequest.doNotPerform"),
    ("rules that we do not know", request(implicitRules="https://x.example/rules"), "ServiceRequest.implicitRules"),
    ("rules within", request(patient={"implicitRules": "https://x.example/rules"}), "ServiceRequest.contained[0].implicitRules"),
]


@pytest.mark.parametrize(("why", "sent", "at"), MODIFIERS, ids=[row[0] for row in MODIFIERS])
def test_an_element_that_turns_the_meaning_round_is_refused_by_name(why: str, sent: dict[str, Any], at: str) -> None:
    with pytest.raises(Rejected) as refused:
        referral_of(sent)
    assert at in [issue.at for issue in refused.value.issues]


def test_what_is_to_be_performed_is_no_fault() -> None:
    assert found(request(doNotPerform=False)) == CLEAR


# --- the NHS number ---------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("system", [
    "urn:oid:2.16.840.1.113883.2.1.4.1",  # its OID, as in CDA and HL7 v2
    "http://fhir.nhs.net/Id/nhs-number",  # before 2019
    "http://fhir.nhs.uk/Id/nhs-number/",
])  # fmt: skip
def test_a_number_under_an_older_name_of_its_system_is_an_nhs_number(system: str) -> None:
    person = referral_of(request(patient={"identifier": [{"system": system, "value": "9990000026"}]})).person
    assert (person.nhs_number, person.nhs_number_status) == ("9990000026", NhsNumberStatus.TEST_RANGE)
    assert person.local_identifiers == ()


def test_two_numbers_under_two_names_conflict() -> None:
    identifiers = [{"system": NHS, "value": "9990000026"}, {"system": "urn:oid:2.16.840.1.113883.2.1.4.1", "value": "9990000018"}]
    assert Reason.IDENTITY_CONFLICT in found(request(patient={"identifier": identifiers})).reasons
