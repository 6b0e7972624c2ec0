"""The hub's own MLLP connection to a receiver, against receivers that misbehave (promises.md I7, I8)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import pytest

from hub.errors import Unavailable
from hub.transports.mllp_frames import framed
from hub.transports.mllp_sender import MllpSender

Behaviour = Callable[[int, bytes, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def receiver(behave: Behaviour) -> AsyncIterator[tuple[MllpSender, list[int]]]:
    """A receiver that does `behave(connection number, frame, writer)` for each frame; the numbers of its connections."""
    connections: list[int] = []

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number = len(connections) + 1
        connections.append(number)
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                await behave(number, await reader.readuntil(b"\x1c\r"), writer)
        writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    sender = MllpSender("127.0.0.1", server.sockets[0].getsockname()[1])
    try:
        yield sender, connections
    finally:
        await sender.close()
        server.close()


async def echo(_number: int, frame: bytes, writer: asyncio.StreamWriter) -> None:
    writer.write(framed(b"AA " + frame[1:-2]))


async def test_frames_share_one_connection_and_wait_for_each_other() -> None:
    async with receiver(echo) as (sender, connections):
        answers = await asyncio.gather(*(sender.send(str(number).encode(), 5) for number in range(10)))
        assert answers == [f"AA {number}".encode() for number in range(10)]
        assert connections == [1]


async def test_an_answer_after_the_time_is_never_taken_for_the_next_one() -> None:
    async def late(number: int, frame: bytes, writer: asyncio.StreamWriter) -> None:
        if number == 1:
            await asyncio.sleep(0.2)
        await echo(number, frame, writer)

    async with receiver(late) as (sender, connections):
        with pytest.raises(Unavailable):
            await sender.send(b"one", 0.05)
        assert await sender.send(b"two", 5) == b"AA two"
        assert connections == [1, 2]


async def test_an_answer_that_belongs_to_another_message_is_given_and_the_connection_is_opened_anew() -> None:
    async with receiver(echo) as (sender, connections):
        assert await sender.send(b"one", 5, matches=lambda answer: answer == b"AA other") == b"AA one"
        assert await sender.send(b"two", 5, matches=lambda answer: answer == b"AA two") == b"AA two"
        assert await sender.send(b"three", 5) == b"AA three"
        assert connections == [1, 2]


async def test_words_that_nobody_asked_for_end_the_connection() -> None:
    async def twice(number: int, frame: bytes, writer: asyncio.StreamWriter) -> None:
        await echo(number, frame, writer)
        if number == 1:
            await asyncio.sleep(0.02)
            await echo(number, frame, writer)

    async with receiver(twice) as (sender, connections):
        assert await sender.send(b"one", 5) == b"AA one"
        await asyncio.sleep(0.1)
        assert await sender.send(b"two", 5) == b"AA two"
        assert connections == [1, 2]


async def test_two_answers_at_once_end_the_connection() -> None:
    async def both(number: int, frame: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(framed(b"CA " + frame[1:-2]) + framed(b"AA " + frame[1:-2]))

    async with receiver(both) as (sender, connections):
        assert await sender.send(b"one", 5) == b"CA one"
        assert await sender.send(b"two", 5) == b"CA two"
        assert connections == [1, 2]


BROKEN = [
    b"",  # closes without a word
    b"\x0bAA",  # closes in the middle of its answer
    b"\x0bAA\x1cX",  # no CR
    b"HTTP/1.1 400 Bad Request" * 200,  # another protocol
    b"\x0b" + b"x" * 70_000,  # an answer without end
]


@pytest.mark.parametrize("words", BROKEN)
async def test_a_broken_answer_is_unavailable_and_the_next_message_has_a_new_connection(words: bytes) -> None:
    async def broken(number: int, frame: bytes, writer: asyncio.StreamWriter) -> None:
        if number > 1:
            await echo(number, frame, writer)
            return
        writer.write(words)
        writer.write_eof()

    async with receiver(broken) as (sender, connections):
        with pytest.raises(Unavailable):
            await sender.send(b"one", 2)
        assert await sender.send(b"two", 2) == b"AA two"
        assert connections == [1, 2]


async def test_a_connection_that_the_receiver_closed_while_idle_is_opened_again() -> None:
    async def once(number: int, frame: bytes, writer: asyncio.StreamWriter) -> None:
        await echo(number, frame, writer)
        writer.close()

    async with receiver(once) as (sender, connections):
        assert await sender.send(b"one", 5) == b"AA one"
        await asyncio.sleep(0.05)
        assert await sender.send(b"two", 5) == b"AA two"
        assert connections == [1, 2]


async def test_nobody_there_is_unavailable() -> None:
    async with receiver(echo) as (sender, _):
        pass
    with pytest.raises(Unavailable):
        await sender.send(b"one", 1)
