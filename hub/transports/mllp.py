"""Where a hospital's messages arrive: an MLLP listener that knows frames and nothing in them; whoever is behind it answers each frame."""

from __future__ import annotations

import asyncio
import ssl
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass

from hub.crashpoints import crash
from hub.transports.mllp_frames import Deframer, Fault, Frame, FrameFault, Read, framed
from hub.transports.mllp_tls import TlsServer, names_of

_CHUNK = 64 * 1024


@dataclass(frozen=True, slots=True)
class Peer:
    """The other end of a connection. `names` are those of its certificate; None on a line without TLS."""

    address: str
    port: int
    names: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class MllpCaps:
    """What one sender may take of us: bytes, seconds, connections. Times run from the first byte after the previous frame."""

    frame_bytes: int = 1024 * 1024
    frame_seconds: float = 30.0
    trailer_seconds: float = 10.0
    idle_seconds: float = 3600.0
    answer_seconds: float = 10.0
    handshake_seconds: float = 10.0
    linger_seconds: float = 5.0
    linger_bytes: int = 16 * 1024 * 1024
    junk_bytes: int = 4096
    faults: int = 10
    connections_per_address: int = 20
    connections: int = 400


Answers = bytes | Iterable[bytes] | None
OnFrame = Callable[[Peer, bytes], Awaitable[Answers]]
OnFault = Callable[[Peer, FrameFault, bytes], Awaitable[bytes | None]]


async def no_answer(_peer: Peer, _fault: FrameFault, _head: bytes) -> bytes | None:
    """What is said of a fault where nobody wants to say anything."""
    return None


class MllpListener:
    """Listens on one port; `port` is the one chosen, once started, where 0 was asked for.

    `on_frame` is given each frame's content and gives the answers, sent in order before the next frame is read; None closes the connection
    without an answer (the sender then tries again). `on_fault` hears of every fault with what was read of the frame; what it gives is sent
    before the connection is closed, for TOO_LARGE and NO_TRAILER (the other faults leave nobody to answer).
    """

    def __init__(
        self, host: str, port: int, on_frame: OnFrame, on_fault: OnFault = no_answer, caps: MllpCaps | None = None, tls: ssl.SSLContext | None = None
    ) -> None:
        self._host, self.port, self._tls = host, port, tls
        self._on_frame, self._on_fault = on_frame, on_fault
        self._caps = caps or MllpCaps()
        self._server: asyncio.Server | TlsServer | None = None
        self._connections: dict[asyncio.Task[None], _Connection] = {}
        self._per_address: Counter[str] = Counter()

    @property
    def open_connections(self) -> int:
        """How many senders are connected."""
        return len(self._connections)

    async def start(self) -> None:
        """Begin to listen. Raises OSError when the address cannot be had."""
        if self._tls is not None:
            self._server = TlsServer(self._tls, self._connected, self._no_tls, self._caps.handshake_seconds)
            self.port = await self._server.start(self._host, self.port)
            return
        self._server = await asyncio.start_server(self._connected, self._host, self.port, limit=_CHUNK, backlog=256)
        self.port = int(self._server.sockets[0].getsockname()[1])

    async def stop(self, drain_seconds: float = 20.0) -> None:
        """Take no more frames; finish and answer those that were read, for at most `drain_seconds`; then close."""
        if self._server is not None:
            self._server.close()
        for connection in self._connections.values():
            connection.drain()
        tasks = tuple(self._connections)
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=drain_seconds)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        name = writer.get_extra_info("peername") or ("", 0)
        peer = Peer(str(name[0]), int(name[1]), names_of(writer))
        task = asyncio.current_task()
        if task is None or self._is_full(peer):
            await self._on_fault(peer, FrameFault.TOO_MANY, b"")
            writer.transport.abort()
            return
        connection = _Connection(peer, reader, writer)
        self._connections[task] = connection
        self._per_address[peer.address] += 1
        try:
            await connection.serve(self._on_frame, self._on_fault, self._caps)
        finally:
            del self._connections[task]
            self._per_address -= Counter((peer.address,))
            await _close(writer, self._caps.answer_seconds)

    async def _no_tls(self, host: str, port: int) -> None:
        """Nothing of what they sent was read."""
        await self._on_fault(Peer(host, port), FrameFault.NO_TLS, b"")

    def _is_full(self, peer: Peer) -> bool:
        return self._per_address[peer.address] >= self._caps.connections_per_address or len(self._connections) >= self._caps.connections


