"""Beside the flow, used by the composition root: opens the HTTP and MLLP doors of one process and closes them in good order."""

from __future__ import annotations

import ssl
from contextlib import AsyncExitStack

from hub import web
from hub.errors import Misconfigured
from hub.intake import http as intake_http
from hub.intake.door import Intake
from hub.intake.mllp import MllpDoor
from hub.parts import Hub
from hub.reading import beside
from hub.reading import routes as reading_routes
from hub.security.bearer import Bearer
from hub.settings import Settings
from hub.telemetry import LogEvent, log
from hub.transports.http import HttpDoor
from hub.transports.http_messages import HttpReply, Limits
from hub.transports.http_server import serve_http
from hub.transports.mllp import MllpListener
from hub.transports.mllp_tls import server_context
from schemas.messages import InboundMessage
from schemas.rejection import Issue, Reason, Rejected
from schemas.rest import refusal_reply
from schemas.words import text


def refuse(reason: Reason, at: str, status: int) -> HttpReply:
    """A refusal before any connector is asked: an OperationOutcome, one plain sentence first."""
    reply = refusal_reply(InboundMessage(b""), Rejected(reason, [Issue(reason, at)]), text("rest.refused"))
    return HttpReply(status, b"".join(reply.parts), reply.content_type)


async def open_http(hub: Hub, intake: Intake, doors: AsyncExitStack) -> None:
    """The HTTP door: connectors' places and what may be read. Raises Misconfigured when the address cannot be had."""
    routes = [*intake_http.routes(intake, hub.registry), *reading_routes(hub.ledger.pool, hub.sealing, hub.doors, public=hub.settings.public_url)]
    routes += beside.routes(hub.registry, hub.ledger.pool, hub.sealing, hub.settings.public_url)
    routes += await web.pages(hub, intake.receive, refuse)
    door = HttpDoor(routes, Bearer(hub.clients, refuse), refuse, Limits(hosts=frozenset(hub.settings.hosts)), beside.worded(hub.registry))
    server = await serve_http(door, hub.settings.http.host, hub.settings.http.port)
    hub.doors.append(lambda: not door.stopping)
    doors.push_async_callback(server.stop, notice=0.2)
    log(LogEvent.STAGE_STARTED, stage="intake", transport="http", host=server.host, port=server.port)


async def open_mllp(hub: Hub, intake: Intake, doors: AsyncExitStack) -> None:
    """The MLLP door, where a connector listens on MLLP. Raises Misconfigured when the address cannot be had."""
    for registered, _ in hub.registry.listeners("mllp"):
        frames = MllpDoor(intake, registered, hub.clients)
        address = hub.settings.mllp
        listener = MllpListener(address.host, address.port, frames.on_frame, frames.on_fault, tls=_tls(hub.settings))
        try:
            await listener.start()
        except OSError:
            raise Misconfigured(f"The MLLP port {address} is taken: stop what listens there, or set HUB_MLLP to another.") from None
        doors.push_async_callback(listener.stop)
        plain = hub.settings.mllp_tls_cert is None and not address.loopback
        said = "plaintext" if plain else None
        log(LogEvent.STAGE_STARTED, "warning" if plain else "info", stage="intake", transport="mllp", host=address.host, port=listener.port, reason=said)


def _tls(settings: Settings) -> ssl.SSLContext | None:
    """With the three settings senders must show a certificate; without them the line is plain, for this machine or behind what ends TLS."""
    if settings.mllp_tls_cert is None or settings.mllp_tls_key is None or settings.mllp_tls_ca is None:
        return None
    return server_context(settings.mllp_tls_cert, settings.mllp_tls_key, settings.mllp_tls_ca)
