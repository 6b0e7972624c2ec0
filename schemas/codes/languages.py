"""Read by connectors and directories: which language a code means, whichever list it is from."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

from schemas.codes.data_files import data_file
from schemas.words import Text, text

LANGUAGE_SYSTEM = "urn:ietf:bcp:47"
"""What the hub writes; UK Core's older HumanLanguage and HL7's table 0296 are read too."""


def language_of(code: str) -> str | None:
    """The hub's code (`cy`, `en`, … as BCP 47) for a language code of BCP 47, ISO 639, UK Core or HL7 v2, in any case; None when not known.

    A region or script after the language is dropped: `en-GB` is `en`.
    """
    plain = code.strip().casefold().replace("_", "-")
    return _by_code().get(plain) or _by_code().get(plain.partition("-")[0])


def languages() -> tuple[str, ...]:
    """Every language code that the hub writes."""
    return tuple(data_file("languages")["also"])


def language_name(code: str) -> Text:
    """The name of a language that the hub writes, in both languages."""
    return text(f"language.{code}")


@cache
def _by_code() -> Mapping[str, str]:
    rows = data_file("languages")["also"].items()
    return MappingProxyType({name: code for code, names in rows for name in (code, *names)})
