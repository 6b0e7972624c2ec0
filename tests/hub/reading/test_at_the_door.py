"""The same places through the whole HTTP door: host, route, scope, body and answer, as a referrer's system meets them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import uuid4

import httpx
import pytest_asyncio

from hub.doors import refuse
from hub.intake import http as intake_http
from hub.intake.creation import Maker
from hub.intake.door import Intake
from hub.places import Places
from hub.reading.routes import routes
from hub.registry import installed
from hub.security.client import Client
from hub.security.scopes import USUAL
from hub.transports.http import HttpDoor
from tests.hub.making import GP, Record, policy, service_request

SYSTEM = "https://gp.example.wales/referral"


@pytest_asyncio.fixture(loop_scope="session")
async def gp(opened: Record) -> AsyncIterator[httpx.AsyncClient]:
    """A referrer's system at the door."""
    registry, pool, sealing = installed(), opened.ledger.pool, opened.ledger.sealing
    intake = Intake(opened.ledger, Maker(policy(), Places.load(), sealing))
    client = Client(GP, GP, "gp", USUAL["referrer"])
    door = HttpDoor([*intake_http.routes(intake, registry), *routes(pool, sealing, [], registry)], lambda _head: client, refuse)
    transport = httpx.ASGITransport(door)  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://hub.example.wales", headers={"accept": "application/fhir+json"}) as made:
        yield made


def posted(**more: str) -> dict[str, str]:
    return {"content-type": "application/fhir+json", "x-request-id": str(uuid4())} | more


async def test_a_referral_is_looked_at_sent_found_changed_and_taken_back(gp: httpx.AsyncClient) -> None:
    body = service_request(identifier=[{"system": SYSTEM, "value": "A-1"}])
    looked_at = await gp.post("/fhir/ServiceRequest/$validate", content=body, headers={"content-type": "application/fhir+json"})
    assert (looked_at.status_code, looked_at.json()["issue"][0]["severity"]) == (200, "information")
    made = await gp.post("/fhir/ServiceRequest", content=body, headers=posted())
    place = made.headers["location"]
    assert made.status_code == 201
    found = (await gp.get("/fhir/ServiceRequest", params={"identifier": f"{SYSTEM}|A-1"})).json()
    assert found["entry"][0]["fullUrl"].endswith(place)
    form = await gp.post("/fhir/ServiceRequest/_search", data={"identifier": f"{SYSTEM}|A-1", "_count": "5"})
    assert form.json()["entry"] == found["entry"]
    read = await gp.get(place)
    changed = read.json() | {"note": [{"text": "Has moved."}]}
    put = await gp.put(place, json=changed, headers=posted(**{"if-match": read.headers["etag"]}))
    assert (put.status_code, put.headers["etag"]) == (200, 'W/"2"')
    again = await gp.get(place)
    revoked = await gp.put(place, json=again.json() | {"status": "revoked"}, headers=posted(**{"if-match": again.headers["etag"]}))
    assert revoked.status_code == 200
    assert (await gp.get(place)).json()["status"] == "revoked"
    tasks = (await gp.get("/fhir/Task", params={"focus": place.removeprefix("/fhir/")})).json()
    assert [entry["resource"]["status"] for entry in tasks["entry"]] == ["cancelled"]


async def test_what_a_place_does_not_do_is_an_operation_outcome_too(gp: httpx.AsyncClient) -> None:
    place = f"/fhir/ServiceRequest/{uuid4()}"
    for method, address, status in (
        ("DELETE", place, 405), ("PATCH", place, 405), ("GET", place, 404), ("GET", "/fhir/ServiceRequest?subject=Gwdihw", 400),
        ("GET", "/fhir/Patient/1", 404), ("GET", "/fhir", 405), ("POST", "/fhir/Task", 405),
    ):  # fmt: skip
        reply = await gp.request(method, address)
        assert (reply.status_code, reply.json()["resourceType"]) == (status, "OperationOutcome"), (method, address)
        assert "Gwdihw" not in reply.text


async def test_every_link_of_a_page_leads_somewhere(gp: httpx.AsyncClient) -> None:
    for _ in range(3):
        assert (await gp.post("/fhir/ServiceRequest", content=service_request(), headers=posted())).status_code == 201
    page = (await gp.get("/fhir/ServiceRequest", params={"_count": "2", "status": "active"})).json()
    following = next(link["url"] for link in page["link"] if link["relation"] == "next")
    rest = (await gp.get(following)).json()
    assert (len(page["entry"]), len(rest["entry"])) == (2, 1)
    assert (await gp.get("/fhir/metadata")).json()["fhirVersion"] == "4.0.1"
