"""In operations: how times, waits, references and tables are shown to a person; what a sender chose is never shown whole."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Literal
from uuid import UUID

from rich.console import Console
from rich.table import Table

from schemas.identifiers import ReferralRef
from schemas.words import Text, keys, text

Language = Literal["en", "cy"]
Colour = Literal["green", "amber", "red"]
STYLE: dict[str, str] = {"green": "green", "amber": "yellow", "red": "bold red"}
_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"))
_GUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)


def console() -> Console:
    """Standard output: colours and the window's width on a terminal; elsewhere plain and as wide as it needs."""
    return Console(file=sys.stdout, highlight=False, markup=False, emoji=False, soft_wrap=True, width=None if sys.stdout.isatty() else 200)


def say(key: str, language: Language, **params: str | int | float | Text) -> str:
    """Words in the reader's language."""
    return text(key, **params).in_language(language)


def known(prefix: str, code: str | None, language: Language) -> str:
    """The words of a code from a closed list; the code itself where it has none (it is ours: nothing else is ever given)."""
    if code is None:
        return "–"
    return say(f"{prefix}.{code}", language) if f"{prefix}.{code}" in keys() else code


def clock(at: datetime | None) -> str:
    """A time to the second, UTC."""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S") if at else "–"


def iso(at: datetime | None) -> str | None:
    """A time for programs: RFC 3339 with milliseconds, UTC."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z") if at else None


def length(seconds: float) -> str:
    """A length of time in its two largest units: `3 d 4 h`, `12 min`, `0.8 s`."""
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    parts = []
    for size, unit in _UNITS:
        if seconds >= size:
            parts.append(f"{int(seconds // size)} {unit}")
            seconds %= size
    return " ".join(parts[:2])


def reference(referral: UUID) -> str:
    """The referral's reference as it is read out."""
    return ReferralRef.of(referral).spoken


def chosen_elsewhere(value: str | None) -> str | None:
    """An id that a sender chose: whole where it is a GUID, else its last four characters, because it may hold anything."""
    if value is None or _GUID.fullmatch(value):
        return value
    return f"…{value[-4:]}" if len(value) > 8 else "…"


def table(headings: Sequence[str], rows: Iterable[Sequence[str]], styles: Sequence[str | None] = ()) -> Table:
    """A plain table: headings, then rows; `styles` colour whole rows in order."""
    made = Table(box=None, pad_edge=False, show_edge=False, header_style="bold")
    for heading in headings:
        made.add_column(heading, overflow="fold")
    for place, row in enumerate(rows):
        made.add_row(*row, style=styles[place] if place < len(styles) else None)
    return made
