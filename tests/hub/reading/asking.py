"""What the tests of reading ask: one request of one route, on the test's own record."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, urlsplit

import orjson

from hub.reading.routes import routes
from hub.security.client import Client
from hub.transports.http_messages import HttpHead, HttpReply, HttpRequest
from schemas.profile import Profile
from tests.hub.making import Record


async def asked(
    book: Record, method: str, address: str, client: str, body: bytes = b"", *, path: str | None = None, headers: dict[str, str] | None = None,
    profile: Profile | None = None, public: str | None = None,
) -> HttpReply:  # fmt: skip
    """The answer to a request; `address` may hold a query, `path` is the route's where it differs."""
    parts = urlsplit(address)
    route = next(one for one in routes(book.ledger.pool, book.ledger.sealing, [], public=public) if (one.method, one.path) == (method, path or parts.path))
    sent = (("host", "hub.example.wales"), *((headers or {}).items()))
    head = HttpHead(method, parts.path, route, "127.0.0.1", sent, {}, tuple(parse_qsl(parts.query, keep_blank_values=True)))
    return await route.respond(HttpRequest(head, Client(client, client, "gp", frozenset(), profile or Profile()), body))


async def found(book: Record, address: str, client: str) -> dict[str, Any]:  # Any: FHIR JSON
    """The searchset that a GET finds."""
    reply = await asked(book, "GET", address, client)
    assert reply.status == 200, reply.body
    made: dict[str, Any] = orjson.loads(reply.body)
    return made


def ids(searchset: dict[str, Any]) -> list[str]:
    """The ids of what was found, in order."""
    return [entry["resource"]["id"] for entry in searchset.get("entry", ())]
