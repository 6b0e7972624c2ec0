"""In dispatch: when a delivery is tried again (Standard Webhooks 1.0, operational considerations). Pure."""

from __future__ import annotations

SECONDS: tuple[int, ...] = (0, 5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
"""The pause before each attempt; together 75 h 35 min."""
LONGEST = 86_400


def next_pause(attempts: int, asked: int | None = None, limit: int | None = None, schedule: tuple[int, ...] = SECONDS) -> int | None:
    """Seconds until the next attempt after `attempts` of them; at least what the receiver `asked` for, at most a day. None: no more attempts
    (`limit`: at most so many for this kind of answer)."""
    if attempts >= min(len(schedule), limit if limit is not None else len(schedule)):
        return None
    return min(max(schedule[attempts], asked or 0), LONGEST)
