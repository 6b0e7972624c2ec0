"""Beside the flow: the receiver of a bench, in a process of its own: takes webhooks, answers 204 at once, writes down when each came.

`python -m hub.bench.listener PORT FILE` says "ready", and at SIGTERM writes one line for each: the clock (CLOCK_MONOTONIC), the fact, the referral.
"""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from pathlib import Path
from typing import cast

import orjson
import uvloop

_ANSWER = b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n"


class Receiver(asyncio.Protocol):
    """One connection; requests come one after the other."""

    arrived: list[tuple[float, bytes]]

    def __init__(self, arrived: list[tuple[float, bytes]]) -> None:
        self.arrived = arrived
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = self._buffer[:end].lower()
            at = head.find(b"content-length:") + 15
            length = int(head[at:].split(b"\r\n", 1)[0])
            if len(self._buffer) < end + 4 + length:
                return
            self.arrived.append((time.monotonic(), self._buffer[end + 4 : end + 4 + length]))
            self._buffer = self._buffer[end + 4 + length :]
            self._transport.write(_ANSWER)


async def listen(port: int) -> list[tuple[float, bytes]]:
    """Take what comes until SIGTERM."""
    arrived: list[tuple[float, bytes]] = []
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    server = await asyncio.get_running_loop().create_server(lambda: Receiver(arrived), "127.0.0.1", port)
    print("ready", flush=True)
    await stop.wait()
    server.close()
    return arrived


def main() -> None:
    """Listen, then write."""
    arrived = uvloop.run(listen(int(sys.argv[1])))
    told = [(at, orjson.loads(body)) for at, body in arrived]
    lines = [orjson.dumps((at, one.get("type"), (one.get("data") or {}).get("id"))) for at, one in told]
    Path(sys.argv[2]).write_bytes(b"\n".join(lines))


if __name__ == "__main__":
    main()
