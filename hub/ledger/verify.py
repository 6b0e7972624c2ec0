"""In the ledger: whether the record is as it was written. Recomputes each referral's chain and compares its end with the referral's own row."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from uuid import UUID

from asyncpg import Connection, Record

from hub.ledger.chain import Link, is_sound

_EVENTS = """
SELECT r.id AS referral, r.version AS stands, r.last_hash, e.* FROM referral r LEFT JOIN event e ON e.referral_id = r.id
WHERE $1::uuid[] IS NULL OR r.id = ANY($1) ORDER BY r.id, e.version
"""


@dataclass(frozen=True, slots=True)
class Broken:
    """A referral whose events are not those that were written: `changed` (edited, reordered, put in or taken out) or `cut` (the end is missing)."""

    referral_id: UUID
    how: str


async def verify(connection: Connection, referrals: Iterable[UUID] | None = None) -> list[Broken]:
    """Every referral (or these) whose chain does not hold, by id. An erased referral's sealed bytes still count: erasing changes none.

    Not seen: a referral removed with all its rows, and a chain and its referral's row rewritten together by somebody who can hash.
    """
    found: list[Broken] = []
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        rows = await connection.fetch(_EVENTS, None if referrals is None else list(referrals), timeout=600)
    for id_, events in groupby(rows, key=lambda row: row["referral"]):
        how = _fault(list(events))
        if how is not None:
            found.append(Broken(id_, how))
    return found


def _fault(rows: list[Record]) -> str | None:
    events = [row for row in rows if row["id"] is not None]
    links = [(_link(row), row["prev_hash"], row["hash"]) for row in events]
    if not is_sound(links):
        return "changed"
    ends = events[-1]["hash"] if events else None
    return None if ends == rows[0]["last_hash"] and len(events) == rows[0]["stands"] else "cut"


def _link(row: Record) -> Link:
    return Link(row["id"], row["referral"], row["version"], row["type"], row["payload"] or b"", row["thin"].encode())
