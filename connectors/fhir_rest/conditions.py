"""At the HTTP door, before the translation: under which condition a sender wants a referral made (If-None-Exist, FHIR R4 3.1.0.8.2)."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import parse_qsl

from connectors.fhir_rest.withdrawals import is_withdrawn
from schemas.fhir.read import objects
from schemas.fhir.strict_json import JsonObject, parse
from schemas.messages import Fact, Identifier, InboundMessage
from schemas.rejection import Issue, Reason, Rejected

_MOST = 10


def condition_of(message: InboundMessage) -> tuple[Identifier, ...]:
    """The identifiers under which no referral may stand yet; empty when the request sets no condition, or withdraws a referral.

    The header `If-None-Exist` of a single resource, `entry.request.ifNoneExist` of a transaction with one ServiceRequest. Raises Rejected
    (invalid, unsupported-batch) for a condition that cannot be judged.
    """
    header = (message.headers or {}).get("if-none-exist")
    if not message.target.startswith("POST") or (header is None and b"ifNoneExist" not in message.body):
        return ()
    requests = _requests(message.body)
    if any(is_withdrawn(request) for _, request, _ in requests):
        return ()
    set_by = [(at, condition) for at, _, condition in requests if condition is not None] or ([("If-None-Exist", header)] if header is not None else [])
    if set_by and len(requests) > 1:
        raise Rejected(Reason.UNSUPPORTED_BATCH, [Issue(Reason.UNSUPPORTED_BATCH, at, "fhir_rest.condition-of-several") for at, _ in set_by])
    return _read(*set_by[0]) if set_by else ()


def pointless(message: InboundMessage, facts: Iterable[Fact]) -> list[Issue]:
    """A warning when a new referral does not carry the identifier that its condition names: the same condition would not find it again."""
    try:
        condition = condition_of(message)
    except Rejected:
        return []
    carried = {one for fact in facts for one in fact.about.identifiers}
    if not condition or carried & set(condition):
        return []
    return [Issue(Reason.RULE_NOT_MET, "If-None-Exist", "fhir_rest.condition-not-own")]


def _requests(body: bytes) -> list[tuple[str, JsonObject, str | None]]:
    """Each ServiceRequest of a body with the condition that stands beside it, and where; none when it cannot be read: translating names why."""
    try:
        sent = parse(body)
    except Rejected:
        return []
    if sent.get("resourceType") != "Bundle":
        return [("If-None-Exist", sent, None)] if sent.get("resourceType") == "ServiceRequest" else []
    found = []
    for index, entry in enumerate(objects(sent.get("entry"))):
        resource, asked = entry.get("resource"), entry.get("request")
        if isinstance(resource, dict) and resource.get("resourceType") == "ServiceRequest":
            wish = asked.get("ifNoneExist") if isinstance(asked, dict) else None
            found.append((f"Bundle.entry[{index}].request.ifNoneExist", resource, None if wish is None else str(wish)))
    return found


def _read(at: str, written: str) -> tuple[Identifier, ...]:
    """`identifier=system|value`, perhaps percent-encoded, perhaps after `?` or `ServiceRequest?`; any other parameter cannot be judged."""
    query = written.strip().rpartition("?")[2]
    try:
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=True, errors="strict", max_num_fields=_MOST) if query else []
    except ValueError:
        pairs = []
    found = tuple(Identifier(*(part.strip() for part in value.split("|", 1))) for name, value in pairs if name == "identifier" and value.count("|") == 1)
    if not found or len(found) != 1 or len(pairs) != 1 or not found[0].value or "," in found[0].value:
        raise Rejected(Reason.INVALID, [Issue(Reason.INVALID, at, "fhir_rest.condition")])
    return found
