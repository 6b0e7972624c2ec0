"""A receiver of webhooks for tests: a real HTTP server on loopback that keeps what it was sent and answers as it is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import orjson


@dataclass(frozen=True, slots=True)
class Received:
    """One request."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def said(self) -> Any:  # Any: JSON
        """Its body as JSON."""
        return orjson.loads(self.body)


Answer = tuple[int, dict[str, str]] | None
"""Status and headers; None: hang up without a word."""


@dataclass(slots=True)
class Receiver:
    """`answers` decides what is said to each request, in order of arrival; `seen` is what came."""

    answers: Callable[[Received], Answer] = lambda _: (200, {})
    hold: float = 0.0
    seen: list[Received] = field(default_factory=list)
    port: int = 0

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}/told"

    @property
    def facts(self) -> list[str]:
        """The types of what came, in order."""
        return [one.said["type"] for one in self.seen]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
                received = Received(head[0].split()[1], headers, await reader.readexactly(int(headers.get("content-length", "0"))))
                self.seen.append(received)
                await asyncio.sleep(self.hold)
                answer = self.answers(received)
                if answer is None:
                    break
                more = "".join(f"{name}: {value}\r\n" for name, value in answer[1].items())
                writer.write(f"HTTP/1.1 {answer[0]} x\r\n{more}content-length: 0\r\n\r\n".encode())
                await writer.drain()
        writer.close()


@asynccontextmanager
async def receiver(answers: Callable[[Received], Answer] | None = None, hold: float = 0.0) -> AsyncIterator[Receiver]:
    """A receiver that listens on any free port of loopback until the end."""
    made = Receiver(hold=hold) if answers is None else Receiver(answers, hold)
    server = await asyncio.start_server(made._serve, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()
