"""Beside the flow, for the checker: gathers the evidence: what stand-ins wrote down, what the ledger holds, what stands on Kafka. It judges nothing."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from aiokafka import AIOKafkaConsumer, TopicPartition
from asyncpg import Connection, Record

from hub.ledger.database import Pool
from hub.ledger.verify import Broken, verify
from hub.transports.kafka import KafkaLogin
from hub.watch.waiting import Cause, waiting_because_of_us
from schemas.topics import REFERRALS, STATUS, TO_CLIENT

Line = Mapping[str, Any]  # Any: a line of JSON

_TABLES: Mapping[str, str] = {
    "client": """SELECT id, organisation_type, revoked_at IS NULL AND (outbound IS NOT NULL OR kafka) AS told, revoked_at IS NULL AND kafka AS kafka,
        revoked_at IS NULL AND mllp IS NULL AS asks, profile->>'feedback' AS feedback FROM client""",
    "request": "SELECT client, key, referral_id FROM request",
    "refusal": "SELECT client, key, reason FROM refusal",
    "referral": """SELECT id, ref, client, status, business_status, version, awaits, held_reason, closed_at IS NOT NULL AS closed,
        deadline_at IS NOT NULL AND deadline_at < now() AS late, sealing_key IS NULL AS erased FROM referral""",
    "task": "SELECT id, referral_id, role, ordinal, status, owner, client FROM task",
    "event": "SELECT id, referral_id, version, type, causation, source, tells, task_id, reason FROM event ORDER BY seq",
    "outbox": "SELECT event_id, referral_id FROM outbox",
    "inbox": "SELECT stage, event_id FROM inbox",
    "place": "SELECT task_id, counted_id, referral_id FROM place_taken WHERE kind = 'prescriber' AND released_at IS NULL",
    "prescriber": "SELECT id, places FROM prescriber",
    "delivery": """SELECT id, referral_id, event_id, fact, recipient, party, transport, message_key, sequence, state, outcome,
        state = 'pending' AND next_attempt_at < now() - interval '2 minutes' AND coalesce(claimed_until < now(), true) AS late FROM delivery""",
    "item": "SELECT id, referral_id, kind, closed_at IS NULL AS open FROM worklist_item",
    "audit": "SELECT referral_id, action FROM audit WHERE referral_id IS NOT NULL",
}
"""What is read of each table; nothing that is sealed."""


@dataclass(frozen=True, slots=True)
class OnTopic:
    """One record of a topic: its key, its id and sequence as the envelope says them."""

    topic: str
    partition: int
    offset: int
    key: str
    id: str
    sequence: int


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything that is compared. `lines`: all stand-ins' journals, each line with its `system`, in each journal's own order.
    `topics`: every record of `referrals`, `referral-status` and each `to.<client>`; None: Kafka was not asked."""

    lines: tuple[Line, ...] = field(repr=False)
    tables: Mapping[str, Sequence[Record]] = field(repr=False)
    topics: Sequence[OnTopic] | None = field(repr=False)
    broken: Sequence[Broken] = ()
    causes: Sequence[Cause] = ()
    at: datetime | None = None

    @property
    def systems(self) -> frozenset[str]:
        """The clients that have a journal."""
        return frozenset(line["system"] for line in self.lines)

    def said(self, *what: str) -> list[Line]:
        """The lines of these kinds."""
        return [line for line in self.lines if line["what"] in what]


def read_journals(paths: Iterable[Path]) -> tuple[Line, ...]:
    """Every line of these journals. A journal's last line may be cut off when its stand-in was killed: then it is left out."""
    found: list[Line] = []
    for path in paths:
        for written in path.read_text("utf-8").splitlines():
            try:
                found.append(json.loads(written))
            except ValueError:
                break
    return tuple(found)


async def gather(pool: Pool, kafka: KafkaLogin | None, journals: Iterable[Path]) -> Evidence:
    """The evidence as it stands now; without `kafka` the topics are not asked. Raises Unavailable and Kafka's errors."""
    async with pool.acquire() as connection:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            tables = {name: await connection.fetch(query, timeout=120) for name, query in _TABLES.items()}
            at = await connection.fetchval("SELECT now()")
            causes = await _causes(connection)
        broken = await verify(connection)
    roads = [TO_CLIENT.for_client(row["id"]) for row in tables["client"] if row["kafka"]]
    topics = await read_topics(kafka, (REFERRALS.name, STATUS.name, *roads)) if kafka is not None else None
    return Evidence(read_journals(journals), tables, topics, broken, causes, at)


async def _causes(connection: Connection) -> list[Cause]:
    """Held people wait for a person, not because of us: the worklist's own alarm does not count here."""
    return [cause for cause in await waiting_because_of_us(connection, patience=0.0) if cause.kind != "worklist"]


async def read_topics(access: KafkaLogin, names: Sequence[str]) -> list[OnTopic]:
    """Every record of these topics, from the first to the last that stood there when reading began."""
    topics = [access.topic(name) for name in names]
    consumer = AIOKafkaConsumer(*topics, **access.client_settings(), group_id=None, enable_auto_commit=False, auto_offset_reset="earliest")
    await consumer.start()
    try:
        parts = sorted(consumer.assignment())
        ends: dict[TopicPartition, int] = await consumer.end_offsets(parts)
        found: list[OnTopic] = []
        while any([await consumer.position(part) < ends[part] for part in parts]):
            for part, records in (await consumer.getmany(timeout_ms=1000)).items():
                found += [_on_topic(part, record, access.prefix) for record in records]
        return found
    finally:
        await consumer.stop()


def _on_topic(part: TopicPartition, record: Any, prefix: str) -> OnTopic:  # Any: a ConsumerRecord
    headers = {name: value.decode("utf-8", "replace") for name, value in record.headers}
    sequence = headers.get("ce_sequence", "")
    key = (record.key or b"").decode("utf-8", "replace")
    return OnTopic(part.topic.removeprefix(prefix), part.partition, record.offset, key, headers.get("ce_id", ""), int(sequence) if sequence.isdigit() else -1)


def as_uuid(written: object) -> UUID | None:
    """The UUID that a line or a header says, None where it is none."""
    try:
        return UUID(str(written))
    except ValueError:
        return None
