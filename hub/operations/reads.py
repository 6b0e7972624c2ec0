"""In operations: reads a referral's life from the ledger, verifies its chain, and audits that somebody looked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

import orjson
from asyncpg import Connection, Record

from hub.ledger import parking
from hub.ledger.chain import Link, is_sound
from hub.ledger.changes import Audit
from hub.ledger.rows import audit_rows, insert_audit
from hub.ledger.sealing import Sealing
from hub.operations.decisions import answered, decisions
from hub.operations.facts import closed, stage_of
from hub.operations.life import AuditRow, DeliveryRow, FactRow, Head, ItemRow, LetterRow, Life, Refused, Request, TaskRow
from hub.operations.showing import chosen_elsewhere
from hub.telemetry import mask
from schemas.events import event_id

_EVENTS = """
SELECT e.*, EXISTS (SELECT 1 FROM outbox o WHERE o.event_id = e.id AND o.topic IS NULL) AS waits FROM event e WHERE e.referral_id = $1 ORDER BY e.version
"""
_READ = "SELECT i.stage, i.event_id, i.at FROM inbox i JOIN event e ON e.id = i.event_id WHERE e.referral_id = $1"
_TASKS = "SELECT * FROM task WHERE referral_id = $1 ORDER BY created_at, role, ordinal"
_DELIVERIES = "SELECT * FROM delivery WHERE referral_id = $1 ORDER BY created_at, sequence, recipient"
_ITEMS = "SELECT * FROM worklist_item WHERE referral_id = $1 ORDER BY opened_at"
_AUDIT = "SELECT at, actor, action, detail FROM audit WHERE referral_id = $1 ORDER BY seq"
_REQUESTS = "SELECT * FROM request WHERE referral_id = $1 ORDER BY created_at"
_REQUEST = "SELECT * FROM request WHERE client = $1 AND key = $2"
_REFUSAL = "SELECT id, client, connector, key, reason, issues, created_at FROM refusal WHERE id = ANY($1) ORDER BY created_at DESC"
_CAUSED = "SELECT DISTINCT referral_id FROM event WHERE id = ANY($1)"
_SAID_LATER = """
SELECT id, referral_id FROM event WHERE source LIKE '/connectors/%'
  AND time BETWEEN $1::timestamptz - interval '10 seconds' AND $1::timestamptz + interval '10 seconds'
