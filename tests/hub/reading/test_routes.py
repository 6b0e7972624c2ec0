"""Reading's places at the door, on the real record: what a client may not see is absent, byte for byte."""

from __future__ import annotations

from uuid import uuid4

import orjson
import pytest

from hub.intake import http as intake_http
from hub.intake.creation import Maker
from hub.intake.door import Intake
from hub.places import Places
from hub.reading.routes import routes
from hub.registry import installed
from hub.security.client import Client
from hub.transports.http_messages import HttpHead, HttpReply, HttpRequest
from hub.transports.http_routes import RouteTable, WrongMethod
from schemas.fhir.check import check
from tests.hub.making import CASES, GP, Record, policy
from tests.hub.reading.asking import asked


async def ask(book: Record, path: str, client: str | None = None, *, peer: str = "127.0.0.1", ready: bool = True, **params: str) -> HttpReply:
    """One GET of the route with this path."""
    route = next(one for one in routes(book.ledger.pool, book.ledger.sealing, [lambda: ready]) if one.path == path)
    head = HttpHead("GET", path, route, peer, (("host", "hub.example.wales"),), params)
    return await route.respond(HttpRequest(head, Client(client, client, "gp", frozenset()) if client else None, b""))


async def test_a_referrer_reads_its_request_as_it_was_sent_under_our_id(opened: Record) -> None:
    id_ = await opened.create()
    reply = await ask(opened, "/fhir/ServiceRequest/{id}", GP, id=str(id_))
    found = orjson.loads(reply.body)
    assert (reply.status, found["id"], found["resourceType"]) == (200, str(id_), "ServiceRequest")
    assert ("ETag", f'W/"{found["meta"]["versionId"]}"') in reply.headers
    assert dict(reply.headers)["Last-Modified"].endswith("GMT")
    assert await opened.value("SELECT count(*) FROM audit WHERE action = 'referral.read' AND actor = $1", GP) == 1


async def test_a_read_in_another_format_is_not_acceptable(opened: Record) -> None:
    id_ = await opened.create()
    reply = await asked(opened, "GET", f"/fhir/ServiceRequest/{id_}", GP, path="/fhir/ServiceRequest/{id}", headers={"accept": "application/xml; version=9"})
    assert (reply.status, orjson.loads(reply.body)["resourceType"]) == (406, "OperationOutcome")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/fhir/ServiceRequest/0b5c2a52-0d4f-4c7e-9f0d-0c6d3c6f4a11", ("GET", "PUT")),  # a referral is taken back by its status, not deleted
        ("PATCH", "/fhir/ServiceRequest/0b5c2a52-0d4f-4c7e-9f0d-0c6d3c6f4a11", ("GET", "PUT")),
        ("DELETE", "/fhir/Task/0b5c2a52-0d4f-4c7e-9f0d-0c6d3c6f4a11", ("GET", "PUT")),
        ("GET", "/fhir", ("POST",)),
        ("PUT", "/fhir/ServiceRequest", ("GET", "POST")),
    ],
)
async def test_what_a_place_does_not_do_is_said_with_what_it_does(opened: Record, method: str, path: str, allowed: tuple[str, ...]) -> None:
    registry = installed()
    intake = Intake(opened.ledger, Maker(policy(), Places.load(), opened.ledger.sealing))
    table = RouteTable([*intake_http.routes(intake, registry), *routes(opened.ledger.pool, opened.ledger.sealing, [], registry)])
    met = table.find(method, path)
    assert isinstance(met, WrongMethod)
    assert met.allowed == allowed


async def test_each_reads_its_own_task(opened: Record) -> None:
    id_ = await opened.create()
    hand_over = await opened.assign(id_)
    coordination = str(await opened.value("SELECT id FROM task WHERE role = 'coordination'"))
    for client, task, kind in ((GP, coordination, "coordination"), (CASES, hand_over, "hand-over")):
        reply = await ask(opened, "/fhir/Task/{id}", client, id=task)
        found = orjson.loads(reply.body)
        assert (reply.status, found["code"]["coding"][1]["code"]) == (200, kind)
        assert check(found) == ()
        assert dict(reply.headers)["ETag"] == 'W/"2"'


async def test_absent_anothers_and_no_id_at_all_are_the_same_bytes(opened: Record) -> None:
    id_ = await opened.create()
    hand_over = await opened.assign(id_)
    coordination = str(await opened.value("SELECT id FROM task WHERE role = 'coordination'"))
    erased = await opened.create()
    await opened.fetch("UPDATE referral SET sealing_key = NULL WHERE id = $1", erased)
    replies = [
        await ask(opened, "/fhir/ServiceRequest/{id}", "gp-arall", id=str(id_)),  # another's
        await ask(opened, "/fhir/ServiceRequest/{id}", GP, id=str(uuid4())),  # never was
        await ask(opened, "/fhir/ServiceRequest/{id}", GP, id="1"),  # no id of ours
        await ask(opened, "/fhir/ServiceRequest/{id}", GP, id=str(erased)),  # was, once
        await ask(opened, "/fhir/Task/{id}", GP, id=hand_over),  # its own referral, but not its Task
        await ask(opened, "/fhir/Task/{id}", CASES, id=coordination),
        await ask(opened, "/fhir/Task/{id}", GP, id=str(uuid4())),
        await ask(opened, "/fhir/Task/{id}", GP, id="../1"),
    ]
    assert {(reply.status, reply.body, reply.content_type, reply.headers) for reply in replies} == {
        (404, replies[0].body, replies[0].content_type, replies[0].headers)
    }
    assert await opened.value("SELECT count(*) FROM audit WHERE action = 'referral.read'") == 0


async def test_the_server_says_what_it_does(opened: Record) -> None:
    reply = await ask(opened, "/fhir/metadata")
    found = orjson.loads(reply.body)
    assert (found["resourceType"], found["fhirVersion"]) == ("CapabilityStatement", "4.0.1")
    assert check(found) == ()


@pytest.mark.parametrize(("ready", "status"), [(True, 200), (False, 503)])
async def test_ready_is_when_the_doors_are_open_and_the_record_answers(opened: Record, ready: bool, status: int) -> None:
    assert (await ask(opened, "/health/ready", ready=ready)).status == status
    assert (await ask(opened, "/health/live", ready=ready)).status == 200, "alive either way"


async def test_not_ready_while_the_record_is_away(opened: Record) -> None:
    route = next(one for one in routes(opened.ledger.pool, opened.ledger.sealing, []) if one.path == "/health/ready")
    await opened.ledger.stop()
    await opened.ledger.pool.close()
    reply = await route.respond(HttpRequest(HttpHead("GET", "/health/ready", route, "127.0.0.1", ()), None, b""))
    assert (reply.status, orjson.loads(reply.body)["status"]) == (503, "no database")


@pytest.mark.parametrize(("peer", "status"), [("127.0.0.1", 200), ("::1", 200), ("10.0.0.9", 404), ("", 404)])
async def test_metrics_are_for_this_machine(opened: Record, peer: str, status: int) -> None:
    assert (await ask(opened, "/metrics", peer=peer)).status == status
