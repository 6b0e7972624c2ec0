"""In the ledger: which Kafka the offsets belong to, and which key the record is sealed under.

Emptying the topics raises the epoch, and every consumer begins again under a new group. A hub with another key than the record's would
read nothing and send every event thin, so it does not start.
"""

from __future__ import annotations

from hub.errors import Misconfigured
from hub.ledger.database import Pool, lent
from hub.ledger.sealing import Sealing

_MARK = "UPDATE epoch SET key_check = $1 WHERE key_check IS NULL"


async def kafka_epoch(pool: Pool) -> int:
    """The epoch now. Raises Unavailable."""
    async with lent(pool) as connection:
        epoch: int = await connection.fetchval("SELECT kafka FROM epoch")
    return epoch


async def check_key(pool: Pool, sealing: Sealing) -> None:
    """Raises Misconfigured when the record is sealed under another key; the first to ask marks the record with its own. Raises Unavailable."""
    mine = sealing.hash("key-check", "the record's key")
    async with lent(pool) as connection:
        await connection.execute(_MARK, mine)
        if await connection.fetchval("SELECT key_check FROM epoch") != mine:
            raise Misconfigured("The record is sealed under another key than HUB_KEY_FILE holds: give the hub the key that it began with.")