"""
_MOST_OF_ONE_REQUEST = 8
_DETAILS = frozenset({"reason", "connector", "referrals", "refusal", "dead_letter", "delivery", "item", "why"})


async def life(connection: Connection, sealing: Sealing, referral: UUID, actor: str) -> Life | None:
    """Everything of one referral; None when there is none of that id. Somebody looked: that is audited."""
    row = await connection.fetchrow("SELECT * FROM referral WHERE id = $1", referral)
    if row is None:
        return None
    events = await connection.fetch(_EVENTS, referral)
    wrapped = row["sealing_key"]
    found = Life(
        head=_head(row, events),
        requests=tuple(_request(one, wrapped, sealing) for one in await connection.fetch(_REQUESTS, referral)),
        facts=_facts(events, await connection.fetch(_READ, referral)),
        tasks=tuple(map(_task, await connection.fetch(_TASKS, referral))),
        decisions=tuple(decisions(sealing, wrapped, events)),
        deliveries=tuple(map(_delivery, await connection.fetch(_DELIVERIES, referral))),
        worklist=tuple(map(_item, await connection.fetch(_ITEMS, referral))),
        dead_letters=tuple(_letter(one) for one in await parking.listed(connection, everything=True) if one.referral_id == referral),
        audit=tuple(map(_audit, await connection.fetch(_AUDIT, referral))),
    )
    await insert_audit(connection, audit_rows([(Audit(actor, "referral.traced"), referral)]))
    return found


async def refused(connection: Connection, ids: Sequence[UUID]) -> list[Refused]:
    """Refusals with their reasons, newest first."""
    return [
        Refused(row["id"], row["client"], row["connector"], chosen_elsewhere(row["key"]), row["created_at"], row["reason"], _issues(row["issues"]))
        for row in await connection.fetch(_REFUSAL, list(ids))
    ]


async def request(connection: Connection, sealing: Sealing, client: str, key: str) -> tuple[Request, list[UUID]] | None:
    """A request that made no referral of its own, and the referrals that it changed."""
    row = await connection.fetchrow(_REQUEST, client, key)
    if row is None:
        return None
    changed = {one["referral_id"]: None for one in await connection.fetch(_CAUSED, _ids(f"{client}|{key}"))}
    for one in await connection.fetch(_SAID_LATER, row["created_at"]):
        if one["id"] in _ids(f"{client}|{key}|{one['referral_id']}"):
            changed[one["referral_id"]] = None
    return _request(row, None, sealing), list(changed)


def _ids(cause: str) -> list[UUID]:
    """The ids that this cause's events have, if they are there: an event's id is made of its cause."""
    return [event_id(cause, number) for number in range(_MOST_OF_ONE_REQUEST)]


def _head(row: Record, events: Sequence[Record]) -> Head:
    links = [(_link(one), one["prev_hash"], one["hash"]) for one in events]
    whole = bool(events) and len(events) == row["version"] and events[-1]["hash"] == row["last_hash"]
    return Head(
        row["id"], row["client"], row["connector"], chosen_elsewhere(row["correlation"]), row["status"], row["business_status"], row["version"],
        row["priority"], row["area"], tuple(row["needs"]), row["awaits"], row["owner"], row["clock"], row["deadline_at"], row["held_reason"], row["created_at"],
        row["closed_at"], row["trace"], row["sealing_key"] is None, whole and is_sound(links),
    )  # fmt: skip


def _link(row: Record) -> Link:
    return Link(row["id"], row["referral_id"], row["version"], row["type"], row["payload"] or b"", row["thin"].encode())


def _request(row: Record, wrapped: bytes | None, sealing: Sealing) -> Request:
    return Request(row["client"], chosen_elsewhere(row["key"]), row["created_at"], answered(sealing, wrapped, row))


def _facts(events: Iterable[Record], read: Iterable[Record]) -> tuple[FactRow, ...]:
    stages: dict[UUID, dict[str, datetime]] = {}
    for row in read:
        stages.setdefault(row["event_id"], {})[row["stage"]] = row["at"]
    return tuple(
        FactRow(
            row["version"], row["id"], row["type"], row["time"], stage_of(row["source"]), _connector(row["source"]), closed(row["reason"]),
            tuple(row["tells"]), row["waits"], stages.get(row["id"], {}),
        )
        for row in events
    )  # fmt: skip


def _connector(source: str) -> str | None:
    return source.removeprefix("/connectors/") if source.startswith("/connectors/") else None


def _task(row: Record) -> TaskRow:
    return TaskRow(
        row["id"], row["role"], row["ordinal"], row["status"], row["business_status"], row["owner"], row["client"], row["version"], closed(row["reason"]),
        tuple(row["inferred"]), row["updated_at"],
    )  # fmt: skip


def _delivery(row: Record) -> DeliveryRow:
    return DeliveryRow(
        row["id"], row["fact"], row["recipient"], row["party"], row["transport"], row["state"], row["attempts"], row["outcome"], row["created_at"],
        row["finished_at"], row["next_attempt_at"] if row["state"] == "pending" else None,
    )  # fmt: skip


def _item(row: Record) -> ItemRow:
    return ItemRow(row["id"], row["kind"], row["reason"], row["opened_at"], row["alert_at"], row["closed_at"], row["closed_by"], row["note"] is not None)


def _letter(one: parking.Shown) -> LetterRow:
    return LetterRow(one.id, one.stage, one.reason, one.detail, one.attempts, one.state, one.at, one.parked)


def _audit(row: Record) -> AuditRow:
    detail = {name: str(value) for name, value in orjson.loads(row["detail"]).items() if name in _DETAILS}
    return AuditRow(row["at"], row["actor"], row["action"], detail)


def _issues(stored: str) -> tuple[tuple[str, str], ...]:
    return tuple((issue["reason"], mask(issue["at"])) for issue in orjson.loads(stored))
