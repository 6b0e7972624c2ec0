"""From the ledger to Kafka: sends what the outbox holds, in order per referral, and deletes a row only when the broker has it.

A relay owns shards by session advisory locks on a connection of its own; when that breaks it stops sending and starts anew. On an
unknown outcome the shard's later rows stay and the same ids are sent again.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import asyncpg
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError, TopicAuthorizationFailedError, UnknownTopicOrPartitionError

from hub.crashpoints import crash
from hub.errors import Unavailable
from hub.ledger.database import LOST, connect
from hub.ledger.records import records_of
from hub.ledger.sealing import Sealing
from hub.ledger.waking import CHANNEL
from hub.telemetry import LogEvent, count, gauge, log
from hub.transports.kafka import KafkaLogin, close, open_producer

SHARDS = 64
_SHARD_LOCK, _LIVE_LOCK, REPUBLISH_LOCK = 7_000_010, 7_000_011, 7_000_012
_PENDING = """
SELECT o.seq AS place, o.shard, o.topic, o.delivery_id, e.*, r.sealing_key, d.body, d.content_type FROM outbox o
JOIN event e ON e.id = o.event_id JOIN referral r ON r.id = o.referral_id LEFT JOIN delivery d ON d.id = o.delivery_id
WHERE o.shard = ANY($1) AND (o.topic IS NULL OR o.topic <> ALL($3)) ORDER BY o.seq LIMIT $2
"""
_SENT = """
WITH gone AS (DELETE FROM outbox WHERE seq = ANY($1) RETURNING delivery_id)
UPDATE delivery SET state = 'delivered', finished_at = now(), attempts = attempts + 1, outcome = 'on Kafka'
WHERE id IN (SELECT delivery_id FROM gone WHERE delivery_id IS NOT NULL) AND state = 'pending'
"""
_UNDELIVERABLE = """
WITH gone AS (DELETE FROM outbox WHERE seq = ANY($1) AND created_at < now() - make_interval(secs => $2) RETURNING delivery_id)
, given_up AS (
    UPDATE delivery SET state = 'exhausted', finished_at = now(), outcome = $3 WHERE id IN (SELECT delivery_id FROM gone) AND state = 'pending'
    RETURNING id, referral_id
)
INSERT INTO worklist_item (id, referral_id, kind, reason, alert_at) SELECT id, referral_id, 'tell-by-hand', 'delivery-exhausted', now() FROM given_up
ON CONFLICT DO NOTHING
"""
_NEVER = (UnknownTopicOrPartitionError, TopicAuthorizationFailedError, MessageSizeTooLargeError)
_TOPIC_SECONDS = 2.0
_GIVE_UP_SECONDS = 600.0
_LOOK_AGAIN_SECONDS = 10.0


class Opened(Protocol):
    """Opens a producer; a parameter so that a test may give one that fails."""

    async def __call__(self, access: KafkaLogin) -> AIOKafkaProducer: ...


@dataclass(slots=True)
class Relay:
    """One relay. `wake()` when something was committed; it also looks by itself every `poll` seconds."""

    dsn: str
    access: KafkaLogin
    sealing: Sealing
    batch: int = 500
    poll: float = 0.5
    opened: Opened = open_producer
    give_up_seconds: float = _GIVE_UP_SECONDS
    _awake: asyncio.Event = field(default_factory=asyncio.Event)
    _shards: tuple[int, ...] = ()
    _absent: dict[str, float] = field(default_factory=dict)

    def wake(self) -> None:
        """Something was committed."""
        self._awake.set()

    async def run(self) -> None:
        """Relay until cancelled; every failure is waited out and begun anew."""
        pause = 0.1
        while True:
            try:
                await self._session()
            except (Unavailable, KafkaError, *LOST) as fault:
                gauge("hub_store_up", 0, store="kafka")
                log(LogEvent.RELAY_STOPPED, "warning", error=fault, retry_after=pause)
                await asyncio.sleep(pause)
                pause = min(pause * 2, 3.0)
            else:
                pause = 0.1

    async def _session(self) -> None:
        connection = await connect(self.dsn)
        try:
            await connection.add_listener(CHANNEL, lambda *_: self.wake())
            producer = await self.opened(self.access)
            gauge("hub_store_up", 1, store="kafka")
            try:
                await self._relay(connection, producer)
            finally:
                await close(producer)
        finally:
            self._shards = ()
            with contextlib.suppress(*LOST):
                await connection.close(timeout=2)

    async def _relay(self, connection: asyncpg.Connection, producer: AIOKafkaProducer) -> None:
        await connection.fetchval("SELECT pg_advisory_lock_shared($1::int, $2::int)", _LIVE_LOCK, connection.get_server_pid() % 2**31)
        loop = asyncio.get_running_loop()
        next_share = 0.0
        while True:
            if loop.time() >= next_share:
                await self._share(connection)
                await waiting(connection)
                next_share = loop.time() + 1.0
            self._awake.clear()
            async with _may_send(connection) as may:
                sent = await self._send_batch(connection, producer) if may else 0
            if not sent:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self.poll):
                        await self._awake.wait()

    async def _share(self, connection: asyncpg.Connection) -> None:
        """Hold at most ceil(64 / live relays) shards; let go of what is too much, try for more."""
        live = await connection.fetchval(
            "SELECT count(DISTINCT pid) FROM pg_locks WHERE locktype = 'advisory' AND classid = $1::oid AND granted"
            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())", _LIVE_LOCK,
        )
        most = -(-SHARDS // max(1, live))
        held = list(self._shards)
        for shard in held[most:]:
            await connection.fetchval("SELECT pg_advisory_unlock($1::int, $2::int)", _SHARD_LOCK, shard)
        held = held[:most]
        for shard in range(SHARDS):
            if len(held) >= most:
                break
            if shard not in held and await connection.fetchval("SELECT pg_try_advisory_lock($1::int, $2::int)", _SHARD_LOCK, shard):
                held.append(shard)
        if tuple(held) != self._shards:
            log(LogEvent.RELAY_SHARDS, shards=len(held))
        self._shards = tuple(held)

    async def _send_batch(self, connection: asyncpg.Connection, producer: AIOKafkaProducer) -> int:
        rows = await connection.fetch(_PENDING, list(self._shards), self.batch, self._skipped())
        if not rows:
            return 0
        crash("relay.claimed")
        handed: list[Handed] = []
        for row in rows:
            handed.append((row, await self._hand_over(producer, row)))
            if row["topic"] is None and isinstance(handed[-1][1], KafkaError):
                break  # our own topics are gone; each row more would wait for them under the lock that a republish needs
        crash("relay.produced")
        acknowledged, refused = await _acknowledged(handed)
        crash("relay.acknowledged")
        await connection.execute(_SENT, acknowledged)
        crash("relay.deleted")
        await self._set_aside(connection, refused)
        count("hub_relayed_total", len(acknowledged), topic="referrals")
        log(LogEvent.RELAY_SENT, batch=len(acknowledged), stage="relay")
        if len(acknowledged) + len(refused) < len(rows):
            raise Unavailable("Kafka did not acknowledge everything")
        return len(acknowledged)

    def _skipped(self) -> list[str]:
        """Clients' topics that could not be written a moment ago: their rows wait, everybody else's go."""
        now = time.monotonic()
        self._absent = {topic: until for topic, until in self._absent.items() if until > now}
        return list(self._absent)

    async def _hand_over(self, producer: AIOKafkaProducer, row: asyncpg.Record) -> list[Any] | KafkaError:  # Any: the producer's own futures
        """The futures of a row's records, or why they cannot be handed over at all."""
        if row["topic"] in self._absent:
            return UnknownTopicOrPartitionError()
        try:
            if row["topic"] is not None:
                async with asyncio.timeout(_TOPIC_SECONDS):
                    await producer.partitions_for(self.access.topic(row["topic"]))
            records = records_of(row, self.sealing)
            return [await producer.send(self.access.topic(topic), value, key=key, headers=headers) for topic, key, headers, value in records]
        except KafkaError as fault:
            return self._refused(row, fault)
        except TimeoutError:
            return self._refused(row, UnknownTopicOrPartitionError())

    def _refused(self, row: asyncpg.Record, fault: KafkaError) -> KafkaError:
        if row["topic"] is not None:
            self._absent[row["topic"]] = time.monotonic() + _LOOK_AGAIN_SECONDS
        return fault

    async def _set_aside(self, connection: asyncpg.Connection, refused: Sequence[tuple[asyncpg.Record, str]]) -> None:
        """A client's message that its topic will not take: tried for ten minutes, then a person must tell the client."""
        for row, fault in refused:
            log(LogEvent.DISPATCH_FAILED, "warning", stage="relay", delivery=str(row["delivery_id"]), reason=fault, transport="kafka")
        if refused:
            await connection.execute(_UNDELIVERABLE, [row["place"] for row, _ in refused], self.give_up_seconds, refused[0][1])


