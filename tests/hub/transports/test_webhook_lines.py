"""Connections to receivers are kept, shared by nobody at the same time, and given up when they are old, broken or too many."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpcore
import pytest

from hub.transports import webhook_lines
from hub.transports.webhook import public_trust
from hub.transports.webhook_lines import KEPT, Lines
from tests.hub.transports.receivers import Answer, receiver, says

_SECONDS = {"timeout": {"connect": 5.0, "read": 5.0, "write": 5.0}}


@asynccontextmanager
async def lines() -> AsyncIterator[Lines]:
    made = Lines(public_trust(), httpcore.AnyIOBackend())
    yield made
    await made.close()


async def post(through: Lines, port: int) -> int:
    headers = [(b"host", f"127.0.0.1:{port}".encode()), (b"content-length", b"2")]
    async with through.post(f"http://127.0.0.1:{port}/told", headers, b"{}", _SECONDS) as answer:
        await answer.aread()
        return answer.status


def after(seconds: float) -> Answer:
    async def answer(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(seconds)
        await says(204)(writer)

    return answer


async def test_one_connection_carries_message_after_message() -> None:
    async with receiver(says(204)) as noted, lines() as through:
        assert [await post(through, noted.port) for _ in range(3)] == [204, 204, 204]
        assert noted.connections == 1


async def test_two_receivers_never_share_one() -> None:
    async with receiver(says(204)) as one, receiver(says(204)) as other, lines() as through:
        for _ in range(2):
            await post(through, one.port)
            await post(through, other.port)
        assert (one.connections, other.connections, len(one.bodies), len(other.bodies)) == (1, 1, 2, 2)


async def test_messages_at_the_same_time_have_a_connection_each_and_few_are_kept() -> None:
    async with receiver(after(0.05)) as noted, lines() as through:
        await asyncio.gather(*(post(through, noted.port) for _ in range(KEPT + 4)))
        assert noted.connections == KEPT + 4
        await asyncio.gather(*(post(through, noted.port) for _ in range(KEPT)))
        assert noted.connections == KEPT + 4


async def test_a_receiver_that_hung_up_meanwhile_costs_no_message() -> None:
    async def once(writer: asyncio.StreamWriter) -> None:
        await says(204)(writer)
        await writer.drain()
        writer.close()

    async with receiver(once) as noted, lines() as through:
        for _ in range(3):
            assert await post(through, noted.port) == 204
            await asyncio.sleep(0.02)
        assert noted.connections == 3


async def test_an_answer_that_was_not_read_to_its_end_is_not_taken_for_the_next() -> None:
    async with receiver(says(200, b"x" * 200_000)) as noted, lines() as through:
        headers = [(b"host", b"127.0.0.1"), (b"content-length", b"2")]
        async with through.post(f"http://127.0.0.1:{noted.port}/", headers, b"{}", _SECONDS) as answer:
            await anext(aiter(answer.aiter_stream()))
        assert await post(through, noted.port) == 200
        assert noted.connections == 2


async def test_nobody_to_connect_to_is_an_error_and_keeps_nothing() -> None:
    async with receiver(says(204)) as noted:
        port = noted.port
    async with lines() as through:
        with pytest.raises(httpcore.ConnectError):
            await post(through, port)
        assert not any(through._free.values())


async def test_what_nobody_used_for_a_while_is_closed_for_every_receiver(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook_lines, "KEPT_SECONDS", 0.05)
    async with receiver(says(204)) as one, receiver(says(204)) as other, lines() as through:
        await post(through, one.port)
        await asyncio.sleep(0.1)
        await post(through, other.port)
        assert [port for _, _, port in through._free] == [other.port]


async def test_after_close_what_was_under_way_ends_and_is_not_kept() -> None:
    async with receiver(after(0.1)) as noted, lines() as through:
        sending = asyncio.create_task(post(through, noted.port))
        await asyncio.sleep(0.05)
        await through.close()
        assert await sending == 204
        assert not any(through._free.values())
