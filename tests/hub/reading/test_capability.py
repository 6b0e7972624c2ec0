"""What the server says that it does is what stands at its door, and the other way round."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson

from hub.intake import http as intake_http
from hub.intake.creation import Maker
from hub.intake.door import Intake
from hub.places import Places
from hub.reading import beside
from hub.reading.capability import capability_statement
from hub.reading.routes import routes
from hub.registry import installed
from schemas.fhir.check import check
from tests.hub.making import GP, Record, policy
from tests.hub.reading.asking import asked

_PATHS = {"read": ("GET", "/{id}"), "update": ("PUT", "/{id}"), "create": ("POST", "")}


def claimed(said: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Every place that a statement says is there."""
    rest = said["rest"][0]
    yield ("GET", "/fhir/metadata")
    for one in said.get("document", ()):
        assert one["mode"] == "consumer"
        yield ("POST", "/fhir/document")
    for one in rest.get("interaction", ()):
        assert one["code"] == "transaction"
        yield ("POST", "/fhir")
    for name in [operation["name"] for operation in rest.get("operation", ())]:
        yield ("POST", f"/fhir/${name}")
    for resource in rest["resource"]:
        own = f"/fhir/{resource['type']}"
        for code in [one["code"] for one in resource["interaction"]]:
            if code == "search-type":
                yield from (("GET", own), ("POST", f"{own}/_search"))
            else:
                yield (_PATHS[code][0], own + _PATHS[code][1])
        yield from (("POST", f"{own}/${operation['name']}") for operation in resource.get("operation", ()))


async def test_the_statement_and_the_door_name_the_same_places(opened: Record) -> None:
    registry, pool, sealing = installed(), opened.ledger.pool, opened.ledger.sealing
    intake = Intake(opened.ledger, Maker(policy(), Places.load(), sealing))
    at_the_door = [*intake_http.routes(intake, registry), *routes(pool, sealing, [], registry), *beside.routes(registry, pool, sealing)]
    there = {(route.method, route.path) for route in at_the_door if route.path == "/fhir" or route.path.startswith("/fhir/")}
    said = orjson.loads((await asked(opened, "GET", "/fhir/metadata", GP)).body)
    assert set(claimed(said)) == there
    assert check(said) == ()


def test_a_place_that_is_not_there_is_not_claimed() -> None:
    said = capability_statement([("GET", "/fhir/Task/{id}"), ("POST", "/elsewhere")], "1", "2026-11-22", "http://hub.example.wales/fhir")
    assert set(claimed(said)) == {("GET", "/fhir/metadata"), ("GET", "/fhir/Task/{id}")}
    assert check(said) == ()


async def test_every_search_parameter_that_is_named_is_understood(opened: Record) -> None:
    said = orjson.loads((await asked(opened, "GET", "/fhir/metadata", GP)).body)
    values = {"token": "https://x.example|1", "date": "2026", "reference": "ServiceRequest/1"}
    for resource in said["rest"][0]["resource"]:
        for parameter in resource.get("searchParam", ()):
            reply = await asked(opened, "GET", f"/fhir/{resource['type']}?{parameter['name']}={values[parameter['type']]}", GP)
            assert reply.status == 200, parameter
