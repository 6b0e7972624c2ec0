"""In the ledger: the life of a delivery once it is owed: claimed by a courier for a while, tried, then done, or given up and raised to a person."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from asyncpg import Connection, Record

from hub.ledger.database import Pool, lent
from hub.ledger.sealing import NotReadable, Sealing
from schemas.events import FactType
from schemas.rejection import Reason
from schemas.task import Party

BY_HAND = "by-hand"
"""The transport of what no system can be told: a person reads it from the worklist and tells it."""
MAIL, LETTER = "mail", "letter"
"""The transports to people: SMTP, and paper (hub/ledger/letters.py)."""
# A plan that PostgreSQL keeps was made while the table was small: each step must be cheap whatever the join, so only the few chosen rows are joined.
_CLAIM = """
WITH line AS MATERIALIZED (
    SELECT DISTINCT ON (recipient, referral_id) id, recipient, next_attempt_at, sequence, claimed_until FROM delivery
    WHERE state = 'pending' AND transport = $1 AND recipient <> ALL($2::text[]) ORDER BY recipient, referral_id, sequence
), place AS MATERIALIZED (
    SELECT id, recipient, next_attempt_at, row_number() OVER (PARTITION BY recipient ORDER BY next_attempt_at, sequence) AS place FROM line
    WHERE next_attempt_at <= now() AND (claimed_until IS NULL OR claimed_until < now())
), first AS MATERIALIZED (
    SELECT id FROM place WHERE place <= CASE WHEN recipient = ANY($6::text[]) THEN 1 ELSE $3 END ORDER BY next_attempt_at LIMIT $4
), due AS MATERIALIZED (
    SELECT d.id FROM delivery d JOIN first ON first.id = d.id
    WHERE d.state = 'pending' AND (d.claimed_until IS NULL OR d.claimed_until < now()) FOR UPDATE OF d SKIP LOCKED
)
UPDATE delivery d SET claimed_until = now() + make_interval(secs => $5)
FROM (SELECT o.id, r.ref, r.correlation, r.sealing_key, r.content, t.status AS task_status FROM due JOIN delivery o ON o.id = due.id
      JOIN referral r ON r.id = o.referral_id JOIN event e ON e.id = o.event_id LEFT JOIN task t ON t.id = e.task_id) AS w
WHERE d.id = w.id RETURNING d.*, w.ref, w.correlation AS journey, w.sealing_key, w.content, w.task_status,
      extract(epoch FROM now() - d.created_at)::float8 AS age
"""
_DELIVERED = """
UPDATE delivery d SET state = 'delivered', attempts = attempts + 1, outcome = n.outcome, finished_at = now(), claimed_until = NULL
FROM unnest($1::uuid[], $2::text[]) AS n (id, outcome) WHERE d.id = n.id AND d.state = 'pending'
"""
_POSTPONED = """
UPDATE delivery SET attempts = attempts + 1, outcome = $3, next_attempt_at = now() + make_interval(secs => $2), claimed_until = NULL
WHERE id = $1 AND state = 'pending'
"""
_CANCELLED = "UPDATE delivery SET state = 'cancelled', outcome = $2, finished_at = now(), claimed_until = NULL WHERE id = $1 AND state = 'pending'"
_SOON = """
UPDATE referral r SET deadline_at = least(r.deadline_at, now()) FROM delivery d JOIN event e ON e.id = d.event_id JOIN task t ON t.id = e.task_id
WHERE d.id = $1 AND d.state = 'pending' AND d.party = 'prescriber' AND d.fact = 'referral.assigned.v1' AND t.status = 'requested'
  AND r.id = d.referral_id AND r.closed_at IS NULL AND r.clock = 'accept'
