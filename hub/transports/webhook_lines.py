"""On the way out by webhook: connections that are kept, a few for each receiver, so that the next message need not shake hands again.

httpcore's own pool looks at every connection of every receiver at each request and again at each answer; at a hundred messages a second
that was a third of dispatch's time (hub/bench/README.md, 2026-11-22). Here a receiver has a stack of its own free connections.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpcore

KEPT = 8
"""Free connections kept to one receiver."""
KEPT_SECONDS = 30.0
Origin = tuple[bytes, bytes, int]


@dataclass(slots=True)
class Lines:
    """Connections over `network`, which alone decides where they may go. `close` it at the end; what is under way then ends first."""

    trust: ssl.SSLContext
    network: httpcore.AsyncNetworkBackend
    _free: dict[Origin, list[httpcore.AsyncHTTPConnection]] = field(default_factory=dict)
    _swept: float = field(default_factory=time.monotonic)
    _closing: bool = False

    @asynccontextmanager
    async def post(self, url: str, headers: list[tuple[bytes, bytes]], body: bytes, extensions: dict[str, Any]) -> AsyncIterator[httpcore.Response]:
        """One POST and its answer, whose body is still to be read. Raises what httpcore and the network raise."""
        to = httpcore.URL(url)
        connection = await self._taken(to.origin)
        try:
            async with connection.stream("POST", to, headers=headers, content=body, extensions=extensions) as answer:
                yield answer
        finally:
            await self._put_back(to.origin, connection)

    async def close(self) -> None:
        """No free connection is left open, and none is kept from now on."""
        self._closing = True
        free = [connection for line in self._free.values() for connection in line]
        for line in self._free.values():
            line.clear()
        for connection in free:
            await connection.aclose()

    async def _taken(self, origin: httpcore.Origin) -> httpcore.AsyncHTTPConnection:
        """The connection that was free last, unless the receiver has hung up; else a new one, opened by the first request on it."""
        line = self._free.get(_key(origin), [])
        while line:
            connection = line.pop()
            if not connection.has_expired():
                return connection
            await connection.aclose()
        return httpcore.AsyncHTTPConnection(origin, ssl_context=self.trust, keepalive_expiry=KEPT_SECONDS, network_backend=self.network)

    async def _put_back(self, origin: httpcore.Origin, connection: httpcore.AsyncHTTPConnection) -> None:
        line = self._free.setdefault(_key(origin), [])
        if connection.is_available() and len(line) < KEPT and not self._closing:
            line.append(connection)
        else:
            await connection.aclose()
        if time.monotonic() - self._swept > KEPT_SECONDS:
            await self._sweep()

    async def _sweep(self) -> None:
        """Close what nobody used for a while, of every receiver."""
        self._swept = time.monotonic()
        old = []
        for line in self._free.values():
            old += [connection for connection in line if connection.has_expired()]
            line[:] = [connection for connection in line if connection not in old]  # in place: somebody may be taking from it
        self._free = {key: line for key, line in self._free.items() if line}
        for connection in old:
            await connection.aclose()


def _key(origin: httpcore.Origin) -> Origin:
    return origin.scheme, origin.host, origin.port
