"""At the HTTP door: a request's body, read within its limits; nothing looks into it yet."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from hub.transports.http_messages import Headers, HttpHead, Limits
from schemas.rejection import Reason

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]  # Any: ASGI's own message type
_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})
_GZIP = 31  # zlib's window bits for a gzip member, the only form taken


class WrongBody(Exception):  # noqa: N818
    """The body cannot be taken: answer with this reason, place and status, and close the connection."""

    def __init__(self, reason: Reason, at: str, status: int) -> None:
        super().__init__(reason.value)
        self.reason, self.at, self.status = reason, at, status


class SenderLeft(Exception):  # noqa: N818
    """The connection ended before the body did: nobody is there to be answered."""


def check_head(head: HttpHead, limits: Limits) -> None:
    """Raises WrongBody for what the head alone shows to be wrong with the body: too large, no length, an encoding that is not taken."""
    lengths, coded = head.all("content-length"), head.all("transfer-encoding")
    if len(lengths) > 1 or (lengths and (coded or not lengths[0].isdecimal())):
        raise WrongBody(Reason.INVALID, "Content-Length", 400)
    if coded and [value.strip().lower() for value in coded] != ["chunked"]:
        raise WrongBody(Reason.INVALID, "Transfer-Encoding", 400)
    if head.method in _WITH_BODY and not lengths and not coded:
        raise WrongBody(Reason.REQUIRED, "Content-Length", 411)
    if lengths and (len(lengths[0]) > 12 or int(lengths[0]) > limits.body):
        raise WrongBody(Reason.TOO_LARGE, "Content-Length", 413)
    if any(value.strip().lower() not in ("gzip", "x-gzip", "identity", "") for value in head.all("content-encoding")) or len(head.all("content-encoding")) > 1:
        raise WrongBody(Reason.UNSUPPORTED_MEDIA, "Content-Encoding", 415)


async def read_body(receive: Receive, head: HttpHead, limits: Limits) -> bytes:
    """The body, unpacked. Raises WrongBody and SenderLeft. Memory stays within the limit, whatever a packed body says it holds."""
    packed = any("gzip" in value.lower() for value in head.all("content-encoding"))
    body = _Gunzip(limits.body) if packed else _Plain(limits.body)
    try:
        async with asyncio.timeout(limits.body_seconds):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise SenderLeft
                body.add(message.get("body", b""))
                if not message.get("more_body", False):
                    return body.whole()
    except TimeoutError:
        raise WrongBody(Reason.TIMEOUT, "", 408) from None


def announces_body(headers: Headers) -> bool:
    """Whether bytes follow the head."""
    return any(name == "transfer-encoding" or (name == "content-length" and value != "0") for name, value in headers)


async def discard(receive: Receive, limits: Limits) -> None:
    """Read and forget what is still on its way, for a short while, so that the sender gets to read why it was refused."""
    left = 2 * limits.body
    try:
        async with asyncio.timeout(2.0):
            while left > 0:
                message = await receive()
                left -= len(message.get("body", b""))
                if not message.get("more_body", False):
                    return
    except TimeoutError:
        return


class _Plain:
    def __init__(self, limit: int) -> None:
        self._limit, self._content = limit, bytearray()

    def add(self, part: bytes) -> None:
        self._content += part
        if len(self._content) > self._limit:
            raise WrongBody(Reason.TOO_LARGE, "", 413)

    def whole(self) -> bytes:
        return bytes(self._content)


class _Gunzip:
    """One gzip member and nothing after it, unpacked to at most `limit` bytes."""

    def __init__(self, limit: int) -> None:
        self._limit, self._sent, self._content, self._unpack = limit, 0, bytearray(), zlib.decompressobj(_GZIP)

    def add(self, part: bytes) -> None:
        self._sent += len(part)
        try:
            self._content += self._unpack.decompress(part, self._limit + 1 - len(self._content))
        except zlib.error:
            raise WrongBody(Reason.ENCODING, "Content-Encoding", 400) from None
        if len(self._content) > self._limit or self._sent > self._limit or self._unpack.unconsumed_tail:
            raise WrongBody(Reason.TOO_LARGE, "", 413)
        if self._unpack.unused_data:
            raise WrongBody(Reason.ENCODING, "Content-Encoding", 400)

    def whole(self) -> bytes:
        if not self._unpack.eof:
            raise WrongBody(Reason.ENCODING, "Content-Encoding", 400)
        return bytes(self._content)
