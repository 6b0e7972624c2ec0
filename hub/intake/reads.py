"""In intake: the few look-ups that a message needs before its change can be asked for."""

from __future__ import annotations

from uuid import UUID

from hub.ledger.database import Pool, lent


async def referral_of_task(pool: Pool, task: UUID, client: str) -> UUID | None:
    """The referral of a Task that this client owns; None when there is none, or it is another's. Raises Unavailable."""
    async with lent(pool) as connection:
        found: UUID | None = await connection.fetchval("SELECT referral_id FROM task WHERE id = $1 AND client = $2", task, client)
    return found
