"""What a referrer says later of its referral: by PUT, by its status, under a version; and under which condition a new one is made."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.fhir_rest.connector import answer, identify, translate
from schemas.events import FactType
from schemas.messages import Accepted, Committed, Existing, Fact, Identifier, InboundMessage, Target
from schemas.rejection import Reason, Rejected
from schemas.words import Text
from tests.connectors.awkward import GUID, SOUND_HEADERS, body

ID = "0f8fad5b-d9cb-469f-a165-70867728950e"
OWN = [{"system": "https://gp.example", "value": "A-1"}]
NEXT = Text("We have this referral already.", "Mae'r atgyfeiriad hwn gennym eisoes.")


def put(content: bytes, id_: str = ID, **headers: str) -> InboundMessage:
    named = SOUND_HEADERS | {name.replace("_", "-"): value for name, value in headers.items()}
    return InboundMessage(content, "PUT /fhir/ServiceRequest/{id}", named, {"id": id_}, datetime(2026, 3, 2, 9, tzinfo=UTC))


def post(content: bytes, **headers: str) -> InboundMessage:
    named = {"content-type": "application/fhir+json", "x-request-id": GUID} | {name.replace("_", "-"): value for name, value in headers.items()}
    return InboundMessage(content, "POST /fhir/ServiceRequest", named, received_at=datetime(2026, 3, 2, 9, tzinfo=UTC))


def request(**more: Any) -> bytes:
    return body("ServiceRequest", **({"code": {"text": "Social prescribing"}, "identifier": OWN} | more))


def fact_of(message: InboundMessage) -> Fact:
    (fact,) = translate(message).facts
    return fact


# --- PUT --------------------------------------------------------------------------------------------------------------------------------


def test_a_change_names_our_id_and_the_version_that_was_seen() -> None:
    fact = fact_of(put(request(id=ID, note=[{"text": "Has moved."}])))
    assert (fact.type, fact.target) == (FactType.UPDATED, Target(ID, 3))
    assert fact.referral is not None
    assert fact.referral.narrative == ("Has moved.",)
    assert fact.bundle["entry"][0]["resource"]["eventCoding"]["code"] == "referral.updated.v1"


def test_the_same_words_about_two_referrals_are_two_requests() -> None:
    other = "0f8fad5b-d9cb-469f-a165-70867728950f"
    assert identify(put(request(status="revoked"))).key != identify(put(request(status="revoked"), other)).key
    assert identify(put(request(), ID.upper())) == identify(put(request()))


@pytest.mark.parametrize(("status", "fact"), [("revoked", FactType.CANCEL_REQUESTED), ("entered-in-error", FactType.ENTERED_IN_ERROR)])
def test_a_request_that_is_taken_back_carries_nothing_of_the_person(status: str, fact: FactType) -> None:
    found = fact_of(put(request(status=status, note=[{"text": "Gwdihw"}], reasonCode=[{"text": "Gwdihw"}])))
    assert (found.type, found.target, found.referral) == (fact, Target(ID, 3), None)
    assert found.about.identifiers == (Identifier("https://gp.example", "A-1"),)
    assert "Gwdihw" not in json.dumps(found.bundle)
    assert "9990000018" not in json.dumps(found.bundle)
    assert found.person is not None
    assert found.person.nhs_number == "9990000018", "beside it, so that nobody else's referral ends"


@pytest.mark.parametrize(
    "spoilt",
    [
        {"subject": 7},
        {"intent": "wish"},
        {"authoredOn": "yesterday"},
        {"requester": {"reference": "#nobody"}},
        {"code": {"text": "Cardiology"}},
        {"priority": ["stat"]},
    ],
)
def test_what_should_stop_is_stopped_whatever_else_is_wrong(spoilt: dict[str, Any]) -> None:
    assert fact_of(put(request(status="revoked", **spoilt))).type is FactType.CANCEL_REQUESTED


@pytest.mark.parametrize(
    ("why", "content", "at", "reason"),
    [
        ("a pause is not a referrer's", request(status="on-hold"), "ServiceRequest.status", Reason.NO_REFERRAL),
        ("nor is an ending", request(status="completed"), "ServiceRequest.status", Reason.NO_REFERRAL),
        ("it was in force already", request(status="draft"), "ServiceRequest.status", Reason.NO_REFERRAL),
        ("another's id", request(id="0f8fad5b-d9cb-469f-a165-70867728950f"), "ServiceRequest.id", Reason.INVALID),
        ("an id that is no text", request(id=7), "ServiceRequest.id", Reason.INVALID),
        ("a Task", body("Task"), "resourceType", Reason.UNSUPPORTED_TYPE),
        ("it may mean the opposite", request(status="revoked", doNotPerform=True), "ServiceRequest.doNotPerform", Reason.NO_REFERRAL),
        ("nobody", request(subject={"display": "x"}), "ServiceRequest.subject", Reason.NO_IDENTITY),
        ("XML", b"  <ServiceRequest/>", "Content-Type", Reason.UNSUPPORTED_MEDIA),
    ],
)
def test_a_change_that_is_none_is_refused_by_name(why: str, content: bytes, at: str, reason: Reason) -> None:
    with pytest.raises(Rejected) as refused:
        translate(put(content))
    assert (at, reason) in [(issue.at, issue.reason) for issue in refused.value.issues]
    reply = answer(put(content), refused.value)
    assert "nothing was changed" in json.loads(reply.parts[0])["issue"][0]["details"]["text"]


@pytest.mark.parametrize("id_", ["1", "../1", "", ID + "0", "\u0430" * 36])
def test_an_id_that_cannot_be_ours_is_not_found(id_: str) -> None:
    with pytest.raises(Rejected) as refused:
        translate(put(request(), id_))
    assert refused.value.reason is Reason.NOT_FOUND


@pytest.mark.parametrize(
    ("header", "reason"), [("", Reason.VERSION_REQUIRED), ("*", Reason.INVALID), ('W/"x"', Reason.INVALID), ('W/"1", W/"2"', Reason.INVALID)]
)
def test_a_change_says_which_version_it_changes(header: str, reason: Reason) -> None:
    with pytest.raises(Rejected) as refused:
        identify(put(request(), if_match=header))
    assert [issue.reason for issue in refused.value.issues] == [reason]


def test_a_change_that_was_taken_is_200_with_its_new_version() -> None:
    shown = ({"resourceType": "ServiceRequest", "id": ID, "meta": {"versionId": "4"}}, {"resourceType": "Task", "id": "c-1"})
    reply = answer(put(request()), Committed((Accepted(ID, "7K2M-9QXA", 4, FactType.UPDATED, NEXT, resources=shown),)))
    headers = dict(reply.headers)
    assert (reply.status, headers["ETag"], "Location" in headers) == (200, 'W/"4"', False)
    assert json.loads(reply.parts[0])["issue"][0]["details"]["text"] == NEXT.en


# --- by POST ----------------------------------------------------------------------------------------------------------------------------


def test_a_request_that_is_taken_back_by_post_is_found_by_what_its_sender_called_it() -> None:
    found = fact_of(post(request(status="revoked")))
    assert (found.type, found.target, found.about.identifiers) == (FactType.CANCEL_REQUESTED, None, (Identifier("https://gp.example", "A-1"),))
    journey = "7d0b4d0c-52ad-4b4c-8ad0-0f8f1c3a9f11"
    assert fact_of(post(request(status="revoked", identifier=[]), x_correlation_id=journey)).about.correlation == journey


# --- a condition ------------------------------------------------------------------------------------------------------------------------

CONDITIONS = [
    ("as FHIR writes it", "identifier=https://gp.example|A-1", Identifier("https://gp.example", "A-1")),
    ("encoded", "identifier=https%3A%2F%2Fgp.example%7CA-1", Identifier("https://gp.example", "A-1")),
    ("after a question mark", "?identifier=https://gp.example|A-1", Identifier("https://gp.example", "A-1")),
    ("with the type", "ServiceRequest?identifier=https://gp.example|A-1", Identifier("https://gp.example", "A-1")),
    ("an identifier without a system", "identifier=|A-1", Identifier("", "A-1")),
]


@pytest.mark.parametrize(("why", "written", "wanted"), CONDITIONS, ids=[row[0] for row in CONDITIONS])
def test_the_condition_of_a_request_is_read(why: str, written: str, wanted: Identifier) -> None:
    assert identify(post(request(), if_none_exist=written)).condition == (wanted,)


@pytest.mark.parametrize(
    "written",
    [
        "", "status=active", "identifier=A-1", "identifier=a|b|c", "identifier=a|", "identifier=a|1,a|2", "identifier=a|1&identifier=b|2",
        "identifier=a|1&status=active", "identifier", "x" * 9_000, "&" * 500, "identifier=%ff|1", "_id=1",
    ],
)  # fmt: skip
def test_a_condition_that_cannot_be_judged_is_refused(written: str) -> None:
    with pytest.raises(Rejected) as refused:
        identify(post(request(), if_none_exist=written))
    assert [(issue.at, issue.reason) for issue in refused.value.issues] == [("If-None-Exist", Reason.INVALID)]


def test_no_condition_stands_in_the_way_of_a_cancellation() -> None:
    assert identify(post(request(status="revoked"), if_none_exist="identifier=https://gp.example|A-1")).condition == ()


def test_a_condition_is_none_of_a_change() -> None:
    assert identify(put(request(), if_none_exist="identifier=https://gp.example|A-1")).condition == ()


def test_a_condition_that_its_own_request_would_not_meet_is_warned_about() -> None:
    made = translate(post(request(), if_none_exist="identifier=https://gp.example|A-2"))
    assert "If-None-Exist" in [issue.at for issue in made.warnings]
    made = translate(post(request(), if_none_exist="identifier=https://gp.example|A-1"))
    assert "If-None-Exist" not in [issue.at for issue in made.warnings]


def test_a_referral_that_stands_already_is_200_where_it_is() -> None:
    stands = Accepted(ID, "7K2M-9QXA", 2, FactType.RECEIVED, NEXT)
    reply = answer(post(request()), Existing(stands))
    assert (reply.status, dict(reply.headers)["Location"], dict(reply.headers)["ETag"]) == (200, f"/fhir/ServiceRequest/{ID}", 'W/"2"')
    sent = {"resourceType": "Bundle", "type": "transaction", "entry": [{"resource": json.loads(request())}]}
    reply = answer(replace(post(json.dumps(sent).encode()), target="POST /fhir"), Existing(stands))
    response = json.loads(reply.parts[0])["entry"][0]["response"]
    assert (response["status"], response["location"], response["etag"]) == ("200 OK", f"ServiceRequest/{ID}", 'W/"2"')
