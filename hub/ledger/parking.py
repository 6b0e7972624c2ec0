"""In the ledger: what a stage could not digest. A dead letter parks its referral for that stage, in order, while all others flow.

Retrying reads the referral's events from the ledger, so that nothing depends on the record that could not be read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from uuid import UUID, uuid5

import orjson
from asyncpg import Connection, Record

from hub.ledger.database import Pool, lent
from hub.ledger.records import event_of
from hub.ledger.sealing import Sealing
from schemas.events import Event

_NAMESPACE = UUID("9a3f3c64-6b0a-5e0c-8f43-0f5f6c0f7b11")
_WRITE = """
INSERT INTO dead_letter (id, stage, referral_id, event_id, topic, partition, record_offset, reason, detail, record)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
ON CONFLICT (id) DO UPDATE SET attempts = dead_letter.attempts + 1, reason = excluded.reason, detail = excluded.detail, closed_at = NULL,
    state = CASE dead_letter.state WHEN 'done' THEN 'open' ELSE dead_letter.state END
RETURNING (xmax = 0) AS fresh
"""
_PARKED = "SELECT DISTINCT referral_id FROM dead_letter WHERE stage = $1 AND state <> 'done' AND referral_id = ANY($2)"
_PARK = "INSERT INTO parked (stage, event_id, referral_id, sequence) SELECT * FROM unnest($1::text[], $2::uuid[], $3::uuid[], $4::int[]) ON CONFLICT DO NOTHING"
_MISSED = """
SELECT e.*, r.sealing_key FROM event e JOIN referral r ON r.id = e.referral_id
WHERE e.referral_id = $2 AND NOT EXISTS (SELECT 1 FROM inbox i WHERE i.stage = $1 AND i.event_id = e.id)
  AND NOT EXISTS (SELECT 1 FROM outbox o WHERE o.event_id = e.id AND o.topic IS NULL) ORDER BY e.version
"""
_UNPARK = """
DELETE FROM parked p WHERE stage = $1 AND referral_id = $2 AND (event_id = ANY($3) OR NOT EXISTS (SELECT 1 FROM event e WHERE e.id = p.event_id)
    OR EXISTS (SELECT 1 FROM inbox i WHERE i.stage = $1 AND i.event_id = p.event_id)
    OR EXISTS (SELECT 1 FROM outbox o WHERE o.event_id = p.event_id AND o.topic IS NULL))
"""
_ASK = "UPDATE dead_letter SET state = 'retry' WHERE id = ANY($1) AND state = 'open' RETURNING id, referral_id"
_AUDIT = "INSERT INTO audit (actor, action, referral_id, detail) VALUES ($1, 'dead-letter.retry', $2, $3)"


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A record that a stage gave up. `detail` names the fault (an exception's type and our frame), never what the record held. Its id is that
    of the event where there is one: offsets begin again when the topics are made anew."""

    stage: str
    topic: str
    partition: int
    offset: int
    reason: str
    detail: str
    referral_id: UUID | None = None
    event_id: UUID | None = None
    record: bytes = field(default=b"", repr=False)
    id: UUID = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "id", uuid5(_NAMESPACE, f"{self.stage}/{self.event_id or self._place}"))

    @property
    def _place(self) -> str:
        return f"{self.topic}/{self.partition}/{self.offset}/{sha256(self.record).hexdigest()}"


async def write(pool: Pool, sealing: Sealing, letter: DeadLetter) -> bool:
    """Keep a record (sealed) that could not be digested; its referral is parked from now on. False when it was kept before, from an earlier
    reading of the same record. Raises Unavailable."""
    sealed = sealing.seal(f"dead-letter|{letter.id}", letter.record)
    async with lent(pool) as connection:
        fresh: bool = await connection.fetchval(
            _WRITE, letter.id, letter.stage, letter.referral_id, letter.event_id, letter.topic, letter.partition, letter.offset, letter.reason, letter.detail,
            sealed,
        )  # fmt: skip
    return fresh


