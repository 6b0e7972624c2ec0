"""In the ledger: rebuilds Kafka from the record. Every event goes to the outbox again in its old order, same ids, the topics are emptied.

The outbox is full before anything is emptied: whatever breaks off between leaves at worst a Kafka that the relays fill, never one that stays empty.
Relays stand still meanwhile (they ask for a shared lock before each batch); consumers begin again under a new epoch, and their inboxes
let nothing happen twice. `to.<client>` is rebuilt only when named, `from.<client>` never: an update counts once our answer to it is out.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import asyncpg

from hub.errors import Unavailable
from hub.ledger.database import connect
from hub.ledger.relay import REPUBLISH_LOCK
from hub.telemetry import LogEvent, log

_FORGET = "DELETE FROM outbox WHERE topic IS NULL"
_REFILL = """
INSERT INTO outbox (shard, referral_id, event_id) SELECT get_byte(uuid_send(referral_id), 15) % 64, referral_id, id FROM event ORDER BY seq
"""
_FORGET_CLIENT = "DELETE FROM outbox WHERE topic = 'to.' || $1"
_REFILL_CLIENT = """
INSERT INTO outbox (shard, referral_id, event_id, topic, delivery_id)
SELECT get_byte(uuid_send(referral_id), 15) % 64, referral_id, event_id, 'to.' || $1, id FROM delivery
WHERE recipient = $1 AND transport = 'kafka' AND state <> 'cancelled' ORDER BY created_at, sequence
"""
_EPOCH = "UPDATE epoch SET kafka = kafka + 1 RETURNING kafka"


@dataclass(frozen=True, slots=True)
class Republished:
    """How much goes to Kafka again."""

    events: int
    client_messages: int
    epoch: int


async def republish(dsn: str, empty: Callable[[Sequence[str]], Awaitable[None]], clients: Sequence[str] = (), *, wait: float = 30.0) -> Republished:
    """Refill the outbox, empty the topics (`empty` deletes and makes them again; it gets the clients whose `to.<client>` goes too), raise the epoch.

    Raises Unavailable when the database does not answer or a relay does not stand still within `wait` seconds.
    """
    connection = await connect(dsn)
    try:
        await connection.execute(f"SET lock_timeout = '{int(wait * 1000)}'; SET statement_timeout = '600000'")
        try:
            await connection.fetchval("SELECT pg_advisory_lock($1::int, 0)", REPUBLISH_LOCK, timeout=wait + 5)
        except asyncpg.LockNotAvailableError:
            raise Unavailable("A relay did not stand still; try again") from None
        log(LogEvent.REPUBLISH_STARTED)
        events, messages = await _refill(connection, clients)
        await empty(clients)
        done = Republished(events, messages, await connection.fetchval(_EPOCH))
        log(LogEvent.REPUBLISH_FINISHED, count=done.events)
        return done
    finally:
        await connection.close()


async def _refill(connection: asyncpg.Connection, clients: Sequence[str]) -> tuple[int, int]:
    messages = 0
    async with connection.transaction():
        await connection.execute("LOCK TABLE outbox IN EXCLUSIVE MODE")
        await connection.execute(_FORGET, timeout=600)
        events = _counted(await connection.execute(_REFILL, timeout=600))
        for client in clients:
            await connection.execute(_FORGET_CLIENT, client, timeout=600)
            messages += _counted(await connection.execute(_REFILL_CLIENT, client, timeout=600))
    return events, messages


def _counted(status: str) -> int:
    return int(status.rpartition(" ")[2])
