"""BaRS on the way back: each fact as a response of its own, to the endpoint on file, and what the receiver's answer means."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from connectors.bars.connector import compose, judge
from connectors.bars.responses import WITH_NHS_NUMBER
from hub.registry import installed
from schemas.events import FactType
from schemas.fhir.check import check
from schemas.messages import Delivered, Identifier, Notice, OutboundMessage, ReceiverReply, Refused, TryAgain, Verdict
from schemas.profile import Profile
from schemas.rejection import Reason, Rejected
from schemas.words import Text
from tests.connectors.bars.making import FIXTURES, JOURNEY, MESSAGE_ID, NOW, REFERRAL, REQUEST, resource
from tests.connectors.bars.test_answers import PERSON

WORDS = Text("The link worker has taken this on.", "Mae'r gweithiwr cyswllt wedi cymryd hyn.")
TASK = {"resourceType": "Task", "id": "66666666-2222-4333-8444-555555555555", "status": "accepted", "intent": "order", "for": {"reference": "Patient/p"}}
NOTICE = Notice(
    "99999999-2222-4333-8444-555555555555", FactType.ACCEPTED, REFERRAL, "7K2M9QXA3B4C", 4, WORDS, NOW, TASK,
    (Identifier("https://practice.example.wales/Id/referral", "SP-2026-0042"),), REQUEST, JOURNEY, first_message=(FIXTURES / "new.json").read_bytes(),
)  # fmt: skip
OUTBOUND = OutboundMessage("webhook", "k", b"{}")


def composed(fact: FactType = FactType.ACCEPTED, profile: Profile | None = None, **changes: Any) -> dict[str, Any]:  # Any: FHIR JSON
    """The Bundle that is sent."""
    found: dict[str, Any] = json.loads(compose(replace(NOTICE, fact=fact, **changes), profile or Profile()).body)
    return found


F = FactType
TOLD = [
    (F.HELD, "requested", None, "on-hold", "planned"),
    (F.ASSIGNED, "requested", None, "active", "planned"),
    (F.ACCEPTED, "accepted", None, "active", "planned"),
    (F.FIRST_CONTACT, "in-progress", None, "active", "in-progress"),
    (F.ON_HOLD, "on-hold", None, "on-hold", "onleave"),
    (F.COMPLETED, "completed", None, "completed", "finished"),
    (F.CLOSED, "completed", "goals-met", "completed", "finished"),
    (F.CLOSED, "failed", "no-prescriber", "active", "cancelled"),  # a rejection does not revoke what was asked for
    (F.FAILED, "failed", "failed-contact", "active", "cancelled"),
    (F.CANCELLED, "cancelled", None, "revoked", "cancelled"),
    (F.ENTERED_IN_ERROR, "entered-in-error", None, "entered-in-error", "entered-in-error"),
    (F.DID_NOT_ATTEND, "in-progress", None, "active", "in-progress"),  # a no-show is not a closure
    (F.DID_NOT_ATTEND, "failed", None, "revoked", "cancelled"),
]


@pytest.mark.parametrize(("fact", "task", "reason", "request_status", "encounter"), TOLD)
def test_each_fact_is_a_sound_message_of_its_own(fact: FactType, task: str, reason: str | None, request_status: str, encounter: str) -> None:
    body = composed(fact, task=TASK | {"status": task}, reason=reason)
    assert check(body) == ()
    header = resource(body, "MessageHeader")
    assert (header["eventCoding"]["code"], header["reason"]["coding"][0]["code"]) == ("servicerequest-response", "new")
    assert header["response"] == {"identifier": MESSAGE_ID, "code": "ok"}
    assert resource(body, "ServiceRequest")["status"] == request_status
    assert resource(body, "Encounter")["status"] == encounter
    assert resource(body, "Encounter")["identifier"][0]["value"] == "7K2M9QXA3B4C"


def test_every_fact_that_the_manifest_accepts_is_composed() -> None:
    for fact in installed()["bars"].manifest.accepts:
        assert check(composed(fact)) == (), fact
    with pytest.raises(Rejected):
        composed(FactType.RECEIVED)


@pytest.mark.parametrize(("reason", "code"), [("no-prescriber", "RRNA"), ("failed-contact", "FC"), ("declined-by-person", "OTH"), (None, "OTH")])
def test_a_rejection_is_about_our_encounter_with_its_reason_and_leaves_the_request_active(reason: str | None, code: str) -> None:
    body = composed(FactType.CLOSED, task=TASK | {"status": "failed"}, reason=reason)
    encounter = resource(body, "Encounter")
    focus = resource(body, "MessageHeader")["focus"][0]["reference"]
    assert focus == next(entry["fullUrl"] for entry in body["entry"] if entry["resource"] == encounter)
    assert encounter["reasonCode"][0]["coding"][0] | {"display": ""} == {
        "system": "https://fhir.nhs.uk/CodeSystem/rejected-reasons-bars", "code": code, "display": "",
    }  # fmt: skip
    assert encounter["reasonCode"][0]["text"] == WORDS.en
    assert resource(body, "ServiceRequest")["status"] == "active"


def test_a_missed_appointment_is_one() -> None:
    assert resource(composed(FactType.DID_NOT_ATTEND), "Appointment")["status"] == "noshow"


def test_the_words_are_in_both_languages() -> None:
    note = resource(composed(), "ServiceRequest")["note"][0]
    assert note["text"] == WORDS.en
    assert WORDS.cy in json.dumps(note, ensure_ascii=False)


def test_a_response_says_nothing_of_the_person_unless_its_receiver_files_by_the_nhs_number() -> None:
    said = json.dumps(composed(), ensure_ascii=False)
    assert not [word for word in PERSON if word in said]
    patient = resource(composed(profile=Profile(dialect=(WITH_NHS_NUMBER,))), "Patient")
    assert patient["identifier"] == [{"system": "https://fhir.nhs.uk/Id/nhs-number", "value": "9990000018"}]


def test_no_address_that_the_message_named_comes_back_and_none_is_sent_to() -> None:
    first = (FIXTURES / "wales_new.json").read_bytes()
    made = compose(replace(NOTICE, first_message=first), Profile())
    assert b"ereferrals.example.wales" not in made.body
    assert made.transport == "webhook", "whose address is the client's registration"
    assert resource(json.loads(made.body), "MessageHeader")["response"]["identifier"] == REQUEST, "a message of no id is named by its request's"


def test_the_ids_are_new_for_each_thing_that_is_said_and_the_same_at_every_attempt() -> None:
    once, twice, other = compose(NOTICE, Profile()), compose(NOTICE, Profile()), compose(replace(NOTICE, id=REQUEST), Profile())
    assert once == twice
    assert once.headers == (("X-Request-Id", NOTICE.id), ("X-Correlation-Id", JOURNEY))
    assert dict(other.headers)["X-Request-Id"] != NOTICE.id
    assert json.loads(once.body)["id"] != json.loads(other.body)["id"]


def test_a_referral_of_another_door_can_be_told_by_bars_too() -> None:
    body = composed(first_message=b"MSH|^~\\&|")
    assert check(body) == ()
    assert resource(body, "MessageHeader")["response"]["identifier"] == REQUEST


# --- judged -----------------------------------------------------------------------------------------------------------------------------


def _outcome(code: str) -> bytes:
    return json.dumps({"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": code}]}).encode()


JUDGED: list[tuple[int | None, bytes, Verdict]] = [
    (200, b"", Delivered()),
    (200, b"anything", Delivered()),
    (409, _outcome("duplicate"), Delivered()),  # it was processed before, which its sender counts as success
    (409, _outcome("conflict"), Refused(Reason.DELIVERY_REFUSED)),
    (425, _outcome("transient"), TryAgain(after=3)),
    (408, _outcome("timeout"), TryAgain()),
    (429, _outcome("throttled"), TryAgain(after=3)),
    (503, _outcome("transient"), TryAgain(after=3)),
    (503, b"", TryAgain(after=3)),
    (500, _outcome("exception"), TryAgain(limit=5)),
    (404, b"<html>", TryAgain(limit=5)),  # a proxy's page: the receiver never saw it
    (404, _outcome("not-found"), Refused(Reason.DELIVERY_REFUSED)),
    (422, _outcome("not-supported"), Refused(Reason.DELIVERY_REFUSED)),
    (410, b"", Refused(Reason.DELIVERY_REFUSED, disable=True)),
    (302, b"", TryAgain()),
    (None, b"", TryAgain()),
]


@pytest.mark.parametrize(("status", "body", "verdict"), JUDGED)
def test_an_answer_means_what_the_standard_says_of_trying_again(status: int | None, body: bytes, verdict: Verdict) -> None:
    assert judge(OUTBOUND, ReceiverReply(status, body, {"Retry-After": "3"})) == verdict
