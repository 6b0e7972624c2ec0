"""On the same connection: what a sender of plain FHIR hears of its request, a transaction entry by entry."""

from __future__ import annotations

from collections.abc import Sequence

from connectors.fhir_rest.rules import ROOT
from connectors.fhir_rest.withdrawals import is_withdrawn
from schemas.events import FactType
from schemas.fhir.build import operation_outcome
from schemas.fhir.read import objects
from schemas.fhir.strict_json import JsonObject, parse
from schemas.messages import Accepted, Committed, Existing, InboundMessage, Outcome, Reply
from schemas.rejection import Issue, Reason, Rejected
from schemas.rest import etag, other_reply, preferences, resource_reply
from schemas.words import text

_RESPONSE = "QuestionnaireResponse"


def answer(message: InboundMessage, outcome: Outcome) -> Reply:
    """201 with Location and ETag of a new referral, 200 of what was said later of one; a transaction's own response; the first answer again to
    a repeat; 200 of a referral that stands already; 503 while it is worked on; else an OperationOutcome with every fault."""
    if isinstance(outcome, Existing):
        entries = _transaction(message)
        return _transaction_reply(message, entries, [outcome.accepted], "200 OK", ()) if entries else other_reply(message, outcome, text("rest.refused"))
    if not isinstance(outcome, Committed):
        return other_reply(message, outcome, text("rest.update-refused" if _speaks_of_one_that_stands(message) else "rest.refused"))
    if not outcome.accepted:
        return resource_reply(message, 200, operation_outcome([Issue(outcome.ignored or Reason.NOTHING_FOR_US, "")], "information"))
    is_new = outcome.accepted[0].fact is FactType.RECEIVED
    if entries := _transaction(message):
        return _transaction_reply(message, entries, outcome.accepted, "201 Created" if is_new else "200 OK", outcome.warnings)
    headers = _headers(outcome.accepted)
    return resource_reply(message, 201 if is_new else 200, _body(message, outcome), *(headers if is_new else headers[1:]))


def _speaks_of_one_that_stands(message: InboundMessage) -> bool:
    """Whether the message changes or takes back a referral, as far as it can be read."""
    if message.target.startswith("PUT"):
        return True
    try:
        body = parse(message.body) if any(word in message.body for word in _LATER) else {}
    except Rejected:
        return False
    asked = [body, *(entry["resource"] for entry in objects(body.get("entry")) if isinstance(entry.get("resource"), dict))]
    return any(one.get("resourceType") == ROOT and is_withdrawn(one) for one in asked)


_LATER = (b"revoked", b"entered-in-error")


def _headers(accepted: Sequence[Accepted]) -> list[tuple[str, str]]:
    """Where the first referral is and its version; the coordination Task of each."""
    first = accepted[0]
    tasks = [task["id"] for one in accepted if (task := _own(one, "Task")) is not None]
    links = [("Link", ", ".join(f'</fhir/Task/{task}>; rel="related"' for task in tasks))] if tasks else []
    return [("Location", _location(first)), etag(_own(first, ROOT) or {}, first.version), *links]


def _location(accepted: Accepted) -> str:
    return f"/fhir/{ROOT}/{(_own(accepted, ROOT) or {}).get('id', accepted.referral_id)}"


def _own(accepted: Accepted, kind: str) -> JsonObject | None:
    """The referral's own ServiceRequest, or its coordination Task: the first of its type that is not the hub's own request."""
    of_kind = [one for one in accepted.resources if one.get("resourceType") == kind]
    by_id = [one for one in of_kind if one.get("id") == accepted.referral_id]
    return next(iter([*by_id, *(one for one in of_kind if one.get("intent") != "filler-order")]), None)


def _body(message: InboundMessage, outcome: Committed) -> JsonObject | None:
    """What the sender prefers; who will contact the person comes first unless something else was asked for, and always when one is held."""
    wanted = preferences(message.headers).get("return")
    is_held = any(one.held is not None for one in outcome.accepted)
    if wanted == "minimal" and not is_held:
        return None
    request = _own(outcome.accepted[0], ROOT)
    if wanted == "representation" and not is_held and request and len(outcome.accepted) == 1:
        return request
    said = [issue for one in outcome.accepted for issue in _said(one)]
    return {"resourceType": "OperationOutcome", "issue": [*said, *operation_outcome(outcome.warnings, "warning")["issue"]]}


def _said(accepted: Accepted) -> list[JsonObject]:
    """Who will contact the person, or plainly what to do now; why it is held; the reference to quote."""
    first = operation_outcome([], "information", lead=accepted.next_step)["issue"]
    held = operation_outcome([Issue(accepted.held, "")] if accepted.held else [], "warning")["issue"]
    reference = operation_outcome([], "information", lead=text("rest.reference", ref=accepted.ref))["issue"]
    return [*first, *held, *reference]


# --- a transaction ----------------------------------------------------------------------------------------------------------------------


def _transaction(message: InboundMessage) -> list[JsonObject]:
    """The resources of a transaction, in order; empty for any other body."""
    if b"transaction" not in message.body:
        return []
    try:
        body = parse(message.body)
    except Rejected:
        return []
    if body.get("resourceType") != "Bundle" or body.get("type") != "transaction":
        return []
    return [entry["resource"] for entry in objects(body.get("entry")) if isinstance(entry.get("resource"), dict)]


def _transaction_reply(message: InboundMessage, sent: list[JsonObject], accepted: Sequence[Accepted], status: str, warnings: Sequence[Issue]) -> Reply:
    """One response an entry, in the order sent: a referral's with its place and what is done; the rest is kept with the referrals, and has no
    place of its own. The warnings stand with the first referral."""
    requests = any(one.get("resourceType") == ROOT for one in sent)
    waiting = list(accepted)
    entries = []
    for resource in sent:
        if waiting and resource.get("resourceType") == (ROOT if requests else _RESPONSE):
            one = waiting.pop(0)
            more = operation_outcome(warnings if one is accepted[0] else (), "warning")["issue"]
            told = {"resourceType": "OperationOutcome", "issue": [*_said(one), *more]}
            version = etag(_own(one, ROOT) or {}, one.version)[1]
            entries.append({"response": {"status": status, "location": _location(one).removeprefix("/fhir/"), "etag": version, "outcome": told}})
        else:
            kept = operation_outcome([], "information", lead=text("fhir_rest.kept"))
            entries.append({"response": {"status": "200 OK", "outcome": kept}})
    body = {"resourceType": "Bundle", "type": "transaction-response", "entry": entries}
    return resource_reply(message, 200, body, *_headers(accepted)[2:])