async def _close(writer: asyncio.StreamWriter, seconds: float) -> None:
    """Close once what was written is sent, or after `seconds` whether or not it is."""
    writer.close()
    with suppress(ConnectionError, TimeoutError, ssl.SSLError):
        async with asyncio.timeout(seconds):
            await writer.wait_closed()
    writer.transport.abort()


class _Connection:
    """One sender's connection: frames are read one at a time, and each is answered before the next is read."""

    def __init__(self, peer: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._peer, self._reader, self._writer = peer, reader, writer
        self._busy = self._draining = False
        self._begun: float | None = None

    def drain(self) -> None:
        """Close now if no frame is being answered, else after the answer."""
        self._draining = True
        if not self._busy:
            self._writer.close()

    async def serve(self, on_frame: OnFrame, on_fault: OnFault, caps: MllpCaps) -> None:
        deframer, faults = Deframer(caps.frame_bytes, caps.junk_bytes), 0
        with suppress(ConnectionError, ssl.SSLError):  # the sender has gone: what was committed is answered when it asks again
            while not self._draining:
                match await self._read(deframer, caps):
                    case Frame(content):
                        faults = 0
                        if not await self._answer(content, on_frame, caps):
                            return
                    case Fault() as fault:
                        answer = await on_fault(self._peer, fault.kind, fault.head)
                        faults += 1
                        if fault.ends or faults > caps.faults:
                            await self._take_leave(answer, fault, caps)
                            return
                    case None:
                        return

    async def _read(self, deframer: Deframer, caps: MllpCaps) -> Read | None:
        """The next frame or fault; None when the sender ended, or said nothing for long, between frames."""
        now = asyncio.get_running_loop().time
        begun = self._begun or (now() if deframer.begun else None)
        while (read := deframer.next()) is None:
            allowed = caps.idle_seconds if begun is None else begun + caps.frame_seconds - now()
            try:
                async with asyncio.timeout(min(allowed, caps.trailer_seconds) if deframer.awaits_trailer else allowed):
                    chunk = await self._reader.read(_CHUNK)
            except TimeoutError:
                late = FrameFault.NO_TRAILER if deframer.awaits_trailer else FrameFault.TOO_SLOW
                return None if begun is None else Fault(late, deframer.head)
            if not chunk:
                return None if begun is None else Fault(FrameFault.TRUNCATED, deframer.head)
            begun = begun or now()
            deframer.feed(chunk)
        self._begun = None if isinstance(read, Frame) else begun  # a frame begun again has no more time than one
        return read

    async def _answer(self, content: bytes, on_frame: OnFrame, caps: MllpCaps) -> bool:
        """Whether the connection can go on."""
        crash("mllp.frame.read")
        self._busy = True
        answers = await on_frame(self._peer, content)
        if answers is None:
            return False
        try:
            for answer in (answers,) if isinstance(answers, bytes) else answers:
                await self._send(framed(answer), caps)
        except TimeoutError:
            return False
        self._busy = False
        return True

    async def _send(self, frame: bytes, caps: MllpCaps) -> None:
        """Raises TimeoutError when the sender does not take its answer."""
        half = len(frame) // 2
        crash("mllp.before_ack")
        self._writer.write(frame[:half])
        crash("mllp.ack.partial")
        self._writer.write(frame[half:])
        async with asyncio.timeout(caps.answer_seconds):
            await self._writer.drain()

    async def _take_leave(self, answer: bytes | None, fault: Fault, caps: MllpCaps) -> None:
        """Send the answer to a fault; then take what the sender still writes, so that closing does not throw the answer away."""
        if answer is None or fault.kind not in (FrameFault.TOO_LARGE, FrameFault.NO_TRAILER):
            return
        with suppress(TimeoutError):
            await self._send(framed(answer), caps)
            if self._writer.can_write_eof():
                self._writer.write_eof()
            taken = 0
            async with asyncio.timeout(caps.linger_seconds):
                while taken < caps.linger_bytes and (chunk := await self._reader.read(_CHUNK)):
                    taken += len(chunk)
