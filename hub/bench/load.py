"""Beside the flow: the load of a bench, in a process of its own: raw HTTP/1.1 on kept connections, cheap enough to leave the cores to the hub.

`python -m hub.bench.load` reads one JSON object (see `Order`) from standard input and writes one line for each request to its `out` file:
request id, status, referral id, seconds until the answer, and the clock (CLOCK_MONOTONIC) when it was sent.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import orjson
import uvloop

from hub.bench.referrals import referrals

Sent = tuple[str, int, str, float, float]
_TIMEOUT = 30.0


@dataclass(frozen=True, slots=True)
class Order:
    """What to send. `rate` None: each connection sends the next as soon as it is answered; else so many a second, whatever is answered.
    `count` ends it early. `tokens` take turns, connection by connection."""

    host: str
    port: int
    tokens: list[str]
    connections: int
    seconds: float
    out: str
    seed: int = 1
    start: int = 0
    rate: float | None = None
    count: int | None = None


class Connection(asyncio.Protocol):
    """One kept connection; one request at a time."""

    def __init__(self) -> None:
        self._buffer = b""
        self._waiting: asyncio.Future[tuple[int, str]] | None = None
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's own class descends from neither

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0 or self._waiting is None:
            return
        head = self._buffer[:end].lower()
        if len(self._buffer) < end + 4 + int(_header(head, b"content-length") or 0):
            return
        self._buffer = b""
        location = _header(head, b"location").decode()
        waiting, self._waiting = self._waiting, None
        if not waiting.done():
            waiting.set_result((int(head[9:12]), location.rpartition("/")[2]))

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  asyncio's own name
        self._transport = None
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(ConnectionResetError())

    async def send(self, request: bytes) -> tuple[int, str]:
        """Status and referral id. Raises ConnectionResetError and TimeoutError."""
        if self._transport is None:
            raise ConnectionResetError
        self._waiting = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await asyncio.wait_for(self._waiting, _TIMEOUT)


def _header(head: bytes, name: bytes) -> bytes:
    at = head.find(b"\r\n" + name + b":")
    return head[at + len(name) + 3 : head.find(b"\r\n", at + 2) % (len(head) + 1)].strip() if at >= 0 else b""


@dataclass(slots=True)
class Load:
    """One run of an order."""

    order: Order
    sent: list[Sent] = field(default_factory=list)
    _bodies: Iterator[tuple[str, bytes]] = field(init=False)
    _begun: int = 0

    def __post_init__(self) -> None:
        self._bodies = referrals(self.order.seed, self.order.start)

    async def run(self) -> None:
        """Send until the time is over or the count reached; every request is answered, or counted as failed, when it returns."""
        if self.order.rate is None:
            until = time.monotonic() + self.order.seconds
            await asyncio.gather(*(self._steady(at, until) for at in range(self.order.connections)))
        else:
            await self._open_loop(self.order.rate)

    async def _steady(self, at: int, until: float) -> None:
        connection = await self._connect()
        while time.monotonic() < until and self._more():
            connection = await self._one(connection, at)

    async def _open_loop(self, rate: float) -> None:
        idle: asyncio.Queue[Connection] = asyncio.Queue()
        for _ in range(self.order.connections):
            idle.put_nowait(await self._connect())
        begun, tasks = time.monotonic(), []
        for at in range(int(rate * self.order.seconds)):
            await asyncio.sleep(max(0.0, begun + at / rate - time.monotonic()))
            tasks.append(asyncio.create_task(self._lent(idle, at, begun + at / rate)))
        await asyncio.gather(*tasks)

    async def _lent(self, idle: asyncio.Queue[Connection], at: int, due: float) -> None:
        connection = await idle.get()
        idle.put_nowait(await self._one(connection, at, due))

    async def _one(self, connection: Connection, at: int, due: float | None = None) -> Connection:
        """Send one; the connection, or a new one when it broke. The time runs from when it was due, so that waiting here is not hidden."""
        key, body = next(self._bodies)
        request = self._request(key, body, self.order.tokens[at % len(self.order.tokens)])
        begun = due or time.monotonic()
        try:
            status, referral = await connection.send(request)
        except (OSError, TimeoutError):
            self.sent.append((key, 0, "", time.monotonic() - begun, begun))
            return await self._connect()
        self.sent.append((key, status, referral, time.monotonic() - begun, begun))
        return connection

    async def _connect(self) -> Connection:
        _, connection = await asyncio.get_running_loop().create_connection(Connection, self.order.host, self.order.port)
        return connection

    def _more(self) -> bool:
        self._begun += 1
        return self.order.count is None or self._begun <= self.order.count

    def _request(self, key: str, body: bytes, token: str) -> bytes:
        head = (
            f"POST /fhir/ServiceRequest HTTP/1.1\r\nHost: {self.order.host}:{self.order.port}\r\nAuthorization: Bearer {token}\r\n"
            f"Content-Type: application/fhir+json\r\nX-Request-Id: {key}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body


def main() -> None:
    """Run the order on standard input."""
    order = Order(**orjson.loads(sys.stdin.buffer.read()))
    load = Load(order)
    uvloop.run(load.run())
    Path(order.out).write_bytes(b"".join(orjson.dumps(one) + b"\n" for one in load.sent))


if __name__ == "__main__":
    main()
