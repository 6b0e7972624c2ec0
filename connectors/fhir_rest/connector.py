"""At the HTTP door and on the way back: plain FHIR. A ServiceRequest comes in, its referrer hears of it by signed webhook."""

from __future__ import annotations

from collections.abc import Iterator

from connectors.fhir_rest.rules import broken_rules
from schemas.events import FactType
from schemas.fhir.build import message as message_bundle
from schemas.fhir.build import operation_outcome
from schemas.fhir.prune import prune
from schemas.fhir.strict_json import JsonObject, parse
from schemas.messages import (
    About,
    Accepted,
    Committed,
    Fact,
    Identifier,
    InboundMessage,
    Notice,
    OutboundMessage,
    Outcome,
    ReceiverReply,
    Reply,
    RequestKey,
    Translation,
    Verdict,
)
from schemas.profile import Profile
from schemas.referral import read_referral
from schemas.rejection import Issue, Reason, Rejected
from schemas.rest import accept_faults, content_faults, etag, guid, other_reply, preferences, refuse, resource_reply, type_fault
from schemas.webhook import bare_task, judged, webhook
from schemas.words import text

NAME = "fhir_rest"


# --- in ---------------------------------------------------------------------------------------------------------------------------------


def identify(message: InboundMessage) -> RequestKey:
    """The key is Idempotency-Key, else X-Request-Id; the journey X-Correlation-Id; each a GUID.

    Raises Rejected with every fault of the headers at once (request ids, Content-Type, Accept).
    """
    headers = message.headers or {}
    found: dict[str, str | None] = {}
    faults = [*content_faults(headers), *accept_faults(headers)]
    for name in ("Idempotency-Key", "X-Request-Id", "X-Correlation-Id"):
        try:
            found[name] = guid(headers, name)
        except Rejected as fault:
            faults += fault.issues
    if not headers.get("idempotency-key") and not headers.get("x-request-id"):
        faults.append(Issue(Reason.REQUIRED, "X-Request-Id", "rest.request-id"))
    refuse(faults)
    key = found["Idempotency-Key"] or found["X-Request-Id"]
    return RequestKey(str(key), found["X-Correlation-Id"])


def translate(message: InboundMessage) -> Translation:
    """One `referral.received.v1` with the sender's ServiceRequest as it came, but for elements that fail the structure check.

    Raises Rejected with every fault that can be named together: structure, release, status, references, who it is about.
    """
    body = parse(message.body)
    refuse(_types(body))
    sound, warnings, faults = _checked(body)
    broken, elsewhere = broken_rules(body)
    faults += broken
    if preferences(message.headers).get("handling") == "strict":
        faults += warnings
    bundle = message_bundle(message.body, NAME, FactType.RECEIVED.value, [(None, sound)], focus="ServiceRequest")
    try:
        referral, of_referral = read_referral(bundle, "other", message.profile, message.received_at, {"entry": [{"resource": body}]})
    except Rejected as fault:
        refuse([*faults, *(issue for issue in fault.issues if issue.at not in {one.at for one in faults})])
        raise
    refuse(faults)
    fact = Fact(FactType.RECEIVED, bundle, About(_journey(message), _identifiers(sound)), referral)
    return Translation((fact,), (*warnings, *elsewhere, *of_referral))


def _types(body: JsonObject) -> Iterator[Issue]:
    found = body.get("resourceType")
    if found in ("ReferralRequest", "ProcedureRequest"):
        yield Issue(Reason.UNSUPPORTED_VERSION, "resourceType", "fhir_rest.old-type", {"found": str(found)})
    elif fault := type_fault(body, "ServiceRequest"):
        yield fault


def _checked(body: JsonObject) -> tuple[JsonObject, list[Issue], list[Issue]]:
    """What of the resource is sound, the warnings, and the faults; with faults the resource is as it was sent."""
    try:
        sound, warnings = prune(body)
    except Rejected as fault:
        return body, [], list(fault.issues)
    return sound, list(warnings), []


def _journey(message: InboundMessage) -> str | None:
    try:
        return guid(message.headers or {}, "X-Correlation-Id")
    except Rejected:
        return None


