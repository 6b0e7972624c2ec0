"""The case system: which fact each Task says, whose version it names, what it hears and what it is told."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.case_management.connector import answer, compose, identify, judge, translate
from connectors.case_management.updates import BY_BOTH, BY_STATUS
from schemas.events import FactType
from schemas.lifecycle import MOVES
from schemas.messages import Accepted, Committed, InboundMessage, Notice, NotStored, OutboundMessage, ReceiverReply, Refused
from schemas.profile import Profile
from schemas.rejection import Issue, Reason, Rejected
from schemas.task import Party, Role
from schemas.words import Text, text
from tests.connectors.awkward import GUID, SOUND_HEADERS, body

SYSTEM = "https://hub.example.wales/CodeSystem/sp-business-status"
WORDS = Text("en", "cy")


def put(content: bytes, **headers: str) -> InboundMessage:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return InboundMessage(content, "PUT /fhir/Task/{id}", SOUND_HEADERS | named, {"id": "t-1"})


def record(content: bytes, **headers: str) -> InboundMessage:
    return InboundMessage(content, "from.<client>", headers)


def fact_of(status: str, business: str | None = None) -> FactType:
    coded = {"businessStatus": {"coding": [{"system": SYSTEM, "code": business}]}} if business else {}
    return translate(put(body("Task", status=status, **coded))).facts[0].type


# --- which fact -------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("status", "fact"), BY_STATUS.items())
def test_a_status_alone_says(status: str, fact: FactType) -> None:
    assert fact_of(status) is fact


@pytest.mark.parametrize(("both", "fact"), BY_BOTH.items())
def test_a_status_and_a_business_status_say_together(both: tuple[str, str], fact: FactType) -> None:
    assert fact_of(*both) is fact


def test_every_fact_that_a_case_system_can_say_is_one_that_a_prescriber_may_cause() -> None:
    for fact in {*BY_STATUS.values(), *BY_BOTH.values()}:
        assert Party.PRESCRIBER in MOVES[fact].causes


def test_every_hand_over_fact_that_a_prescriber_may_cause_can_be_said() -> None:
    said = {*BY_STATUS.values(), *BY_BOTH.values()}
    assert {fact for fact, move in MOVES.items() if move.about is Role.HAND_OVER and Party.PRESCRIBER in move.causes} <= said


def test_the_task_that_goes_on_holds_nothing_of_the_person() -> None:
    sent = body("Task", description="Non", note=[{"text": "Non"}], statusReason={"text": "Non"}, businessStatus={"text": "Non"},
                focus={"reference": "ServiceRequest/1", "display": "Non"}, **{"for": {"display": "Non"}})  # fmt: skip
    assert "Non" not in json.dumps(translate(put(sent)).facts[0].bundle)


# --- whose version, whose sequence ------------------------------------------------------------------------------------------------------


def test_over_http_the_update_names_the_version_that_was_seen() -> None:
    update = translate(put(body("Task"), if_match='W/"17"')).facts[0].update
    assert update is not None
    assert (update.task_id, update.if_match, update.sequence) == ("t-1", 17, None)


def test_on_kafka_it_carries_the_senders_own_sequence() -> None:
    sent = record(body("Task", id="t-9"), ce_id="evt-1", ce_sequence="4")
    update = translate(sent).facts[0].update
    assert update is not None
    assert (update.task_id, update.if_match, update.sequence) == ("t-9", None, 4)
    assert identify(sent).key == "evt-1"


def test_without_a_request_id_the_same_update_twice_is_one_request() -> None:
    headers = {name: value for name, value in SOUND_HEADERS.items() if name != "x-request-id"}
    sent = replace(put(body("Task")), headers=headers)
    assert identify(sent) == identify(sent)
    assert identify(sent).key != identify(replace(sent, headers=headers | {"if-match": 'W/"4"'})).key
    assert identify(sent).key != identify(replace(sent, body=body("Task", status="completed"))).key
    assert identify(put(body("Task"))).key == GUID


@pytest.mark.parametrize(
    ("given", "status", "at"),
    [
        ({"if-match": ""}, 428, "If-Match"),
        ({"if-match": "*"}, 400, "If-Match"),
        ({"content-type": "text/plain"}, 415, "Content-Type"),
        ({"x-request-id": "17"}, 400, "X-Request-Id"),
    ],
)
def test_wrong_headers_are_refused(given: dict[str, str], status: int, at: str) -> None:
    sent = replace(put(body("Task")), headers=SOUND_HEADERS | given)
    with pytest.raises(Rejected) as refused:
        identify(sent)
    assert [issue.at for issue in refused.value.issues] == [at]
    assert answer(sent, refused.value).status == status


def test_a_body_with_another_id_than_the_address_is_refused() -> None:
    with pytest.raises(Rejected) as refused:
        translate(put(body("Task", id="t-2")))
    assert answer(put(b""), refused.value).status == 400


# --- what it hears ----------------------------------------------------------------------------------------------------------------------

TASK: dict[str, Any] = {"resourceType": "Task", "id": "t-1", "meta": {"versionId": "4"}, "status": "accepted"}
ACCEPTED = Accepted("r-1", "7K2M-9QXA", 5, FactType.ACCEPTED, WORDS, resources=({"resourceType": "Task", "id": "c-1"}, TASK))


def test_an_update_is_answered_with_the_task_and_its_version() -> None:
    reply = answer(put(body("Task")), Committed((ACCEPTED,)))
    assert reply.status == 200
    assert json.loads(reply.parts[0]) == TASK
    assert ("ETag", 'W/"4"') in reply.headers


@pytest.mark.parametrize(("prefer", "kind"), [("return=minimal", None), ("return=OperationOutcome", "OperationOutcome"), ("return=representation", "Task")])
def test_the_sender_may_prefer_another_body(prefer: str, kind: str | None) -> None:
    reply = answer(put(body("Task"), prefer=prefer), Committed((ACCEPTED,), (Issue(Reason.CODE_UNKNOWN, "Task.businessStatus"),)))
    assert (json.loads(reply.parts[0])["resourceType"] if reply.parts[0] else None) == kind


def test_what_says_nothing_new_is_200_and_says_so() -> None:
    reply = answer(put(body("Task", status="received")), Committed((), ignored=Reason.NOTHING_FOR_US))
    assert reply.status == 200
    assert json.loads(reply.parts[0])["issue"][0]["details"]["text"] == text("reason.nothing-for-us").en


@pytest.mark.parametrize(
    ("reason", "status"),
    [(Reason.ILLEGAL_TRANSITION, 409), (Reason.STALE_VERSION, 412), (Reason.NOT_FOUND, 404), (Reason.NOT_PERMITTED, 403), (Reason.KEY_REUSED, 422)],
)
def test_what_the_ledger_refuses_has_its_status(reason: Reason, status: int) -> None:
    assert answer(put(body("Task")), Rejected(reason, [Issue(reason, "Task.status")])).status == status


def test_what_cannot_be_stored_now_is_503() -> None:
    assert answer(put(body("Task")), NotStored(3)).status == 503


# --- what it is told --------------------------------------------------------------------------------------------------------------------

MOMENT = datetime(2026, 3, 2, 9, tzinfo=UTC)
BUNDLE = {"resourceType": "Bundle"}
NOTICE = Notice("n-1", FactType.ASSIGNED, "r-1", "7K2M-9QXA", 2, WORDS, MOMENT, TASK, contact_by="2026-03-05", bundle=BUNDLE)


def test_an_assignment_carries_the_referral_and_where_to_read_it() -> None:
    made = compose(NOTICE, Profile())
    said = json.loads(made.body)
    assert said["type"] == "referral.assigned.v1"
    assert said["data"]["bundle"] == {"resourceType": "Bundle"}
    assert said["data"]["task"] == TASK
    assert said["data"]["read"] == "/fhir/Task/t-1"
    assert made == compose(NOTICE, Profile())


def test_a_later_fact_carries_the_task_and_ids_alone() -> None:
    said = json.loads(compose(replace(NOTICE, fact=FactType.NO_RESPONSE, bundle=None), Profile()).body)
    assert said["data"]["bundle"] is None


def test_a_referral_too_large_for_a_webhook_is_left_to_be_read() -> None:
    large = compose(replace(NOTICE, bundle={"x": "y" * 300_000}), Profile())
    assert len(large.body) < 256_000
    assert json.loads(large.body)["data"]["bundle"] is None


def test_the_receivers_answer_is_judged_by_its_status() -> None:
    assert judge(OutboundMessage("webhook", "n-1", b""), ReceiverReply(410, b"")) == Refused(Reason.DELIVERY_REFUSED, disable=True)
