"""Within translating a Planned Care Referral record: items that the data set does not name and that nobody may leave unread: a death, a refusal."""

from __future__ import annotations

import re
from collections.abc import Iterator

from connectors.pcr_dataset.items import FIELDS
from schemas.fhir.strict_json import JsonObject

_DEATH = re.compile(r"death|deceased|died", re.IGNORECASE)
_CONSENT = re.compile(r"consent|agree|permission|caniat|cydsyni", re.IGNORECASE)
_REFUSAL = re.compile(r"refus|declin|withdr[ae]w|withheld|dissent|object|optout|opt-out|gwrthod", re.IGNORECASE)
_NO = frozenset(("n", "no", "false", "0", "na", "refused", "declined", "denied", "withdrawn", "withheld", "not given", "gwrthodwyd"))
_UNSAID = frozenset(("", "u", "unknown", "null", "n/a"))


def may_have_died(body: JsonObject) -> bool:
    """Whether an item about death says anything but no: a date, a yes, or what nobody knows."""
    return any(_DEATH.search(name) and said not in _NO | _UNSAID for name, said in _unnamed(body, ""))


def may_refuse(body: JsonObject) -> bool:
    """Whether an item about consent says no, or one about a refusal says anything but no."""
    return any(
        said not in _NO | _UNSAID if _REFUSAL.search(name) else bool(_CONSENT.search(name)) and said in _NO for name, said in _unnamed(body, "")
    )


def _unnamed(value: object, within: str) -> Iterator[tuple[str, str]]:
    """Each text, number and truth of an item that is not listed, in small letters, with its whole name."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _unnamed(inner, f"{within}.{name}" if within else name)
    elif isinstance(value, list):
        for inner in value:
            yield from _unnamed(inner, within)
    elif value is not None and within not in FIELDS:
        yield within, str(value).strip().casefold()