Handed = tuple[asyncpg.Record, "list[Any] | KafkaError"]


async def _acknowledged(handed: Sequence[Handed]) -> tuple[list[int], list[tuple[asyncpg.Record, str]]]:
    """The rows that the broker has, and the clients' rows that it will not take. In a shard's line nothing counts after the first row that
    the broker may not have; each client's topic is a line of its own."""
    done: list[int] = []
    refused: list[tuple[asyncpg.Record, str]] = []
    stopped: set[tuple[int, str | None]] = set()
    for row, sent in handed:
        line = (row["shard"], row["topic"])
        outcomes = [sent] if isinstance(sent, KafkaError) else await asyncio.gather(*sent, return_exceptions=True)
        fault = next((outcome for outcome in outcomes if isinstance(outcome, BaseException)), None)
        if fault is None and line not in stopped:
            done.append(row["place"])
        elif row["topic"] is not None and isinstance(fault, _NEVER):
            stopped.add(line)
            refused.append((row, type(fault).__name__))
        else:
            stopped.add(line)
    return done, refused


@contextlib.asynccontextmanager
async def _may_send(connection: asyncpg.Connection) -> Any:  # Any: an async generator turned into a context manager
    """False while a republish empties and refills the topics."""
    may = await connection.fetchval("SELECT pg_try_advisory_lock_shared($1::int, 0)", REPUBLISH_LOCK)
    try:
        yield may
    finally:
        if may and not connection.is_closed():
            with contextlib.suppress(*LOST):
                await connection.fetchval("SELECT pg_advisory_unlock_shared($1::int, 0)", REPUBLISH_LOCK)


async def waiting(connection: asyncpg.Connection) -> tuple[int, float]:
    """How many events are committed and not yet on Kafka, and the age of the oldest in seconds."""
    row = await connection.fetchrow("SELECT count(*) AS n, coalesce(extract(epoch FROM now() - min(created_at)), 0)::float8 AS age FROM outbox")
    gauge("hub_outbox_waiting", row["n"])
    gauge("hub_outbox_oldest_seconds", row["age"])
    return row["n"], row["age"]
