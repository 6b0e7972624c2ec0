"""Read by connectors, triage and deciding: the closed list of needs, and which of them another system's code means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

from schemas.codes.data_files import HUB_CODES, SNOMED, data_file, system_name
from schemas.words import Text, text

NEED_SYSTEM = f"{HUB_CODES}need"
GRAVITY_SYSTEM = "http://hl7.org/fhir/us/sdoh-clinicalcare/CodeSystem/SDOHCC-CodeSystemTemporaryCodes"
CONVERSATION = "conversation"
"""The need of a person whose referral states none: a conversation is needed."""


@dataclass(frozen=True, slots=True)
class Need:
    """One need, and what it is called in other lists."""

    code: str
    esd_needs: tuple[str, ...]
    gravity: tuple[str, ...]
    snomed: tuple[str, ...]

    @property
    def label(self) -> Text:
        """Its name in both languages, in small letters, as it stands within a sentence."""
        return text(f"need.{self.code}")


@cache
def needs() -> Mapping[str, Need]:
    """Every need by its code, in the list's order."""
    rows = data_file("needs")["needs"].items()
    return MappingProxyType({code: Need(code, *(tuple(row[name]) for name in ("esd_needs", "gravity", "snomed"))) for code, row in rows})


def need_of(system: str | None, code: str) -> tuple[str, ...]:
    """The codes of the needs that a coding means: our own, Gravity's (2020 draft too) or SNOMED's; empty for one that is not known."""
    name, plain = system_name(system), code.strip()
    if name == NEED_SYSTEM.lower():
        return (plain,) if plain in needs() else ()
    return _by_coding().get((_family(name), plain), ())


def needs_of_esd(name: str) -> tuple[str, ...]:
    """The codes of the needs that a name from the public list of local-government needs stands for."""
    return tuple(need.code for need in needs().values() if name in need.esd_needs)


def _family(name: str) -> str:
    return "gravity" if "sdoh" in name and "temporary" in name else name


@cache
def _by_coding() -> Mapping[tuple[str, str], tuple[str, ...]]:
    found: dict[tuple[str, str], tuple[str, ...]] = {
        ("gravity", code): tuple(meant) for code, meant in data_file("needs")["also_read"]["gravity"].items()
    }
    for need in needs().values():
        for family, codes in (("gravity", need.gravity), (SNOMED, need.snomed)):
            for code in codes:
                found[family, code] = (*found.get((family, code), ()), need.code)
    return MappingProxyType(found)
