"""At the HTTP door and on the way back: plain FHIR. Referrals come in as FHIR says them, their referrers hear of them by signed webhook."""

from __future__ import annotations

import re
from dataclasses import replace
from uuid import UUID

from connectors.fhir_rest.answers import answer
from connectors.fhir_rest.bundles import translate_bundle
from connectors.fhir_rest.conditions import condition_of, pointless
from connectors.fhir_rest.notices import compose, judge
from connectors.fhir_rest.questionnaires import is_response, translate_response
from connectors.fhir_rest.requests import NAME, translate_request
from connectors.fhir_rest.rules import ROOT
from connectors.fhir_rest.withdrawals import is_withdrawn, translate_withdrawal
from schemas.events import FactType
from schemas.fhir.read import objects
from schemas.fhir.strict_json import JsonObject, parse
from schemas.messages import Identifier, InboundMessage, RequestKey, Target, Translation
from schemas.rejection import Issue, Reason, Rejected
from schemas.rest import accept_faults, content_faults, if_match, refuse, sent_ids, type_fault

__all__ = ["NAME", "answer", "compose", "identify", "judge", "translate"]


def identify(message: InboundMessage) -> RequestKey:
    """The key is Idempotency-Key, else X-Request-Id, with the id that a PUT names: the same words about two referrals are two requests. The journey
    is X-Correlation-Id. Each is a GUID. The condition is If-None-Exist.

    Raises Rejected with every fault of the headers at once (request ids, Content-Type, Accept, If-Match, the condition).
    """
    headers = message.headers or {}
    ids = sent_ids(headers)
    faults = [*content_faults(headers), *accept_faults(headers), *ids.faults]
    condition: tuple[Identifier, ...] = ()
    try:
        _ = _version_seen(message)
        condition = condition_of(message)
    except Rejected as fault:
        faults += fault.issues
    refuse(faults)
    about = _named_id(message)
    return RequestKey(f"{ids.key}/{about}" if about else str(ids.key), ids.journey, condition)


def translate(message: InboundMessage) -> Translation:
    """What a body says, whichever door it came to: a ServiceRequest, a Bundle of them, or a QuestionnaireResponse; at PUT the ServiceRequest
    that replaces the one of that id. A request that is revoked or was entered in error speaks of a referral that stands.

    Raises Rejected with every fault that can be named together.
    """
    _refuse_xml(message.body)
    body = parse(message.body)
    if message.target.startswith("PUT"):
        return _update(message, body)
    made = _new(message, body)
    return replace(made, warnings=(*made.warnings, *pointless(message, made.facts)))


def _new(message: InboundMessage, body: JsonObject) -> Translation:
    if body.get("resourceType") == "Bundle":
        return translate_bundle(message, body)
    if is_response(body):
        return translate_response(message, body)
    refuse(_type_faults(body))
    if is_withdrawn(body) and (_names_itself(body) or (message.headers or {}).get("x-correlation-id")):
        return translate_withdrawal(message, body)
    return translate_request(message, body)


def _refuse_xml(body: bytes) -> None:
    """XML is named, not called broken JSON."""
    if re.match(rb"(?:\xef\xbb\xbf)?\s*<", body[:64]):
        refuse([Issue(Reason.UNSUPPORTED_MEDIA, "Content-Type", "fhir_rest.xml")])


def _type_faults(body: JsonObject) -> list[Issue]:
    found = body.get("resourceType")
    if found in ("ReferralRequest", "ProcedureRequest"):
        return [Issue(Reason.UNSUPPORTED_VERSION, "resourceType", "fhir_rest.old-type", {"found": str(found)})]
    fault = type_fault(body, ROOT)
    return [fault] if fault else []


def _names_itself(body: JsonObject) -> bool:
    return any(one.get("value") for one in objects(body.get("identifier")))


# --- an update by PUT -------------------------------------------------------------------------------------------------------------------


def _version_seen(message: InboundMessage) -> int | None:
    """The version that an update's sender read. Raises Rejected (version-required, invalid); no other request names one."""
    return if_match(message.headers or {}) if message.target.startswith("PUT") else None


def _named_id(message: InboundMessage) -> str | None:
    """The id in the path of a PUT; None for one that cannot be ours."""
    try:
        return str(UUID(message.path.get("id", "")))
    except ValueError:
        return None


def _update(message: InboundMessage, body: JsonObject) -> Translation:
    """What a referrer says later of its referral, which its path names. Raises Rejected (not-found for an id that cannot be ours)."""
    refuse(_type_faults(body))
    if (wanted := _named_id(message)) is None:
        raise Rejected(Reason.NOT_FOUND, [Issue(Reason.NOT_FOUND, ROOT)])
    named = body.get("id")
    refuse([Issue(Reason.INVALID, f"{ROOT}.id", "fhir_rest.other-id")] if named is not None and str(named).lower() != wanted else ())
    target = Target(wanted, _version_seen(message))
    if is_withdrawn(body):
        return translate_withdrawal(message, body, target)
    return translate_request(message, body, FactType.UPDATED, target)
