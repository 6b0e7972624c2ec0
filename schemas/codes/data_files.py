"""Behind every code list: reads the TOML files that are shipped beside it, and says what a code system is called in one way."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import Any

SNOMED = "http://snomed.info/sct"
HUB_CODES = "https://hub.example.wales/CodeSystem/"

# How senders name one code system: FHIR's URL, the OID, and HL7 v2's table 0396.
_SAME = {
    "sct": SNOMED,
    "sct2": SNOMED,
    "snm": SNOMED,
    "snomed": SNOMED,
    "snomed-ct": SNOMED,
    "urn:oid:2.16.840.1.113883.6.96": SNOMED,
    "2.16.840.1.113883.6.96": SNOMED,
    "http://snomed.info/id": SNOMED,
    "https://snomed.info/sct": SNOMED,
}


def system_name(system: str | None) -> str:
    """A code system's name in small letters, its known other names made one; empty when none is given. A version after `|` is dropped."""
    plain = (system or "").strip().lower().partition("|")[0].rstrip("/")
    if plain.startswith(SNOMED + "/"):
        return SNOMED
    return _SAME.get(plain, plain)


@cache
def data_file(name: str) -> dict[str, Any]:  # Any: TOML's own values; each loader makes them typed at once
    """One list as it stands in its file. Every file has a `source` line."""
    return tomllib.loads(files(__package__).joinpath(f"{name}.toml").read_text("utf-8"))
