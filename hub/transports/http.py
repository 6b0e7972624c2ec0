"""At the HTTP door: bytes in, bytes out. Every limit holds before anything is parsed, and who is asking is known before a body is read.

The order: the head's form, the host, the route, who asks, how often, the body, the answer. Whatever is refused on the way is answered
in the door's own format, with the sender's ids and without a word of what was sent.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any

from hub.errors import Unavailable
from hub.security.client import Client
from hub.telemetry import LogEvent, cleared, count, gauge, log, observe, trace_from
from hub.transports.http_body import Receive, SenderLeft, WrongBody, announces_body, check_head, discard, read_body
from hub.transports.http_head import Door, WrongHead, read_head
from hub.transports.http_messages import Authorize, Dress, Headers, HttpHead, HttpReply, HttpRequest, Limits, Refuse, Route
from hub.transports.http_rates import Buckets, InFlight
from hub.transports.http_replies import wire_headers
from hub.transports.http_routes import RouteTable
from schemas.rejection import Reason

__all__ = ["Headers", "HttpDoor", "HttpHead", "HttpReply", "HttpRequest", "Limits", "Route"]

Scope = MutableMapping[str, Any]  # Any: ASGI's own types
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class Stop(Exception):  # noqa: N818
    """This request goes no further: `reply` is its answer; nothing of its body was read."""

    def __init__(self, reply: HttpReply, reason: Reason | None = None) -> None:
        super().__init__(reply.status)
        self.reply, self.reason = reply, reason


class HttpDoor:
    """The ASGI application that `serve_http` runs. `authorize` knows the clients, `refuse` the format of a refusal, `dress` who words it otherwise."""

    def __init__(self, routes: Sequence[Route], authorize: Authorize, refuse: Refuse, limits: Limits | None = None, dress: Dress | None = None) -> None:
        """Raises Misconfigured for routes that contradict each other or do not say who may come."""
        self.limits = limits or Limits()
        self.table = RouteTable(routes)
        self.refuse = refuse
        self.stopping = False  # readiness must say no from the moment this is true
        self._authorize, self._dress = authorize, dress
        self._clients = Buckets(self.limits.client_rate, self.limits.client_burst)
        self._strangers = Buckets(self.limits.stranger_rate, self.limits.stranger_burst)
        self._anybody = Buckets(self.limits.open_rate, self.limits.open_burst)
        self._in_flight = InFlight(self.limits.in_flight_per_client)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request (ASGI 3)."""
        if scope["type"] != "http":
            return
        headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"])
        traceparent = next((value for name, value in headers if name == "traceparent"), None)
        with cleared(trace_from(traceparent), transport="http"):
            try:
                reply, unread = await self._answered(scope, headers, receive), False
            except Stop as stop:
                reply, unread = self._worded(str(scope["path"]), stop.reason, stop.reply), announces_body(headers)
                _note(stop)
            except SenderLeft:
                return
            await self._send(reply, headers, send, receive if unread else None)

    async def _answered(self, scope: Scope, headers: Headers, receive: Receive) -> HttpReply:
        head = self._read_head(scope, headers)
        client = self._admit(head)
        name = client.id if client else f"from {head.peer}"
        if not self._in_flight.enter(name):
            raise self._stop(Reason.TOO_MANY_REQUESTS, "", 429, retry_after=1)
        gauge("hub_in_flight", self._in_flight.total, transport="http")
        try:
            return await self._respond(head, client, await self._read_body(head, receive))
        finally:
            self._in_flight.leave(name)
            gauge("hub_in_flight", self._in_flight.total, transport="http")

    def _read_head(self, scope: Scope, headers: Headers) -> HttpHead:
        try:
            return read_head(Door(self.table, self.limits), scope, headers)
        except WrongHead as wrong:
            raise self._stop(wrong.reason, wrong.at, wrong.status, more=wrong.headers) from None

    def _admit(self, head: HttpHead) -> Client | None:
        """Who asks, if they may come here and not too often. A stranger's attempts are counted by address."""
        if head.open_to_all:
            self._spare(self._anybody.take(head.peer))
            return None
        found = self._authorize(head)
        if isinstance(found, Client):
            self._spare(self._clients.take(found.id))
            return found
        if found.status == 401:
            self._spare(self._strangers.take(head.peer))
        raise Stop(found, Reason.NOT_AUTHENTICATED if found.status == 401 else Reason.NOT_PERMITTED)

    async def _read_body(self, head: HttpHead, receive: Receive) -> bytes:
        try:
            check_head(head, self.limits)
            return await read_body(receive, head, self.limits)
        except WrongBody as wrong:
            raise self._stop(wrong.reason, wrong.at, wrong.status) from None

    async def _respond(self, head: HttpHead, client: Client | None, body: bytes) -> HttpReply:
        """The route's own answer; whatever it raises becomes one."""
        started = time.perf_counter()
        try:
            reply = await head.route.respond(HttpRequest(head, client, body))
        except Unavailable as fault:
            reply = self._later(self._worded(head.path, Reason.STORE_UNAVAILABLE, self.refuse(Reason.STORE_UNAVAILABLE, "", 503)), fault.retry_after)
            log(LogEvent.MESSAGE_POSTPONED, "warning", status=503)
        except Exception as fault:  # noqa: BLE001  the outermost place: the sender gets an answer, and nothing of the fault
            log(LogEvent.BUG, "error", fault)
            reply = self._worded(head.path, Reason.STORE_UNAVAILABLE, self.refuse(Reason.STORE_UNAVAILABLE, "", 500))
        observe("hub_answer_seconds", time.perf_counter() - started, transport="http")
        return reply

    def _worded(self, path: str, reason: Reason | None, reply: HttpReply) -> HttpReply:
        return self._dress(path, reason, reply) if self._dress is not None and reason is not None else reply

    async def _send(self, reply: HttpReply, headers: Headers, send: Send, unread: Receive | None) -> None:
        """Write the answer. A body that nobody will read is taken off the wire for a moment before the connection closes, since closing
        with bytes unread would reset it and the sender might never see why."""
        close = unread is not None or reply.status in (400, 408) or self.stopping
        await send({"type": "http.response.start", "status": reply.status, "headers": wire_headers(reply, headers, close=close)})
        await send({"type": "http.response.body", "body": reply.body, "more_body": unread is not None})
        if unread is not None:
            await discard(unread, self.limits)
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    def _spare(self, waits: float) -> None:
        if waits:
            raise self._stop(Reason.TOO_MANY_REQUESTS, "", 429, retry_after=waits)

    def _stop(self, reason: Reason, at: str, status: int, *, retry_after: float | None = None, more: Headers = ()) -> Stop:
        reply = self.refuse(reason, at, status)
        if retry_after is not None:
            reply = self._later(reply, retry_after)
        return Stop(reply.and_headers(more), reason)

    def _later(self, reply: HttpReply, seconds: float) -> HttpReply:
        return reply.and_headers((("retry-after", str(max(1, round(seconds)))),))


def _note(stop: Stop) -> None:
    count("hub_messages_total", transport="http", outcome="refused")
    if stop.reason is not None:
        count("hub_refusals_total", reason=stop.reason.value)
    event = LogEvent.CLIENT_REFUSED if stop.reply.status in (401, 403) else LogEvent.MESSAGE_REFUSED
    log(event, status=stop.reply.status, reason=stop.reason.value if stop.reason else None)
