"""In the ledger: the effects of a batch as rows, each id once a statement (`UPDATE … FROM` with two rows for one id silently applies one)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from asyncpg import Connection

from hub.ledger.chain import Link, hash_of
from hub.ledger.changes import Effects, Leave, Locked, NewEvent, NewItem
from hub.ledger.locking import Held
from hub.ledger.rows import columns
from hub.ledger.sealing import NotReadable, ReferralKey
from schemas.events import event_id
from schemas.task import TaskState

_REFERRAL = """
UPDATE referral r SET status = n.status, business_status = n.business, version = n.version, last_hash = n.last_hash, updated_at = now(),
    awaits = CASE WHEN n.waits THEN n.awaits ELSE r.awaits END, owner = CASE WHEN n.waits THEN n.owner ELSE r.owner END,
    clock = CASE WHEN n.waits THEN n.clock ELSE r.clock END,
    deadline_at = CASE WHEN n.waits THEN now() + make_interval(secs => n.seconds) ELSE r.deadline_at END,
    held_reason = CASE WHEN n.holds THEN n.held ELSE r.held_reason END, tried = r.tried || string_to_array(n.tried, ' '),
    priority = coalesce(n.priority, r.priority), area = CASE WHEN n.priority IS NULL THEN r.area ELSE n.area END,
    needs = CASE WHEN n.priority IS NULL THEN r.needs ELSE string_to_array(n.needs, ' ') END,
    content = coalesce(n.content, r.content), content_version = r.content_version + CASE WHEN n.content IS NULL THEN 0 ELSE 1 END,
    closed_at = CASE WHEN n.closed THEN coalesce(r.closed_at, now()) ELSE r.closed_at END
FROM unnest($1::uuid[], $2::text[], $3::text[], $4::int[], $5::bytea[], $6::bool[], $7::text[], $8::text[], $9::text[], $10::int[], $11::bool[],
            $12::text[], $13::text[], $14::bytea[], $15::bool[], $16::text[], $17::text[], $18::text[])
    AS n (id, status, business, version, last_hash, waits, awaits, owner, clock, seconds, holds, held, tried, content, closed, priority, area, needs)
WHERE r.id = n.id
"""
_TASK = """
INSERT INTO task (id, referral_id, role, ordinal, status, business_status, owner, client, version, reason, inferred, sequence)
SELECT id, referral_id, role, ordinal, status, business, owner, client, version, reason, string_to_array(inferred, ' '), sequence
FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::int[], $5::text[], $6::text[], $7::text[], $8::text[], $9::int[], $10::text[], $11::text[], $12::bigint[])
    AS t (id, referral_id, role, ordinal, status, business, owner, client, version, reason, inferred, sequence)
ON CONFLICT (id) DO UPDATE SET status = excluded.status, business_status = excluded.business_status, version = excluded.version,
    reason = excluded.reason, inferred = excluded.inferred, sequence = excluded.sequence, owner = excluded.owner,
    client = coalesce(excluded.client, task.client), updated_at = now()
"""
_EVENT = """
WITH added AS (
    INSERT INTO event (id, referral_id, version, type, subject, source, correlation, causation, reason, tells, task_id, payload, thin, trace, prev_hash, hash)
    SELECT id, referral_id, version, type, subject, source, correlation, causation, reason, string_to_array(tells, ' '), task_id, payload, thin, trace,
           prev_hash, hash
    FROM unnest($1::uuid[], $2::uuid[], $3::int[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[], $11::uuid[],
                $12::bytea[], $13::text[], $14::text[], $15::bytea[], $16::bytea[])
        WITH ORDINALITY AS e (id, referral_id, version, type, subject, source, correlation, causation, reason, tells, task_id, payload, thin, trace,
                              prev_hash, hash, place) ORDER BY place
)
INSERT INTO outbox (shard, referral_id, event_id)
SELECT get_byte(uuid_send(referral_id), 15) % 64, referral_id, id FROM unnest($1::uuid[], $2::uuid[]) WITH ORDINALITY AS o (id, referral_id, place)
ORDER BY place
"""
_TAKE = """
INSERT INTO place_taken (task_id, kind, counted_id, referral_id)
SELECT t, 'prescriber', c, r FROM unnest($1::uuid[], $2::text[], $3::uuid[]) AS n (t, c, r)
"""
_RELEASE = "UPDATE place_taken SET released_at = now() WHERE task_id = ANY($1) AND released_at IS NULL"
_DELIVERY = """
WITH owed AS (
    INSERT INTO delivery (id, referral_id, event_id, fact, recipient, party, connector, transport, message_key, content_type, sequence, body, trace)
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[], $11::int[],
                         $12::bytea[], $13::text[])
    ON CONFLICT DO NOTHING RETURNING id, referral_id, event_id, recipient, transport
)
INSERT INTO outbox (shard, referral_id, event_id, topic, delivery_id)
SELECT get_byte(uuid_send(referral_id), 15) % 64, referral_id, event_id, 'to.' || recipient, id FROM owed WHERE transport = 'kafka'
"""
_OFF_THE_ROAD = """
DELETE FROM outbox WHERE seq IN (
    SELECT o.seq FROM delivery d JOIN outbox o ON o.delivery_id = d.id AND o.shard = get_byte(uuid_send(d.referral_id), 15) % 64
    WHERE d.referral_id = ANY($1) AND d.state = 'pending' AND d.transport = 'kafka' FOR UPDATE OF o SKIP LOCKED
)
"""
_CANCEL = "UPDATE delivery SET state = 'cancelled', finished_at = now() WHERE referral_id = ANY($1) AND state = 'pending'"
_ITEM = """
INSERT INTO worklist_item (id, referral_id, kind, reason, alert_at)
SELECT id, referral_id, kind, reason, now() + make_interval(secs => alert) FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::int[])
    AS i (id, referral_id, kind, reason, alert) ON CONFLICT DO NOTHING
