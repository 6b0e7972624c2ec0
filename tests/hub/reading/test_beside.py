"""What a connector's clients find beside its listeners: their own resources in the connector's words, and the files of its folder."""

from __future__ import annotations

from uuid import uuid4

import orjson
import pytest

from hub.reading.beside import routes, worded
from hub.registry import installed
from hub.security.client import Client
from hub.security.scopes import Open
from hub.transports.http_messages import HttpHead, HttpReply, HttpRequest
from schemas.fhir.check import check
from schemas.rejection import Reason
from tests.hub.making import GP, Record

_BASE = "/bars/FHIR/R4"


async def ask(book: Record, path: str, client: str | None = None, *, public: str | None = None, **params: str) -> HttpReply:
    """One GET of the route with this path."""
    route = next(one for one in routes(installed(), book.ledger.pool, book.ledger.sealing, public) if one.path == path)
    head = HttpHead("GET", path, route, "127.0.0.1", (("host", "hub.example.wales"), ("x-request-id", "r-1")), params)
    return await route.respond(HttpRequest(head, Client(client, client, "gp", frozenset()) if client else None, b""))


async def test_a_referrer_reads_its_request_under_the_connectors_own_address(opened: Record) -> None:
    id_ = await opened.create()
    reply = await ask(opened, f"{_BASE}/ServiceRequest/{{id}}", GP, id=str(id_))
    assert reply.status == 200
    assert orjson.loads(reply.body)["id"] == str(id_)
    assert dict(reply.headers)["ETag"] == 'W/"1"'


async def test_what_is_anothers_is_absent_byte_for_byte_and_said_as_the_standard_says_it(opened: Record) -> None:
    id_ = await opened.create()
    path = f"{_BASE}/ServiceRequest/{{id}}"
    anothers, nobodys, odd = [await ask(opened, path, "somebody-else", id=one) for one in (str(id_), str(uuid4()), "../7")]
    assert anothers == nobodys == odd
    assert anothers.status == 404
    first = orjson.loads(anothers.body)["issue"][0]
    assert (first["code"], first["details"]["coding"][0]["code"]) == ("not-found", "REC_NOT_FOUND")
    assert ("X-Request-Id", "r-1") in anothers.headers


async def test_a_document_is_sound_fhir_and_names_the_address_by_which_the_hub_was_asked(opened: Record) -> None:
    places = [one for one in routes(installed(), opened.ledger.pool, opened.ledger.sealing) if one.access is Open.TO_ALL]
    assert {f"{_BASE}/metadata", f"{_BASE}/MessageDefinition"} <= {one.path for one in places}
    for place in places:
        said = (await ask(opened, place.path)).body.decode()
        assert "{base}" not in said
        assert "http://hub.example.wales" in said
    statement = orjson.loads((await ask(opened, f"{_BASE}/metadata")).body)
    assert check(statement) == ()
    assert statement["implementation"]["url"] == f"http://hub.example.wales{_BASE}"
    statement = orjson.loads((await ask(opened, f"{_BASE}/metadata", public="https://hub.example")).body)
    assert statement["implementation"]["url"] == f"https://hub.example{_BASE}"


DOOR = [
    # what the door refuses by itself, and the standard's code for it
    (Reason.NOT_AUTHENTICATED, 401, "REC_UNAUTHORIZED"),
    (Reason.NOT_PERMITTED, 403, "REC_FORBIDDEN"),
    (Reason.NOT_FOUND, 404, "REC_NOT_FOUND"),
    (Reason.METHOD_NOT_ALLOWED, 405, "SEND_METHOD_NOT_ALLOWED"),
    (Reason.TOO_MANY_REQUESTS, 429, "SEND_TOO_MANY_REQUESTS"),
    (Reason.STORE_UNAVAILABLE, 503, "REC_SERVICE_UNAVAILABLE"),
]


@pytest.mark.parametrize(("reason", "status", "code"), DOOR)
def test_what_the_door_refuses_below_a_connectors_path_is_said_as_its_standard_says_it(reason: Reason, status: int, code: str) -> None:
    plain = HttpReply(status, b"{}", headers=(("www-authenticate", "Bearer"),))
    dressed = worded(installed())(f"{_BASE}/$process-message", reason, plain)
    assert (dressed.status, dressed.headers) == (plain.status, plain.headers)
    assert orjson.loads(dressed.body)["issue"][0]["details"]["coding"][0]["code"] == code
    assert worded(installed())("/fhir/ServiceRequest", reason, plain) == plain
