"""In the ledger: everything that was refused, with its reasons, under a key of its own for thirty days; a corrected resend is welcome."""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID

import orjson

from hub.ledger.database import Pool, lent
from hub.ledger.sealing import Sealing
from schemas.rejection import Issue, Reason

_INSERT = """
INSERT INTO refusal (id, client, key, connector, reason, issues, sealing_key, message) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
"""
MOST_KEPT = 2**20


@dataclass(frozen=True, slots=True)
class Refusal:
    """One refused message. `message` is what arrived, sealed at rest and cut at 1 MiB."""

    id: UUID
    client: str
    key: str | None
    connector: str
    reason: Reason
    issues: tuple[Issue, ...]
    message: bytes = field(repr=False)


async def record(pool: Pool, sealing: Sealing, refusal: Refusal) -> None:
    """Keep a refusal and audit it. Raises Unavailable."""
    key = sealing.new_key(refusal.id)
    issues = orjson.dumps([{"reason": issue.reason.value, "at": issue.at[:200], "detail": issue.detail} for issue in refusal.issues[:100]]).decode()
    sealed = key.seal("refused", refusal.message[:MOST_KEPT])
    async with lent(pool) as connection, connection.transaction():
        await connection.execute(_INSERT, refusal.id, refusal.client, refusal.key, refusal.connector, refusal.reason.value, issues, key.wrapped, sealed)
        detail = orjson.dumps({"refusal": str(refusal.id), "reason": refusal.reason.value}).decode()
        await connection.execute("INSERT INTO audit (actor, action, detail) VALUES ($1, 'message.refused', $2)", refusal.client, detail)
