"""At the HTTP door: the headers that every answer has, whoever gives it."""

from __future__ import annotations

import re

from hub.transports.http_messages import Headers, HttpReply

ALWAYS: Headers = (
    ("cache-control", "no-store"),
    ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
    ("referrer-policy", "no-referrer"),
    ("strict-transport-security", "max-age=31536000"),
    ("x-content-type-options", "nosniff"),
)
_ALWAYS = [(name.encode(), value.encode()) for name, value in ALWAYS]
_DOORS_OWN = frozenset({"content-length", "connection", "transfer-encoding", "date", "server"})
_ECHOED = ("x-request-id", "x-correlation-id")
_ECHO = re.compile(r"[\x21-\x7e]{1,128}")
_WIRE_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9a-z-]+")
_UNSAFE = re.compile(r"[\x00-\x1f\x7f]")


def wire_headers(reply: HttpReply, sent: Headers, *, close: bool) -> list[tuple[bytes, bytes]]:
    """What stands before the body: length and type, the reply's own headers, the sender's ids, and what every answer has unless the reply
    says otherwise. A value that would break a line is left out."""
    own = [(name.lower(), value) for name, value in reply.headers if name.lower() not in _DOORS_OWN]
    named = {name for name, _ in own}
    found = [(b"content-length", b"%d" % len(reply.body))]
    if reply.body and "content-type" not in named:
        found.append((b"content-type", reply.content_type.encode("latin-1", "replace")))
    if close:
        found.append((b"connection", b"close"))
    found += [(name.encode(), value.encode("latin-1", "replace")) for name, value in own if _sound(name, value)]
    found += [(name.encode(), value.encode()) for name in _ECHOED if name not in named and (value := _echo(sent, name))]
    return found + (_ALWAYS if not named else [pair for pair in _ALWAYS if pair[0].decode() not in named])


def _echo(sent: Headers, name: str) -> str | None:
    """The sender's id, when it was sent once and can stand in a header."""
    values = [value for found, value in sent if found == name]
    return values[0] if len(values) == 1 and _ECHO.fullmatch(values[0]) else None


def _sound(name: str, value: str) -> bool:
    return bool(_WIRE_NAME.fullmatch(name)) and not _UNSAFE.search(value)
