"""In reading: `$validate` (FHIR R4 3.1.0.14): what the door would say of a message, every fault and warning, with nothing stored and nothing sent."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

from hub.registry import Registered, Registry
from hub.transports.http_messages import HttpReply, HttpRequest, Respond
from schemas.fhir.build import operation_outcome
from schemas.fhir.read import objects
from schemas.fhir.strict_json import dump, parse
from schemas.messages import InboundMessage, Reply, Translation
from schemas.rejection import Issue, Reason, Rejected
from schemas.rest import accept_faults, content_faults, refusal_reply
from schemas.words import text

JsonObject = dict[str, Any]  # Any: FHIR JSON
TARGET = "POST /fhir/ServiceRequest"


def judge(registry: Registry) -> Registered | None:
    """The connector that reads what is posted as plain FHIR; None where there is none."""
    return next((one for one, listener in registry.listeners("http") if listener.target == TARGET), None)


def validates(judge: Registered) -> Respond:
    """The answer is 200 whatever is wrong with the resource, as FHIR has it; a media type that is not spoken is refused."""

    async def respond(request: HttpRequest) -> HttpReply:
        headers = request.head.joined
        message = InboundMessage(request.body, TARGET, headers, {}, datetime.now(UTC), request.sender.id, request.sender.profile)
        faults = [*content_faults(headers), *accept_faults(headers)]
        if faults:
            return _http(refusal_reply(message, Rejected(faults[0].reason, faults), text("rest.validate-not-tried")))
        return HttpReply(200, dump(await asyncio.to_thread(_outcome, judge, message)))

    return respond


def _outcome(judge: Registered, message: InboundMessage) -> JsonObject:
    try:
        found = judge.connector.translate(_of_parameters(message))
    except Rejected as rejected:
        return operation_outcome(rejected.issues, lead=text("rest.validate-refused"))
    return _of_sound(found)


def _of_sound(found: Translation) -> JsonObject:
    first = operation_outcome([], "information", lead=text("rest.validate-taken"))["issue"]
    return {"resourceType": "OperationOutcome", "issue": [*first, *operation_outcome(found.warnings, "warning")["issue"]]}


def _of_parameters(message: InboundMessage) -> InboundMessage:
    """The resource that a Parameters holds as `resource`; any other body as it is. Raises Rejected."""
    if b"Parameters" not in message.body:
        return message
    body = parse(message.body)
    if body.get("resourceType") != "Parameters":
        return message
    for one in objects(body.get("parameter")):
        if one.get("name") == "resource" and isinstance(one.get("resource"), dict):
            return InboundMessage(dump(one["resource"]), message.target, message.headers, {}, message.received_at, message.client, message.profile)
    raise Rejected(Reason.REQUIRED, [Issue(Reason.REQUIRED, "Parameters.parameter", "rest.validate-no-resource")])


def _http(reply: Reply) -> HttpReply:
    return HttpReply(reply.status, b"".join(reply.parts), reply.content_type, reply.headers)
