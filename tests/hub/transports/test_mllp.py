"""The MLLP listener over real sockets: one test for each case of framing and transport (promises.md A)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import pytest

from hub.transports.mllp import Answers, MllpCaps, MllpListener, Peer
from hub.transports.mllp_frames import FrameFault, framed

QUICK = MllpCaps(frame_bytes=1000, frame_seconds=0.4, trailer_seconds=0.15, idle_seconds=5, linger_seconds=0.3, answer_seconds=0.5, connections_per_address=3)


class Ward:
    """What stands behind the listener in these tests: answers each frame with its own words and keeps what it heard."""

    def __init__(self) -> None:
        self.frames: list[bytes] = []
        self.faults: list[tuple[FrameFault, bytes]] = []
        self.hold: asyncio.Event | None = None

    async def frame(self, _peer: Peer, content: bytes) -> Answers:
        self.frames.append(content)
        if self.hold is not None:
            await self.hold.wait()
        if content == b"silence":
            return None
        return [b"CA " + content, b"AA " + content] if content.startswith(b"both") else b"AA " + content

    async def fault(self, _peer: Peer, fault: FrameFault, head: bytes) -> bytes | None:
        self.faults.append((fault, head))
        return b"AR " + fault.value.encode()


@asynccontextmanager
async def listening(caps: MllpCaps = QUICK) -> AsyncIterator[tuple[MllpListener, Ward]]:
    ward = Ward()
    listener = MllpListener("127.0.0.1", 0, ward.frame, ward.fault, caps)
    await listener.start()
    try:
        yield listener, ward
    finally:
        await listener.stop(1)


async def spoken(listener: MllpListener, *chunks: bytes, length: int = 10**9, ends: bool = False) -> bytes:
    """What is heard on one connection after writing the chunks: `length` bytes, or all until the listener closes it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
    heard = b""
    with suppress(ConnectionError):
        for chunk in chunks:
            writer.write(chunk)
            await writer.drain()
            await asyncio.sleep(0)
        if ends:
            writer.write_eof()
        async with asyncio.timeout(5):
            while len(heard) < length and (chunk := await reader.read(4096)):
                heard += chunk
    writer.close()
    return heard


async def until(seen: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not seen():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


CASES = [
    # what is written, what is heard, the frames and the faults behind it
    ([framed(b"one")[i : i + 1] for i in range(6)], framed(b"AA one"), [b"one"], []),  # A1: a byte at a time
    ([framed(b"one") + framed(b"two")], framed(b"AA one") + framed(b"AA two"), [b"one", b"two"], []),  # A2: two at once
    ([b"\x0bone\x1c"], framed(b"AR no-trailer"), [], [FrameFault.NO_TRAILER]),  # A3: the last CR never comes
    ([b"\x0bone\x1cX"], framed(b"AR no-trailer"), [], [FrameFault.NO_TRAILER]),  # A3: something else comes
    ([b"noise", framed(b"one")], framed(b"AA one"), [b"one"], [FrameFault.JUNK]),  # A4: no start
    ([b"n" * 5000], b"", [], [FrameFault.JUNK]),  # A4: nothing but junk
    ([b"\x0bhalf" + framed(b"one")], framed(b"AA one"), [b"one"], [FrameFault.RESTARTED]),  # A6: begun again
    ([b"\x0b" + b"x" * 1001], framed(b"AR too-large"), [], [FrameFault.TOO_LARGE]),  # A7: a byte too many
    ([b"\x0b" + b"x" * 300_000], framed(b"AR too-large"), [], [FrameFault.TOO_LARGE]),  # A7: far too many, all of it written first
    ([framed(b""), framed(b"one")], framed(b"AA ") + framed(b"AA one"), [b"", b"one"], []),  # A12: empty; the connection stays
    ([framed(b"both")], framed(b"CA both") + framed(b"AA both"), [b"both"], []),  # enhanced mode: two answers in order
    ([framed(b"silence"), framed(b"one")], b"", [b"silence"], []),  # no answer: closed, and nothing more is read
]


@pytest.mark.parametrize(("chunks", "heard", "frames", "faults"), CASES)
async def test_what_is_written_is_answered(chunks: list[bytes], heard: bytes, frames: list[bytes], faults: list[FrameFault]) -> None:
    async with listening() as (listener, ward):
        assert await spoken(listener, *chunks, length=len(heard) or 1) == heard
        assert ward.frames == frames
        assert [kind for kind, _ in ward.faults] == faults


async def test_a_message_cut_short_is_reported_and_never_answered() -> None:
    async with listening() as (listener, ward):
        assert await spoken(listener, b"\x0bMSH|half", ends=True) == b""
        assert (ward.frames, ward.faults) == ([], [(FrameFault.TRUNCATED, b"MSH|half")])


async def test_a_slow_sender_is_closed_after_the_time_for_a_frame_and_others_are_served_meanwhile() -> None:
    async with listening() as (listener, ward):
        reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)

        async def drip() -> None:
            with suppress(ConnectionError):
                for _ in range(100):
                    writer.write(b"\x0b")
                    await writer.drain()
                    await asyncio.sleep(0.05)

        slow = asyncio.create_task(drip())
        assert await spoken(listener, framed(b"one"), length=9) == framed(b"AA one")
        async with asyncio.timeout(5):
            assert await reader.read() == b""
        slow.cancel()
        writer.close()
        assert FrameFault.TOO_SLOW in [kind for kind, _ in ward.faults]


