"""Beside the flow: where the time of a profiled stage went: its own functions and libraries, dearest first."""

from __future__ import annotations

import pstats
from pathlib import Path
from typing import Any, cast

from hub.bench.figures import Row

_MOST = 25


def costs(path: Path) -> list[Row]:
    """The functions with the most time of their own, and their share of the profiled time without waiting; none when nothing was written."""
    if not path.exists():
        return []
    stats = cast(Any, pstats.Stats(str(path))).stats  # Any: its table is not in the type
    rows = [(own, total, calls, _name(*where)) for where, (_, calls, own, total, _) in stats.items() if not _waits(where[2])]
    whole = sum(row[0] for row in rows) or 1.0
    return [_row(whole, *row) for row in sorted(rows, reverse=True)[:_MOST]]


def _waits(function: str) -> bool:
    """The loop's own frame: with uvloop it holds the waiting."""
    return function in ("run", "run_until_complete") or "epoll" in function


def _row(whole: float, own: float, total: float, calls: int, where: str) -> Row:
    return {"share_percent": round(100 * own / whole, 1), "own_s": round(own, 3), "total_s": round(total, 3), "calls": calls, "where": where}


def _name(file: str, line: int, function: str) -> str:
    parts = Path(file).parts
    return function if file.startswith("~") else f"{'/'.join(parts[-3:])}:{line} {function}"
