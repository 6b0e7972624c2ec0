"""Read by connectors, deciding and statistics: what kind of organisation or person a referral comes from."""

from __future__ import annotations

from enum import StrEnum

from schemas.codes.data_files import HUB_CODES, SNOMED, data_file, system_name
from schemas.words import Text, text

SOURCE_SYSTEM = f"{HUB_CODES}referral-source"


class Source(StrEnum):
    """The closed list of kinds of referral source; its words stand under `source-kind.<code>`."""

    GP = "gp"
    HOSPITAL = "hospital"
    SELF = "self"
    HOUSING = "housing"
    LOCAL_AUTHORITY = "local-authority"
    THIRD_SECTOR = "third-sector"
    POLICE = "police"
    FIRE = "fire"
    EDUCATION = "education"
    OTHER = "other"

    @property
    def label(self) -> Text:
        """Its name in both languages."""
        return text(f"source-kind.{self.value}")


def source_of(system: str | None, code: str) -> Source | None:
    """The source that a SourceOfServiceRequest coding means; None for a code that is not known."""
    name, plain = system_name(system), code.strip()
    if name == SOURCE_SYSTEM.lower():
        return Source(plain) if plain in frozenset(Source) else None
    found = data_file("sources")["snomed"].get(plain) if name in (SNOMED, "") else None
    return Source(found) if found else None
