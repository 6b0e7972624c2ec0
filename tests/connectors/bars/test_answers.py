"""BaRS on the same connection: the response Bundle, repeats and what is too early, and refusals with the standard's codes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from connectors.bars.connector import answer, translate
from schemas.fhir.check import check
from schemas.messages import Committed, Existing, InFlight, NotStored, Outcome, Repeated, Reply
from schemas.rejection import Issue, Reason, Rejected
from tests.connectors.bars.making import JOURNEY, MESSAGE_ID, NEXT, REFERRAL, REQUEST, accepted, bundle, message, resource

WARNING = Issue(Reason.NHS_NUMBER_FAILED, "Patient.identifier[0].value")
PERSON = ("9990000018", "Enghraifft", "1948-05-04", "CF14", "Heol", "960001")


def said(reply: Reply) -> dict[str, Any]:  # Any: FHIR JSON
    """The body."""
    found: dict[str, Any] = json.loads(b"".join(reply.parts))
    return found


def issues(reply: Reply) -> list[dict[str, Any]]:  # Any: FHIR JSON
    """The issues of an OperationOutcome with its profile."""
    body = said(reply)
    assert body["resourceType"] == "OperationOutcome"
    assert body["meta"]["profile"] == ["https://fhir.hl7.org.uk/StructureDefinition/UKCore-OperationOutcome"]
    assert check(body) == ()
    found: list[dict[str, Any]] = body["issue"]
    return found


# --- taken ------------------------------------------------------------------------------------------------------------------------------


def test_a_success_is_a_response_bundle_with_our_ids_that_names_the_senders_message() -> None:
    reply = answer(message(bundle()), Committed((accepted(),), (WARNING,)))
    body = said(reply)
    assert reply.status == 200
    assert check(body) == ()
    header = resource(body, "MessageHeader")
    assert body["entry"][0]["resource"] == header
    assert (header["eventCoding"]["code"], header["reason"]["coding"][0]["code"]) == ("servicerequest-response", "new")
    assert (header["response"]["identifier"], header["response"]["code"]) == (MESSAGE_ID, "ok")
    request = resource(body, "ServiceRequest")
    assert (request["id"], request["meta"]["versionId"], request["status"]) == (REFERRAL, "1", "active")
    assert body["entry"][1]["fullUrl"] == bundle()["entry"][1]["fullUrl"], "under the sender's own fullUrl, so that it finds it again"
    assert resource(body, "Encounter")["identifier"][0]["value"] == "7K2M9QXA3B4C"
    assert ("Location", f"/bars/FHIR/R4/ServiceRequest/{REFERRAL}") in reply.headers


def test_the_answer_says_first_who_does_what_then_the_reference_then_every_warning() -> None:
    body = said(answer(message(bundle()), Committed((accepted(Reason.CRISIS),), (WARNING,))))
    outcome = resource(body, "OperationOutcome")
    texts = [issue["details"]["text"] for issue in outcome["issue"]]
    assert texts[0] == NEXT.en
    assert "7K2M9QXA3B4C" in texts[2]
    assert [issue["severity"] for issue in outcome["issue"]] == ["information", "warning", "information", "warning"]
    details = resource(body, "MessageHeader")["response"]["details"]["reference"]
    assert details == next(entry["fullUrl"] for entry in body["entry"] if entry["resource"] == outcome)


def test_nothing_of_the_person_goes_back() -> None:
    said_back = b"".join(answer(message(bundle()), Committed((accepted(),))).parts).decode()
    assert not [word for word in PERSON if word in said_back]


def test_the_version_that_was_asked_for_is_the_version_of_the_answer() -> None:
    for accept, version in (("application/fhir+json; version=1.2.0", "1.2.0"), ("application/fhir+json", "1.4.0"), ("application/xml", "1.4.0")):
        reply = answer(message(bundle(), accept=accept), Committed((accepted(),)))
        assert reply.content_type == f"application/fhir+json; version={version}"
        assert said(reply)["meta"]["versionId"] == version


def test_a_message_without_an_id_is_named_by_the_id_of_its_request() -> None:
    body = said(answer(message(bundle("wales_new")), Committed((accepted(),))))
    assert resource(body, "MessageHeader")["response"]["identifier"] == REQUEST


def test_the_same_answer_twice_is_the_same_bytes() -> None:
    taken = Committed((accepted(),), (WARNING,))
    assert answer(message(bundle()), taken) == answer(message(bundle()), taken)


# --- the same again, too early, not now -------------------------------------------------------------------------------------------------


def test_a_repeat_is_a_duplicate_that_still_says_what_the_first_answer_said() -> None:
    first = answer(message(bundle()), Committed((accepted(Reason.CRISIS),)))
    reply = answer(message(bundle()), Repeated(first))
    found = issues(reply)
    assert reply.status == 409
    assert (found[0]["code"], found[0]["details"]["coding"][0]["code"]) == ("duplicate", "REC_CONFLICT")
    assert found[1]["details"]["text"] == NEXT.en, "its sender may never have read what to do now"


@pytest.mark.parametrize(
    ("outcome", "status", "code", "first"),
    [
        (InFlight(1), 425, "REC_TOO_EARLY", "transient"),
        (NotStored(7), 503, "REC_SERVICE_UNAVAILABLE", "transient"),
        (Existing(accepted()), 409, "REC_CONFLICT", "duplicate"),
        (Committed((), ignored=Reason.DUPLICATE), 409, "REC_CONFLICT", "duplicate"),  # erased since
    ],
)
def test_what_is_not_done_now_says_so_in_the_standards_words(outcome: Outcome, status: int, code: str, first: str) -> None:
    reply = answer(message(bundle()), outcome)
    found = issues(reply)[0]
    assert (reply.status, found["code"], found["details"]["coding"][0]["code"]) == (status, first, code)
    assert ("Retry-After" in dict(reply.headers)) is (status in (425, 503))


# --- refused ----------------------------------------------------------------------------------------------------------------------------

REFUSALS = [
    (Reason.REQUIRED, 400, "REC_BAD_REQUEST", "required"),
    (Reason.INVALID, 400, "REC_BAD_REQUEST", "invalid"),
    (Reason.NOT_JSON, 400, "REC_BAD_REQUEST", "structure"),
    (Reason.NOT_FOUND, 404, "REC_NOT_FOUND", "not-found"),
    (Reason.MULTIPLE_MATCHES, 404, "REC_NOT_FOUND", "multiple-matches"),
    (Reason.NOT_ACCEPTABLE, 406, "REC_NOT_ACCEPTABLE", "not-supported"),
    (Reason.ILLEGAL_TRANSITION, 409, "REC_CONFLICT", "conflict"),
    (Reason.STALE_VERSION, 409, "REC_CONFLICT", "conflict"),
    (Reason.IDENTITY_MISMATCH, 409, "REC_CONFLICT", "conflict"),
    (Reason.UNSUPPORTED_MEDIA, 415, "REC_BAD_REQUEST", "not-supported"),
    (Reason.UNSUPPORTED_TYPE, 422, "REC_UNPROCESSABLE_ENTITY", "not-supported"),
    (Reason.UNSUPPORTED_VERSION, 422, "REC_UNPROCESSABLE_ENTITY", "not-supported"),
    (Reason.WRONG_SERVICE, 422, "REC_UNPROCESSABLE_ENTITY", "not-supported"),
    (Reason.TOO_LARGE, 422, "REC_UNPROCESSABLE_ENTITY", "too-costly"),
    (Reason.KEY_REUSED, 422, "REC_UNPROCESSABLE_ENTITY", "business-rule"),  # the same id for another message is no repeat
    (Reason.UNKNOWN_MODIFIER, 422, "REC_UNPROCESSABLE_ENTITY", "extension"),
]


@pytest.mark.parametrize(("reason", "status", "code", "kind"), REFUSALS)
def test_a_refusal_has_the_standards_status_and_codes_and_one_plain_sentence_first(reason: Reason, status: int, code: str, kind: str) -> None:
    reply = answer(message(bundle()), Rejected(reason, [Issue(reason, "Bundle.entry[1].resource.status")]))
    first, second = issues(reply)
    assert (reply.status, first["details"]["coding"][0]["code"], first["code"]) == (status, code, kind)
    assert first["details"]["text"].count(".") == 1
    assert second["expression"] == ["Bundle.entry[1].resource.status"]
    assert [one["code"] for one in second["details"]["coding"]] == [code, reason.value]


def test_another_resource_is_a_bad_request_and_another_kind_of_message_cannot_be_processed() -> None:
    unsupported = dict.fromkeys(("validation_request", "booking_request", "response_to_nothing_of_ours", "event_unknown"), 422)
    for name, status in {**unsupported, "operation_outcome": 400, "request_that_answers_nothing_of_ours": 404}.items():
        with pytest.raises(Rejected) as refused:
            translate(message(bundle(name)))
        assert answer(message(bundle(name)), refused.value).status == status


def test_every_fault_stands_in_the_answer_with_its_place() -> None:
    with pytest.raises(Rejected) as refused:
        translate(message(bundle("wrong_in_several_places")))
    found = issues(answer(message(bundle("wrong_in_several_places")), refused.value))
    assert [one["expression"][0] for one in found[1:]] == ["Bundle.meta.versionId", "ServiceRequest.intent", "ServiceRequest.subject"]


def test_a_refused_cancellation_says_that_the_referral_stands() -> None:
    wrong = Rejected(Reason.REQUIRED, [Issue(Reason.REQUIRED, "X-Request-Id")])
    assert "stands as it was" in issues(answer(message(bundle("cancel")), wrong))[0]["details"]["text"]
    assert "nothing was sent" in issues(answer(message(bundle()), wrong))[0]["details"]["text"]


@pytest.mark.parametrize(
    "outcome", [Committed((accepted(),)), InFlight(), NotStored(), Rejected(Reason.REQUIRED, [Issue(Reason.REQUIRED, "Accept")]), Repeated(Reply(200))]
)
def test_every_answer_carries_the_senders_ids(outcome: Outcome) -> None:
    headers = dict(answer(message(bundle()), outcome).headers)
    assert (headers["X-Request-Id"], headers["X-Correlation-Id"]) == (REQUEST, JOURNEY)
    wrong = dict(answer(message(b"\xff", x_request_id="a\r\nX-Injected: 1"), outcome).headers) if not isinstance(outcome, Committed) else {}
    assert "X-Request-Id" not in wrong