"""
_GIVEN_UP = """
UPDATE delivery SET state = $2, attempts = attempts + 1, outcome = $3, finished_at = now(), claimed_until = NULL WHERE id = $1 AND state = 'pending'
RETURNING referral_id
"""
_ITEM = """
INSERT INTO worklist_item (id, referral_id, kind, reason, alert_at) VALUES ($1, $2, 'tell-by-hand', $3, now() + make_interval(secs => $4))
ON CONFLICT DO NOTHING
"""
_BY_HAND = """
WITH told AS (
    UPDATE delivery SET state = 'refused', outcome = 'on the worklist, to be told by hand', finished_at = now()
    WHERE state = 'pending' AND transport = 'by-hand' RETURNING id, referral_id, message_key
)
INSERT INTO worklist_item (id, referral_id, kind, reason, alert_at)
SELECT id, referral_id, 'tell-by-hand', message_key, now() + make_interval(secs => $1) FROM told ON CONFLICT DO NOTHING RETURNING id, referral_id, reason
"""
_BY_LETTER = """
UPDATE delivery SET transport = 'letter', attempts = 0, outcome = 'no e-mail: ' || $2, next_attempt_at = now(), claimed_until = NULL
WHERE id = $1 AND state = 'pending' AND transport = 'mail' RETURNING id
"""
_DISABLE = "UPDATE client SET outbound = NULL WHERE id = $1 AND outbound IS NOT NULL RETURNING id"
_DISABLED = "INSERT INTO audit (actor, action, detail) VALUES ('dispatch', 'client.endpoint-disabled', jsonb_build_object('client', $1::text))"
_AGAIN = """
UPDATE delivery SET state = 'pending', attempts = 0, next_attempt_at = now(), claimed_until = NULL, finished_at = NULL
WHERE id = ANY($1) AND state IN ('refused', 'exhausted') AND transport NOT IN ('kafka', 'by-hand', 'letter') RETURNING id
"""
_ASKED = "INSERT INTO audit (actor, action, detail) SELECT $1, 'delivery.again', jsonb_build_object('delivery', d::text) FROM unnest($2::uuid[]) AS d"
_SWEPT = "UPDATE delivery SET claimed_until = NULL WHERE state = 'pending' AND claimed_until < now() - interval '5 seconds' RETURNING id"


@dataclass(frozen=True, slots=True)
class Claimed:
    """One delivery in a courier's hands until its lease ends. `content` is the referral's as it stands, read again just before sending;
    `task_status` that of the hand-over which an assignment is about; `journey` the referrer's own id of it."""

    id: UUID
    referral_id: UUID
    ref: str
    fact: FactType
    recipient: str
    party: Party
    connector: str
    transport: str
    message_key: str
    content_type: str
    attempts: int
    age: float
    task_status: str | None
    trace: str | None
    body: bytes = field(repr=False)
    content: bytes = field(repr=False)
    journey: str | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a courier can take: at most `most` in all and `each` to one recipient, one to those `on_trial`, none to those `resting`; held for
    `lease` seconds."""

    transport: str
    resting: tuple[str, ...] = ()
    on_trial: tuple[str, ...] = ()
    each: int = 8
    most: int = 32
    lease: float = 45.0


async def claim(pool: Pool, sealing: Sealing, wanted: Wanted) -> list[Claimed]:
    """Deliveries that are due, the longest due first. Of one referral's deliveries to one recipient only the first, until it has ended.
    Raises Unavailable."""
    async with lent(pool) as connection:
        rows = await connection.fetch(
            _CLAIM, wanted.transport, list(wanted.resting), wanted.each, wanted.most, wanted.lease, list(wanted.on_trial)
        )
    return [_claimed(row, sealing) for row in sorted(rows, key=lambda row: (row["next_attempt_at"], row["sequence"]))]


@dataclass(slots=True)
class DeliveredTogether:
    """Notes that receivers have what they were sent; what ends while a commit runs is noted by the next."""

    pool: Pool
    _waiting: list[tuple[UUID, str, asyncio.Future[None]]] = field(default_factory=list)
    _noting: asyncio.Task[None] | None = None

    async def note(self, delivery: UUID, outcome: str) -> None:
        """The receiver has it; returns once that is on disk. Raises Unavailable: it is then sent again with the same key."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((delivery, outcome, future))
        if self._noting is None or self._noting.done():
            self._noting = asyncio.create_task(self._note())
        await future

    async def _note(self) -> None:
        while self._waiting:
            batch, self._waiting = sorted(self._waiting, key=lambda one: one[0]), []
            fault: Exception | None = None
            try:
                async with lent(self.pool) as connection:
                    await connection.execute(_DELIVERED, [one[0] for one in batch], [one[1] for one in batch])
            except Exception as found:  # noqa: BLE001  each of those who wait hears of it
                fault = found
            for _, _, future in batch:
                if not future.done():
                    future.set_result(None) if fault is None else future.set_exception(fault)


