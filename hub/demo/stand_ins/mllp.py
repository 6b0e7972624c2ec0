"""Beside the flow: MLLP for the hospital's stand-in: frames out with their answer, frames in with an acknowledgement."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

START, END = b"\x0b", b"\x1c\r"


@dataclass(slots=True)
class Line:
    """One connection to a listener, opened when it is needed and again when it broke."""

    host: str
    port: int
    _streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, message: bytes, patience: float) -> bytes | None:
        """The answer's text; None when there was none in time or the connection broke, so that it is not known what became of the message."""
        try:
            async with asyncio.timeout(patience):
                if self._streams is None:
                    self._streams = await asyncio.open_connection(self.host, self.port, limit=2**20)
                reader, writer = self._streams
                writer.write(START + message + END)
                await writer.drain()
                return (await reader.readuntil(END))[:-2].lstrip(START)
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            await self.close()
            return None

    async def close(self) -> None:
        """Hang up."""
        if self._streams is not None:
            self._streams[1].close()
            with contextlib.suppress(OSError):
                await self._streams[1].wait_closed()
            self._streams = None


async def listen(port: int, take: Callable[[bytes], Awaitable[bytes | None]]) -> asyncio.Server:
    """Answer each frame with what `take` gives; with None hang up without an answer."""

    async def connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                answer = await take((await reader.readuntil(END))[:-2].lstrip(START))
                if answer is None:
                    return
                writer.write(START + answer + END)
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, asyncio.CancelledError):
            return  # they hung up, or we end
        finally:
            writer.close()

    return await asyncio.start_server(connection, "127.0.0.1", port, limit=2**20)


def field(message: bytes, segment: str, number: int) -> str:
    """A field's text, `MSA`, 2; empty when it is not there. MSH counts its separator as the first."""
    for line in message.decode("utf-8", "replace").split("\r"):
        parts = line.split("|")
        if parts[0] == segment:
            place = number - 1 if segment == "MSH" else number
            return parts[place] if place < len(parts) else ""
    return ""


def acknowledgement(message: bytes, code: str = "AA") -> bytes:
    """The ACK of a message, original mode."""
    ours, theirs = f"{field(message, 'MSH', 5)}|{field(message, 'MSH', 6)}", f"{field(message, 'MSH', 3)}|{field(message, 'MSH', 4)}"
    control = field(message, "MSH", 10)
    return f"MSH|^~\\&|{ours}|{theirs}|20260302090000||ACK|A{control}|P|2.4\rMSA|{code}|{control}\r".encode()
