"""In the ledger: writes a batch of new referrals as one statement, after the persons' locks, with hashes made beforehand."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from asyncpg import Connection

from hub.ledger.chain import START, Link, hash_of
from hub.ledger.changes import Creation, Done, Erased, KeyReused, NewReferral, Outcome, RepeatedRequest
from hub.ledger.marks import Marks, marks_of, merged_into
from hub.ledger.rows import audit_rows, columns
from hub.ledger.sealing import ReferralKey, Sealing
from schemas.events import event_id

_INSERT = """
WITH marks AS MATERIALIZED (
    SELECT 1 FROM marks_of($64)
), wanted AS (
    SELECT * FROM unnest($1::text[], $2::text[], $3::bytea[], $4::uuid[], $5::text[], $6::bytea[])
        AS w (client, key, body_hash, referral_id, message_id, answer) WHERE NOT EXISTS (SELECT 1 FROM marks)
), taken AS (
    INSERT INTO request (client, key, body_hash, referral_id, message_id, answer) SELECT * FROM wanted
    ON CONFLICT DO NOTHING RETURNING client, key
), made AS (
    INSERT INTO referral (id, ref, client, connector, correlation, status, business_status, version, awaits, owner, clock, deadline_at, held_reason,
                          priority, area, needs, sealing_key, content, message, last_hash, trace)
    SELECT id, ref, r.client, connector, correlation, status, business_status, version, awaits, owner, clock, now() + make_interval(secs => seconds),
           held, priority, area, string_to_array(needs, ' '), sealing_key, content, message, last_hash, trace
    FROM unnest($7::uuid[], $8::text[], $9::text[], $10::text[], $11::text[], $12::text[], $13::text[], $14::text[], $15::int[], $16::text[],
                $17::text[], $18::text[], $19::int[], $20::text[], $21::text[], $22::text[], $23::text[], $24::bytea[], $25::bytea[], $26::bytea[],
                $27::bytea[], $28::text[])
        AS r (id, ref, client, request_key, connector, correlation, status, business_status, version, awaits, owner, clock, seconds, held, priority,
              area, needs, sealing_key, content, message, last_hash, trace)
    JOIN taken ON taken.client = r.client AND taken.key = r.request_key
    RETURNING id
), tasks AS (
    INSERT INTO task (id, referral_id, role, ordinal, status, business_status, version)
    SELECT t.id, t.referral_id, role, ordinal, status, business_status, version
    FROM unnest($29::uuid[], $30::uuid[], $31::text[], $32::int[], $33::text[], $34::text[], $35::int[])
        AS t (id, referral_id, role, ordinal, status, business_status, version) JOIN made ON made.id = t.referral_id
), events AS (
    INSERT INTO event (id, referral_id, version, type, subject, source, correlation, causation, reason, tells, task_id, payload, thin, trace, prev_hash, hash)
    SELECT e.id, e.referral_id, version, type, subject, source, correlation, causation, reason, string_to_array(tells, ' '), task_id, payload, thin,
           trace, prev_hash, hash
    FROM unnest($36::uuid[], $37::uuid[], $38::int[], $39::text[], $40::text[], $41::text[], $42::text[], $43::text[], $44::text[], $45::text[],
                $46::uuid[], $47::bytea[], $48::text[], $49::text[], $50::bytea[], $51::bytea[])
        WITH ORDINALITY AS e (id, referral_id, version, type, subject, source, correlation, causation, reason, tells, task_id, payload, thin, trace, prev_hash,
              hash, place) JOIN made ON made.id = e.referral_id
    ORDER BY place
), sent AS (
    INSERT INTO outbox (shard, referral_id, event_id)
    SELECT get_byte(uuid_send(o.referral_id), 15) % 64, o.referral_id, o.event_id
    FROM unnest($36::uuid[], $37::uuid[]) WITH ORDINALITY AS o (event_id, referral_id, place) JOIN made ON made.id = o.referral_id
    ORDER BY place
), persons AS (
    INSERT INTO person_key (referral_id, hash, kind)
    SELECT p.referral_id, hash, kind FROM unnest($52::uuid[], $53::bytea[], $54::text[]) AS p (referral_id, hash, kind)
    JOIN made ON made.id = p.referral_id ON CONFLICT DO NOTHING
), named AS (
    INSERT INTO referral_identifier (client, hash, referral_id)
    SELECT n.client, hash, n.referral_id FROM unnest($65::text[], $66::bytea[], $67::uuid[]) AS n (client, hash, referral_id)
    JOIN made ON made.id = n.referral_id ON CONFLICT DO NOTHING
), items AS (
    INSERT INTO worklist_item (id, referral_id, kind, reason, alert_at)
    SELECT i.id, i.referral_id, kind, reason, now() + make_interval(secs => alert)
    FROM unnest($55::uuid[], $56::uuid[], $57::text[], $58::text[], $59::int[]) AS i (id, referral_id, kind, reason, alert)
    JOIN made ON made.id = i.referral_id
), audited AS (
    INSERT INTO audit (actor, action, referral_id, detail)
    SELECT actor, action, a.referral_id, detail FROM unnest($60::text[], $61::text[], $62::uuid[], $63::jsonb[]) AS a (actor, action, referral_id, detail)
    JOIN made ON made.id = a.referral_id
)
SELECT client, key FROM taken UNION ALL SELECT NULL, NULL FROM marks
"""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A creation with everything sealed and hashed, before any lock is held."""

    creation: Creation
    request: tuple[Any, ...]  # Any: rows as the driver takes them
    referrals: tuple[tuple[Any, ...], ...]
    tasks: tuple[tuple[Any, ...], ...]
    events: tuple[tuple[Any, ...], ...]
    persons: tuple[tuple[Any, ...], ...]
    items: tuple[tuple[Any, ...], ...]
    named: tuple[tuple[Any, ...], ...]
    hashes: tuple[bytes, ...]


