"""Within translating a hospital's message: what FHIR's readers say of a path is said of the field that it came from."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from connectors.hospital_hl7v2.source import Made
from schemas.fhir.read import Message as FhirMessage
from schemas.rejection import Issue

_LAST = re.compile(r"(?:\.\w+|\[\d+\])$")


def places(made: Sequence[Made], bundle: FhirMessage) -> Mapping[str, str]:
    """FHIR path → HL7 place, for each element whose field is known; `made` in the order of the bundle's entries after its header."""
    table: dict[str, str] = {}
    for one, found in zip(made, bundle.found[1:], strict=True):
        table |= {f"{found.path}.{element}" if element else found.path: at for element, at in one.sources.items()}
    return table


def placed(issues: Iterable[Issue], table: Mapping[str, str]) -> tuple[Issue, ...]:
    """The issues, each at its HL7 place where that is known, and each once."""
    return once(Issue(one.reason, _place(one.at, table), one.detail, one.params) for one in issues)


def once(issues: Iterable[Issue]) -> tuple[Issue, ...]:
    """Each issue once, in order."""
    return tuple({(one.reason, one.at, one.detail): one for one in issues}.values())


def place_of(at: str | None, table: Mapping[str, str]) -> str | None:
    """The HL7 place of one FHIR path."""
    return None if at is None else _place(at, table)


def _place(at: str, table: Mapping[str, str]) -> str:
    path = at
    while path not in table:
        shorter = _LAST.sub("", path)
        if shorter == path:
            return at
        path = shorter
    return table[path]
