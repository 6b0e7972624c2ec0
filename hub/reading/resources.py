"""In reading: a client's own resources as FHIR, from the record; every read of a person's data is audited."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from hub.content import bundle_of
from hub.ledger.changes import Audit
from hub.ledger.database import Pool, lent
from hub.ledger.locking import task_state
from hub.ledger.rows import audit_rows, insert_audit
from hub.ledger.sealing import NotReadable, Sealing
from hub.recording import Tree, fhir_task

JsonObject = dict[str, Any]  # Any: FHIR JSON
_REQUEST = """
SELECT id, version, updated_at, created_at, content, content_version, sealing_key FROM referral r
WHERE id = $1 AND (client = $2 OR EXISTS (
    SELECT 1 FROM task t WHERE t.referral_id = r.id AND t.client = $2 AND t.status NOT IN ('rejected', 'cancelled', 'failed', 'entered-in-error')
))
"""
"""Its referrer reads it, and who has it or has finished with it; who declined or lost it has no more to do with the person."""
_TASK = """
SELECT t.*, r.ref, r.priority, r.client AS referrer, r.deadline_at FROM task t JOIN referral r ON r.id = t.referral_id
WHERE t.id = $1 AND ((t.role = 'coordination' AND r.client = $2) OR t.client = $2)
"""


async def read_request(pool: Pool, sealing: Sealing, wanted: UUID, client: str) -> JsonObject | None:
    """The sender's ServiceRequest under our id, `id` and `meta` ours; None when it is absent or another's. Raises Unavailable."""
    async with lent(pool) as connection:
        row = await connection.fetchrow(_REQUEST, wanted, client)
        if row is None:
            return None
        try:
            content = sealing.key(row["id"], row["sealing_key"]).open("content", row["content"])
        except NotReadable:
            return None
        await insert_audit(connection, audit_rows([(Audit(client, "referral.read"), wanted)]))
    entries = bundle_of(content)["entry"]
    sent: JsonObject = next(entry["resource"] for entry in entries if entry["resource"]["resourceType"] == "ServiceRequest")
    return {**sent, "id": str(wanted), "meta": {"versionId": str(row["content_version"]), "lastUpdated": _instant(row["created_at"])}}


async def read_task(pool: Pool, _sealing: Sealing, wanted: UUID, client: str) -> JsonObject | None:
    """A Task of the hub's that this client owns, or of its own referral the coordination Task; else None. Raises Unavailable."""
    async with lent(pool) as connection:
        row = await connection.fetchrow(_TASK, wanted, client)
    if row is None:
        return None
    tree = Tree(row["referral_id"], row["ref"], row["priority"], row["referrer"], row["updated_at"], row["deadline_at"])
    return fhir_task(tree, task_state(row), row["created_at"], row["updated_at"])


def _instant(at: Any) -> str:  # Any: the driver's datetime
    return str(at.isoformat(timespec="milliseconds"))
