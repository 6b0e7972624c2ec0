"""On the way out and at the door again: a case system is told of hand-overs, and what its link workers do comes back as FHIR Tasks."""

from __future__ import annotations

import hashlib
import re

from connectors.case_management.updates import read_update
from schemas.fhir.build import REASON_SYSTEM, operation_outcome
from schemas.fhir.build import message as message_bundle
from schemas.fhir.prune import prune
from schemas.fhir.read import codings, string
from schemas.fhir.strict_json import JsonObject, parse
from schemas.messages import (
    About,
    Accepted,
    Committed,
    Fact,
    InboundMessage,
    Notice,
    OutboundMessage,
    Outcome,
    ReceiverReply,
    Reply,
    RequestKey,
    TaskUpdate,
    Translation,
    Verdict,
)
from schemas.profile import Profile
from schemas.rejection import Issue, Reason, Rejected
from schemas.rest import accept_faults, content_faults, etag, guid, if_match, other_reply, preferences, refuse, resource_reply, sent_ids, type_fault
from schemas.webhook import bare_task, judged, webhook
from schemas.words import text

NAME = "case_management"
_LATER = frozenset("resourceType id status businessStatus intent priority code focus authoredOn lastModified".split())  # noqa: SIM905
_LARGEST_BUNDLE = 256_000


# --- in ---------------------------------------------------------------------------------------------------------------------------------


def identify(message: InboundMessage) -> RequestKey:
    """Over HTTP the key is Idempotency-Key or X-Request-Id, else made of the Task, the version seen and the body, so that the same update
    sent twice is one. On Kafka it is ce_id. Raises Rejected with every fault of the headers at once."""
    headers = message.headers or {}
    if message.target.startswith("from."):
        refuse(_record_faults(message))
        return RequestKey(headers["ce_id"].strip(), _journey(message))
    ids = sent_ids(headers, required=False)
    faults = [*content_faults(headers), *accept_faults(headers), *ids.faults]
    try:
        if_match(headers)
    except Rejected as fault:
        faults += fault.issues
    refuse(faults)
    return RequestKey(ids.key or _derived_key(message), ids.journey)


def _derived_key(message: InboundMessage) -> str:
    seen = (message.headers or {}).get("if-match", "").strip()
    return hashlib.sha256(b"\n".join((message.path.get("id", "").encode(), seen.encode(), message.body))).hexdigest()


def _record_faults(message: InboundMessage) -> list[Issue]:
    headers, faults = message.headers or {}, []
    if not re.fullmatch(r"[\x21-\x7e]{1,128}", headers.get("ce_id", "").strip()):
        faults.append(Issue(Reason.REQUIRED, "ce_id", "case.event-id"))
    if _sequence(message) is None:
        faults.append(Issue(Reason.REQUIRED, "ce_sequence", "case.sequence"))
    return faults


def _sequence(message: InboundMessage) -> int | None:
    sent = (message.headers or {}).get("ce_sequence", "").strip()
    return int(sent) if sent.isascii() and sent.isdigit() and len(sent) <= 18 else None


def translate(message: InboundMessage) -> Translation:
    """One fact of the hand-over table with the Task as far as later facts may carry it: status, reason code and ids, nothing of the person.

    Raises Rejected with every fault: structure, the Task's id, If-Match, a status that the owner of a hand-over does not set.
    """
    body = parse(message.body)
    refuse([fault] if (fault := type_fault(body, "Task")) else ())
    faults = _id_faults(message, body)
    warnings: list[Issue] = []
    try:
        body, pruned = prune(body)
        warnings += pruned
    except Rejected as fault:
        faults += fault.issues
    if preferences(message.headers).get("handling") == "strict":
        faults += warnings
    if "id" not in body and not faults:
        faults.append(Issue(Reason.INVALID, "Task.id"))
    try:
        found = read_update(body)
    except Rejected as fault:
        refuse([*faults, *fault.issues])
        raise
    refuse(faults)
    warnings += found.warnings
    if found.fact is None:
        return Translation(warnings=tuple(warnings), ignored=Reason.NOTHING_FOR_US)
    bundle = message_bundle(message.body, NAME, found.fact.value, [(None, thin(body, found.reason))], focus="Task", reason=found.reason)
    update = TaskUpdate(body["id"], _version_seen(message), _sequence(message), found.reason)
    return Translation((Fact(found.fact, bundle, About(_journey(message)), update=update, reason=found.reason),), tuple(warnings))


