"""In the ledger: which Kafka the offsets belong to. Emptying the topics raises the epoch, and every consumer begins again under a new group."""

from __future__ import annotations

from hub.ledger.database import Pool, lent


async def kafka_epoch(pool: Pool) -> int:
    """The epoch now. Raises Unavailable."""
    async with lent(pool) as connection:
        epoch: int = await connection.fetchval("SELECT kafka FROM epoch")
    return epoch
