"""At the BaRS door, on the way out: what the sender hears on the same connection (BaRS API guide, synchronous responses and errors)."""

from __future__ import annotations

from dataclasses import replace
from typing import assert_never
from uuid import NAMESPACE_URL, uuid5

from connectors.bars.bundles import OURS, Sent, encounter, header, message_bundle, read_sent, request_as_answered
from connectors.bars.headers import asked_version
from connectors.bars.systems import HTTP_ERRORS, OUTCOME_PROFILE
from schemas.codes.bars import http_error_code
from schemas.fhir.build import issue_type, operation_outcome
from schemas.fhir.read import objects
from schemas.fhir.strict_json import JsonObject, dump, parse
from schemas.messages import Accepted, Committed, Existing, InboundMessage, InFlight, NotStored, Outcome, Repeated, Reply
from schemas.rejection import Issue, Reason, Rejected
from schemas.rest import echoed, main_reason, status_of
from schemas.words import Text, text

_STATUS = {
    Reason.TOO_LARGE: 422,
    Reason.STALE_VERSION: 409,
    Reason.MULTIPLE_MATCHES: 404,
    Reason.DUPLICATE: 409,
    Reason.IN_FLIGHT: 425,
    Reason.IDENTITY_CONFLICT: 409,
    Reason.IDENTITY_MISMATCH: 409,
}
"""Where the standard has another status than plain FHIR."""
_KINDS = {
    Reason.TOO_LARGE: "too-costly",
    Reason.MULTIPLE_MATCHES: "multiple-matches",
    Reason.ILLEGAL_TRANSITION: "conflict",
    Reason.WRONG_SERVICE: "not-supported",
}
"""Where the standard has another issue code than plain FHIR would give."""
_STANDS = frozenset({Reason.NOT_FOUND, Reason.MULTIPLE_MATCHES, Reason.ILLEGAL_TRANSITION, Reason.STALE_VERSION, Reason.IDENTITY_MISMATCH})


def answered(message: InboundMessage, outcome: Outcome) -> Reply:
    """The answer to every outcome; each carries the sender's two ids."""
    match outcome:
        case Committed(accepted=()):
            return _nothing_done(message, outcome)
        case Committed():
            return _success(message, outcome, outcome.accepted[0])
        case Repeated(first=first):
            return _outcome_reply(message, 409, _duplicate(first))
        case Existing(accepted=stands):
            return _outcome_reply(message, 409, [_had_before(), _plain("information", "informational", 409, stands.next_step)])
        case InFlight(retry_after=seconds):
            return _later(message, 425, Reason.IN_FLIGHT, seconds)
        case NotStored(retry_after=seconds):
            return _later(message, 503, Reason.STORE_UNAVAILABLE, seconds)
        case Rejected():
            return _refusal(message, outcome)
        case _ as never:
            assert_never(never)


# --- taken ------------------------------------------------------------------------------------------------------------------------------


def _success(message: InboundMessage, outcome: Committed, accepted: Accepted) -> Reply:
    """A response Bundle: our header, the ServiceRequest under our id at the sender's fullUrl, our Encounter with the case number, our Task,
    and an OperationOutcome that says who does what now, and every warning."""
    sent, version = _sent(message), asked_version(message)
    at = message.received_at.isoformat(timespec="milliseconds") if message.received_at else sent.timestamp
    said = _said(outcome, accepted)
    request = request_as_answered(accepted, sent)
    visit = encounter(accepted.referral_id, accepted.ref, "planned", request["subject"], at)
    task = next((one for one in accepted.resources if one.get("resourceType") == "Task"), None)
    url = sent.request_url or f"urn:uuid:{accepted.referral_id}"
    details = _urn(accepted, "outcome")
    first = header(_id(message, sent, accepted, "header"), sent, [url], at, details=details)
    entries = [(_urn(accepted, "header"), first), (url, request), (f"urn:uuid:{visit['id']}", visit)]
    entries += [(f"urn:uuid:{task['id']}", task)] if task else []
    body = message_bundle(_id(message, sent, accepted, "bundle"), [*entries, (details, said)], at, version)
    location = ("Location", f"{OURS}/ServiceRequest/{accepted.referral_id}")
    return Reply(200, (dump(body),), _content_type(message), (*echoed(message), location))


def _sent(message: InboundMessage) -> Sent:
    """The message; where it has no id of its own, the request's."""
    sent = read_sent(message.body)
    asked = (message.headers or {}).get("x-request-id")
    return sent if sent.message_id else replace(sent, message_id=asked)


def _id(message: InboundMessage, sent: Sent, accepted: Accepted, part: str) -> str:
    asked = (message.headers or {}).get("x-request-id", "") or sent.message_id or ""
    return str(uuid5(NAMESPACE_URL, f"{accepted.referral_id}/{accepted.version}/{asked}/{part}"))