def prepare(creation: Creation, sealing: Sealing) -> Prepared:
    """Seal and hash one creation. Pure but for the random keys and nonces."""
    keys = {one.id: sealing.new_key(one.id) for one in creation.referrals}
    first = creation.referrals[0]
    request = creation.request
    row = (request.client, request.key, request.body_hash, first.id, request.message_id, keys[first.id].seal("answer", request.answer))
    events = [(one, _events(one, keys[one.id])) for one in creation.referrals]
    return Prepared(
        creation,
        row,
        tuple(_referral(one, request.key, keys[one.id], rows[-1][-1]) for one, rows in events),
        tuple(_tasks(creation.referrals)),
        tuple(row for _, rows in events for row in rows),
        tuple((one.id, person.value, person.kind) for one in creation.referrals for person in one.person),
        tuple(_items(creation.referrals)),
        tuple((one.client, value, one.id) for one in creation.referrals for value in sorted(set(one.named))),
        tuple(sorted({person.value for one in creation.referrals for person in one.person})),
    )


async def write(connection: Connection, batch: Sequence[Prepared], sealing: Sealing) -> list[Outcome]:
    """Write the batch: one statement that locks the persons, looks for marks and inserts; an outcome for each, in order.

    The locks come first because what is inserted waits for the marks, and `marks_of` looks with a snapshot of its own after them. A batch
    with a marked person inserts nothing and is made anew under the same locks, so that a referral and a death cannot miss each other.
    """
    hashes = sorted({value for one in batch for value in one.hashes})
    made = await _inserted(connection, batch, hashes)
    if made is None:
        async with connection.transaction():
            batch = await _with_marks(connection, batch, hashes, sealing)
            made = await _inserted(connection, batch, []) or []
    return [await _outcome(connection, one, made, sealing) for one in batch]


async def _inserted(connection: Connection, batch: Sequence[Prepared], hashes: list[bytes]) -> list[Prepared] | None:
    """Those whose request is new, of a key that stands twice in the batch the first; None when a person is marked and nothing was inserted."""
    first = {(one.creation.request.client, one.creation.request.key): one for one in reversed(batch)}
    fresh = list(first.values())
    found = await connection.fetch(_INSERT, *_arguments(fresh), hashes, *columns([row for one in fresh for row in one.named], 3))
    if any(row["client"] is None for row in found):
        return None
    return [first[row["client"], row["key"]] for row in found]


