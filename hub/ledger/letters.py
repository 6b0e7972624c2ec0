"""In the ledger: letters to people, which somebody prints and posts: owed, queued with a day to be posted by, printed, then posted or stopped.

A letter is a delivery of transport `letter`. Its `attempts` count the steps (0 owed, 1 queued, 2 printed), its `next_attempt_at` is the moment by
which it must be posted. A death cancels it like any other delivery, in the commit that records the death.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from asyncpg import Connection, Record

from hub.ledger.changes import Audit
from hub.ledger.database import Pool, lent
from hub.ledger.rows import audit_rows, insert_audit
from hub.ledger.sealing import NotReadable, Sealing

_OWED = "SELECT id, created_at FROM delivery WHERE transport = 'letter' AND state = 'pending' AND attempts = 0"
_QUEUE = """
UPDATE delivery d SET attempts = 1, next_attempt_at = n.due FROM unnest($1::uuid[], $2::timestamptz[]) AS n (id, due)
WHERE d.id = n.id AND d.state = 'pending' AND d.transport = 'letter' AND d.attempts = 0
"""
_LATE = """
WITH late AS (
    UPDATE delivery SET next_attempt_at = now() + interval '1 day'
    WHERE transport = 'letter' AND state = 'pending' AND attempts > 0 AND next_attempt_at <= now() RETURNING id, referral_id
)
INSERT INTO worklist_item (id, referral_id, kind, reason, alert_at)
SELECT id, referral_id, 'tell-by-hand', 'letter-not-posted', now() + make_interval(secs => $1) FROM late ON CONFLICT DO NOTHING RETURNING id, referral_id
"""
_LETTERS = """
SELECT d.id, d.referral_id, d.state, d.attempts, d.recipient, d.created_at, d.next_attempt_at, d.body, r.ref, r.sealing_key, r.content, now() AS now
FROM delivery d JOIN referral r ON r.id = d.referral_id WHERE d.transport = 'letter'
"""
_WAITING = f"{_LETTERS} AND d.state = 'pending' ORDER BY d.created_at, d.id"
_STOPPED = f"{_LETTERS} AND d.state = 'cancelled' AND d.attempts > 1 AND d.finished_at > now() - interval '7 days' ORDER BY d.finished_at"
_CALLED = f"{_LETTERS} AND d.id::text LIKE $1 || '%' ORDER BY d.id LIMIT 2"
_PRINTED = "UPDATE delivery SET attempts = greatest(attempts, 2) WHERE id = ANY($1) AND state = 'pending' AND transport = 'letter' RETURNING id"
_POSTED = """
UPDATE delivery SET state = 'delivered', outcome = 'posted', finished_at = now() WHERE id = $1 AND state = 'pending' AND transport = 'letter' RETURNING id
"""
_DEALT_WITH = "UPDATE worklist_item SET closed_at = now(), closed_by = $2 WHERE id = $1 AND closed_at IS NULL"


@dataclass(frozen=True, slots=True)
class Letter:
    """One letter and its referral. `content` and `body` are opened, empty where the referral was erased; `post_by` None until it is queued."""

    id: UUID
    referral_id: UUID
    ref: str
    state: str
    printed: bool
    owed_at: datetime
    post_by: datetime | None
    now: datetime
    body: bytes = field(repr=False)
    content: bytes = field(repr=False)


async def owed(pool: Pool) -> list[tuple[UUID, datetime]]:
    """Letters that have no day to be posted by yet, and since when they are owed. Raises Unavailable."""
    async with lent(pool) as connection:
        return [(row["id"], row["created_at"]) for row in await connection.fetch(_OWED)]


async def queue(pool: Pool, due: Sequence[tuple[UUID, datetime]]) -> None:
    """Put letters into the print queue, each with the moment by which it must be posted. Raises Unavailable."""
    async with lent(pool) as connection:
        await connection.execute(_QUEUE, [id_ for id_, _ in due], [moment for _, moment in due])


async def late(pool: Pool, alert_seconds: int) -> list[Record]:
    """Every letter that nobody posted in time becomes a worklist item with its own id; it stays in the queue. Raises Unavailable."""
    async with lent(pool) as connection:
        found: list[Record] = await connection.fetch(_LATE, alert_seconds)
    return found


async def waiting(connection: Connection, sealing: Sealing) -> list[Letter]:
    """Every letter to print or post, the oldest first, then those that were printed and stopped in the last seven days."""
    rows = [*await connection.fetch(_WAITING), *await connection.fetch(_STOPPED)]
    return [_letter(row, sealing) for row in rows]


async def called(connection: Connection, sealing: Sealing, typed: str) -> list[Letter]:
    """The letter whose id begins like that; two where it is not clear which."""
    wanted = typed.strip().lower()
    rows = await connection.fetch(_CALLED, wanted) if wanted and set(wanted) <= set("0123456789abcdef-") else []
    return [_letter(row, sealing) for row in rows]


async def printed(connection: Connection, letters: Sequence[Letter], actor: str) -> set[UUID]:
    """These are on paper now, which is audited; those that were not stopped meanwhile."""
    async with connection.transaction():
        done = {row["id"] for row in await connection.fetch(_PRINTED, [one.id for one in letters])}
        entries = [(Audit(actor, "letter.printed", {"delivery": str(one.id)}), one.referral_id) for one in letters if one.id in done]
        await insert_audit(connection, audit_rows(entries))
    return done


async def posted(connection: Connection, letter: Letter, actor: str) -> bool:
    """It is in the post, and audited; a worklist item about it is dealt with. Whether it still was to be posted."""
    async with connection.transaction():
        done = await connection.fetchval(_POSTED, letter.id) is not None
        if done:
            await connection.execute(_DEALT_WITH, letter.id, actor)
            await insert_audit(connection, audit_rows([(Audit(actor, "letter.posted", {"delivery": str(letter.id)}), letter.referral_id)]))
    return done


def _letter(row: Record, sealing: Sealing) -> Letter:
    try:
        key = sealing.key(row["referral_id"], row["sealing_key"])
        body, content = key.open(f"delivery|{row['id']}", row["body"]), key.open("content", row["content"])
    except NotReadable:
        body = content = b""
    return Letter(
        row["id"], row["referral_id"], row["ref"], row["state"], row["attempts"] > 1, row["created_at"], row["next_attempt_at"] if row["attempts"] else None,
        row["now"], body, content,
    )  # fmt: skip
