"""Who may come through the HTTP door, through the real door with the clients of the real PostgreSQL."""

from __future__ import annotations

import secrets
from itertools import product

import pytest

from hub.ledger.database import open_pool
from hub.ledger.sealing import Sealing
from hub.security.bearer import Bearer
from hub.security.client import Client
from hub.security.clients import Clients
from hub.security.registration import NewClient, add_client, remove_client
from hub.security.scopes import Access, Open, Scope, allows
from hub.transports.http import HttpDoor, HttpReply, HttpRequest, Route
from hub.transports.http_server import serve_http
from tests.hub.transports.http_bench import raw, refuse

SEALING = Sealing.from_secret(secrets.token_bytes(32))


@pytest.mark.parametrize(("held", "asked"), list(product(Scope, [*Scope, Open.TO_ALL])))
def test_one_scope_opens_what_asks_for_it_and_what_is_open_to_all(held: Scope, asked: Access) -> None:
    assert allows(frozenset({held}), asked) is (asked is held or asked is Open.TO_ALL)


@pytest.mark.parametrize("asked", list(Scope))
def test_without_a_scope_everything_is_denied(asked: Scope) -> None:
    assert not Client("a", "a", "gp", frozenset()).may(asked)


async def _hello(request: HttpRequest) -> HttpReply:
    return HttpReply(200, (request.client.id if request.client else "nobody").encode())


ROUTES = [Route("GET", f"/{scope.value}", _hello, scope) for scope in Scope]


def _get(path: str, *lines: str) -> bytes:
    return "\r\n".join([f"GET /{path} HTTP/1.1", "Host: h", *lines]).encode() + b"\r\n\r\n"


async def test_a_door_with_real_clients_opens_for_the_right_scope_only(database: str) -> None:
    pool = await open_pool(database, size=2)
    keys = {scope: (await add_client(pool, SEALING, NewClient(f"c-{place}", "gp", frozenset({scope})))).key for place, scope in enumerate(Scope)}
    clients = Clients(pool, SEALING)
    await clients.load()
    server = await serve_http(HttpDoor(ROUTES, Bearer(clients, refuse), refuse), "127.0.0.1", 0)
    try:
        found = {}
        for held, asked in product(Scope, Scope):
            answer = await raw(server.port, _get(asked, f"Authorization: Bearer {keys[held]}"))
            found[held, asked] = answer.status if answer else None
        assert found == {(held, asked): 200 if held is asked else 403 for held, asked in product(Scope, Scope)}

        good = f"Authorization: Bearer {keys[Scope.ADMIN]}"
        wrong = [[], [good + "x"], [good, good], [good.replace("Bearer", "Basic")], ["Authorization: Bearer"], ["Authorization: " + keys[Scope.ADMIN]]]
        for lines in wrong:
            answer = await raw(server.port, _get("admin", *lines))
            assert answer is not None
            assert (answer.status, answer.headers["www-authenticate"]) == (401, ['Bearer realm="hub"'])
            assert keys[Scope.ADMIN].encode() not in answer.body

        await remove_client(pool, "c-0")
        await clients.load()
        answer = await raw(server.port, _get(Scope.REFERRAL_CREATE, f"Authorization: Bearer {keys[Scope.REFERRAL_CREATE]}"))
        assert answer is not None
        assert answer.status == 401
    finally:
        await server.stop()
        await pool.close()