def _identifiers(request: JsonObject) -> tuple[Identifier, ...]:
    """The sender's own identifiers of this referral."""
    sent = request.get("identifier") or ()
    return tuple(Identifier(str(one.get("system") or ""), str(one["value"])) for one in sent if isinstance(one, dict) and one.get("value"))


# --- the answer -------------------------------------------------------------------------------------------------------------------------


def answer(message: InboundMessage, outcome: Outcome) -> Reply:
    """201 with Location and ETag; the first answer again to a repeat; 503 while it is worked on; else an OperationOutcome with every fault."""
    if not isinstance(outcome, Committed):
        return other_reply(message, outcome, text("rest.refused"))
    if not outcome.accepted:
        return resource_reply(message, 200, operation_outcome([Issue(outcome.ignored or Reason.NOTHING_FOR_US, "")], "information"))
    accepted = outcome.accepted[0]
    request = _own(accepted, "ServiceRequest") or {}
    task = _own(accepted, "Task")
    headers = [("Location", f"/fhir/ServiceRequest/{request.get('id', accepted.referral_id)}"), etag(request, accepted.version)]
    if task is not None:
        headers.append(("Link", f'</fhir/Task/{task["id"]}>; rel="related"'))
    return resource_reply(message, 201, _body(message, outcome, accepted, request), *headers)


def _own(accepted: Accepted, kind: str) -> JsonObject | None:
    """The referral's own ServiceRequest, or its coordination Task: the first of its type that is not the hub's own request."""
    of_kind = [one for one in accepted.resources if one.get("resourceType") == kind]
    by_id = [one for one in of_kind if one.get("id") == accepted.referral_id]
    return next(iter([*by_id, *(one for one in of_kind if one.get("intent") != "filler-order")]), None)


def _body(message: InboundMessage, outcome: Committed, accepted: Accepted, request: JsonObject) -> JsonObject | None:
    """What the sender prefers; who will contact the person comes first unless something else was asked for, and always when it is held."""
    wanted = preferences(message.headers).get("return")
    if wanted == "minimal" and accepted.held is None:
        return None
    if wanted == "representation" and accepted.held is None and request:
        return request
    said = operation_outcome([Issue(accepted.held, "")] if accepted.held else [], "warning")["issue"]
    warned = operation_outcome(outcome.warnings, "warning")["issue"]
    first = operation_outcome([], "information", lead=accepted.next_step)["issue"]
    reference = operation_outcome([], "information", lead=text("rest.reference", ref=accepted.ref))["issue"]
    return {"resourceType": "OperationOutcome", "issue": [*first, *said, *reference, *warned]}


# --- out --------------------------------------------------------------------------------------------------------------------------------

_TOLD = """resourceType id meta identifier basedOn partOf status statusReason businessStatus intent priority code focus authoredOn
lastModified owner restriction"""
_TASK_ELEMENTS = frozenset(_TOLD.split())
_MOST_IDENTIFIERS = 20


def compose(notice: Notice, profile: Profile) -> OutboundMessage:  # noqa: ARG001  (the referrer's words go out in both languages)
    """What the referrer is told, under 20 kB: ids, words and the coordination Task without the person. Standard Webhooks, to be signed."""
    data = {
        "referral": notice.ref,
        "id": notice.referral_id,
        "version": notice.version,
        "correlation": notice.journey,
        "reason": notice.reason,
        "prescriber": notice.prescriber,
        "contact_by": notice.contact_by,
        "text": {"en": notice.words.en, "cy": notice.words.cy},
        "identifiers": [{"system": one.system, "value": one.value} for one in notice.identifiers[:_MOST_IDENTIFIERS]],
        "task": bare_task(notice.task, _TASK_ELEMENTS),
    }
    made = webhook(notice, data)
    return made if len(made.body) < 20_000 else webhook(notice, data | {"identifiers": [], "task": bare_task(notice.task, frozenset({"id", "status"}))})


def judge(outbound: OutboundMessage, reply: ReceiverReply) -> Verdict:  # noqa: ARG001  (an HTTP answer speaks for itself)
    """What the referrer's system answered means."""
    return judged(reply)
