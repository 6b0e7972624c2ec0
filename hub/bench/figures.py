"""Beside the flow, at the end of a bench: figures from times, and the table and the JSON line that show them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import orjson

Row = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Spread:
    """How long something took, in milliseconds; None where there was nothing to measure."""

    p50: float | None
    p95: float | None
    p99: float | None
    most: float | None


def spread(seconds: Sequence[float]) -> Spread:
    """The spread of these times."""
    ordered = sorted(seconds)
    return Spread(*(_at(ordered, share) for share in (0.50, 0.95, 0.99, 1.0)))


def _at(ordered: Sequence[float], share: float) -> float | None:
    """The nearest-rank percentile, in milliseconds."""
    if not ordered:
        return None
    rank = max(1, -(-len(ordered) * round(share * 100) // 100))
    return round(ordered[rank - 1] * 1000, 2)


def table(rows: Sequence[Row]) -> str:
    """The rows under their keys, each column as wide as it must be; numbers to the right."""
    names = list(rows[0]) if rows else []
    cells = [[_shown(row.get(name)) for name in names] for row in rows]
    widths = [max(len(name), *(len(line[at]) for line in cells)) for at, name in enumerate(names)]
    lines = ["  ".join(name.rjust(width) for name, width in zip(names, widths, strict=True))]
    lines += ["  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)) for line in cells]
    return "\n".join(lines)


def _shown(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:,.2f}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def line(result: Mapping[str, object]) -> str:
    """The whole result as one JSON line, keys sorted."""
    return orjson.dumps(dict(result), option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS).decode()