async def stored_answer(connection: Connection, client: str, key: str, body_hash: bytes, sealing: Sealing) -> RepeatedRequest | KeyReused | Erased | None:
    """What was answered to this request before, if it was; Erased where the answer went with its referral."""
    row = await connection.fetchrow(
        "SELECT q.body_hash, q.answer, q.referral_id, r.sealing_key FROM request q LEFT JOIN referral r ON r.id = q.referral_id"
        " WHERE q.client = $1 AND q.key = $2", client, key,
    )
    if row is None:
        return None
    if row["body_hash"] != body_hash:
        return KeyReused()
    if row["referral_id"] is None:
        return RepeatedRequest(sealing.open(f"answer|{client}|{key}", row["answer"]))
    if row["sealing_key"] is None:
        return Erased()
    return RepeatedRequest(sealing.key(row["referral_id"], row["sealing_key"]).open("answer", row["answer"]))


async def _outcome(connection: Connection, one: Prepared, made: Sequence[Prepared], sealing: Sealing) -> Outcome:
    request = one.creation.request
    if any(one is each for each in made):
        return Done(referrals=tuple(referral.id for referral in one.creation.referrals), answer=request.answer)
    return await stored_answer(connection, request.client, request.key, request.body_hash, sealing) or KeyReused()


async def _with_marks(connection: Connection, batch: Sequence[Prepared], hashes: list[bytes], sealing: Sealing) -> Sequence[Prepared]:
    """The batch with each marked person's creation made anew, under the locks of the open transaction."""
    marks = await marks_of(connection, hashes)
    return [_remade(one, marks, sealing) for one in batch]


def _remade(one: Prepared, marks: Marks, sealing: Sealing) -> Prepared:
    """Made anew where the person, or whoever they were merged into, carries a mark; a merged person is found under the surviving number too."""
    kinds = frozenset(kind for value in (*one.hashes, *merged_into(one.hashes, marks)) for kind in marks.get(value, ())) - {"merged"}
    made = prepare(one.creation.if_marked(kinds), sealing) if kinds else one
    also = [
        (referral.id, value, "merged") for referral in made.creation.referrals for value in merged_into([one.value for one in referral.person], marks)
    ]
    return replace(made, persons=(*made.persons, *also)) if also else made


def _referral(one: NewReferral, request_key: str, key: ReferralKey, last_hash: bytes) -> tuple[Any, ...]:
    task, waiting = one.state.coordination, one.waiting
    return (
        one.id, one.ref, one.client, request_key, one.connector, one.correlation, task.status.value, task.business, one.state.version,
        waiting.awaits.value, waiting.owner, waiting.clock.value, waiting.seconds, one.held.value if one.held else None, one.priority, one.area,
        " ".join(one.needs), key.wrapped, key.seal("content", one.content), key.seal("message", one.message), last_hash, one.trace,
    )


def _tasks(referrals: Iterable[NewReferral]) -> Iterable[tuple[Any, ...]]:
    for one in referrals:
        for task in one.state.tasks:
            yield UUID(task.id), one.id, task.role.value, task.ordinal, task.status.value, task.business, task.version


def _events(one: NewReferral, key: ReferralKey) -> list[tuple[Any, ...]]:
    rows, previous = [], START
    for event in one.events:
        sealed = key.seal(f"event|{event.id}", event.payload)
        mine = hash_of(previous, Link(event.id, one.id, event.version, event.type.value, sealed, event.thin.encode()))
        tells = " ".join(sorted(party.value for party in event.tells))
        rows.append(
            (event.id, one.id, event.version, event.type.value, event.subject, event.source, event.correlation, event.causation, event.reason, tells,
             event.task_id, sealed, event.thin, one.trace, previous, mine)
        )  # fmt: skip
        previous = mine
    return rows


def _items(referrals: Iterable[NewReferral]) -> Iterable[tuple[Any, ...]]:
    for one in referrals:
        for place, item in enumerate(one.items):
            yield event_id(str(one.id), f"item/{place}"), one.id, item.kind, item.reason, item.alert_seconds


def _arguments(batch: Sequence[Prepared]) -> list[list[Any]]:
    return [
        *columns([one.request for one in batch], 6),
        *columns([row for one in batch for row in one.referrals], 22),
        *columns([row for one in batch for row in one.tasks], 7),
        *columns([row for one in batch for row in one.events], 16),
        *columns([row for one in batch for row in one.persons], 3),
        *columns([row for one in batch for row in one.items], 5),
        *columns(audit_rows((one.creation.audit, one.creation.referrals[0].id) for one in batch), 4),
    ]
