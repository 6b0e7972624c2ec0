"""A real HTTP door for tests, and a way to write raw bytes to it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from hub.security.client import Client
from hub.security.scopes import Open, Scope
from hub.transports.http import HttpDoor, HttpHead, HttpReply, HttpRequest, Limits, Route
from hub.transports.http_server import HttpServer, serve_http
from schemas.fhir.build import operation_outcome
from schemas.fhir.strict_json import dump
from schemas.rejection import Issue, Reason

GP = Client("gp-a", "Practice A", "gp", frozenset({Scope.REFERRAL_CREATE}))


def refuse(reason: Reason, at: str, status: int) -> HttpReply:
    return HttpReply(status, dump(operation_outcome([Issue(reason, at)])))


@dataclass
class Heard:
    """What reached the route."""

    requests: list[HttpRequest] = field(default_factory=list)
    answered: int = 0
    hold: asyncio.Event | None = None
    arrived: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(0))

    async def respond(self, request: HttpRequest) -> HttpReply:
        self.requests.append(request)
        self.arrived.release()
        if self.hold is not None:
            await self.hold.wait()
        self.answered += 1
        return HttpReply(200, json.dumps({"bytes": len(request.body), "params": dict(request.head.params)}).encode())


def authorize(head: HttpHead) -> Client | HttpReply:
    return GP if head.all("authorization") == ("Bearer good",) else refuse(Reason.NOT_AUTHENTICATED, "Authorization", 401)


@dataclass
class Bench:
    door: HttpDoor
    server: HttpServer
    heard: Heard


@asynccontextmanager
async def bench(limits: Limits | None = None, more: Sequence[Route] = ()) -> AsyncIterator[Bench]:
    heard = Heard()
    routes = [
        Route("POST", "/fhir/ServiceRequest", heard.respond, Scope.REFERRAL_CREATE),
        Route("GET", "/fhir/Task/{id}", heard.respond, Scope.TASK_READ),
        Route("PUT", "/fhir/Task/{id}", heard.respond, Scope.TASK_UPDATE),
        Route("GET", "/health", heard.respond, Open.TO_ALL),
        *more,
    ]
    door = HttpDoor(routes, authorize, refuse, limits)
    server = await serve_http(door, "127.0.0.1", 0)
    try:
        yield Bench(door, server, heard)
    finally:
        if heard.hold is not None:
            heard.hold.set()
        await server.stop()


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, list[str]]
    body: bytes
    closed: bool

    @property
    def reason(self) -> str:
        """The reason's words, as the OperationOutcome has them."""
        outcome = json.loads(self.body)
        assert outcome["resourceType"] == "OperationOutcome"
        return str(outcome["issue"][0]["details"]["text"])


async def raw(port: int, sent: bytes, *, parts: Sequence[bytes] = (), pause: float = 0.0, wait: float = 5.0) -> Answer | None:
    """What comes back when exactly these bytes are written; None when the connection is closed without an answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(sent)
        for part in parts:
            await asyncio.sleep(pause)
            writer.write(part)
        async with asyncio.timeout(wait):
            return await read_answer(reader)
    finally:
        writer.close()


async def read_answer(reader: asyncio.StreamReader) -> Answer | None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except (asyncio.IncompleteReadError, ConnectionResetError):
        return None
    first, *lines = head.strip().split("\r\n")
    headers: dict[str, list[str]] = {}
    for line in lines:
        name, _, value = line.partition(":")
        headers.setdefault(name.strip().lower(), []).append(value.strip())
    body = await reader.readexactly(int(headers["content-length"][0]))
    return Answer(int(first.split()[1]), headers, body, "close" in headers.get("connection", []))


def post(body: bytes = b"{}", *lines: str, path: str = "/fhir/ServiceRequest", host: str = "127.0.0.1", key: str | None = "good") -> bytes:
    """A sound POST with these further header lines."""
    known = [f"POST {path} HTTP/1.1", f"Host: {host}", *([f"Authorization: Bearer {key}"] if key else []), *lines]
    if not any(line.lower().startswith(("content-length", "transfer-encoding")) for line in lines):
        known.append(f"Content-Length: {len(body)}")
    return "\r\n".join(known).encode("latin-1") + b"\r\n\r\n" + body
