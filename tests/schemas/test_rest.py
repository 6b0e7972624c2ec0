"""FHIR's REST headers are read strictly, and every reason has the status that FHIR and HTTP give it."""

from __future__ import annotations

import pytest

from schemas.messages import InboundMessage, InFlight, NotStored, Repeated, Reply
from schemas.rejection import EFFECTS, Effect, Issue, Reason, Rejected
from schemas.rest import (
    accept_faults,
    content_faults,
    echoed,
    guid,
    if_match,
    main_reason,
    other_reply,
    preferences,
    refuse,
    status_of,
    type_fault,
)
from schemas.words import text

GUID = "3f2a9c1e-5b7d-4c7e-9a55-0d6e2b1f8a43"


@pytest.mark.parametrize(
    ("sent", "found"),
    [
        (GUID, GUID),
        (GUID.upper(), GUID),  # one id in two spellings is one id
        (f'"{GUID}"', GUID),  # Idempotency-Key is a structured string in its draft
        (f" {GUID} ", GUID),
    ],
)
def test_a_guid_is_read_in_small_letters(sent: str, found: str) -> None:
    assert guid({"x-request-id": sent}, "X-Request-Id") == found


@pytest.mark.parametrize("sent", ["", "17", GUID[:-1], GUID + "0", f"{GUID}, {GUID}", "{" + GUID + "}", GUID.replace("-", ""), "a" * 10_240])
def test_anything_else_in_its_place_is_refused(sent: str) -> None:
    with pytest.raises(Rejected) as refused:
        guid({"x-request-id": sent}, "X-Request-Id")
    assert [issue.at for issue in refused.value.issues] == ["X-Request-Id"]


def test_an_absent_guid_is_none() -> None:
    assert guid({}, "X-Request-Id") is None


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        ("application/fhir+json", None),
        ("application/json; charset=UTF-8", None),
        ("Application/FHIR+JSON; fhirVersion=4.0", None),
        ('application/fhir+json; fhirVersion="4.0"', None),
        ("", Reason.UNSUPPORTED_MEDIA),  # nothing said is not JSON said
        ("text/plain", Reason.UNSUPPORTED_MEDIA),
        ("application/fhir+xml", Reason.UNSUPPORTED_MEDIA),
        ("application/fhir+json; charset=utf-16", Reason.UNSUPPORTED_MEDIA),
        ("application/fhir+json; fhirVersion=5.0", Reason.UNSUPPORTED_VERSION),
        ("application/fhir+json, text/xml", Reason.UNSUPPORTED_MEDIA),  # sent twice
    ],
)
def test_content_type_must_be_fhir_json_of_release_4(sent: str, reason: Reason | None) -> None:
    assert [issue.reason for issue in content_faults({"content-type": sent})] == ([reason] if reason else [])


@pytest.mark.parametrize(("sent", "reason"), [("text/plain; charset=utf-8", None), ("application/json", Reason.UNSUPPORTED_MEDIA)])
def test_content_type_of_a_format_of_its_own_is_that_formats(sent: str, reason: Reason | None) -> None:
    found = list(content_faults({"content-type": sent}, ["text/plain"]))
    assert [issue.reason for issue in found] == ([reason] if reason else [])
    assert all("text/plain" in issue.text.en and "text/plain" in issue.text.cy for issue in found)


@pytest.mark.parametrize(
    ("sent", "is_refused"),
    [
        ("", False),
        ("*/*", False),
        ("application/xml, application/fhir+json;q=0.5", False),
        ("application/fhir+json; fhirVersion=5.0, application/fhir+json", False),
        ("application/xml; version=9", True),
        ("application/fhir+json;q=0", True),
        ("application/fhir+json; fhirVersion=5.0", True),
    ],
)
def test_accept_must_allow_fhir_json_of_release_4(sent: str, is_refused: bool) -> None:
    assert bool(list(accept_faults({"accept": sent}))) is is_refused


@pytest.mark.parametrize(("sent", "version"), [('W/"3"', 3), ('"3"', 3), (' W/"0" ', 0)])
def test_if_match_names_a_version(sent: str, version: int) -> None:
    assert if_match({"if-match": sent}) == version


@pytest.mark.parametrize("sent", ["*", "3", 'W/"a"', 'W/"1", W/"2"', 'W/"-1"', 'W/"٣"', 'W/"' + "9" * 20 + '"'])
def test_any_other_if_match_is_invalid(sent: str) -> None:
    with pytest.raises(Rejected) as refused:
        if_match({"if-match": sent})
    assert refused.value.reason is Reason.INVALID


