"""Beside the flow: where Prometheus and a health check ask one stage how it is (`HUB_METRICS`); holds no referral and takes no input."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from hub.errors import Misconfigured
from hub.settings import Address
from hub.telemetry import metrics_page

_HEAD = 4096
_PATIENCE = 2.0
_TEXT = "text/plain; version=0.0.4; charset=utf-8"


@asynccontextmanager
async def metrics_door(address: Address, ready: Callable[[], bool]) -> AsyncIterator[Address]:
    """Answers GET /metrics, /health/live and /health/ready (503 while `ready()` is false) until left; gives the address that it took.

    Raises Misconfigured when the port is taken. One request a connection, 4 kB and two seconds at most.
    """

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, TimeoutError):
            async with asyncio.timeout(_PATIENCE):
                head = await reader.readuntil(b"\r\n\r\n")
                writer.write(_answer(head.split(b"\r\n", 1)[0].decode("latin-1"), ready))
                await writer.drain()
        writer.close()

    try:
        server = await asyncio.start_server(serve, address.host, address.port, limit=_HEAD)
    except OSError:
        raise Misconfigured(f"HUB_METRICS: port {address.port} on {address.host} cannot be taken: stop what holds it, or choose another.") from None
    async with server:
        yield Address(address.host, server.sockets[0].getsockname()[1])


def _answer(request_line: str, ready: Callable[[], bool]) -> bytes:
    match request_line.split(" "):
        case ["GET", "/metrics", _]:
            return _response("200 OK", metrics_page())
        case ["GET", "/health/live", _]:
            return _response("200 OK", b"live\n")
        case ["GET", "/health/ready", _]:
            return _response("200 OK", b"ready\n") if ready() else _response("503 Service Unavailable", b"not ready\n")
        case ["GET", _, _]:
            return _response("404 Not Found", b"")
        case _:
            return _response("405 Method Not Allowed", b"")


def _response(status: str, body: bytes) -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: {_TEXT}\r\nContent-Length: {len(body)}\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n"
    return head.encode() + body
