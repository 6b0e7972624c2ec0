"""Beside the flow, in the kit: the latest messages that came by one connector, opened by the hub's key, in memory only."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

from asyncpg import Record

from hub.ledger.changes import Audit
from hub.ledger.clients import read_clients
from hub.ledger.database import lent
from hub.ledger.rows import audit_rows, insert_audit
from hub.ledger.sealing import NotReadable, Sealing
from hub.operations.reach import reached

_REFERRALS = """
SELECT id, client, sealing_key, message, created_at FROM referral
WHERE connector = $1 AND sealing_key IS NOT NULL AND message IS NOT NULL ORDER BY created_at DESC LIMIT $2
"""
_REFUSALS = """
SELECT id, client, sealing_key, message, created_at FROM refusal
WHERE connector = $1 AND sealing_key IS NOT NULL AND message IS NOT NULL ORDER BY created_at DESC LIMIT $2
"""


@dataclass(frozen=True, slots=True)
class Stored:
    """One message as it came, when, and its client's configuration as it is today."""

    body: bytes = field(repr=False)
    received_at: str
    profile: Mapping[str, object]


def latest(connector: str, most: int) -> list[Stored]:
    """At most so many of the accepted and of the refused, the latest first; what was erased or does not open is left out. Audited.

    Raises Misconfigured and Unavailable where no hub can be reached.
    """
    return asyncio.run(_latest(connector, most))


async def _latest(connector: str, most: int) -> list[Stored]:
    async with reached() as hub:
        profiles = {row.id: row.profile for row in await read_clients(hub.pool, hub.sealing)}
        async with lent(hub.pool) as connection, connection.transaction():
            referrals, refusals = await connection.fetch(_REFERRALS, connector, most), await connection.fetch(_REFUSALS, connector, most)
            looked = Audit(hub.actor, "referral.shadowed", {"connector": connector})
            await insert_audit(connection, audit_rows([*((looked, row["id"]) for row in referrals), *((looked, None) for _ in refusals[:1])]))
        found = [*((row, "message") for row in referrals), *((row, "refused") for row in refusals)]
        opened = [(_opened(hub.sealing, row, purpose), row) for row, purpose in found]
        return [Stored(body, row["created_at"].isoformat(), profiles.get(row["client"], {})) for body, row in opened if body is not None]


def _opened(sealing: Sealing, row: Record, purpose: str) -> bytes | None:
    try:
        return sealing.key(UUID(str(row["id"])), row["sealing_key"]).open(purpose, row["message"])
    except NotReadable:
        return None
