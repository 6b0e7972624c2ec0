"""Read by connectors and triage: flags of risk and requirement, in the hub's own closed list."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from schemas.codes.data_files import HUB_CODES, SNOMED, data_file, system_name
from schemas.words import Text, text

FLAG_SYSTEM = f"{HUB_CODES}flag"
_ICD10 = frozenset({"i10", "i10c", "urn:oid:2.16.840.1.113883.6.3", "2.16.840.1.113883.6.3", "urn:oid:2.16.840.1.113883.6.90", "2.16.840.1.113883.6.90"})


class Flag(StrEnum):
    """The closed list of flags; its words stand under `flag.<code>`."""

    SAFEGUARDING = "safeguarding"
    DOMESTIC_ABUSE = "domestic-abuse"
    SELF_HARM = "self-harm"
    CRISIS = "crisis"
    SENSITIVE_ADDRESS = "sensitive-address"
    SCENE_SAFETY = "scene-safety"
    CALL_WARNING = "call-warning"
    INFECTION_RISK = "infection-risk"
    REPEAT_CALLER = "repeat-caller"
    REASONABLE_ADJUSTMENT = "reasonable-adjustment"
    LIVES_ALONE = "lives-alone"

    @property
    def label(self) -> Text:
        """Its name in both languages."""
        return text(f"flag.{self.value}")


def flags_of(system: str | None, code: str) -> tuple[Flag, ...] | None:
    """The flags that one coding means: empty where it says that there is nothing of note, None where it is not known.

    An ICD-10 code counts by its beginning. A code without a system is read as SNOMED CT or ICD-10 where it is on their lists.
    """
    name, plain = system_name(system), code.strip()
    if name == FLAG_SYSTEM.lower():
        return (Flag(plain),) if plain in frozenset(Flag) else None
    kind = _list_of(name)
    found = data_file("flags").get(kind, {}).get(plain)
    if found is None and (kind == "bars_safeguarding" or not name):
        found = data_file("flags")["snomed"].get(plain)  # that list mixes SNOMED ids with its own
    if found is None and (kind == "icd10" or not name):
        found = _icd10(plain)
    return None if found is None else tuple(Flag(flag) for flag in found)


def flags_of_resource(categories: Iterable[tuple[str | None, str]], codes: Iterable[tuple[str | None, str]]) -> tuple[Flag, ...]:
    """The flags of a whole Flag resource: its known codes count (also when they say that there is nothing); with none known, its categories."""
    for codings in (tuple(codes), tuple(categories)):
        known = [found for system, code in codings if (found := flags_of(system, code)) is not None]
        if known:
            return tuple(dict.fromkeys(flag for flags in known for flag in flags))
    return ()


def _icd10(code: str) -> list[str] | None:
    listed, plain = data_file("flags")["icd10"], code.upper().replace(".", "")
    return next((listed[plain[:size]] for size in range(2, 7) if plain[:size] in listed), None)


def _list_of(name: str) -> str:
    if name == SNOMED:
        return "snomed"
    if name in _ICD10 or "icd-10" in name or "icd10" in name:
        return "icd10"
    if "sdoh" in name and "temporary" in name:
        return "gravity"
    return {
        "flag-categories-bars": "bars_category",
        "safeguarding-codes-bars": "bars_safeguarding",
        "household-composition-bars": "bars_household",
        "v3-confidentiality": "confidentiality",
    }.get(name.rpartition("/")[2], "")
