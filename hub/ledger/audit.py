"""In the ledger: one background writer chains the audit entries and signs the head, so that a change behind our back shows.

Each entry's hash covers the one before it and everything the entry says. The last hash of every batch is signed with the hub's own
Ed25519 key (derived from its secret). What can be shown is that something was changed, removed or put in between; not that nothing
was ever left out by whoever holds the key.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import asyncpg
from cryptography.exceptions import InvalidSignature

from hub.errors import Unavailable
from hub.ledger.database import Pool, lent
from hub.ledger.sealing import Sealing
from hub.telemetry import LogEvent, log

_LOCK = 7_000_020
_BATCH = 1000
_LAST = "SELECT seq, hash FROM audit WHERE hash IS NOT NULL ORDER BY chained DESC LIMIT 1"
_NEXT = "SELECT * FROM audit WHERE hash IS NULL ORDER BY seq LIMIT $1"
_CHAIN = """
UPDATE audit a SET hash = n.hash, chained = n.place, signature = n.signature FROM unnest($1::bigint[], $2::bytea[], $3::bigint[], $4::bytea[])
    AS n (seq, hash, place, signature) WHERE a.seq = n.seq
"""
_PLACE = "SELECT coalesce(max(chained), 0) FROM audit"


@dataclass(frozen=True, slots=True)
class Chained:
    """What `verify` found: how many entries stand in the chain, and where it breaks (None: nowhere)."""

    entries: int
    broken_at: int | None = None


async def keep_chained(pool: Pool, sealing: Sealing, interval: float = 5.0) -> None:
    """Chain and sign what is new, every few seconds, until cancelled; of several hubs one does it at a time."""
    while True:
        try:
            await chain(pool, sealing)
        except Unavailable as fault:
            log(LogEvent.STORE_UNAVAILABLE, "warning", error=fault, store="postgres")
        await asyncio.sleep(interval)


async def chain(pool: Pool, sealing: Sealing) -> int:
    """Chain and sign the entries that are not yet; how many. Raises Unavailable."""
    async with lent(pool) as connection, connection.transaction():
        if not await connection.fetchval("SELECT pg_try_advisory_xact_lock($1)", _LOCK):
            return 0
        rows = await connection.fetch(_NEXT, _BATCH)
        if not rows:
            return 0
        last = await connection.fetchrow(_LAST)
        place: int = await connection.fetchval(_PLACE)
        hashes, previous = [], bytes(last["hash"]) if last else bytes(32)
        for offset, row in enumerate(rows, start=1):
            previous = _hash(previous, place + offset, row)
            hashes.append(previous)
        signatures = [None] * (len(rows) - 1) + [sealing.sign(previous)]
        await connection.execute(_CHAIN, [row["seq"] for row in rows], hashes, [place + offset for offset in range(1, len(rows) + 1)], signatures)
    log(LogEvent.AUDIT_SIGNED, rows=len(rows))
    return len(rows)


async def verify(connection: asyncpg.Connection, sealing: Sealing) -> Chained:
    """Recompute the whole chain and check every signature; its head must be signed, or whoever takes the signatures away could chain it anew.
    Raises nothing for a broken chain: it says where."""
    previous, place, row = bytes(32), 0, None
    async with connection.transaction():
        async for row in connection.cursor("SELECT * FROM audit WHERE hash IS NOT NULL ORDER BY chained"):
            place += 1
            previous = _hash(previous, place, row)
            if row["chained"] != place or bytes(row["hash"]) != previous or not _is_signed(sealing, row, previous):
                return Chained(place, row["seq"])
    return Chained(place, row["seq"] if row is not None and row["signature"] is None else None)


def _is_signed(sealing: Sealing, row: asyncpg.Record, head: bytes) -> bool:
    try:
        return row["signature"] is None or sealing.check_signature(head, bytes(row["signature"]))
    except InvalidSignature:
        return False


def _hash(previous: bytes, place: int, row: Any) -> bytes:  # Any: the driver's record
    digest = sha256(previous + place.to_bytes(8, "big") + row["seq"].to_bytes(8, "big"))
    for part in (row["at"].isoformat(), row["actor"], row["action"], str(row["referral_id"]), row["detail"]):
        digest.update(len(part.encode()).to_bytes(4, "big") + part.encode())
    return digest.digest()
