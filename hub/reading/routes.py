"""Reading's places at the HTTP door. What a client may not see is absent: the same bytes, whether it exists or not."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from ipaddress import ip_address
from typing import Any
from uuid import UUID

import orjson

from hub.errors import Unavailable
from hub.ledger.database import Pool, lent
from hub.ledger.sealing import Sealing
from hub.reading.resources import read_request, read_task
from hub.security.scopes import Open, Scope
from hub.telemetry import metrics_page
from hub.transports.http_messages import HttpReply, HttpRequest, Respond, Route
from schemas.fhir import build
from schemas.fhir.strict_json import dump
from schemas.rejection import Issue, Reason

JsonObject = dict[str, Any]  # Any: FHIR JSON
Read = Callable[[Pool, Sealing, UUID, str], Any]
_SUPPORTED = {"ServiceRequest": ("create", "read"), "Task": ("read", "update")}
_BUILT = "2026-11-22"


def routes(pool: Pool, sealing: Sealing, ready: Sequence[Callable[[], bool]]) -> Iterator[Route]:
    """FHIR reads, the capability statement, liveness, readiness (PostgreSQL only, never Kafka), metrics for this machine alone."""
    yield Route("GET", "/fhir/ServiceRequest/{id}", _reads(pool, sealing, read_request), Scope.REFERRAL_READ)
    yield Route("GET", "/fhir/Task/{id}", _reads(pool, sealing, read_task), Scope.TASK_READ)
    yield Route("GET", "/fhir/metadata", _metadata, Open.TO_ALL)
    yield Route("GET", "/health/live", _live, Open.TO_ALL)
    yield Route("GET", "/health/ready", _ready(pool, ready), Open.TO_ALL)
    yield Route("GET", "/metrics", _metrics, Open.TO_ALL)


def _reads(pool: Pool, sealing: Sealing, read: Read) -> Respond:
    async def respond(request: HttpRequest) -> HttpReply:
        try:
            wanted = UUID(request.head.params["id"])
        except ValueError:
            return _absent()
        found: JsonObject | None = await read(pool, sealing, wanted, request.sender.id)
        if found is None:
            return _absent()
        return HttpReply(200, dump(found), headers=(("ETag", f'W/"{found["meta"]["versionId"]}"'),))

    return respond


def _absent() -> HttpReply:
    return HttpReply(404, dump(build.operation_outcome([Issue(Reason.NOT_FOUND, "")])))


async def _metadata(request: HttpRequest) -> HttpReply:
    host = request.head.joined.get("host", "localhost")
    return HttpReply(200, dump(build.capability_statement(version("referral-hub"), _BUILT, f"http://{host}/fhir", _SUPPORTED)))


async def _live(_request: HttpRequest) -> HttpReply:
    return _plain(200, {"status": "up"})


def _ready(pool: Pool, ready: Sequence[Callable[[], bool]]) -> Respond:
    async def respond(_request: HttpRequest) -> HttpReply:
        if not all(open_yet() for open_yet in ready):
            return _plain(503, {"status": "stopping"})
        try:
            async with lent(pool, wait=1.0) as connection:
                await connection.fetchval("SELECT 1", timeout=1.0)
        except Unavailable:
            return _plain(503, {"status": "no database"})
        return _plain(200, {"status": "ready", "at": datetime.now(UTC).isoformat(timespec="seconds")})

    return respond


async def _metrics(request: HttpRequest) -> HttpReply:
    """For whoever is on this machine; other machines scrape HUB_METRICS, which operations bind where they want."""
    try:
        here = ip_address(request.head.peer).is_loopback
    except ValueError:
        here = False
    return HttpReply(200, metrics_page(), "text/plain; version=0.0.4; charset=utf-8") if here else _absent()


def _plain(status: int, said: JsonObject) -> HttpReply:
    return HttpReply(status, orjson.dumps(said), "application/json")