def thin(task: JsonObject, reason: str | None) -> JsonObject:
    """The Task as later facts may carry it (design.md 4, Payload): no person, no notes, no words; codes and references only."""
    made = bare_task(task, _LATER)
    for name in ("code", "businessStatus"):
        if name in made:
            made[name] = {"coding": [({"system": one.system} if one.system else {}) | {"code": one.code} for one in codings(task, name, "Task")]}
    if reason is not None:
        made["statusReason"] = {"coding": [{"system": REASON_SYSTEM, "code": reason}]}
    if "focus" in made:
        made["focus"] = {"reference": reference} if (reference := string(task["focus"], "reference")) else {}
    return {name: value for name, value in made.items() if value not in ({}, {"coding": []})}


def _id_faults(message: InboundMessage, body: JsonObject) -> list[Issue]:
    """FHIR R4 3.1.0.4: the body of an update carries the id of the address."""
    wanted, sent = message.path.get("id"), body.get("id")
    if sent is None:
        return [Issue(Reason.REQUIRED, "Task.id", "case.path" if wanted else "case.task-id")]
    return [Issue(Reason.INVALID, "Task.id", "case.path")] if wanted is not None and sent != wanted else []


def _version_seen(message: InboundMessage) -> int | None:
    """None on Kafka, where the sequence counts, and where no headers are known."""
    if message.headers is None or message.target.startswith("from.") or "if-match" not in message.headers:
        return None
    return if_match(message.headers)


def _journey(message: InboundMessage) -> str | None:
    try:
        return guid(message.headers or {}, "ce_correlationid" if message.target.startswith("from.") else "X-Correlation-Id")
    except Rejected:
        return None


# --- the answer -------------------------------------------------------------------------------------------------------------------------


def answer(message: InboundMessage, outcome: Outcome) -> Reply:
    """200 with the Task as it is now and its ETag; 409, 412, 404 and 428 as an OperationOutcome; 503 while it is worked on."""
    if not isinstance(outcome, Committed):
        return other_reply(message, outcome, text("rest.update-refused"))
    accepted = next(iter(outcome.accepted), None)
    task = _task(message, accepted) if accepted else None
    if accepted is None or task is None:
        lead = accepted.next_step if accepted else text(f"reason.{outcome.ignored or Reason.NOTHING_FOR_US}")
        issues = operation_outcome(outcome.warnings, "warning")["issue"]
        first = operation_outcome([], "information", lead=lead)["issue"]
        return resource_reply(message, 200, {"resourceType": "OperationOutcome", "issue": [*first, *issues]})
    headers = (etag(task, accepted.version), ("Content-Location", f"/fhir/Task/{task['id']}"))
    return _task_reply(message, outcome, task, headers)


def _task_reply(message: InboundMessage, outcome: Committed, task: JsonObject, headers: tuple[tuple[str, str], ...]) -> Reply:
    wanted = preferences(message.headers).get("return")
    if wanted == "minimal":
        return resource_reply(message, 200, None, *headers)
    if wanted == "operationoutcome":
        first = operation_outcome([], "information", lead=text("case.recorded"))["issue"]
        said = [*first, *operation_outcome(outcome.warnings, "warning")["issue"]]
        return resource_reply(message, 200, {"resourceType": "OperationOutcome", "issue": said}, *headers)
    return resource_reply(message, 200, task, *headers)


def _task(message: InboundMessage, accepted: Accepted) -> JsonObject | None:
    """The Task that was updated: the one of the address, else the first that the outcome holds."""
    tasks = [one for one in accepted.resources if one.get("resourceType") == "Task"]
    named = [one for one in tasks if one.get("id") == message.path.get("id")]
    return next(iter([*named, *tasks]), None)


# --- out --------------------------------------------------------------------------------------------------------------------------------


def compose(notice: Notice, profile: Profile) -> OutboundMessage:  # noqa: ARG001  (workers read both languages)
    """What a case system is told: the hand-over Task and why, in both languages; with an assignment the referral itself. The same JSON goes
    by signed webhook and on `to.<client>`. A referral too large for a webhook is left out and read at `read`."""
    bundle = notice.bundle
    data = {
        "referral": notice.ref,
        "id": notice.referral_id,
        "version": notice.version,
        "correlation": notice.journey,
        "reason": notice.reason,
        "contact_by": notice.contact_by,
        "text": {"en": notice.words.en, "cy": notice.words.cy},
        "task": notice.task,
        "read": f"/fhir/Task/{notice.task.get('id')}",
        "bundle": bundle,
    }
    made = webhook(notice, data)
    return made if bundle is None or len(made.body) <= _LARGEST_BUNDLE else webhook(notice, data | {"bundle": None})


def judge(outbound: OutboundMessage, reply: ReceiverReply) -> Verdict:  # noqa: ARG001  (an HTTP answer speaks for itself)
    """What the case system answered means."""
    return judged(reply)