async def test_more_connections_than_one_address_may_have_are_refused_and_places_come_back() -> None:
    async with listening() as (listener, ward):
        held = [await asyncio.open_connection("127.0.0.1", listener.port) for _ in range(3)]
        await until(lambda: listener.open_connections == 3)
        assert await spoken(listener, framed(b"one")) == b""
        assert ward.faults == [(FrameFault.TOO_MANY, b"")]
        for _, writer in held:
            writer.close()
        await until(lambda: listener.open_connections == 0)
        assert await spoken(listener, framed(b"two"), length=9) == framed(b"AA two")


async def test_a_sender_that_leaves_before_its_answer_harms_nobody() -> None:
    async with listening() as (listener, ward):
        ward.hold = asyncio.Event()
        _, writer = await asyncio.open_connection("127.0.0.1", listener.port)
        writer.write(framed(b"one"))
        await until(lambda: ward.frames == [b"one"])
        writer.transport.abort()
        ward.hold.set()
        await until(lambda: listener.open_connections == 0)
        assert await spoken(listener, framed(b"one"), length=9) == framed(b"AA one")


async def test_the_next_frame_is_not_read_before_the_first_is_answered() -> None:
    async with listening() as (listener, ward):
        ward.hold = asyncio.Event()
        reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
        writer.write(framed(b"one") + framed(b"two"))
        await until(lambda: ward.frames == [b"one"])
        await asyncio.sleep(0.05)
        assert ward.frames == [b"one"]
        ward.hold.set()
        assert await reader.readexactly(18) == framed(b"AA one") + framed(b"AA two")
        writer.close()


async def test_stopping_answers_what_was_read_and_takes_nothing_more() -> None:
    async with listening() as (listener, ward):
        ward.hold = asyncio.Event()
        idle_reader, idle_writer = await asyncio.open_connection("127.0.0.1", listener.port)
        reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
        writer.write(framed(b"one") + framed(b"two"))
        await until(lambda: ward.frames == [b"one"])
        stopping = asyncio.create_task(listener.stop(5))
        async with asyncio.timeout(2):
            assert await idle_reader.read() == b""
        ward.hold.set()
        heard = b""
        with suppress(ConnectionError):
            heard = await reader.read(9)
        await stopping
        assert heard == framed(b"AA one")
        assert ward.frames == [b"one"]
        with pytest.raises(OSError):
            await asyncio.open_connection("127.0.0.1", listener.port or 1)
        idle_writer.close()
        writer.close()


async def test_stopping_does_not_wait_for_ever() -> None:
    async with listening() as (listener, ward):
        ward.hold = asyncio.Event()
        _, writer = await asyncio.open_connection("127.0.0.1", listener.port)
        writer.write(framed(b"one"))
        await until(lambda: ward.frames == [b"one"])
        async with asyncio.timeout(5):
            await listener.stop(0.1)
        writer.close()


async def test_a_sender_that_only_begins_frames_is_closed() -> None:
    async with listening() as (listener, ward):
        assert await spoken(listener, b"\x0bx" * 1000) == b""
        assert len(ward.faults) == QUICK.faults + 1


async def test_an_idle_connection_is_closed_without_a_fault() -> None:
    async with listening(MllpCaps(idle_seconds=0.1)) as (listener, ward):
        assert await spoken(listener) == b""
        assert ward.faults == []
