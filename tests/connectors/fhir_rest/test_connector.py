"""Plain FHIR: what a sender must say of a request, what it hears, and what a referrer is told afterwards."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.fhir_rest.connector import answer, compose, identify, judge, translate
from schemas.events import FactType
from schemas.messages import Accepted, Committed, Delivered, Identifier, InboundMessage, Notice, OutboundMessage, ReceiverReply, Repeated
from schemas.profile import Profile
from schemas.rejection import Issue, Reason, Rejected
from schemas.words import Text
from tests.connectors.awkward import GUID, SOUND_HEADERS, body

OTHER = "7d0b4d0c-52ad-4b4c-8ad0-0f8f1c3a9f11"
NEXT = Text("A link worker will telephone within three working days.", "Bydd gweithiwr cyswllt yn ffonio o fewn tri diwrnod gwaith.")
RESOURCES: tuple[dict[str, Any], ...] = (
    {"resourceType": "ServiceRequest", "id": "f-1", "intent": "filler-order"},
    {"resourceType": "ServiceRequest", "id": "r-1", "intent": "order"},
    {"resourceType": "Task", "id": "c-1"},
)
ACCEPTED = Accepted("r-1", "7K2M-9QXA", 1, FactType.RECEIVED, NEXT, resources=RESOURCES)
WARNING = Issue(Reason.NHS_NUMBER_FAILED, "ServiceRequest.subject.identifier.value")


def message(content: bytes = b"{}", **headers: str) -> InboundMessage:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return InboundMessage(content, "POST /fhir/ServiceRequest", SOUND_HEADERS | named, received_at=datetime(2026, 3, 2, 9, tzinfo=UTC))


# --- identify ---------------------------------------------------------------------------------------------------------------------------


def test_the_request_id_is_the_key_and_the_correlation_id_the_journey() -> None:
    key = identify(message(x_correlation_id=OTHER.upper()))
    assert (key.key, key.journey) == (GUID, OTHER)


def test_an_idempotency_key_comes_before_a_request_id_that_a_gateway_may_have_added() -> None:
    assert identify(message(idempotency_key=f'"{OTHER}"')).key == OTHER


def test_every_fault_of_the_headers_is_said_at_once() -> None:
    wrong = InboundMessage(b"", headers={"content-type": "text/xml", "accept": "text/xml", "x-correlation-id": "x"})
    with pytest.raises(Rejected) as refused:
        identify(wrong)
    assert {issue.at for issue in refused.value.issues} == {"Content-Type", "Accept", "X-Correlation-Id", "X-Request-Id"}


# --- translate --------------------------------------------------------------------------------------------------------------------------


def test_the_same_bytes_give_the_same_facts() -> None:
    sent = message(body("ServiceRequest", code={"text": "Social prescribing"}))
    assert translate(sent) == translate(sent)


def test_the_senders_request_stands_unchanged_in_the_bundle() -> None:
    request = json.loads(body("ServiceRequest", identifier=[{"system": "https://gp.example", "value": "1"}], code={"text": "link worker"}))
    fact = translate(message(json.dumps(request).encode(), x_correlation_id=OTHER)).facts[0]
    header, entry = fact.bundle["entry"]
    assert entry["resource"] == request
    assert header["resource"]["focus"] == [{"reference": entry["fullUrl"]}]
    assert fact.about.identifiers == (Identifier("https://gp.example", "1"),)
    assert fact.about.correlation == OTHER


def test_faults_of_structure_and_of_meaning_are_said_together() -> None:
    wrong = body("ServiceRequest", intent="wish", status="revoked", subject={"reference": "Patient/1"}, requester={"reference": "#nobody"})
    with pytest.raises(Rejected) as refused:
        translate(message(wrong))
    said = {issue.at for issue in refused.value.issues}
    assert {"ServiceRequest.intent", "ServiceRequest.status", "ServiceRequest.subject", "ServiceRequest.requester.reference"} <= said


def test_a_contained_resource_may_refer_to_the_request_that_holds_it() -> None:
    origin = {"resourceType": "Provenance", "id": "v", "target": [{"reference": "#"}], "agent": [{"who": {"display": "x"}}]}
    origin |= {"recorded": "2026-03-01T09:00:00Z"}
    sent = body("ServiceRequest", contained=[origin], code={"text": "link worker"}, supportingInfo=[{"reference": "#v"}])
    assert translate(message(sent)).facts


# --- answer -----------------------------------------------------------------------------------------------------------------------------


def outcome_of(sent: InboundMessage, committed: Committed) -> tuple[dict[str, str], dict[str, Any]]:
    reply = answer(sent, committed)
    assert reply.status == 201
    return dict(reply.headers), json.loads(reply.parts[0]) if reply.parts[0] else {}


def test_an_accepted_referral_is_201_and_its_sender_hears_first_who_will_do_what() -> None:
    headers, said = outcome_of(message(x_correlation_id=OTHER), Committed((ACCEPTED,), (WARNING,)))
    assert headers["Location"] == "/fhir/ServiceRequest/r-1"
    assert headers["ETag"] == 'W/"1"'
    assert headers["Link"] == '</fhir/Task/c-1>; rel="related"'
    assert (headers["X-Request-Id"], headers["X-Correlation-Id"]) == (GUID, OTHER)
    assert said["issue"][0]["details"]["text"] == NEXT.en
    assert "7K2M-9QXA" in said["issue"][1]["details"]["text"]
    assert said["issue"][2]["expression"] == ["ServiceRequest.subject.identifier.value"]
    assert [issue["severity"] for issue in said["issue"]] == ["information", "information", "warning"]


def test_the_etag_is_the_version_of_the_request_not_of_the_referral() -> None:
    request = {"resourceType": "ServiceRequest", "id": "r-1", "meta": {"versionId": "1"}}
    headers, _ = outcome_of(message(), Committed((replace(ACCEPTED, version=2, held=Reason.CRISIS, resources=(request,)),)))
    assert headers["ETag"] == 'W/"1"'


@pytest.mark.parametrize(
    ("prefer", "kind"), [("return=representation", "ServiceRequest"), ("return=OperationOutcome", "OperationOutcome"), ("return=minimal", None)]
)
def test_the_sender_may_prefer_another_body(prefer: str, kind: str | None) -> None:
    _, said = outcome_of(message(prefer=prefer), Committed((ACCEPTED,)))
    assert said.get("resourceType") == kind
    assert said.get("id") == ("r-1" if kind == "ServiceRequest" else None)


@pytest.mark.parametrize("prefer", ["return=representation", "return=minimal"])
def test_when_a_referral_is_held_what_to_do_now_is_said_whatever_was_preferred(prefer: str) -> None:
    _, said = outcome_of(message(prefer=prefer), Committed((replace(ACCEPTED, held=Reason.CRISIS),)))
    assert said["issue"][0]["details"]["text"] == NEXT.en
    assert said["issue"][1]["details"]["coding"][0]["code"] == "crisis"


def test_a_repeat_hears_the_first_answer_again() -> None:
    first = answer(message(), Committed((ACCEPTED,)))
    again = answer(message(), Repeated(first))
    assert (again.status, again.parts) == (first.status, first.parts)
    assert ("Idempotency-Replayed", "true") in again.headers


def test_a_refusal_says_first_plainly_that_nothing_was_sent() -> None:
    with pytest.raises(Rejected) as refused:
        translate(message(body("ServiceRequest", status="draft", intent="option")))
    reply = answer(message(), refused.value)
    said = json.loads(reply.parts[0])["issue"]
    assert reply.status == 422
    assert "nothing was sent" in said[0]["details"]["text"]
    assert len(said) == 1 + len(refused.value.issues)


# --- out --------------------------------------------------------------------------------------------------------------------------------

TASK = {"resourceType": "Task", "id": "c-1", "status": "accepted", "for": {"display": "Non Prawf"}, "note": [{"text": "Non"}], "description": "Non"}
NOTICE = Notice(
    "n-1", FactType.ACCEPTED, "r-1", "7K2M-9QXA", 3, Text("They accepted.", "Maent wedi derbyn."), datetime(2026, 3, 3, 9, tzinfo=UTC), TASK,
    identifiers=(Identifier("https://gp.example", "1"),), bundle={"resourceType": "Bundle", "id": "Non"}, first_message=b"Non",
)  # fmt: skip


def test_a_referrer_is_told_ids_words_and_the_task_without_the_person() -> None:
    made = compose(NOTICE, Profile())
    data = json.loads(made.body)["data"]
    assert (made.transport, made.key, made.content_type) == ("webhook", "n-1", "application/json")
    assert data["text"] == {"en": "They accepted.", "cy": "Maent wedi derbyn."}
    assert data["identifiers"] == [{"system": "https://gp.example", "value": "1"}]
    assert data["task"] == {"resourceType": "Task", "id": "c-1", "status": "accepted"}
    assert b"Non" not in made.body


def test_a_webhook_stays_under_20_kb_whatever_the_sender_called_its_referral() -> None:
    many = tuple(Identifier("https://gp.example", "x" * 5_000) for _ in range(50))
    assert len(compose(replace(NOTICE, identifiers=many), Profile()).body) < 20_000


def test_the_receivers_answer_is_judged_by_its_status() -> None:
    assert judge(OutboundMessage("webhook", "n-1", b""), ReceiverReply(204, b"")) == Delivered()
