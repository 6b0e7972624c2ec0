"""In reading: a client's own resources as FHIR, from the record; every read of a person's data is audited."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from asyncpg import Connection, Record

from hub.content import bundle_of, referral_of, referrers_task_of
from hub.ledger.changes import Audit
from hub.ledger.database import Pool, lent
from hub.ledger.locking import task_state
from hub.ledger.rows import audit_rows, insert_audit
from hub.ledger.sealing import NotReadable, Sealing
from hub.reading.search import Search
from hub.recording import Tree, fhir_task

JsonObject = dict[str, Any]  # Any: FHIR JSON
_REQUEST_ROWS = """
SELECT r.id, r.client, r.created_at, r.content, r.content_version, r.sealing_key, said.status, coalesce(said.at, r.created_at) AS at
FROM referral r, LATERAL (
    SELECT max(e.time) AS at, CASE
        WHEN bool_or(e.type = 'referral.entered-in-error.v1') THEN 'entered-in-error'
        WHEN bool_or(e.type = 'referral.cancel-requested.v1') THEN 'revoked' END AS status
    FROM event e WHERE e.referral_id = r.id AND e.type IN (
        'referral.updated.v1', 'referral.consent-changed.v1', 'referral.cancel-requested.v1', 'referral.entered-in-error.v1')
) said
"""
"""What the referrer said last counts: a request that it took back reads so, though its content stays as it was."""
_READABLE = """
WHERE (r.client = $1 OR EXISTS (
    SELECT 1 FROM task t WHERE t.referral_id = r.id AND t.client = $1 AND t.role = 'hand-over'
        AND t.status NOT IN ('rejected', 'cancelled', 'failed', 'entered-in-error')
))
"""
"""Its referrer reads it, and who has it or has finished with it, while the person has not said no; who declined or lost it has no more to do
with the person, and a group that was asked never had."""
_REQUEST = f"{_REQUEST_ROWS} {_READABLE} AND r.id = $2"
_OWN = """
WHERE r.id IN (
    SELECT id FROM referral WHERE client = $1 UNION
    SELECT referral_id FROM task WHERE client = $1 AND role = 'hand-over' AND status NOT IN ('rejected', 'cancelled', 'failed', 'entered-in-error')
)
AND ($2::uuid[] IS NULL OR r.id = ANY($2))
AND ($3::text[] IS NULL OR coalesce(said.status, 'active') = ANY($3))
AND ($4::timestamptz IS NULL OR coalesce(said.at, r.created_at) >= $4)
AND ($5::timestamptz IS NULL OR coalesce(said.at, r.created_at) < $5)
AND ($6::bytea[] IS NULL OR r.ref = ANY($10::text[]) OR r.id IN (SELECT n.referral_id FROM referral_identifier n WHERE n.client = $1 AND n.hash = ANY($6)))
AND ($7::timestamptz IS NULL OR (r.created_at, r.id) > ($7, $8::uuid))
ORDER BY r.created_at, r.id LIMIT $9
"""
_REQUESTS = f"{_REQUEST_ROWS} {_OWN}"
_TASK_ROWS = """
SELECT t.*, r.ref, r.priority, r.client AS referrer, r.deadline_at, r.content, r.sealing_key FROM task t JOIN referral r ON r.id = t.referral_id
WHERE ((t.role = 'coordination' AND r.client = $1) OR t.client = $1)
"""
_TASK = f"{_TASK_ROWS} AND t.id = $2"
_TASKS = f"""
{_TASK_ROWS}
AND ($2::uuid[] IS NULL OR t.id = ANY($2))
AND ($3::text[] IS NULL OR t.status = ANY($3))
AND ($4::timestamptz IS NULL OR t.updated_at >= $4)
AND ($5::timestamptz IS NULL OR t.updated_at < $5)
AND ($6::text[] IS NULL OR r.ref = ANY($6))
AND ($7::timestamptz IS NULL OR (t.created_at, t.id) > ($7, $8::uuid))
AND ($10::uuid[] IS NULL OR (t.role = 'coordination' AND r.id = ANY($10)))
AND ($11::text[] IS NULL OR t.business_status = ANY($11))
ORDER BY t.created_at, t.id LIMIT $9
"""


# --- one ------------------------------------------------------------------------------------------------------------------------------


async def read_request(pool: Pool, sealing: Sealing, wanted: UUID, client: str) -> JsonObject | None:
    """The sender's ServiceRequest under our id, `id` and `meta` ours; None when it is absent or another's. Raises Unavailable."""
    async with lent(pool) as connection:
        row = await connection.fetchrow(_REQUEST, client, wanted)
        found = _request(row, sealing, client) if row else None
        if found is not None:
            await _audited(connection, client, [wanted])
    return found


async def read_task(pool: Pool, sealing: Sealing, wanted: UUID, client: str) -> JsonObject | None:
    """A Task of the hub's that this client owns, or of its own referral the coordination Task; else None. Raises Unavailable."""
    async with lent(pool) as connection:
        row = await connection.fetchrow(_TASK, client, wanted)
    return _task(row, sealing) if row else None


