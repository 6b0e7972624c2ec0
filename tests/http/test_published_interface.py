"""Requests generated from the published OpenAPI document against a running hub: no 5xx, and every answer is one that the document names."""

from __future__ import annotations

import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import httpx
import pytest
import pytest_asyncio
import requests
import schemathesis
import yaml
from hypothesis import HealthCheck, settings
from schemathesis.checks import CheckFunction, not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import content_type_conformance, response_headers_conformance, response_schema_conformance, status_code_conformance

from hub import doors
from hub.kit.fixtures import fixtures_of
from hub.kit.folders import Folders
from hub.publishing.openapi import openapi, routes
from hub.registry import installed
from hub.security.registration import NewClient, add_client
from hub.security.scopes import Open, Scope
from hub.transports.http_messages import Route
from schemas.profile import Profile
from tests.faults.running import until
from tests.hub.conformance.conftest import Deployment

CHECKS: list[CheckFunction] = [
    not_a_server_error, status_code_conformance, content_type_conformance, response_headers_conformance, response_schema_conformance,
]  # fmt: skip
EXAMPLES = 8


def document() -> dict[str, Any]:
    """The published document, and sound messages of each connector's fixtures as examples, so that not everything is refused."""
    made: dict[str, Any] = yaml.safe_load(openapi())
    folders = Folders.at(None)
    for registered, listener in installed().listeners("http"):
        bodies = made["paths"][listener.path][str(listener.method).lower()]["requestBody"]["content"]
        if "application/fhir+json" in bodies or "application/json" in bodies:
            kind = next(iter(bodies))
            found = [one.body for one in fixtures_of(folders.root / registered.manifest.name)][:SOUND]
            bodies[kind]["examples"] = {str(number): {"value": value} for number, body in enumerate(found) if (value := _json(body)) is not None}
    return made


def _json(body: bytes) -> object:
    try:
        return json.loads(body)
    except ValueError:
        return None


SOUND = 25
SCHEMA = schemathesis.openapi.from_dict(document())


@schemathesis.serializer("text/csv", "application/x-ndjson", "application/hl7-v2", "application/octet-stream")
def as_it_is(ctx: object, value: object) -> bytes:
    """Bodies of kinds that the generator knows nothing of go out as what it drew, in text."""
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def key(deployment: Deployment) -> str:
    """A client that may go to every place: what the generator looks for lies behind the door."""
    issued = await add_client(deployment.hub.pool, deployment.hub.sealing, NewClient("everywhere", "gp", frozenset(Scope) - {Scope.ADMIN}, profile=Profile()))
    async with httpx.AsyncClient(base_url=deployment.url, trust_env=False) as asking:

        async def known() -> bool:
            return (await asking.get(f"/fhir/Task/{uuid4()}", headers={"Authorization": f"Bearer {issued.key}"})).status_code == 404

        await until(known, 20, "the hub to know its new client")
    return issued.key


@pytest.fixture
def session() -> Iterator[requests.Session]:
    with requests.Session() as made:
        made.trust_env = False
        yield made


@SCHEMA.parametrize()
@settings(max_examples=EXAMPLES, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_whatever_is_asked_the_answer_is_one_that_the_document_names(
    case: schemathesis.Case, deployment: Deployment, key: str, session: requests.Session
) -> None:
    own = {} if "X-Request-Id" in case.headers else {"X-Request-Id": str(uuid4())}
    headers = {"Authorization": f"Bearer {key}", **own}
    case.call_and_validate(base_url=deployment.url, headers=headers, checks=CHECKS, session=session, timeout=20)


# --- the document itself ----------------------------------------------------------------------------------------------------------------


def _operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in yaml.safe_load(openapi())["paths"].items():
        yield from ((method.upper(), path, operation) for method, operation in methods.items())


async def test_every_route_of_the_door_but_the_pages_for_people_is_in_the_document(monkeypatch: pytest.MonkeyPatch) -> None:
    stand: list[Route] = []

    def door(found: list[Route], *_more: object) -> SimpleNamespace:
        stand.extend(found)
        return SimpleNamespace(stopping=False)

    async def serves(*_given: object) -> SimpleNamespace:
        return SimpleNamespace(host="127.0.0.1", port=0, stop=None)

    async def no_pages(*_given: object) -> tuple[Route, ...]:
        return ()

    monkeypatch.setattr(doors, "HttpDoor", door)
    monkeypatch.setattr(doors, "serve_http", serves)
    monkeypatch.setattr(doors, "web", SimpleNamespace(pages=no_pages))
    ledger, http = SimpleNamespace(pool=None, sealing=None), SimpleNamespace(host="", port=0)
    settings = SimpleNamespace(hosts=(), http=http, public_url=None)
    hub = SimpleNamespace(registry=installed(), ledger=ledger, sealing=None, doors=[], clients=None, settings=settings)
    await doors.open_http(hub, SimpleNamespace(receive=None), SimpleNamespace(push_async_callback=lambda *_given, **_more: None))  # type: ignore[arg-type]
    assert sorted((method, path) for method, path, _ in _operations()) == sorted((route.method, route.path) for route in stand)


def test_every_place_says_who_may_come_and_names_its_refusals() -> None:
    scopes = {(route.method, route.path): route.access for route in routes(installed())}
    for method, path, operation in _operations():
        is_open = scopes[method, path] is Open.TO_ALL
        assert (operation.get("security") == []) is is_open, path
        assert operation.get("x-scope") == (None if is_open else scopes[method, path].value), path
        assert {"400", "405", "413", "429", "503"} <= operation["responses"].keys(), path
        assert is_open or {"401", "403"} <= operation["responses"].keys(), path


def test_names_of_operations_are_their_own() -> None:
    names = [operation["operationId"] for _, _, operation in _operations()]
    assert len(names) == len(set(names))


def test_an_answer_that_the_document_does_not_name_is_seen(deployment: Deployment, key: str, session: requests.Session) -> None:
    """The guard itself: with 404 struck out of the document, a referral that is not there is a drift."""
    made = document()
    for operation in made["paths"]["/fhir/Task/{id}"].values():
        del operation["responses"]["404"]
    operation = schemathesis.openapi.from_dict(made)["/fhir/Task/{id}"]["GET"]
    case = operation.Case(path_parameters={"id": str(uuid4())})
    with pytest.raises(FailureGroup, match="Undocumented status code"):
        case.call_and_validate(base_url=deployment.url, headers={"Authorization": f"Bearer {key}"}, checks=CHECKS, session=session)