async def parked(pool: Pool, stage: str, referrals: Sequence[UUID]) -> set[UUID]:
    """Which of these referrals are parked for the stage. Raises Unavailable."""
    if not referrals:
        return set()
    async with lent(pool) as connection:
        return {row["referral_id"] for row in await connection.fetch(_PARKED, stage, list(referrals))}


async def park(pool: Pool, stage: str, events: Sequence[Event]) -> None:
    """Note that these events wait behind a dead letter of their referral. Raises Unavailable."""
    async with lent(pool) as connection:
        await connection.execute(
            _PARK, [stage] * len(events), [event.id for event in events], [UUID(event.key) for event in events], [event.sequence for event in events]
        )


async def asked_again(pool: Pool, stage: str) -> list[tuple[UUID, UUID | None]]:
    """Dead letters of this stage that somebody asked to retry: (id, referral)."""
    async with lent(pool) as connection:
        rows = await connection.fetch("SELECT id, referral_id FROM dead_letter WHERE stage = $1 AND state = 'retry' ORDER BY at", stage)
    return [(row["id"], row["referral_id"]) for row in rows]


async def missed(pool: Pool, sealing: Sealing, stage: str, referral: UUID) -> list[Event]:
    """Every event of the referral that is on Kafka and not in the stage's inbox, in order, from the ledger."""
    async with lent(pool) as connection:
        return [event_of(row, sealing) for row in await connection.fetch(_MISSED, stage, referral)]


async def close(pool: Pool, stage: str, letter: UUID, referral: UUID | None, digested: Sequence[UUID] = ()) -> bool:
    """The letter and the `digested` events that waited behind it are dealt with. True when others were parked meanwhile: then the letter is
    left as it is, so that they are caught up with too. Raises Unavailable."""
    async with lent(pool) as connection, connection.transaction():
        if referral is not None:
            await connection.execute(_UNPARK, stage, referral, list(digested))
            if await connection.fetchval("SELECT EXISTS (SELECT 1 FROM parked WHERE stage = $1 AND referral_id = $2)", stage, referral):
                return True
            await connection.execute("UPDATE dead_letter SET state = 'done', closed_at = now() WHERE stage = $1 AND referral_id = $2", stage, referral)
        await connection.execute("UPDATE dead_letter SET state = 'done', closed_at = now() WHERE id = $1", letter)
    return False


async def failed_again(pool: Pool, letter: UUID, detail: str) -> None:
    """The retry failed: the letter is open again."""
    async with lent(pool) as connection:
        await connection.execute("UPDATE dead_letter SET state = 'open', attempts = attempts + 1, detail = $2 WHERE id = $1", letter, detail)


async def ask_again(connection: Connection, letters: Sequence[UUID], actor: str) -> list[UUID]:
    """Ask the running stages to retry these letters; the ids that were open. Audited."""
    async with connection.transaction():
        rows: list[Record] = await connection.fetch(_ASK, list(letters))
        for row in rows:
            detail = orjson.dumps({"dead_letter": str(row["id"])}).decode()
            await connection.execute(_AUDIT, actor, row["referral_id"], detail)
    return [row["id"] for row in rows]


@dataclass(frozen=True, slots=True)
class Shown:
    """A dead letter as an operator sees it."""

    id: UUID
    stage: str
    referral_id: UUID | None
    reason: str
    detail: str
    where: str
    attempts: int
    state: str
    at: datetime
    parked: int


async def listed(connection: Connection, *, everything: bool = False) -> list[Shown]:
    """Open dead letters, oldest first (all with `everything`), with how many events wait behind each."""
    rows = await connection.fetch(
        "SELECT d.*, (SELECT count(*) FROM parked p WHERE p.stage = d.stage AND p.referral_id = d.referral_id) AS behind FROM dead_letter d"
        " WHERE $1 OR d.state <> 'done' ORDER BY d.at", everything,
    )
    return [
        Shown(
            row["id"], row["stage"], row["referral_id"], row["reason"], row["detail"], f"{row['topic']}/{row['partition']}/{row['record_offset']}",
            row["attempts"], row["state"], row["at"], row["behind"],
        )
        for row in rows
    ]
