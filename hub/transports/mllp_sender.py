"""Where the hub's own HL7 messages leave: one MLLP connection to one receiver, kept open, one frame answered before the next is sent."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from hub.crashpoints import crash
from hub.errors import Unavailable
from hub.transports.mllp_frames import Deframer, Frame, framed

_CHUNK = 64 * 1024


@dataclass(slots=True)
class _Open:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    deframer: Deframer


class MllpSender:
    """Sends frames to one receiver. The connection is closed whenever an answer is late, broken or another message's, so that a late answer
    can never be taken for the next one's; the next `send` opens a new one."""

    def __init__(self, host: str, port: int, connect_seconds: float = 5.0, answer_bytes: int = 64 * 1024) -> None:
        self._host, self._port = host, port
        self._connect_seconds = connect_seconds
        self._answer_bytes = answer_bytes
        self._lock = asyncio.Lock()
        self._open: _Open | None = None

    async def send(self, content: bytes, timeout: float = 30.0, matches: Callable[[bytes], bool] | None = None) -> bytes:  # noqa: ASYNC109
        """The content of the receiver's answer, within `timeout` seconds in all. Frames wait for each other.

        An answer for which `matches` is false is still given to the caller, who judges it, and the connection is closed. Raises Unavailable
        when there is no connection or no whole answer: whether the receiver has the message is then unknown, and the same message may be sent again.
        """
        async with self._lock:
            try:
                async with asyncio.timeout(timeout):
                    answer = await self._exchange(content)
            except BaseException as fault:
                self._close()
                if isinstance(fault, TimeoutError | OSError | EOFError):
                    raise Unavailable("The receiver did not answer; the message will be sent again.") from None
                raise
            if (matches is not None and not matches(answer)) or (self._open and self._open.deframer.begun):
                self._close()
            return answer

    async def close(self) -> None:
        """Close the connection; a later `send` opens it again."""
        async with self._lock:
            self._close()

    def _close(self) -> None:
        if self._open is not None:
            self._open.writer.transport.abort()
            self._open = None

    async def _exchange(self, content: bytes) -> bytes:
        connection = await self._connection()
        connection.writer.write(framed(content))
        await connection.writer.drain()
        crash("mllp.sent")
        while (read := connection.deframer.next()) is None:
            chunk = await connection.reader.read(_CHUNK)
            if not chunk:
                raise EOFError
            connection.deframer.feed(chunk)
        if not isinstance(read, Frame):
            raise EOFError
        crash("mllp.answered")
        return read.content

    async def _connection(self) -> _Open:
        """The open connection, if it is still silent and not at its end; else a new one."""
        if self._open is not None and await self._has_spoken(self._open.reader):
            self._close()
        if self._open is None:
            async with asyncio.timeout(self._connect_seconds):
                reader, writer = await asyncio.open_connection(self._host, self._port, limit=_CHUNK)
            self._open = _Open(reader, writer, Deframer(self._answer_bytes))
        return self._open

    async def _has_spoken(self, reader: asyncio.StreamReader) -> bool:
        with suppress(TimeoutError):
            async with asyncio.timeout(0):
                await reader.read(_CHUNK)
                return True
        return False