"""
STAYS_OPEN = ("stepped-up", "tell-by-hand", "not-dead", "other-person")
"""Kinds of items that outlive their referral: somebody is at risk, or does not know yet. Only a person who has dealt with one closes it."""
_CLOSE_ITEMS = """
UPDATE worklist_item SET closed_at = now(), closed_by = coalesce(closed_by, 'hub')
WHERE referral_id = ANY($1) AND closed_at IS NULL AND (kind <> ALL($2) OR closed_by IS NOT NULL)
"""
_PERSON = "INSERT INTO person_key (referral_id, hash, kind) SELECT * FROM unnest($1::uuid[], $2::bytea[], $3::text[]) ON CONFLICT DO NOTHING"

Rows = list[tuple[Any, ...]]  # Any: whatever the driver accepts for the column


@dataclass(slots=True)
class Folded:
    """All effects of one referral in this batch, in order."""

    before: Locked
    effects: list[Effects] = field(default_factory=list)

    def add(self, effects: Effects) -> None:
        """One more, after those before it."""
        self.effects.append(effects)

    def owed(self) -> list[Effects]:
        """The effects from the last that cancelled the deliveries before it: what the same batch began earlier need not be written."""
        ended = [place for place, effects in enumerate(self.effects) if effects.cancel_deliveries]
        return self.effects[ended[-1] if ended else 0 :]

    def items(self) -> Iterator[tuple[Effects, int, NewItem]]:
        """Each item to open, with its effects and its place there; what the same batch closed again need not be written."""
        ended = max((place for place, effects in enumerate(self.effects) if effects.close_items), default=0)
        for turn, effects in enumerate(self.effects):
            for place, item in enumerate(effects.items):
                if turn >= ended or item.kind in STAYS_OPEN:
                    yield effects, place, item


async def write_effects(connection: Connection, folded: dict[UUID, Folded], held: Held) -> None:
    """Write everything that the folded effects say, in the open transaction. Cancelled deliveries go before new ones."""
    if not folded:
        return
    events = [row for id_, one in sorted(folded.items()) for row in _events(id_, one, held)]
    await connection.execute(_REFERRAL, *columns([_referral(id_, one, held) for id_, one in sorted(folded.items())], 18))
    await connection.execute(_TASK, *columns([row for id_, one in sorted(folded.items()) for row in _tasks(id_, one)], 12))
    await connection.execute(_EVENT, *columns(events, 16))
    await _write_the_rest(connection, folded, held)


async def _write_the_rest(connection: Connection, folded: dict[UUID, Folded], held: Held) -> None:
    each = [(id_, effects) for id_, one in sorted(folded.items()) for effects in one.effects]
    if taken := [(effects.take[1], effects.take[0], id_) for id_, effects in each if effects.take]:
        await connection.execute(_TAKE, *columns(taken, 3))
    if released := [task for _, effects in each for task in effects.release]:  # after the places taken: one may be given back in the same batch
        await connection.execute(_RELEASE, released)
    if cancelled := [id_ for id_, effects in each if effects.cancel_deliveries]:
        await connection.execute(_OFF_THE_ROAD, cancelled)  # before the deliveries, as the relay locks them; what it has in hand is out already
        await connection.execute(_CANCEL, cancelled)
    if owed := [row for id_, one in sorted(folded.items()) for effects in one.owed() for row in _deliveries(id_, effects, held)]:
        await connection.execute(_DELIVERY, *columns(owed, 13))
    if closed := [id_ for id_, effects in each if effects.close_items]:
        await connection.execute(_CLOSE_ITEMS, closed, list(STAYS_OPEN))
    items = [
        (event_id(str(id_), f"item/{effects.state.version}/{place}/{item.kind}"), id_, item.kind, item.reason, item.alert_seconds)
        for id_, one in sorted(folded.items()) for effects, place, item in one.items()
    ]  # fmt: skip
    if items:
        await connection.execute(_ITEM, *columns(items, 5))
    if persons := [(id_, person.value, person.kind) for id_, effects in each for person in effects.person]:
        await connection.execute(_PERSON, *columns(persons, 3))


def _key(id_: UUID, held: Held) -> ReferralKey:
    key = held.keys[id_]
    if key is None:
        raise NotReadable("an erased referral cannot change")
    return key


def _referral(id_: UUID, one: Folded, held: Held) -> tuple[Any, ...]:
    last = one.effects[-1]
    task = last.state.coordination
    waiting = next((effects.waiting for effects in reversed(one.effects) if effects.waiting is not Leave.AS_IS), Leave.AS_IS)
    set_held = next((effects.held for effects in reversed(one.effects) if effects.held is not Leave.AS_IS), Leave.AS_IS)
    content = next((effects.content for effects in reversed(one.effects) if effects.content is not None), None)
    traits = next((effects.traits for effects in reversed(one.effects) if effects.traits is not None), None)
    who = None if isinstance(waiting, Leave) else waiting
    return (
        id_, task.status.value, task.business, last.state.version, held.last_hash[id_], waiting is not Leave.AS_IS, who.awaits.value if who else None,
        who.owner if who else None, who.clock.value if who else None, who.seconds if who else None, set_held is not Leave.AS_IS,
        None if isinstance(set_held, Leave) or set_held is None else set_held.value, " ".join(id_ for effects in one.effects for id_ in effects.tried),
        _key(id_, held).seal("content", content) if content is not None else None, not task.open,
        traits.priority if traits else None, traits.area if traits else None, " ".join(traits.needs) if traits else None,
    )  # fmt: skip


def _tasks(id_: UUID, one: Folded) -> Rows:
    before = {task.id: task for task in one.before.state.tasks}
    clients = {task: client for effects in one.effects for task, client in effects.task_clients.items()}
    return [_task(id_, task, clients.get(task.id)) for task in one.effects[-1].state.tasks if before.get(task.id) != task]


def _task(id_: UUID, task: TaskState, client: str | None) -> tuple[Any, ...]:
    inferred = " ".join(step.value for step in task.inferred)
    return (
        UUID(task.id), id_, task.role.value, task.ordinal, task.status.value, task.business, task.owner, client, task.version, task.reason, inferred,
        task.sequence,
    )  # fmt: skip


def _events(id_: UUID, one: Folded, held: Held) -> Rows:
    """Rows in order, the chain carried on: `held.last_hash` becomes the last one's."""
    return [_event(id_, event, one.before.trace, held) for effects in one.effects for event in effects.events]


def _event(id_: UUID, event: NewEvent, trace: str | None, held: Held) -> tuple[Any, ...]:
    sealed = _key(id_, held).seal(f"event|{event.id}", event.payload)
    previous = held.last_hash[id_]
    held.last_hash[id_] = mine = hash_of(previous, Link(event.id, id_, event.version, event.type.value, sealed, event.thin.encode()))
    tells = " ".join(sorted(party.value for party in event.tells))
    return (
        event.id, id_, event.version, event.type.value, event.subject, event.source, event.correlation, event.causation, event.reason, tells,
        event.task_id, sealed, event.thin, trace, previous, mine,
    )  # fmt: skip


def _deliveries(id_: UUID, effects: Effects, held: Held) -> Rows:
    trace = held.referrals[id_].trace
    return [
        (
            one.id, id_, one.event_id, one.fact.value, one.recipient, one.party.value, one.connector, one.transport, one.message_key, one.content_type,
            one.sequence, _key(id_, held).seal(f"delivery|{one.id}", one.body), trace,
        )
        for one in effects.deliveries
    ]
