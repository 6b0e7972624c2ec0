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
_ECHOED = ("x-request-id", "x-correlation-id")
_ECHO = re.compile(r"[\x21-\x7e]{1,128}")
_WIRE_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9a-z-]+")
_UNSAFE = re.compile(r"[\x00-\x1f\x7f]")


def wire_headers(reply: HttpReply, sent: Headers, *, close: bool) -> list[tuple[bytes, bytes]]:
    """What stands before the body: the reply's own headers, the sender's ids, what every answer has, length and type. A value that would
    break a line is left out."""
    found = {name: [value] for name, value in ALWAYS}
    found |= {name: [value] for name in _ECHOED if (value := _echo(sent, name))}
    if reply.body:
        found["content-type"] = [reply.content_type]
    own: dict[str, list[str]] = {}
    for name, value in reply.headers:
        own.setdefault(name.lower(), []).append(value)
    found |= own | {"content-length": [str(len(reply.body))]} | ({"connection": ["close"]} if close else {})
    return [(name.encode(), value.encode("latin-1", "replace")) for name, values in found.items() for value in values if _sound(name, value)]


def _echo(sent: Headers, name: str) -> str | None:
    """The sender's id, when it was sent once and can stand in a header."""
    values = [value for found, value in sent if found == name]
    return values[0] if len(values) == 1 and _ECHO.fullmatch(values[0]) else None


def _sound(name: str, value: str) -> bool:
    return bool(_WIRE_NAME.fullmatch(name)) and not _UNSAFE.search(value)
