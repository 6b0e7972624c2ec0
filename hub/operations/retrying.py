"""In operations: asks the running stages to retry dead letters, and waits until each was dealt with or failed again."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from hub.ledger import parking
from hub.ledger.database import Pool, lent
from hub.ledger.parking import Shown

_LOOK = 0.3
_STATES = "SELECT id, stage, state, detail FROM dead_letter WHERE id = ANY($1) ORDER BY at"


@dataclass(frozen=True, slots=True)
class Retried:
    """What became of one: `done`, `open` (it failed again) or `retry` (nobody has taken it up)."""

    id: UUID
    stage: str
    state: str
    detail: str


async def listed(pool: Pool, *, everything: bool = False) -> list[Shown]:
    """Dead letters, oldest first; with `everything` those that are done too. Raises Unavailable."""
    async with lent(pool) as connection:
        return await parking.listed(connection, everything=everything)


async def retried(pool: Pool, letters: Sequence[UUID], actor: str, wait: float) -> list[Retried]:
    """Ask for these and wait at most so many seconds; those that were not open are left out. Raises Unavailable."""
    async with lent(pool) as connection:
        asked = await parking.ask_again(connection, letters, actor)
    until = asyncio.get_running_loop().time() + wait
    while True:
        async with lent(pool) as connection:
            rows = [Retried(row["id"], row["stage"], row["state"], row["detail"]) for row in await connection.fetch(_STATES, asked)]
        if all(row.state != "retry" for row in rows) or asyncio.get_running_loop().time() >= until:
            return rows
        await asyncio.sleep(_LOOK)
