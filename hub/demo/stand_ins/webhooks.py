"""Beside the flow: a stand-in's HTTP receiver: takes signed POSTs (Standard Webhooks 1.0), checks them, answers as it was told to."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from .journal import Journal

Json = dict[str, Any]  # Any: JSON
Take = Callable[[str, Json], Coroutine[Any, Any, None]]


@dataclass(slots=True)
class Receiver:
    """Checks the signature, notes what came as `read` reads it, hands each message id on once. `drop`: arrivals (from 1) that are answered 200
    and forgotten, as a faulty receiver would; `refuse`: arrivals answered with a 5xx; `slow`: seconds before each answer."""

    secret: str
    journal: Journal
    take: Take
    read: Callable[[Json], Json] = field(default_factory=lambda: _of_ours)
    drop: set[int] = field(default_factory=set)
    refuse: set[int] = field(default_factory=set)
    slow: float = 0.0
    arrivals: int = 0
    _seen: set[str] = field(default_factory=set)
    _server: asyncio.Server | None = None
    _taking: set[asyncio.Task[None]] = field(default_factory=set)

    async def open(self, port: int) -> int:
        """Listen on loopback; the port."""
        self._server = await asyncio.start_server(self._connection, "127.0.0.1", port, limit=2**20)
        return int(self._server.sockets[0].getsockname()[1])

    async def close(self) -> None:
        """Listen no more."""
        if self._server is not None:
            self._server.close()

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while (request := await _request(reader)) is not None:
                status = await self._answer(*request)
                writer.write(f"HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n".encode())
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError, ValueError, asyncio.CancelledError):
            return  # they hung up, or we end
        finally:
            writer.close()

    async def _answer(self, headers: dict[str, str], body: bytes) -> int:
        self.arrivals += 1
        number = self.arrivals
        try:
            Webhook(self.secret).verify(body.decode(), headers)
        except (WebhookVerificationError, UnicodeDecodeError):
            self.journal.note("refused", number=number, status=401)
            return 401
        if self.slow:
            await asyncio.sleep(self.slow)
        if number in self.refuse:
            self.journal.note("refused", number=number, status=500)
            return 500
        if number not in self.drop:
            self._note(number, headers["webhook-id"], json.loads(body))
        return 200

    def _note(self, number: int, id_: str, said: Json) -> None:
        repeated = id_ in self._seen
        self._seen.add(id_)
        self.journal.note("told", id=id_, number=number, repeated=repeated, via="webhook", **self.read(said))
        if not repeated:
            task = asyncio.create_task(self.take(id_, said))
            self._taking.add(task)
            task.add_done_callback(self._taking.discard)


def _of_ours(said: Json) -> Json:
    return {"type": said.get("type"), **told(said.get("data") or {})}


def told(data: Json) -> Json:
    """What a stand-in notes of a message: ids, status, words, and who the person is, byte for byte as it came."""
    task = data.get("task") or {}
    bundle = data.get("bundle") or {}
    resources = [entry.get("resource") or {} for entry in bundle.get("entry") or ()]
    requests = [one for one in resources if one.get("resourceType") == "ServiceRequest"]
    return {
        "referral": data.get("id"),
        "ref": data.get("referral"),
        "version": data.get("version"),
        "reason": data.get("reason"),
        "task": task.get("id"),
        "status": task.get("status"),
        "text": data.get("text"),
        "identifiers": [one.get("value") for one in data.get("identifiers") or ()] or [one["value"] for sr in requests for one in sr.get("identifier") or ()],
        "person": _person(resources),
    }


def _person(resources: list[Json]) -> Json | None:
    inside = [inner for one in resources for inner in one.get("contained") or ()]
    patient = next((one for one in (*resources, *inside) if one.get("resourceType") == "Patient"), None)
    if patient is None:
        return None
    name = (patient.get("name") or [{}])[0]
    numbers = [one.get("value") for one in patient.get("identifier") or () if "nhs-number" in str(one.get("system"))]
    return {
        "nhs_number": numbers[0] if numbers else None,
        "family": name.get("family"),
        "given": (name.get("given") or [None])[0],
        "birth_date": patient.get("birthDate"),
    }


async def _request(reader: asyncio.StreamReader) -> tuple[dict[str, str], bytes] | None:
    """One request's headers and body; None at the end of the connection."""
    first = await reader.readline()
    if not first:
        return None
    headers: dict[str, str] = {}
    while (line := await reader.readline()) not in (b"\r\n", b""):
        name, _, value = line.decode("latin-1").partition(":")
        headers[name.strip().lower()] = value.strip()
    return headers, await reader.readexactly(int(headers.get("content-length", "0")))
