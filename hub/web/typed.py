"""Behind the form: what was typed, as it came, so that it can be shown again exactly; and the same as the connector takes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlencode

from connectors.self_referral.fields import FIELDS, MOST_FIELDS, Way

_LARGEST = 2**20
"""Bytes: what the door lets in. More than the form takes, so that who pasted too much sees it again, and what is too long."""
_OURS = 20
"""Fields of the page itself beside those of the form."""
_SERVERS = ("request", "way", "page_language")


@dataclass(frozen=True, slots=True)
class Typed:
    """Every field of a sent page; empty for a new one. `readable` tells whether the bytes were a form within bounds."""

    values: Mapping[str, tuple[str, ...]] = field(default_factory=dict, repr=False)
    readable: bool = True

    def get(self, name: str) -> str:
        """The first value of a field; empty when there is none."""
        return next(iter(self.values.get(name, ())), "")

    def has(self, name: str, value: str) -> bool:
        """Whether this option was chosen."""
        return value in self.values.get(name, ())

    def body(self, request: str, way: Way, language: str) -> bytes:
        """The form's own fields alone, in its order: the same answers give the same bytes, whatever the page added."""
        ours = {"request": (request,), "way": (way,), "page_language": (language,)}
        filled = {name: ours[name] if name in _SERVERS else self.values.get(name, ()) for name in FIELDS}
        return urlencode([(name, value) for name, values in filled.items() for value in values if value], encoding="utf-8").encode()


def read_typed(body: bytes) -> Typed:
    """What a page's form sent (application/x-www-form-urlencoded in UTF-8)."""
    if len(body) > _LARGEST:
        return Typed(readable=False)
    try:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, encoding="utf-8", errors="strict", max_num_fields=MOST_FIELDS + _OURS)
    except ValueError:
        return Typed(readable=False)
    found: dict[str, tuple[str, ...]] = {}
    for name, value in pairs:
        found[name] = (*found.get(name, ()), value)
    return Typed(found)
