"""In the ledger: the directory's rows and the places taken of it. The truth about capacity is `place_taken`; counts are derived."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from hub.ledger.database import Pool, lent
from schemas.directory import Asset, Prescriber

Rows = list[Mapping[str, Any]]  # Any: JSON as stored
_PRESCRIBER = """
INSERT INTO prescriber (id, data, state, places, client) SELECT * FROM unnest($1::text[], $2::jsonb[], $3::text[], $4::int[], $5::text[])
ON CONFLICT (id) DO UPDATE SET data = excluded.data, state = excluded.state, places = excluded.places, client = excluded.client, updated_at = now()
"""
_ASSET = """
INSERT INTO asset (id, data, state, places) SELECT * FROM unnest($1::text[], $2::jsonb[], $3::text[], $4::int[])
ON CONFLICT (id) DO UPDATE SET data = excluded.data, state = excluded.state, places = excluded.places, updated_at = now()
"""
_TAKEN = "SELECT counted_id, count(*)::int AS taken FROM place_taken WHERE kind = 'prescriber' AND released_at IS NULL GROUP BY counted_id"
_CHANGED = "SELECT directory FROM epoch WHERE directory > 0"


async def store(pool: Pool, prescribers: Sequence[Prescriber], assets: Sequence[Asset]) -> None:
    """Add or replace these rows. Raises Unavailable."""
    people = [(one.id, one.model_dump_json(), one.capacity.state.value, one.capacity.places, one.client) for one in prescribers]
    things = [(one.id, one.model_dump_json(), one.capacity.state.value, one.capacity.places) for one in assets]
    async with lent(pool) as connection, connection.transaction():
        if people:
            await connection.execute(_PRESCRIBER, *map(list, zip(*people, strict=True)))
        if things:
            await connection.execute(_ASSET, *map(list, zip(*things, strict=True)))


async def read(pool: Pool) -> tuple[Rows, Rows]:
    """Every prescriber and asset as JSON. Raises Unavailable."""
    async with lent(pool) as connection:
        prescribers = await connection.fetch("SELECT data FROM prescriber ORDER BY id")
        assets = await connection.fetch("SELECT data FROM asset ORDER BY id")
    return [orjson.loads(row["data"]) for row in prescribers], [orjson.loads(row["data"]) for row in assets]


async def changed(pool: Pool) -> int | None:
    """How often the directory was changed; None while nothing was ever put into it. Whoever changes it holds the count until their commit (the
    database sees to that), so that it grows in the order of commits. Raises Unavailable."""
    async with lent(pool) as connection:
        mark: int | None = await connection.fetchval(_CHANGED)
    return mark


async def taken(pool: Pool) -> dict[str, int]:
    """Places taken now by prescriber. Raises Unavailable."""
    async with lent(pool) as connection:
        return {row["counted_id"]: row["taken"] for row in await connection.fetch(_TAKEN)}
