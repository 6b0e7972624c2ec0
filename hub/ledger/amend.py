"""In the ledger: changes referrals that stand. Locks, folds all messages of one referral in memory in order, then writes each row once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID

from asyncpg import Connection

from hub.ledger.changes import (
    Amendment,
    Answered,
    Audit,
    Decision,
    Done,
    Effects,
    Leave,
    Locked,
    NoEffect,
    Outcome,
    RepeatedEvent,
    Traits,
)
from hub.ledger.create import stored_answer
from hub.ledger.locking import Held, lock
from hub.ledger.rows import audit_rows, insert_audit
from hub.ledger.sealing import Sealing
from hub.ledger.writing import Folded, write_effects

_INBOX = """
INSERT INTO inbox (stage, event_id) SELECT * FROM unnest($1::text[], $2::uuid[]) AS i (stage, event_id) ORDER BY event_id
ON CONFLICT DO NOTHING RETURNING stage, event_id
"""
_REQUEST = """
INSERT INTO request (client, key, body_hash, message_id, answer) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING RETURNING client
"""
_MARK = """
INSERT INTO person_mark (hash, kind, points_to, client) VALUES ($1, $2, $3, $4) ON CONFLICT (hash, kind) DO UPDATE
SET points_to = excluded.points_to, client = CASE WHEN person_mark.client = excluded.client THEN excluded.client ELSE 'several' END
"""
_LIFT = "DELETE FROM person_mark WHERE hash = $1 AND kind = $2 AND client = $3"


class RequestRaced(Exception):  # noqa: N818
    """Another process stored the same request key between our look and our write: roll back and look again."""


@dataclass(slots=True)
class _Batch:
    outcomes: dict[int, Outcome] = field(default_factory=dict)
    decided: dict[int, tuple[tuple[UUID, ...], tuple[Decision, ...]]] = field(default_factory=dict)


async def write(connection: Connection, changes: Sequence[Amendment], sealing: Sealing, *, use_inbox: bool = True) -> list[Outcome]:
    """Write the batch in the open transaction; an outcome for each change, in order. Whatever `decide` raises goes through."""
    batch = _Batch()
    await _skip_repeated_events(connection, changes, batch, use_inbox=use_inbox)
    await _skip_repeated_requests(connection, changes, batch, sealing)
    live = [(place, one) for place, one in enumerate(changes) if place not in batch.outcomes]
    if live:
        held = await lock(connection, [one for _, one in live], sealing)
        folded = _fold(live, held, batch)
        await write_effects(connection, folded, held)
        await _finish(connection, live, batch, sealing)
    return [batch.outcomes[place] for place in range(len(changes))]


async def _skip_repeated_events(connection: Connection, changes: Sequence[Amendment], batch: _Batch, *, use_inbox: bool) -> None:
    wanted = [(place, one.consumed) for place, one in enumerate(changes) if one.consumed is not None]
    if not wanted or not use_inbox:
        return
    found = await connection.fetch(_INBOX, [consumed.stage for _, consumed in wanted], [consumed.event_id for _, consumed in wanted])
    fresh = {(row["stage"], row["event_id"]) for row in found}
    for place, consumed in wanted:
        if (consumed.stage, consumed.event_id) in fresh:
            fresh.discard((consumed.stage, consumed.event_id))  # the same event twice in one batch: the first counts
        else:
            batch.outcomes[place] = RepeatedEvent()


async def _skip_repeated_requests(connection: Connection, changes: Sequence[Amendment], batch: _Batch, sealing: Sealing) -> None:
    for place, one in enumerate(changes):
        if one.request is None or place in batch.outcomes:
            continue
        stands = await stored_answer(connection, one.request.client, one.request.key, one.request.body_hash, sealing)
        if stands is not None:
            batch.outcomes[place] = stands


def _fold(live: Sequence[tuple[int, Amendment]], held: Held, batch: _Batch) -> dict[UUID, Folded]:
    folded: dict[UUID, Folded] = {}
    for place, change in live:
        ids = held.wanted_by(change)
        decisions = []
        for id_ in ids:
            marks = frozenset(kind for person in change.person for kind in held.marks.get(person.value, ()))
            beside = tuple(held.referrals[other].content for other in ids if other != id_) if change.person else ()
            decision = change.decide(replace(held.referrals[id_], marks=marks, beside=beside))
            decisions.append(decision)
            if isinstance(decision, Effects):
                folded.setdefault(id_, Folded(held.referrals[id_])).add(decision)
                held.referrals[id_] = _after(held.referrals[id_], decision)
                if decision.take is not None and (free := held.free.get(decision.take[0])) is not None:
                    held.free[decision.take[0]] = free - 1
        batch.decided[place] = (ids, tuple(decisions))
    return folded


def _after(before: Locked, effects: Effects) -> Locked:
    """What the next message of the same batch sees."""
    held = before.held if isinstance(effects.held, Leave) else effects.held.value if effects.held else None
    content = effects.content if effects.content is not None else before.content
    version = before.content_version + (effects.content is not None)
    clients = {**before.task_clients, **effects.task_clients}
    traits = effects.traits or Traits(before.priority, before.area, before.needs)
    created = {**{task.id: before.now for task in effects.state.tasks}, **before.created}
    return replace(
        before, state=effects.state, held=held, content=content, content_version=version, tried=(*before.tried, *effects.tried), task_clients=clients,
        created=created, priority=traits.priority, area=traits.area, needs=traits.needs, overdue=before.overdue and effects.waiting is Leave.AS_IS,
    )  # fmt: skip


async def _finish(connection: Connection, live: Sequence[tuple[int, Amendment]], batch: _Batch, sealing: Sealing) -> None:
    entries: list[tuple[Audit | None, UUID | None]] = []
    for place, change in live:
        ids, decisions = batch.decided[place]
        answer = await _record_request(connection, change.request, decisions, sealing) if change.request is not None else None
        client = change.request.client if change.request else "hub"
        if not any(isinstance(one, Effects) and one.unsure for one in decisions):
            for mark in change.marks:
                await connection.execute(_MARK, mark.person.value, mark.kind, mark.points_to, client)
            for mark in change.lifts:
                await connection.execute(_LIFT, mark.person.value, mark.kind, client)
        entries += [(_audited(change.audit, decision), id_) for id_, decision in zip(ids, decisions, strict=True)]
        entries += [(change.audit, None)] * (not ids)
        batch.outcomes[place] = Done(decisions, ids, answer)
    await insert_audit(connection, audit_rows(entries))


def _audited(audit: Audit | None, decision: Decision) -> Audit | None:
    """What was asked is not what was done: an update that was refused is kept as refused."""
    refused = audit is not None and isinstance(decision, NoEffect) and not decision.keep_request
    return replace(audit, action=f"{audit.action}.refused") if audit is not None and refused else audit


async def _record_request(connection: Connection, request: Answered, decisions: tuple[Decision, ...], sealing: Sealing) -> bytes | None:
    answer = request.answer(decisions)
    if answer is None:
        return None
    sealed = sealing.seal(f"answer|{request.client}|{request.key}", answer)
    if await connection.fetchval(_REQUEST, request.client, request.key, request.body_hash, request.message_id, sealed) is None:
        raise RequestRaced
    return answer