# --- many -----------------------------------------------------------------------------------------------------------------------------


async def find_requests(pool: Pool, sealing: Sealing, search: Search, client: str) -> tuple[list[JsonObject], str | None]:
    """One page of the client's own ServiceRequests, oldest first, and where the next page begins. Raises Unavailable."""
    hashes = search.hashes(sealing, client)
    async with lent(pool) as connection:
        rows = await connection.fetch(
            _REQUESTS, client, search.ids, search.statuses, search.since, search.before, hashes, search.after_time, search.after_id,
            search.count + 1, search.references,
        )  # fmt: skip
        found = await asyncio.to_thread(lambda: [made for row in rows[: search.count] if (made := _request(row, sealing, client))])
        await _audited(connection, client, [UUID(one["id"]) for one in found])
    return found, _next(rows, search)


async def find_tasks(pool: Pool, sealing: Sealing, search: Search, client: str) -> tuple[list[JsonObject], str | None]:
    """One page of the client's own Tasks, oldest first, and where the next page begins. Raises Unavailable."""
    async with lent(pool) as connection:
        rows = await connection.fetch(
            _TASKS, client, search.ids, search.statuses, search.since, search.before, search.references, search.after_time, search.after_id,
            search.count + 1, search.focus, search.business,
        )  # fmt: skip
    return await asyncio.to_thread(lambda: [_task(row, sealing) for row in rows[: search.count]]), _next(rows, search)


def _next(rows: Sequence[Record], search: Search) -> str | None:
    """Where the next page begins, if there is one: after the last row of this one."""
    if len(rows) <= search.count:
        return None
    last = rows[search.count - 1]
    return search.page_after(last["created_at"], last["id"])


# --- rows as FHIR ---------------------------------------------------------------------------------------------------------------------


def _request(row: Record, sealing: Sealing, client: str) -> JsonObject | None:
    """None where the content was erased, or for anybody but its referrer when the person has said no."""
    content = _content(row, sealing)
    if content is None or (row["client"] != client and referral_of(content).consent.direct_care is False):
        return None
    bundle = bundle_of(content)
    sent: JsonObject = next(entry["resource"] for entry in bundle["entry"] if entry["resource"]["resourceType"] == "ServiceRequest")
    meta = {"versionId": str(row["content_version"]), "lastUpdated": _instant(row["at"])}
    return {**sent, **({"status": row["status"]} if row["status"] else {}), "id": str(row["id"]), "meta": meta}


def _task(row: Record, sealing: Sealing) -> JsonObject:
    """The referrer's coordination Task is part of the referrer's own, where its message had one."""
    content = _content(row, sealing) if row["role"] == "coordination" else None
    own = referrers_task_of(content) if content else None
    tree = Tree(row["referral_id"], row["ref"], row["priority"], row["referrer"], row["updated_at"], row["deadline_at"], own)
    return fhir_task(tree, task_state(row), row["created_at"], row["updated_at"])


def _content(row: Record, sealing: Sealing) -> bytes | None:
    try:
        return sealing.key(row["referral_id"] if "referral_id" in row else row["id"], row["sealing_key"]).open("content", row["content"])
    except (NotReadable, TypeError):
        return None


async def _audited(connection: Connection, client: str, referrals: Sequence[UUID]) -> None:
    await insert_audit(connection, audit_rows([(Audit(client, "referral.read"), one) for one in referrals]))


def _instant(at: Any) -> str:  # Any: the driver's datetime
    return str(at.isoformat(timespec="milliseconds"))
