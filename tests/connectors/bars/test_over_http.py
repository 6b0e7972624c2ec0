"""BaRS over HTTP, as a GP system meets the hub: post a message, read the referral back, and be refused in the standard's own words."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass

import httpcore
import pytest_asyncio

from hub.doors import refuse
from hub.intake import http as intake_http
from hub.intake.creation import Maker
from hub.intake.door import Intake
from hub.places import Places
from hub.reading import beside
from hub.registry import installed
from hub.security.client import Client
from hub.security.scopes import Scope
from hub.transports.http import HttpDoor
from hub.transports.http_messages import HttpHead, HttpReply
from hub.transports.http_server import serve_http
from schemas.profile import Profile
from schemas.rejection import Reason
from tests.connectors.bars.making import HEADERS, JOURNEY, REQUEST, bundle, resource
from tests.hub.making import policy, record

_SCOPES = frozenset({Scope.REFERRAL_CREATE, Scope.REFERRAL_READ})


def _authorize(head: HttpHead) -> Client | HttpReply:
    name = head.joined.get("authorization", "")
    return Client(name, name, "gp", _SCOPES, Profile()) if name else refuse(Reason.NOT_AUTHENTICATED, "Authorization", 401)


@dataclass(slots=True)
class Hub:
    """The door, and one HTTP client of it."""

    base: str
    http: httpcore.AsyncConnectionPool

    async def ask(self, method: str, path: str, body: bytes = b"", client: str = "gp-prawf", **headers: str) -> httpcore.Response:
        named = {name: value for name, value in HEADERS.items() if name != "host"} | ({"authorization": client} if client else {}) | headers
        return await self.http.request(method, f"{self.base}{path}", headers=list(named.items()), content=body if method == "POST" else None)


@pytest_asyncio.fixture(loop_scope="session")
async def hub(database: str) -> AsyncIterator[Hub]:
    """The connectors' places on this test's own database."""
    async with record(database) as opened, httpcore.AsyncConnectionPool() as http:
        ledger = opened.ledger
        intake = Intake(ledger, Maker(policy(), Places.load(), ledger.sealing))
        routes = [*intake_http.routes(intake, installed()), *beside.routes(installed(), ledger.pool, ledger.sealing)]
        door = HttpDoor(routes, _authorize, refuse, dress=beside.worded(installed()))
        server = await serve_http(door, "127.0.0.1", 0)
        try:
            yield Hub(f"http://{server.host}:{server.port}/bars/FHIR/R4", http)
        finally:
            await server.stop()


async def test_a_practice_posts_a_referral_and_reads_it_back_under_the_id_that_it_was_given(hub: Hub) -> None:
    posted = await hub.ask("POST", "/%24process-message", json.dumps(bundle()).encode())
    said = dict(posted.headers)
    assert posted.status == 200
    assert (said[b"x-request-id"], said[b"x-correlation-id"]) == (REQUEST.encode(), JOURNEY.encode())
    assert said[b"content-type"] == b"application/fhir+json; version=1.2.0"
    given = resource(json.loads(posted.content), "ServiceRequest")["id"]
    read = await hub.ask("GET", f"/ServiceRequest/{given}")
    assert (read.status, json.loads(read.content)["id"]) == (200, given)
    assert (await hub.ask("GET", f"/ServiceRequest/{given}", client="gp-arall")).status == 404
    assert (await hub.ask("POST", "/$process-message", json.dumps(bundle()).encode())).status == 409


async def test_what_the_hub_can_do_is_read_by_anybody(hub: Hub) -> None:
    statement = json.loads((await hub.ask("GET", "/metadata", client="")).content)
    assert statement["implementation"]["url"] == hub.base
    definitions = json.loads((await hub.ask("GET", "/MessageDefinition?context=9900000001", client="")).content)
    assert definitions["total"] == len(definitions["entry"]) > 0


async def test_the_doors_own_refusals_have_the_standards_codes_and_the_senders_ids(hub: Hub) -> None:
    asked = {
        401: await hub.ask("POST", "/$process-message", b"{}", client=""),
        404: await hub.ask("GET", "/Slot"),
        405: await hub.ask("DELETE", "/metadata"),
        413: await hub.ask("POST", "/$process-message", b" " * 1_100_000),
    }
    for status, reply in asked.items():
        issue = json.loads(reply.content)["issue"][0]
        assert reply.status == status
        assert issue["details"]["coding"][0]["system"] == "https://fhir.nhs.uk/CodeSystem/http-error-codes"
        assert dict(reply.headers)[b"x-request-id"] == REQUEST.encode()
