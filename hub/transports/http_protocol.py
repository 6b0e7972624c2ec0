"""At the HTTP door, under it: uvicorn's parser with limits on the head, a clock on it, and refusals in the door's own format."""

from __future__ import annotations

import asyncio
import logging
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from hub.telemetry import LogEvent, count, log
from hub.transports.http_replies import wire_headers
from schemas.rejection import Reason

if TYPE_CHECKING:
    from hub.transports.http import HttpDoor


_FRAMING = 8
"""A body in chunks of one byte is six times its size on the wire; beyond this only framing is sent."""

# What a sender does wrong is said once, by us; uvicorn's own line would double it.
_quiet = logging.getLogger("uvicorn.error.door")
_quiet.setLevel(logging.ERROR)


class _HeadTooLarge(Exception):  # noqa: N818
    """Raised inside the parser's callbacks to end the parsing."""


class DoorProtocol(HttpToolsProtocol):
    """One connection. What the parser finds wrong (both lengths, a bare line feed, a negative length, an unknown method) is 400; a head
    beyond its limits is 431, a target 414, a head that does not end 408. The connection then closes: its framing can no longer be trusted."""

    def __init__(self, *given: Any, **more: Any) -> None:  # Any: uvicorn's own parameters, passed on
        super().__init__(*given, **more)
        self._door: HttpDoor = self.config.app  # type: ignore[assignment]
        self.logger = _quiet
        self._in_head = True
        self._head_bytes = self._header_bytes = self._message_bytes = 0
        self._clock: asyncio.TimerHandle | None = None
        self._wrong: tuple[Reason, str, int] | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > self._door.limits.connections:
            log(LogEvent.CONNECTION_REFUSED, "warning", reason="too-many-requests")
            transport.abort()
            return
        self._start_clock()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_clock()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._wrong is not None or self.parser is None:
            return
        self._message_bytes += len(data)
        if self._in_head:
            self._head_bytes += len(data)
        super().data_received(data)
        limits = self._door.limits
        if self._wrong is None and self._in_head and self._head_bytes > limits.head + limits.target:
            self._refuse(Reason.TOO_LARGE, "", 431)
        elif self._wrong is None and self._message_bytes > _FRAMING * limits.body + limits.head:
            self._refuse(Reason.TOO_LARGE, "", 413)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head = True
        self._header_bytes = self._message_bytes = 0
        if self._clock is None:
            self._start_clock()

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        if len(self.url) > self._door.limits.target:
            self._wrong_head(414)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Trailers count against the limits and are dropped: what comes after a body must not say who sent it."""
        self._header_bytes += len(name) + len(value) + 4
        if self._in_head:
            super().on_header(name, value)
        if len(self.headers) > self._door.limits.headers or self._header_bytes > self._door.limits.head:
            self._wrong_head(431)

    def on_headers_complete(self) -> None:
        self._stop_clock()
        self._in_head, self._head_bytes = False, 0
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._in_head = True

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002  uvicorn's words are not for the sender
        self._refuse(*(self._wrong or (Reason.STRUCTURE, "", 400)))

    def _wrong_head(self, status: int) -> None:
        self._wrong = (Reason.TOO_LARGE, "", status)
        raise _HeadTooLarge

    def _refuse(self, reason: Reason, at: str, status: int) -> None:
        """Answer on the bare connection and close. A request before it that is whole and still worked on keeps its own answer."""
        self._wrong = (reason, at, status)
        self._stop_clock()
        if self.transport.is_closing():
            return
        count("hub_refusals_total", reason=reason.value)
        log(LogEvent.MESSAGE_REFUSED, status=status, reason=reason.value, transport="http")
        cycle = self.cycle
        if cycle is not None and not cycle.response_complete and (self.pipeline or not cycle.more_body or cycle.response_started):
            cycle.keep_alive = False
            return
        self.transport.write(self._written(reason, at, status))
        self.transport.close()

    def _written(self, reason: Reason, at: str, status: int) -> bytes:
        reply = self._door.refuse(reason, at, status)
        sent = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in self.headers or ())
        lines = [b"HTTP/1.1 %d %s" % (status, HTTPStatus(status).phrase.encode())]
        lines += [name + b": " + value for name, value in wire_headers(reply, sent, close=True)]
        return b"\r\n".join(lines) + b"\r\n\r\n" + reply.body

    def _start_clock(self) -> None:
        self._clock = self.loop.call_later(self._door.limits.head_seconds, self._too_slow)

    def _stop_clock(self) -> None:
        if self._clock is not None:
            self._clock.cancel()
            self._clock = None

    def _too_slow(self) -> None:
        """A head that was begun gets an answer; a connection on which nothing came is only closed."""
        self._clock = None
        if self._head_bytes:
            self._refuse(Reason.TIMEOUT, "", 408)
        else:
            self.transport.close()
