"""Within translating a row: which of the hub's fields a column is, whatever a sender calls it (columns.toml, the client's own `columns` first)."""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from types import MappingProxyType

LEFT_OUT = "-"
"""In a client's own `columns`: this column is known and not to be read."""


@dataclass(frozen=True, slots=True)
class Column:
    """One field that a column may hold."""

    field: str
    en: tuple[str, ...]
    cy: tuple[str, ...]
    says: str
    lines: bool = False
    many: bool = False


@cache
def columns() -> Mapping[str, Column]:
    """Every field by its name, in the order of the list."""
    rows = tomllib.loads(files(__package__).joinpath("columns.toml").read_text("utf-8"))
    found = (Column(field, tuple(row.pop("en")), tuple(row.pop("cy")), **row) for field, row in rows.items())
    return MappingProxyType({one.field: one for one in found})


def plain(words: str) -> str:
    """Small letters without accents, and one space in the place of whatever stands between words: `Dyddiad_Geni:` is `dyddiad geni`."""
    letters = "".join(one for one in unicodedata.normalize("NFKD", words.casefold()) if not unicodedata.combining(one))
    return " ".join(re.findall(r"[^\W_]+", letters))


def field_of(name: str, agreed: Mapping[str, str]) -> str | None:
    """The field of a column, LEFT_OUT, or None for one that nobody knows. `agreed` is the client's own list."""
    said = _header(name)
    own = {_header(written): field for written, field in agreed.items()}.get(said)
    if own is not None:
        return own if own in columns() or own == LEFT_OUT else None
    return _by_name().get(said)


_HINT = re.compile(r" (?:dd mm yy(?:yy)?|yyyy mm dd|y n|yes no|yes or no|ie na|if known|os yn hysbys|optional|required)$")
_WHOSE = re.compile(r"^(?:(?:service user|client|tenant|patient|subject|resident|occupier|customer|applicant|person|home|current)(?: s)? )+")
_OF_REFERRAL = frozenset(
    ("reference", "action", "referred_on", "source", "service", "priority", "referrer", "referrer_phone", "referrer_email", "organisation", "organisation_code")
)


@lru_cache(maxsize=2_000)
def likely_field(name: str) -> str | None:
    """The field of a column that is a known one but for a hint (`DOB (dd/mm/yyyy)`) or for whose it is (`Tenant's postcode`); None for any other.

    Whose it is says nothing of what is the referral's or the referrer's own: a client's reference is the person's number.
    """
    bare = _HINT.sub("", plain(name))
    rest = _WHOSE.sub("", bare)
    field = _by_name().get(bare) or _by_name().get(rest)
    return None if rest != bare and field in _OF_REFERRAL else field


@lru_cache(maxsize=2_000)
def _header(name: str) -> str:
    """`plain`, once for each name: every row of a file has the same."""
    return plain(name)


@cache
def _by_name() -> Mapping[str, str]:
    return MappingProxyType({plain(name): one.field for one in columns().values() for name in (one.field, *one.en, *one.cy)})
