"""Reading's places at the HTTP door. What a client may not see is absent: the same bytes, whether it exists or not."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from email.utils import format_datetime
from importlib.metadata import version
from ipaddress import ip_address
from typing import Any
from uuid import UUID

import orjson

from hub.errors import Unavailable
from hub.ledger.database import Pool, lent
from hub.ledger.sealing import Sealing
from hub.reading.capability import Place, capability_statement
from hub.reading.resources import find_requests, find_tasks, read_request, read_task
from hub.reading.searching import door_of, searches
from hub.reading.validating import judge, validates
from hub.registry import Registry, installed
from hub.security.scopes import Open, Scope
from hub.telemetry import metrics_page
from hub.transports.http_messages import HttpReply, HttpRequest, Respond, Route
from schemas.fhir import build
from schemas.fhir.strict_json import dump
from schemas.rejection import Issue, Reason
from schemas.rest import accept_faults

JsonObject = dict[str, Any]  # Any: FHIR JSON
Read = Callable[[Pool, Sealing, UUID, str], Any]
_BUILT = "2026-11-22"


def routes(
    pool: Pool, sealing: Sealing, ready: Sequence[Callable[[], bool]], registry: Registry | None = None, public: str | None = None
) -> Iterator[Route]:
    """FHIR reads and searches, `$validate`, the capability statement, liveness, readiness (PostgreSQL only, never Kafka), metrics for this
    machine alone. `public`: where others reach the door; without it links name the Host that was called."""
    registry = registry or installed()
    fhir = [*_fhir(pool, sealing, public), *_validation(registry)]
    listened = [(listener.method or "", listener.path or "") for _, listener in registry.listeners("http")]
    yield from fhir
    yield Route("GET", "/fhir/metadata", _metadata([*listened, *((route.method, route.path) for route in fhir)], public), Open.TO_ALL)
    yield Route("GET", "/health/live", _live, Open.TO_ALL)
    yield Route("GET", "/health/ready", _ready(pool, ready), Open.TO_ALL)
    yield Route("GET", "/metrics", _metrics, Open.TO_ALL)


def _fhir(pool: Pool, sealing: Sealing, public: str | None) -> Iterator[Route]:
    for kind, read, find, scope in (
        ("ServiceRequest", read_request, find_requests, Scope.REFERRAL_READ),
        ("Task", read_task, find_tasks, Scope.TASK_READ),
    ):
        yield Route("GET", f"/fhir/{kind}/{{id}}", _reads(pool, sealing, read), scope)
        yield Route("GET", f"/fhir/{kind}", searches(pool, sealing, kind, find, public), scope)
        yield Route("POST", f"/fhir/{kind}/_search", searches(pool, sealing, kind, find, public), scope)


def _validation(registry: Registry) -> Iterator[Route]:
    """Beside each place where plain FHIR is posted. None where no connector reads it."""
    found = judge(registry)
    for listener in found.manifest.listeners if found else ():
        if found is not None and listener.method == "POST":
            yield Route("POST", f"{listener.path}/$validate", validates(found), Scope.REFERRAL_CREATE)


def _reads(pool: Pool, sealing: Sealing, read: Read) -> Respond:
    async def respond(request: HttpRequest) -> HttpReply:
        if faults := list(accept_faults(request.head.joined)):
            return HttpReply(406, dump(build.operation_outcome(faults)))
        try:
            wanted = UUID(request.head.params["id"])
        except ValueError:
            return _absent()
        found: JsonObject | None = await read(pool, sealing, wanted, request.sender.id)
        if found is None:
            return _absent()
        changed = format_datetime(datetime.fromisoformat(found["meta"]["lastUpdated"]).astimezone(UTC), usegmt=True)
        return HttpReply(200, dump(found), headers=(("ETag", f'W/"{found["meta"]["versionId"]}"'), ("Last-Modified", changed)))

    return respond


def _absent() -> HttpReply:
    return HttpReply(404, dump(build.operation_outcome([Issue(Reason.NOT_FOUND, "")])))


def _metadata(places: Sequence[Place], public: str | None) -> Respond:
    async def respond(request: HttpRequest) -> HttpReply:
        return HttpReply(200, dump(capability_statement(places, version("referral-hub"), _BUILT, f"{door_of(request.head, public)}/fhir")))

    return respond


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
