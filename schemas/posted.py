"""At the HTTP door, for a connector whose sender posts a message of its own shape: its key, the places of its issues, its answer.

What `connectors/fhir_rest` does for FHIR by itself, any other format that is posted may leave to these functions.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace

from schemas.fhir.build import operation_outcome
from schemas.fhir.strict_json import JsonObject, shown
from schemas.messages import Accepted, Committed, InboundMessage, Outcome, Reply, RequestKey
from schemas.rejection import Issue, Reason, Rejected
from schemas.rest import accept_faults, content_faults, guid, other_reply, refuse, resource_reply, sent_ids
from schemas.words import text


def request_key(message: InboundMessage, content_types: Collection[str] = ()) -> RequestKey:
    """The key is Idempotency-Key, else X-Request-Id; the journey X-Correlation-Id; each a GUID. `content_types`: those of a message that is no JSON.

    Raises Rejected with every fault of the headers at once (request ids, Content-Type, Accept).
    """
    headers = message.headers or {}
    ids = sent_ids(headers)
    refuse([*content_faults(headers, content_types), *accept_faults(headers), *ids.faults])
    return RequestKey(str(ids.key), ids.journey)


def journey(message: InboundMessage) -> str | None:
    """The journey for `about.correlation`; None when no sound one was sent."""
    try:
        return guid(message.headers or {}, "X-Correlation-Id")
    except Rejected:
        return None


def placed(issues: Iterable[Issue], places: Mapping[str, str]) -> list[Issue]:
    """The issues with their places said in the sender's own names. `places` gives FHIR path → the sender's field; the longest path that an
    issue's place begins with counts, and what no row names keeps its place."""
    return [replace(issue, at=_place(issue.at, places)) for issue in issues]


def _place(at: str, places: Mapping[str, str]) -> str:
    return next((places[path] for path in sorted(places, key=len, reverse=True) if at == path or at.startswith((f"{path}.", f"{path}["))), at)


def heard(bundle: JsonObject, sent: object) -> JsonObject:
    """The bundle as triage hears it (`as_sent` of `read_referral`): with every word of what was sent beside it, also of fields that nobody maps.
    Leave out of `sent` what holds names and addresses."""
    words = list(sent.values()) if isinstance(sent, dict) else sent
    return {**bundle, "entry": [*bundle["entry"], {"resource": {"words": words}}]}


def unread(body: JsonObject, known: Iterable[str]) -> list[Issue]:
    """A warning for each field that will not be read: one whose place (`person.born`) is not among those known, and one that is known but
    holds no text. Null and blank say nothing. Lists are not walked: what repeats is the connector's own."""
    places = frozenset(known)
    groups = frozenset(place.rpartition(".")[0] for place in places) - {""}
    return list(_unread(body, "", places, groups))


def _unread(body: JsonObject, within: str, places: frozenset[str], groups: frozenset[str]) -> Iterator[Issue]:
    for name, value in body.items():
        plain, at = within + name, within + shown(name)
        if plain in groups and isinstance(value, dict):
            yield from _unread(value, f"{plain}.", places, groups)
        elif value is None or (plain in places and isinstance(value, str)):
            continue
        elif plain in places or plain in groups:
            yield Issue(Reason.ELEMENT_REMOVED, at)
        else:
            yield Issue(Reason.UNKNOWN_ELEMENT, at)


def answered(message: InboundMessage, outcome: Outcome) -> Reply:
    """201 with Location, saying first who will contact the person and by when; the first answer again to a repeat; 503 while it is worked
    on or cannot be stored; else every fault with its place. Always an OperationOutcome in both languages."""
    if not isinstance(outcome, Committed):
        return other_reply(message, outcome, text("rest.refused"))
    if not outcome.accepted:
        return resource_reply(message, 200, operation_outcome([Issue(outcome.ignored or Reason.NOTHING_FOR_US, "")], "information"))
    issues = [issue for one in outcome.accepted for issue in _said(one)]
    warned = operation_outcome(outcome.warnings, "warning")["issue"]
    location = ("Location", f"/fhir/ServiceRequest/{outcome.accepted[0].referral_id}")
    return resource_reply(message, 201, {"resourceType": "OperationOutcome", "issue": [*issues, *warned]}, location)


def _said(accepted: Accepted) -> list[dict[str, object]]:
    """What is said of one referral: the next step, why it is held if it is, its reference."""
    held = operation_outcome([Issue(accepted.held, "")] if accepted.held else [], "warning")["issue"]
    lead, reference = (operation_outcome([], "information", lead=words)["issue"] for words in (accepted.next_step, text("rest.reference", ref=accepted.ref)))
    return [*lead, *held, *reference]
