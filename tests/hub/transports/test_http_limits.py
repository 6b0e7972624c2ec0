"""What the HTTP door refuses before anything is parsed, over raw sockets."""

from __future__ import annotations

import asyncio
import gzip
import tracemalloc

import pytest

from hub.transports.http import Limits
from tests.hub.transports.http_bench import bench, post, raw

FAST = Limits(head_seconds=0.3, body_seconds=0.4)
MIB = 2**20

REFUSED = [
    ("a byte too many", post(b"", f"Content-Length: {MIB + 1}"), 413),
    ("a length beyond any integer", post(b"", "Content-Length: 99999999999999999999999999"), 400),
    ("a negative length", post(b"", "Content-Length: -1"), 400),
    ("a length with a sign", post(b"{}", "Content-Length: +2"), 400),
    ("two lengths that differ", post(b"{}", "Content-Length: 2", "Content-Length: 3"), 400),
    ("a length and chunks: which of the two hides a second request", post(b"0\r\n\r\n", "Content-Length: 5", "Transfer-Encoding: chunked"), 400),
    ("chunks, named twice", post(b"0\r\n\r\n", "Transfer-Encoding: chunked", "Transfer-Encoding: chunked"), 400),
    ("a transfer coding that is none", post(b"0\r\n\r\n", "Transfer-Encoding: chunked, cow"), 400),
    ("a transfer coding before the chunks", post(b"0\r\n\r\n", "Transfer-Encoding: gzip, chunked"), 400),
    ("a thousand trailers", post(b"0\r\n" + b"X: 1\r\n" * 5_000 + b"\r\n", "Transfer-Encoding: chunked"), 431),
    ("a space before the colon", post(b"{}", "X-Odd : 1"), 400),
    ("a folded header", post(b"{}", "X-Odd: 1\r\n 2"), 400),
    ("a bare line feed in a header", post(b"{}", "X-Odd: 1\nX-Evil: 2"), 400),
    ("a NUL in a header", post(b"{}", "X-Odd: 1\x002"), 400),
    ("a chunk size that is no number", post(b"zz\r\n", "Transfer-Encoding: chunked"), 400),
    ("bytes that are not HTTP", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
    ("a method that HTTP does not have", b"FETCH / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 400),
    ("no host", b"GET /health HTTP/1.1\r\n\r\n", 400),
    ("two hosts", b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: evil\r\n\r\n", 400),
    ("a host that poisons a path", b"GET /health HTTP/1.1\r\nHost: evil/../admin?\r\n\r\n", 400),
    ("a host with a user", b"GET /health HTTP/1.1\r\nHost: a@127.0.0.1\r\n\r\n", 400),
    ("no length", b"POST /fhir/ServiceRequest HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer good\r\n\r\n", 411),
    ("a chain of encodings", post(b"{}", "Content-Encoding: gzip, gzip"), 415),
    ("two encodings", post(b"{}", "Content-Encoding: gzip", "Content-Encoding: gzip"), 415),
    ("an encoding that we do not unpack", post(b"{}", "Content-Encoding: br"), 415),
    ("gzip that is none", post(b"{}", "Content-Encoding: gzip"), 400),
    ("gzip cut short", post(gzip.compress(b"{}" * 100)[:-9], "Content-Encoding: gzip"), 400),
    ("gzip with a second member", post(gzip.compress(b"{}") * 2, "Content-Encoding: gzip"), 400),
    ("a header of 64 kB", post(b"{}", "X-Long: " + "a" * 65_536), 431),
    ("a thousand headers", post(b"{}", *[f"X-{place}: 1" for place in range(1_000)]), 431),
    ("a target of 9 kB", post(b"{}", path="/fhir/" + "a" * 9_000), 414),
    ("a path that nobody knows", post(b"{}", path="/fhir/Patient"), 404),
    ("an id with a slash in disguise", b"GET /fhir/Task/..%2fadmin HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 404),
    ("an id with a line break in disguise", b"GET /fhir/Task/a%0d%0aX:1 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 404),
    ("an id of 300 characters", b"GET /fhir/Task/" + b"a" * 300 + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 404),
    ("an id that is not UTF-8", b"GET /fhir/Task/%ff HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 404),
    ("a path that climbs", b"GET /health/../fhir/Task/1 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 404),
    ("TRACE", b"TRACE /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 405),
    ("a method that the path does not have", b"DELETE /fhir/Task/1 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 405),
    ("a method override: the real method counts", post(b"{}", "X-HTTP-Method-Override: PUT", path="/fhir/Task/1"), 405),
    ("more query fields than any search has", b"GET /health?" + b"a&" * 200 + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 400),
    ("nobody", post(b"{}", key=None), 401),
    ("nobody, with a mebibyte", post(b"a" * MIB, key=None), 401),
]


@pytest.mark.parametrize(("sent", "status"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
async def test_it_is_refused_in_the_doors_own_format_and_reaches_no_route(sent: bytes, status: int) -> None:
    async with bench() as door:
        answer = await raw(door.server.port, sent)
        assert answer is not None
        assert answer.status == status
        assert answer.reason
        assert door.heard.requests == []
        assert answer.headers["cache-control"] == ["no-store"]


async def test_a_body_that_is_exactly_as_large_as_allowed_is_taken_whole_chunked_or_packed() -> None:
    body = b"a" * MIB
    chunked = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (body[:700_000], body[700_000:])) + b"0\r\n\r\n"
    async with bench() as door:
        for sent in (post(body), post(chunked, "Transfer-Encoding: chunked"), post(gzip.compress(body), "Content-Encoding: gzip")):
            answer = await raw(door.server.port, sent)
            assert answer is not None
            assert answer.status == 200
        assert [len(request.body) for request in door.heard.requests] == [MIB] * 3


async def test_chunks_that_never_end_are_refused_at_a_mebibyte() -> None:
    async with bench() as door:
        chunk = b"10000\r\n" + b"a" * 65_536 + b"\r\n"
        answer = await raw(door.server.port, post(chunk * 17, "Transfer-Encoding: chunked"))
        assert answer is not None
        assert answer.status == 413
        assert answer.closed


async def test_a_gzip_bomb_is_refused_and_never_unpacked_beyond_the_limit() -> None:
    bomb = gzip.compress(b"\0" * (64 * MIB))
    assert len(bomb) < MIB
    async with bench() as door:
        tracemalloc.start()
        try:
            answer = await raw(door.server.port, post(bomb, "Content-Encoding: gzip"))
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert answer is not None
        assert answer.status == 413
        assert peak < 8 * MIB


async def test_a_body_that_does_not_come_is_answered_408() -> None:
    async with bench(FAST) as door:
        answer = await raw(door.server.port, post(b'{"half', "Content-Length: 100"))
        assert answer is not None
        assert (answer.status, answer.closed) == (408, True)


async def test_a_head_that_does_not_end_is_answered_408_and_a_silent_connection_is_closed() -> None:
    async with bench(FAST) as door:
        answer = await raw(door.server.port, b"POST /fhir/ServiceRequest HTTP/1.1\r\nHost: 127", parts=[b".0"] * 3, pause=0.05)
        assert answer is not None
        assert answer.status == 408
        assert await raw(door.server.port, b"") is None


async def test_a_header_that_never_ends_is_cut_off_before_it_fills_the_memory() -> None:
    async with bench() as door:
        _, writer = await asyncio.open_connection("127.0.0.1", door.server.port)
        writer.write(b"GET /health HTTP/1.1\r\nX-Long: ")
        assert await _cut_off(writer)


async def test_an_unauthenticated_mebibyte_is_answered_before_it_is_sent() -> None:
    async with bench() as door:
        answer = await raw(door.server.port, post(b"", f"Content-Length: {MIB}", key=None))
        assert answer is not None
        assert answer.status == 401


async def test_the_senders_ids_come_back_on_a_refusal_and_only_if_they_can_stand_in_a_header() -> None:
    async with bench() as door:
        answer = await raw(door.server.port, post(b"{}", "X-Request-Id: 3f2a", "X-Correlation-Id: " + "a" * 500, path="/nowhere"))
        assert answer is not None
        assert answer.headers["x-request-id"] == ["3f2a"]
        assert "x-correlation-id" not in answer.headers


async def test_what_the_parser_refuses_carries_the_ids_that_came_before_the_fault() -> None:
    async with bench() as door:
        answer = await raw(door.server.port, post(b"{}", "X-Request-Id: 3f2a", "Accept: */*", "X-Odd : 1"))
        assert answer is not None
        assert (answer.status, answer.headers["x-request-id"]) == (400, ["3f2a"])


async def test_a_malformed_request_behind_a_sound_one_does_not_become_the_sound_ones_answer() -> None:
    async with bench() as door:
        door.heard.hold = asyncio.Event()
        asyncio.get_running_loop().call_later(0.2, door.heard.hold.set)
        answer = await raw(door.server.port, post(b"{}") + b"NONSENSE\r\n\r\n")
        assert answer is not None
        assert (answer.status, answer.closed) == (200, True)


async def test_what_comes_after_a_body_does_not_say_who_sent_it() -> None:
    async with bench() as door:
        body = b"2\r\n{}\r\n0\r\nAuthorization: Bearer good\r\nX-Request-Id: other\r\n\r\n"
        stranger = await raw(door.server.port, post(body, "Transfer-Encoding: chunked", key=None))
        known = await raw(door.server.port, post(body, "Transfer-Encoding: chunked", "X-Request-Id: mine"))
    assert stranger is not None
    assert known is not None
    assert (stranger.status, known.status, known.headers["x-request-id"]) == (401, 200, ["mine"])


async def test_framing_without_end_is_cut_off() -> None:
    async with bench() as door:
        _, writer = await asyncio.open_connection("127.0.0.1", door.server.port)
        writer.write(post(b"", "Transfer-Encoding: chunked") + b"1;")
        assert await _cut_off(writer)


async def _cut_off(writer: asyncio.StreamWriter) -> bool:
    """Whether the other end stops listening within 32 MiB."""
    try:
        for _ in range(500):
            writer.write(b"a" * 65_536)
            await writer.drain()
    except ConnectionError:
        return True
    finally:
        writer.close()
    return False
