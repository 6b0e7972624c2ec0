"""Beneath the MLLP listener where senders must show a certificate: mutual TLS, version 1.2 at least; knows no HL7 and no client."""

from __future__ import annotations

import asyncio
import hashlib
import socket
import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

from hub.errors import Misconfigured

_CHUNK = 64 * 1024
Connected = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
Refused = Callable[[str, int], Awaitable[None]]


def server_context(certificate: Path, key: Path, authorities: Path) -> ssl.SSLContext:
    """What the listener shows, and whose certificates it takes: only those that these authorities issued, and never none.

    Raises Misconfigured with one plain sentence when a file cannot be read or holds something else.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_mode = ssl.CERT_REQUIRED
    try:
        context.load_cert_chain(certificate, key, password=_no_password)
    except (OSError, ValueError):
        raise Misconfigured("HUB_MLLP_TLS_CERT and HUB_MLLP_TLS_KEY must name a PEM certificate and its key, without a password.") from None
    try:
        context.load_verify_locations(authorities)
    except OSError:
        raise Misconfigured("HUB_MLLP_TLS_CA must name a PEM file of the authorities whose certificates are taken.") from None
    return context


def names_of(writer: asyncio.StreamWriter) -> frozenset[str] | None:
    """How the peer's certificate can be named: `sha256:…` and its DNS and URI names, in small letters; None for a line without TLS."""
    shown = writer.get_extra_info("ssl_object")
    if shown is None:
        return None
    whole = shown.getpeercert(binary_form=True) or b""
    others = (value for kind, value in (shown.getpeercert() or {}).get("subjectAltName", ()) if kind in ("DNS", "URI"))
    return frozenset({f"sha256:{hashlib.sha256(whole).hexdigest()}", *(value.lower() for value in others)})


class TlsServer:
    """Accepts, shakes hands and hands over; who does not shake hands properly within `seconds` is told of by `refused` and hung up on."""

    def __init__(self, context: ssl.SSLContext, connected: Connected, refused: Refused, seconds: float = 10.0, waiting: int = 100) -> None:
        self._context, self._connected, self._refused = context, connected, refused
        self._seconds, self._waiting = seconds, waiting
        self._hands: set[asyncio.Task[None]] = set()
        self._accepting: asyncio.Task[None] | None = None
        self._socket: socket.socket | None = None

    async def start(self, host: str, port: int) -> int:
        """Begin to listen; the port that was chosen where 0 was asked for. Raises OSError when the address cannot be had."""
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.create_server((host, port), family=family, backlog=256)
        self._socket.setblocking(False)
        self._accepting = asyncio.create_task(self._accept(self._socket))
        return int(self._socket.getsockname()[1])

    def close(self) -> None:
        """Accept nobody more; who is connected stays so."""
        for task in (self._accepting, *self._hands):
            if task is not None:
                task.cancel()
        if self._socket is not None:
            self._socket.close()

    async def _accept(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                connection, address = await loop.sock_accept(listening)
            except OSError:  # no more files, or the peer was gone already
                await asyncio.sleep(0.1)
                continue
            if len(self._hands) >= self._waiting:
                connection.close()
                await self._refused(str(address[0]), int(address[1]))
                continue
            task = asyncio.create_task(self._shake(connection, str(address[0]), int(address[1])))
            self._hands.add(task)
            task.add_done_callback(self._hands.discard)

    async def _shake(self, connection: socket.socket, host: str, port: int) -> None:
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(limit=_CHUNK, loop=loop)
        protocol = asyncio.StreamReaderProtocol(reader, loop=loop)
        try:
            async with asyncio.timeout(self._seconds):
                transport, _ = await loop.connect_accepted_socket(
                    lambda: protocol, connection, ssl=self._context, ssl_handshake_timeout=self._seconds
                )
        except (OSError, TimeoutError):  # no TLS, no certificate, one of nobody we know, or nothing at all
            with suppress(OSError):
                connection.close()
            await self._refused(host, port)
            return
        writer = asyncio.StreamWriter(transport, protocol, reader, loop)
        if (me := asyncio.current_task()) is not None:
            self._hands.discard(me)
        await self._connected(reader, writer)


def _no_password() -> str:
    """A key that asks for a password cannot be used: nobody is there to type it."""
    raise ValueError("the key has a password")
