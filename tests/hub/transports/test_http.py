"""What the HTTP door does with what it takes: who asks, how often, in which order, and how it stops."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
from collections.abc import Awaitable, Callable

import pytest

from hub.errors import Misconfigured, Unavailable
from hub.security.scopes import Open, Scope
from hub.telemetry import current_trace
from hub.transports.http import HttpDoor, HttpReply, HttpRequest, Limits, Route
from hub.transports.http_rates import Buckets
from hub.transports.http_server import serve_http
from tests.hub.transports.http_bench import authorize, bench, post, raw, read_answer, refuse

SECURITY = {
    "cache-control": ["no-store"],
    "content-security-policy": ["default-src 'none'; frame-ancestors 'none'"],
    "referrer-policy": ["no-referrer"],
    "strict-transport-security": ["max-age=31536000"],
    "x-content-type-options": ["nosniff"],
}
HEALTH = b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


@pytest.mark.parametrize("sent", [HEALTH, post(), post(key=None), post(path="/nowhere"), b"NONSENSE\r\n\r\n"], ids=["open", "sound", "401", "404", "400"])
async def test_every_answer_has_the_security_headers_and_names_no_software(sent: bytes) -> None:
    async with bench() as door:
        answer = await raw(door.server.port, sent)
    assert answer is not None
    assert {name: answer.headers.get(name) for name in SECURITY} == SECURITY
    assert "server" not in answer.headers


async def test_a_request_reaches_its_route_whole_with_repeated_headers_visible_and_the_client_known() -> None:
    async with bench() as door:
        answer = await raw(door.server.port, post(b'{"a":1}', "X-Twice: 1", "x-twice: 2", path="/fhir/ServiceRequest?a=1&b=%C5%B5&a="))
        assert answer is not None
        assert answer.status == 200
    request = door.heard.requests[0]
    assert request.body == b'{"a":1}'
    assert request.head.all("x-twice") == ("1", "2")
    assert request.head.joined["x-twice"] == "1, 2"
    assert request.head.query == (("a", "1"), ("b", "ŵ"), ("a", ""))
    assert (request.sender.id, request.head.peer) == ("gp-a", "127.0.0.1")


async def test_a_variable_part_of_a_path_is_decoded_once() -> None:
    async with bench() as door:
        await raw(door.server.port, b"GET /fhir/Task/a%2541 HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer good\r\n\r\n")
    assert door.heard.requests[0].head.params == {"id": "a%41"}


async def test_an_address_that_somebody_claims_in_a_header_is_not_believed() -> None:
    async with bench() as door:
        await raw(door.server.port, post(b"{}", "X-Forwarded-For: 10.9.9.9", "Forwarded: for=10.9.9.9"))
    assert door.heard.requests[0].head.peer == "127.0.0.1"


async def test_only_hosts_by_which_the_hub_may_be_called_are_answered() -> None:
    async with bench(Limits(hosts=frozenset({"hub.nhs.wales", "[::1]"}))) as door:
        statuses = {}
        for host in ("hub.nhs.wales", "HUB.nhs.wales:443", "[::1]:8080", "127.0.0.1", "hub.nhs.wales.evil"):
            answer = await raw(door.server.port, HEALTH.replace(b"127.0.0.1", host.encode()))
            statuses[host] = answer.status if answer else None
    assert statuses == {"hub.nhs.wales": 200, "HUB.nhs.wales:443": 200, "[::1]:8080": 200, "127.0.0.1": 400, "hub.nhs.wales.evil": 400}


async def test_a_wrong_method_says_which_are_right_and_a_stranger_hears_how_to_say_who_they_are() -> None:
    async with bench() as door:
        wrong = await raw(door.server.port, b"DELETE /fhir/Task/1 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert wrong is not None
        assert wrong.headers["allow"] == ["GET, PUT"]


async def _head(door_port: int) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", door_port)
    writer.write(HEALTH.replace(b"GET", b"HEAD") + HEALTH)
    first = await reader.readuntil(b"\r\n\r\n")
    writer.close()
    return first


async def test_head_is_405_without_a_body() -> None:
    async with bench() as door:
        assert (await _head(door.server.port)).startswith(b"HTTP/1.1 405")


async def test_pipelined_requests_are_answered_in_their_order_and_http_1_0_is_answered_and_closed() -> None:
    async with bench() as door:
        reader, writer = await asyncio.open_connection("127.0.0.1", door.server.port)
        writer.write(post(b"1") + post(b"22") + post(b"333"))
        sizes = [json.loads(answer.body)["bytes"] for _ in range(3) if (answer := await read_answer(reader))]
        writer.write(HEALTH.replace(b"HTTP/1.1", b"HTTP/1.0"))
        last = await read_answer(reader)
        writer.close()
    assert sizes == [1, 2, 3]
    assert last is not None
    assert last.closed


async def test_an_upgrade_to_another_protocol_is_not_made_and_the_request_is_answered_as_it_is() -> None:
    async with bench() as door:
        answer = await raw(door.server.port, post(b"{}", "Connection: Upgrade", "Upgrade: websocket"))
        assert answer is not None
        assert answer.status == 200


async def test_a_sender_that_waits_for_100_continue_is_told_401_without_sending_the_body() -> None:
    async with bench() as door:
        answer = await raw(door.server.port, post(b"", "Content-Length: 100", "Expect: 100-continue", key=None))
        assert answer is not None
        assert (answer.status, answer.closed) == (401, True)


async def _unavailable(_request: HttpRequest) -> HttpReply:
    raise Unavailable("no store", retry_after=7)


async def _bug(_request: HttpRequest) -> HttpReply:
    raise KeyError("NHS 9990000018 canary")


async def _trace(_request: HttpRequest) -> HttpReply:
    trace = current_trace()
    return HttpReply(200, (trace.trace_id if trace else "none").encode())


@pytest.mark.parametrize(("respond", "status", "wait"), [(_unavailable, 503, ["7"]), (_bug, 500, None)], ids=["unavailable", "a bug"])
async def test_what_a_route_raises_becomes_an_answer_that_says_nothing_of_it(
    respond: Callable[[HttpRequest], Awaitable[HttpReply]], status: int, wait: list[str] | None, capsys: pytest.CaptureFixture[str]
) -> None:
    async with bench(more=[Route("GET", "/odd", respond, Open.TO_ALL)]) as door:
        answer = await raw(door.server.port, HEALTH.replace(b"/health", b"/odd"))
    assert answer is not None
    assert (answer.status, answer.headers.get("retry-after")) == (status, wait)
    assert answer.reason
    assert b"canary" not in answer.body
    assert "canary" not in capsys.readouterr().err


async def test_the_senders_trace_goes_on_in_what_the_route_does() -> None:
    journey = "a" * 32
    async with bench(more=[Route("GET", "/trace", _trace, Open.TO_ALL)]) as door:
        answer = await raw(door.server.port, f"GET /trace HTTP/1.1\r\nHost: h\r\ntraceparent: 00-{journey}-{'b' * 16}-01\r\n\r\n".encode())
    assert answer is not None
    assert answer.body.decode() == journey


async def test_a_client_that_asks_too_often_hears_when_to_come_back_and_others_do_not() -> None:
    async with bench(Limits(client_rate=0.5, client_burst=2, open_burst=50)) as door:
        answers = [await raw(door.server.port, post()) for _ in range(3)]
        health = await raw(door.server.port, HEALTH)
    assert [answer.status for answer in answers if answer] == [200, 200, 429]
    assert answers[2] is not None
    assert answers[2].headers["retry-after"] == ["2"]
    assert health is not None
    assert health.status == 200


async def test_a_stranger_that_guesses_is_slowed_and_a_client_at_the_same_address_is_not() -> None:
    async with bench(Limits(stranger_rate=0.01, stranger_burst=3)) as door:
        guesses = [await raw(door.server.port, post(key="wrong")) for _ in range(5)]
        known = await raw(door.server.port, post())
    assert [answer.status for answer in guesses if answer] == [401, 401, 401, 429, 429]
    assert known is not None
    assert known.status == 200


async def test_one_client_cannot_hold_every_place_in_the_hub() -> None:
    async with bench(Limits(in_flight_per_client=2)) as door:
        door.heard.hold = asyncio.Event()
        held = [asyncio.ensure_future(raw(door.server.port, post())) for _ in range(2)]
        await door.heard.arrived.acquire()
        await door.heard.arrived.acquire()
        third = await raw(door.server.port, post())
        door.heard.hold.set()
        answers = await asyncio.gather(*held)
    assert third is not None
    assert (third.status, third.headers["retry-after"]) == (429, ["1"])
    assert [answer.status for answer in answers if answer] == [200, 200]


def test_a_bucket_fills_with_time_and_forgets_the_longest_unused() -> None:
    now = [0.0]
    buckets = Buckets(2.0, 1, clock=lambda: now[0])
    assert [buckets.take("a"), buckets.take("a")] == [0.0, 0.5]
    now[0] = 0.5
    assert buckets.take("a") == 0.0
    for name in range(10_001):
        buckets.take(str(name))
    assert len(buckets._known) == 10_000


async def test_stopping_answers_what_was_read_refuses_the_rest_and_says_so_first() -> None:
    async with bench() as door:
        door.heard.hold = asyncio.Event()
        in_flight = asyncio.ensure_future(raw(door.server.port, post()))
        half = asyncio.ensure_future(raw(door.server.port, post(b"", "Content-Length: 2"), parts=[b"{}"], pause=0.4))
        await door.heard.arrived.acquire()
        stopping = asyncio.ensure_future(door.server.stop())
        await asyncio.sleep(0.2)
        assert door.door.stopping
        with pytest.raises(ConnectionRefusedError):
            await raw(door.server.port, HEALTH)
        door.heard.hold.set()
        answers = [await in_flight, await half]
        await stopping
    assert [(answer.status, answer.closed) for answer in answers if answer] == [(200, True), (200, True)]
    assert door.heard.answered == 2


async def test_a_sender_that_leaves_in_the_middle_is_nobodys_bug(caplog: pytest.LogCaptureFixture) -> None:
    async with bench() as door:
        _, writer = await asyncio.open_connection("127.0.0.1", door.server.port)
        writer.write(post(b"", "Content-Length: 100"))
        await writer.drain()
        await asyncio.sleep(0.05)
        writer.close()
        await asyncio.sleep(0.1)
    assert door.heard.requests == []
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


async def test_a_taken_port_is_a_plain_sentence() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(Misconfigured, match="HUB_HTTP"):
            await serve_http(HttpDoor([], authorize, refuse), "127.0.0.1", taken.getsockname()[1])


async def test_more_connections_than_the_door_has_places_are_closed() -> None:
    async with bench(Limits(connections=2)) as door:
        held = [await asyncio.open_connection("127.0.0.1", door.server.port) for _ in range(2)]
        await asyncio.sleep(0.05)
        assert await raw(door.server.port, HEALTH) is None
        for _, writer in held:
            writer.close()


async def _nothing(_request: HttpRequest) -> HttpReply:
    return HttpReply(204)


WRONG_ROUTES = [
    ("it does not say who may come", [Route("GET", "/x", _nothing, "everybody")]),  # type: ignore[arg-type]
    ("a method that no route may have", [Route("TRACE", "/x", _nothing, Open.TO_ALL)]),
    ("no path", [Route("GET", "x", _nothing, Open.TO_ALL)]),
    ("two in one place", [Route("GET", "/x/{id}", _nothing, Open.TO_ALL), Route("GET", "/x/{other}", _nothing, Scope.TASK_READ)]),
]


@pytest.mark.parametrize("routes", [row[1] for row in WRONG_ROUTES], ids=[row[0] for row in WRONG_ROUTES])
def test_a_door_with_a_wrong_route_is_not_opened(routes: list[Route]) -> None:
    with pytest.raises(Misconfigured):
        HttpDoor(routes, authorize, refuse)


REPLIES = [
    ("its own policy for a page", (("Content-Security-Policy", "default-src 'self'"),), {"content-security-policy": ["default-src 'self'"]}),
    ("two of one name", (("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")), {"set-cookie": ["a=1", "b=2"]}),
    ("a value that would end the line", (("Location", "/x\r\nSet-Cookie: evil=1"),), {"location": None, "set-cookie": None}),
    ("a name that is none", (("Bad Name", "1"),), {"bad name": None}),
    ("framing, which is the door's", (("Content-Length", "0"), ("Transfer-Encoding", "chunked")), {"content-length": ["2"], "transfer-encoding": None}),
    ("the sender's id, said by the route", (("X-Request-Id", "theirs"),), {"x-request-id": ["theirs"]}),
]


@pytest.mark.parametrize(("given", "expected"), [row[1:] for row in REPLIES], ids=[row[0] for row in REPLIES])
async def test_what_a_route_says_in_headers_stands_as_far_as_it_can(given: tuple[tuple[str, str], ...], expected: dict[str, list[str] | None]) -> None:
    async def respond(_request: HttpRequest) -> HttpReply:
        return HttpReply(200, b"{}", headers=given)

    async with bench(more=[Route("GET", "/odd", respond, Open.TO_ALL)]) as door:
        answer = await raw(door.server.port, b"GET /odd HTTP/1.1\r\nHost: h\r\nX-Request-Id: mine\r\n\r\n")
    assert answer is not None
    assert {name: answer.headers.get(name) for name in expected} == expected
