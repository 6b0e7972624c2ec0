"""In the ledger: what watch writes beside facts: worklist items for what stands still, alarms, and events given to the relay once more."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from asyncpg import Connection, Record

from schemas.events import event_id

_OVERDUE = """
SELECT id, ref, version, clock, held_reason, deadline_at, extract(epoch FROM now() - deadline_at)::float8 AS late FROM referral
WHERE closed_at IS NULL AND deadline_at <= now() ORDER BY deadline_at LIMIT $1
"""
_ITEM = """
INSERT INTO worklist_item (id, referral_id, kind, reason, alert_at)
SELECT $1, r.id, $3, $4, now() + make_interval(secs => $5) FROM referral r
WHERE r.id = $2 AND r.closed_at IS NULL AND r.deadline_at <= now()
  AND NOT EXISTS (SELECT 1 FROM worklist_item w WHERE w.referral_id = r.id AND w.kind = $3 AND w.closed_at IS NULL)
ON CONFLICT DO NOTHING RETURNING id
"""
_ESCALATE = """
UPDATE worklist_item w SET alert_at = least(w.alert_at, now()), alerted_at = NULL FROM referral r
WHERE w.referral_id = $1 AND w.closed_at IS NULL AND r.id = w.referral_id AND r.deadline_at <= now() RETURNING w.id
"""
_ALARMS = """
UPDATE worklist_item w SET alerted_at = now() FROM referral r
WHERE r.id = w.referral_id AND w.closed_at IS NULL AND w.alerted_at IS NULL AND w.alert_at <= now()
RETURNING w.id, w.referral_id, r.ref, w.kind, w.reason, extract(epoch FROM now() - w.opened_at)::float8 AS age
"""
_NOT_DIGESTED = """
NOT EXISTS (SELECT 1 FROM inbox i WHERE i.stage = '{stage}' AND i.event_id = e.id)
AND NOT EXISTS (SELECT 1 FROM outbox o WHERE o.event_id = e.id AND o.topic IS NULL)
AND NOT EXISTS (SELECT 1 FROM dead_letter l WHERE l.stage = '{stage}' AND l.referral_id = e.referral_id AND l.state <> 'done')
"""
_TO_OUTBOX = "INSERT INTO outbox (shard, referral_id, event_id) SELECT get_byte(uuid_send(e.referral_id), 15) % 64, e.referral_id, e.id FROM event e WHERE "
_ROUTE_AGAIN = f"{_TO_OUTBOX} e.referral_id = $1 AND e.type = ANY($2) AND {_NOT_DIGESTED.format(stage='routing')} ORDER BY e.version RETURNING event_id"
UNTOLD = f"""
e.seq > (SELECT coalesce(max(seq), 0) - 50000 FROM event) AND cardinality(e.tells) > 0 AND e.time < now() - make_interval(secs => $1)
AND {_NOT_DIGESTED.format(stage="dispatch")}
"""  # noqa: S608  our own text, values are parameters
"""Facts that somebody must be told of, older than so many seconds, for which dispatch has done nothing and which wait nowhere."""
_TELL_AGAIN = f"{_TO_OUTBOX} e.seq IN (SELECT e.seq FROM event e WHERE {UNTOLD} ORDER BY e.seq LIMIT 500) ORDER BY e.seq RETURNING event_id"  # noqa: S608


@dataclass(frozen=True, slots=True)
class Overdue:
    """One open referral whose deadline has passed."""

    id: UUID
    ref: str
    version: int
    clock: str | None
    held: str | None
    deadline_at: datetime
    late: float


async def overdue(connection: Connection, most: int = 200) -> list[Overdue]:
    """Open referrals past their deadline, the longest first."""
    rows = await connection.fetch(_OVERDUE, most)
    return [Overdue(row["id"], row["ref"], row["version"], row["clock"], row["held_reason"], row["deadline_at"], row["late"]) for row in rows]


async def open_item(connection: Connection, one: Overdue, kind: str, reason: str, alert_seconds: int) -> UUID | None:
    """Put a referral that is still overdue on the worklist, unless such an item is open already. None when it was not needed."""
    id_ = event_id(f"{one.id}|{kind}|{one.deadline_at.isoformat()}", "item")
    found: UUID | None = await connection.fetchval(_ITEM, id_, one.id, kind, reason, alert_seconds)
    return found


async def escalate(connection: Connection, referral: UUID) -> int:
    """The open items of a referral that is still overdue sound again, now; how many."""
    return len(await connection.fetch(_ESCALATE, referral))


async def sound_alarms(connection: Connection) -> Sequence[Record]:
    """Every item that nobody has dealt with by its time, marked as alarmed: each sounds once (id, referral_id, ref, kind, reason, age)."""
    rows: Sequence[Record] = await connection.fetch(_ALARMS)
    return rows


async def route_again(connection: Connection, referral: UUID, facts: Collection[str]) -> int:
    """Give the relay once more those facts of a referral that routing has not digested, so that a lost record is no lost referral."""
    return len(await connection.fetch(_ROUTE_AGAIN, referral, sorted(facts)))


async def tell_again(connection: Connection, older_than: float) -> int:
    """Give the relay once more, at most 500 at a time, the facts that somebody must be told of and for which dispatch did nothing."""
    return len(await connection.fetch(_TELL_AGAIN, older_than))