async def postponed(pool: Pool, delivery: UUID, seconds: float, outcome: str) -> None:
    """Not now: again after so many seconds. Raises Unavailable."""
    async with lent(pool) as connection:
        await connection.execute(_POSTPONED, delivery, seconds, outcome)


async def cancelled(pool: Pool, delivery: UUID, outcome: str) -> None:
    """It must not be sent any more. Raises Unavailable."""
    async with lent(pool) as connection:
        await connection.execute(_CANCELLED, delivery, outcome)


async def given_up(pool: Pool, delivery: UUID, reason: Reason, outcome: str, alert_seconds: int) -> None:
    """`delivery-refused` or `delivery-exhausted`: a person must tell the recipient; a prescriber who cannot be reached counts as silent from
    now on. Raises Unavailable."""
    state = "exhausted" if reason is Reason.DELIVERY_EXHAUSTED else "refused"
    async with lent(pool) as connection, connection.transaction():
        await connection.execute(_SOON, delivery)  # the referral's row before the delivery's, as in every commit
        referral = await connection.fetchval(_GIVEN_UP, delivery, state, outcome)
        if referral is not None:
            await connection.execute(_ITEM, delivery, referral, reason.value, alert_seconds)


async def by_letter(pool: Pool, delivery: UUID, outcome: str) -> bool:
    """The e-mail cannot go: the same delivery goes to the print queue; whether it still was an e-mail to be sent. Raises Unavailable."""
    async with lent(pool) as connection:
        return await connection.fetchval(_BY_LETTER, delivery, outcome) is not None


async def to_the_worklist(pool: Pool, alert_seconds: int) -> list[Record]:
    """Everything owed by hand becomes a worklist item with the delivery's own id. Raises Unavailable."""
    async with lent(pool) as connection:
        found: list[Record] = await connection.fetch(_BY_HAND, alert_seconds)
    return found


async def disable(pool: Pool, client: str) -> bool:
    """The client's endpoint is gone (HTTP 410): nothing is sent there until it is registered anew. Whether it had one. Raises Unavailable."""
    async with lent(pool) as connection, connection.transaction():
        found = await connection.fetchval(_DISABLE, client)
        if found is not None:
            await connection.execute(_DISABLED, client)
    return found is not None


async def again(pool: Pool, deliveries: Sequence[UUID], actor: str) -> int:
    """An operator wants these sent once more, from the start of the schedule; how many can be. Raises Unavailable."""
    async with lent(pool) as connection, connection.transaction():
        found = [row["id"] for row in await connection.fetch(_AGAIN, list(deliveries))]
        await connection.execute(_ASKED, actor, found)
    return len(found)


async def swept(connection: Connection) -> int:
    """How many deliveries were in the hands of a courier that is no more, and can be claimed again."""
    return len(await connection.fetch(_SWEPT))


async def waiting(connection: Connection) -> int:
    """How many deliveries are due and not done, what Kafka has yet to take included."""
    found: int = await connection.fetchval("SELECT count(*) FROM delivery WHERE state = 'pending' AND next_attempt_at <= now()")
    return found


def _claimed(row: Record, sealing: Sealing) -> Claimed:
    try:
        key = sealing.key(row["referral_id"], row["sealing_key"])
        body = key.open(f"delivery|{row['id']}", row["body"]) if row["body"] else b""
        content = key.open("content", row["content"]) if row["content"] else b""
    except NotReadable:
        body = content = b""
    return Claimed(
        row["id"], row["referral_id"], row["ref"], FactType(row["fact"]), row["recipient"], Party(row["party"]), row["connector"], row["transport"],
        row["message_key"], row["content_type"], row["attempts"], row["age"], row["task_status"], row["trace"], body, content, row["journey"],
    )  # fmt: skip