@pytest.mark.parametrize("headers", [{}, {"if-match": ""}, {"if-match": "  "}])
def test_a_missing_if_match_is_required(headers: dict[str, str]) -> None:
    with pytest.raises(Rejected) as refused:
        if_match(headers)
    assert status_of(refused.value.reason) == 428


def test_preferences_are_read_whatever_separates_them() -> None:
    assert preferences({"prefer": "return=minimal, Handling=Strict; wait=5"}) == {"return": "minimal", "handling": "strict", "wait": "5"}
    assert preferences(None) == {}


def test_every_reason_that_rejects_has_a_status_and_503_only_where_sending_again_helps() -> None:
    assert {reason for reason in Reason if status_of(reason) == 503} == {Reason.IN_FLIGHT, Reason.STORE_UNAVAILABLE}
    for reason in Reason:
        if EFFECTS[reason] is Effect.REJECTS:
            assert 400 <= status_of(reason) <= 503


@pytest.mark.parametrize(
    ("reasons", "status"),
    [
        ((Reason.REQUIRED, Reason.INVARIANT), 400),
        ((Reason.NO_IDENTITY, Reason.INVALID), 400),  # what cannot be read comes before what cannot be taken
        ((Reason.NO_IDENTITY, Reason.WRONG_SERVICE), 422),
        ((Reason.INVALID, Reason.UNSUPPORTED_MEDIA), 415),  # what concerns the whole request comes first
        ((Reason.INVALID, Reason.VERSION_REQUIRED), 428),
        ((Reason.STRUCTURE, Reason.UNKNOWN_MODIFIER), 422),  # always 422: the meaning may be turned round
        ((Reason.NOT_FOUND,), 404),
        ((Reason.ILLEGAL_TRANSITION,), 409),
        ((Reason.KEY_REUSED,), 422),  # never 409, which would tell the sender to stop
    ],
)
def test_the_status_of_several_faults_is_that_of_the_most_general(reasons: tuple[Reason, ...], status: int) -> None:
    assert status_of(main_reason(Rejected(reasons[0], [Issue(reason, "x") for reason in reasons]))) == status


def test_faults_that_differ_only_in_what_they_name_are_both_said() -> None:
    with pytest.raises(Rejected) as refused:
        refuse([Issue(Reason.REQUIRED, "Task", "fhir.required", {"element": name}) for name in ("status", "intent", "status")])
    assert [issue.params["element"] for issue in refused.value.issues] == ["status", "intent"]


def test_a_type_that_fhir_knows_is_named_and_no_other_is() -> None:
    known, unknown = type_fault({"resourceType": "Observation"}, "Task"), type_fault({"resourceType": "Gwdihw"}, "Task")
    assert known is not None
    assert "Observation" in known.text.en
    assert unknown is not None
    assert "Gwdihw" not in unknown.text.en + unknown.text.cy
    assert type_fault({"resourceType": "Task"}, "Task") is None


@pytest.mark.parametrize(("sent", "is_echoed"), [(GUID, True), ("17", True), ("a b", False), ("a\r\nb", False), ("ŵ", False), ("a" * 129, False), ("", False)])
def test_the_senders_ids_are_echoed_where_they_can_stand_in_a_header(sent: str, is_echoed: bool) -> None:
    assert (("X-Request-Id", sent) in echoed(InboundMessage(b"", headers={"x-request-id": sent}))) is is_echoed


def test_a_repeat_hears_the_first_answer_again_under_its_own_ids() -> None:
    first = Reply(201, (b"{}",), headers=(("X-Correlation-Id", "first"), ("Location", "/fhir/ServiceRequest/1")))
    again = other_reply(InboundMessage(b"", headers={"x-correlation-id": "second"}), Repeated(first), text("rest.refused"))
    assert (again.status, again.parts) == (201, (b"{}",))
    assert again.headers == (("X-Correlation-Id", "second"), ("Location", "/fhir/ServiceRequest/1"), ("Idempotency-Replayed", "true"))


@pytest.mark.parametrize("outcome", [InFlight(2), NotStored(2)])
def test_what_may_be_sent_again_is_503_with_retry_after(outcome: InFlight | NotStored) -> None:
    reply = other_reply(InboundMessage(b""), outcome, text("rest.refused"))
    assert reply.status == 503
    assert ("Retry-After", "2") in reply.headers
