"""At the HTTP door: a hospital's discharge document (FHIR R4). It is a referral where it plainly asks for one, an offer where that was agreed, else nothing."""

from __future__ import annotations

from connectors.discharge_document.document import fingerprint, read_document
from connectors.discharge_document.facts import translated
from schemas.events import FactType
from schemas.fhir.build import operation_outcome
from schemas.fhir.strict_json import JsonObject
from schemas.messages import Committed, InboundMessage, Outcome, Reply, RequestKey, Translation
from schemas.rejection import Issue, Reason, Rejected
from schemas.rest import accept_faults, content_faults, etag, guid, other_reply, preferences, refuse, resource_reply, sent_ids
from schemas.words import Text, text


def identify(message: InboundMessage) -> RequestKey:
    """The key is Idempotency-Key, else X-Request-Id, else what the document says; the journey X-Correlation-Id.

    The condition is the document itself: sent again under a new request id it is no second referral. Raises Rejected with every fault of the
    headers at once.
    """
    headers = message.headers or {}
    own = fingerprint(message.body)
    ids = sent_ids(headers, required=own is None)
    refuse([*content_faults(headers), *accept_faults(headers), *ids.faults])
    return RequestKey(ids.key or (own.value if own else ""), ids.journey, (own,) if own else ())


def translate(message: InboundMessage) -> Translation:
    """`received` for each request for social prescribing, or for plain words; `offered` with an agreed trigger; `person-died`;
    `entered-in-error`; else ignored by name. Raises Rejected with every fault that can be named together."""
    return translated(read_document(message.body), message, _journey(message))


def _journey(message: InboundMessage) -> str | None:
    try:
        return guid(message.headers or {}, "X-Correlation-Id")
    except Rejected:
        return None


# --- the answer -------------------------------------------------------------------------------------------------------------------------


_BEGINS = (FactType.RECEIVED, FactType.OFFERED)


def answer(message: InboundMessage, outcome: Outcome) -> Reply:
    """201 with Location and ETag for a referral or an offer; 200 with what was done, or why nothing was; else as FHIR's REST interface says."""
    if not isinstance(outcome, Committed):
        return other_reply(message, outcome, text("discharge.refused"))
    begun = [one for one in outcome.accepted if one.fact in _BEGINS]
    if not begun:
        return resource_reply(message, 200, _said(outcome))
    ours = (one for one in begun[0].resources if one.get("resourceType") == "ServiceRequest" and one.get("intent") != "filler-order")
    request = next(ours, {})
    headers = [("Location", f"/fhir/ServiceRequest/{request.get('id', begun[0].referral_id)}"), etag(request, begun[0].version)]
    held = any(one.held for one in begun)
    wants_nothing = preferences(message.headers).get("return") == "minimal" and not held
    return resource_reply(message, 201, None if wants_nothing else _said(outcome), *headers)


def _said(outcome: Committed) -> JsonObject:
    """First what happens next, in one plain sentence for each referral; then its reference and why it is held; then every warning."""
    issues: list[JsonObject] = []
    for one in outcome.accepted:
        issues += _told(one.next_step)
        issues += operation_outcome([Issue(one.held, "")] if one.held else [], "warning")["issue"]
        issues += _told(text("rest.reference", ref=one.ref)) if one.fact in _BEGINS else []
    if not outcome.accepted:
        issues += operation_outcome([Issue(outcome.ignored or Reason.NOTHING_FOR_US, "")], "information")["issue"]
    return {"resourceType": "OperationOutcome", "issue": [*issues, *operation_outcome(outcome.warnings, "warning")["issue"]]}


def _told(words: Text) -> list[JsonObject]:
    said: list[JsonObject] = operation_outcome([], "information", lead=words)["issue"]
    return said
