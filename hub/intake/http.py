"""In intake: the HTTP door. Every connector that listens on HTTP gets its routes; what arrives becomes an InboundMessage."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from hub.crashpoints import crash
from hub.intake.batches import Batches
from hub.intake.door import Intake
from hub.registry import Registered, Registry
from hub.security.scopes import Scope
from hub.transports.http_messages import HttpReply, HttpRequest, Respond, Route
from schemas.manifest import Listener
from schemas.messages import InboundMessage


def routes(intake: Intake, registry: Registry) -> Iterator[Route]:
    """One route for each place that a connector listens at, with the scope that its manifest asks for."""
    for registered, listener in registry.listeners("http"):
        yield Route(listener.method or "POST", listener.path or "/", _respond(intake, registered, listener), Scope(listener.scope))


def _respond(intake: Intake, registered: Registered, listener: Listener) -> Respond:
    receive = Batches(intake).receive if listener.many else intake.receive

    async def respond(request: HttpRequest) -> HttpReply:
        crash("http.read")
        client, head = request.sender, request.head
        message = InboundMessage(request.body, listener.target, head.joined, head.params, datetime.now(UTC), client.id, client.profile)
        reply = await receive(registered, message, client, "http")
        crash("http.answer")
        return HttpReply(reply.status, b"".join(reply.parts), reply.content_type, reply.headers)

    return respond