def _urn(accepted: Accepted, part: str) -> str:
    return f"urn:uuid:{uuid5(NAMESPACE_URL, f'{accepted.referral_id}/{accepted.version}/{part}')}"


def _said(outcome: Committed, accepted: Accepted) -> JsonObject:
    """Who contacts the person and by when, or what to do now; then why it is held; the reference to quote; every warning."""
    first = operation_outcome([], "information", lead=accepted.next_step)["issue"]
    held = operation_outcome([Issue(accepted.held, "")] if accepted.held else [], "warning")["issue"]
    reference = operation_outcome([], "information", lead=text("rest.reference", ref=accepted.ref))["issue"]
    warned = operation_outcome(outcome.warnings, "warning")["issue"]
    return _profiled([*first, *held, *reference, *warned])


def _nothing_done(message: InboundMessage, outcome: Committed) -> Reply:
    """The same request was taken before and its referral has been erased since: for the sender a success, as any repeat."""
    if outcome.ignored is Reason.DUPLICATE:
        return _outcome_reply(message, 409, [_had_before()])
    return _outcome_reply(message, 200, operation_outcome([Issue(outcome.ignored or Reason.NOTHING_FOR_US, "")], "information")["issue"])


def _duplicate(first: Reply) -> list[JsonObject]:
    """That it was dealt with, and what the first answer said: its sender may never have read it."""
    try:
        entries = objects(parse(b"".join(first.parts)).get("entry"))
    except Rejected:
        entries = []
    resources = [entry["resource"] for entry in entries if isinstance(entry.get("resource"), dict)]
    said = [issue for one in resources if one.get("resourceType") == "OperationOutcome" for issue in objects(one.get("issue"))]
    return [_had_before(), *said]


def _had_before() -> JsonObject:
    return _plain("error", "duplicate", 409, text("bars.duplicate"))


# --- not taken --------------------------------------------------------------------------------------------------------------------------


def _refusal(message: InboundMessage, rejected: Rejected) -> Reply:
    reason = main_reason(rejected)
    status = _status(reason, rejected)
    lead = _plain("error", _KINDS.get(reason) or issue_type(reason), status, _lead(message, rejected))
    issues = operation_outcome(rejected.issues)["issue"]
    for issue in issues:
        issue["details"]["coding"].insert(0, _coding(status))
    later = (("Retry-After", "5"),) if status in (429, 503) else ()
    return _outcome_reply(message, status, [lead, *issues], *later)


def _status(reason: Reason, rejected: Rejected) -> int:
    """A resource that is no message at all is a bad request; a sound message of a kind that the hub does not take cannot be processed."""
    if reason is Reason.UNSUPPORTED_TYPE:
        return 400 if any(one.at == "resourceType" for one in rejected.issues) else 422
    return _STATUS.get(reason, status_of(reason))


def _lead(message: InboundMessage, rejected: Rejected) -> Text:
    """What happened to the whole, plainly; a refused cancellation leaves the referral as it was, and its sender must know."""
    if not message.body:
        return text("rest.request-refused")  # something was asked, or the door read no further
    is_change = rejected.reason in _STANDS or read_sent(message.body).reason in ("update", "delete")
    if rejected.reason is Reason.WRONG_SERVICE and not is_change:
        return text("rest.wrong-service")
    return text("bars.change-refused" if is_change else "rest.refused")


def _later(message: InboundMessage, status: int, reason: Reason, seconds: int) -> Reply:
    issue = _plain("error", "transient", status, Issue(reason, "").text)
    return _outcome_reply(message, status, [issue], ("Retry-After", str(max(1, seconds))))


# --- OperationOutcome -------------------------------------------------------------------------------------------------------------------


def _plain(severity: str, code: str, status: int, words: Text) -> JsonObject:
    """One issue in words, with the standard's error code where it is an error."""
    details: JsonObject = operation_outcome([], "information", lead=words)["issue"][0]["details"]
    if severity == "error":
        details = {"coding": [_coding(status)], **details}
    return {"severity": severity, "code": code, "details": details}


def _coding(status: int) -> JsonObject:
    return {"system": HTTP_ERRORS, "code": http_error_code(status)}


def _profiled(issues: list[JsonObject]) -> JsonObject:
    return {"resourceType": "OperationOutcome", "meta": {"profile": [OUTCOME_PROFILE]}, "issue": issues}


def _outcome_reply(message: InboundMessage, status: int, issues: list[JsonObject], *headers: tuple[str, str]) -> Reply:
    return Reply(status, (dump(_profiled(issues)),), _content_type(message), (*echoed(message), *headers))


def _content_type(message: InboundMessage) -> str:
    return f"application/fhir+json; version={asked_version(message)}"
