"""Beside the flow, in the kit: what differs between two readings of the same message, by field, without a value that anybody sent."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

Json = Any  # Any: a line of `hub translate`

# Fields whose values are ours, from closed lists; everything else is masked.
_OURS = re.compile(
    r"outcome|ignored(\.reason)?|rejected(\.reason|\.issues\[\]\.reason|\.issues\[\]\.at)?|warnings\[\]\.(reason|at)|facts\[\]\.type"
    r"|facts\[\]\.referral\.(source|priority|service\.(state|at)|flags\[\]|consent\.\w+|person\.(nhs_number_status|deceased|language_\w+))"
    r"|facts\[\]\.triage(\.\w+(\[\])?)?|facts\[\]\.bundle\.entry\[\]\.resource\.(resourceType|status|intent|eventCoding\.code)"
)
_CODE = re.compile(r"(?=.*[0-9])[A-Za-z0-9.\-]{1,20}|[a-z]+(-[a-z]+)+")


def differing(before: Json, after: Json, path: str = "") -> Iterator[tuple[str, str]]:
    """Each field that differs, once for each place: its path with `[]` for every index, and `before → after` masked."""
    if isinstance(before, dict) and isinstance(after, dict):
        for name in sorted(before.keys() | after.keys()):
            yield from differing(before.get(name), after.get(name), f"{path}.{name}" if path else name)
    elif isinstance(before, list) and isinstance(after, list):
        for index in range(max(len(before), len(after))):
            one, other = (items[index] if index < len(items) else None for items in (before, after))
            yield from differing(one, other, f"{path}[]")
    elif before != after:
        yield path, f"{masked(path, before)} → {masked(path, after)}"


def masked(path: str, value: Json) -> str:
    """A value as it may be shown: one of ours whole, of any other what it is and how long."""
    if value is None:
        return "nothing"
    if isinstance(value, (bool, int)) or (isinstance(value, str) and _OURS.fullmatch(path.removeprefix("[]."))):
        return str(value)
    if isinstance(value, str):
        return f"text of {len(value)}"
    return f"{type(value).__name__} of {len(value)}" if isinstance(value, (dict, list)) else "number"


def unmapped(lines: Sequence[Json], needs: Sequence[Sequence[str]]) -> Iterator[str]:
    """The codes of one message that its side did not map: `needs` as `need system|code`, and the places of other codes that it did not know."""
    yield from (f"need {system or '-'}|{code(sent)}" for system, sent in needs)
    warnings = (warning for line in lines for warning in line["warnings"])
    yield from (f"unknown at {re.sub(r'[0-9]+', '', warning['at'])}" for warning in warnings if warning["reason"] == "code-unknown")


def code(sent: str) -> str:
    """A code as it may be shown: one that could be a name, a number of a person or a sentence is masked."""
    is_number_of_a_person = re.fullmatch(r"[0-9]{10}", sent) is not None
    return sent if _CODE.fullmatch(sent) and not is_number_of_a_person else f"text of {len(sent)}"
