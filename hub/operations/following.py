"""In operations: follows the topic `referrals` as it is written, without a group, so that no stage notices; every fact once."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError

from hub.errors import Unavailable
from hub.operations.facts import FactLine, fact_line
from hub.transports.kafka import KafkaLogin, close
from schemas.events import NotAnEvent, from_record
from schemas.topics import REFERRALS

_REMEMBERED = 50_000
_MARGIN = timedelta(minutes=1)
_PAUSE = 1.0


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which facts: since when (None: from now on), of which referral, made by which stage."""

    since: datetime | None = None
    referral: UUID | None = None
    stage: str | None = None

    def covers(self, line: FactLine) -> bool:
        """Whether a line is asked for."""
        return (self.referral in (None, line.referral)) and (self.stage in (None, line.stage))


@dataclass(slots=True)
class Follower:
    """Follows until left. `trouble` is told in one sentence when Kafka does not answer; it is then tried again from the last fact seen.
    `opened` is set once the follower stands at its beginning."""

    login: KafkaLogin
    trouble: Callable[[str], None]
    opened: asyncio.Event = field(default_factory=asyncio.Event)
    _seen: OrderedDict[UUID, None] = field(default_factory=OrderedDict)

    async def lines(self, wanted: Wanted) -> AsyncGenerator[FactLine, None]:
        """Each fact that is asked for, as it comes; a rebuilt topic shows none of them again."""
        start = wanted.since
        oldest = start or datetime.now(UTC) - _MARGIN
        while True:
            try:
                async for line in self._session(start):
                    start = datetime.now(UTC) - _MARGIN
                    if line.time >= oldest and wanted.covers(line):
                        yield line
            except (KafkaError, Unavailable, OSError, TimeoutError) as fault:
                self.trouble(f"Kafka does not answer ({type(fault).__name__}); trying again.")
                start = start or oldest
                await asyncio.sleep(_PAUSE)

    async def _session(self, start: datetime | None) -> AsyncGenerator[FactLine, None]:
        settings = {"group_id": None, "enable_auto_commit": False, "auto_offset_reset": "earliest", "metadata_max_age_ms": 3_000, "fetch_max_wait_ms": 100}
        consumer = AIOKafkaConsumer(self.login.topic(REFERRALS.name), **self.login.client_settings(), **settings)
        try:
            await asyncio.wait_for(consumer.start(), 15)
            await _stand(consumer, start)
            self.opened.set()
            async for record in consumer:
                try:
                    event = from_record(record.key, record.headers, record.value)
                except NotAnEvent:
                    continue
                line = fact_line(event)
                if line is not None and self._is_new(event.id):
                    yield line
        finally:
            await close(consumer)

    def _is_new(self, event: UUID) -> bool:
        if event in self._seen:
            return False
        self._seen[event] = None
        if len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)
        return True


async def _stand(consumer: AIOKafkaConsumer, start: datetime | None) -> None:
    """At the end of every partition, or at the first record since `start`. Raises Unavailable while there is no such topic."""
    partitions = sorted(consumer.assignment())
    if not partitions:
        raise Unavailable("there is no topic of referrals yet")
    found = await consumer.offsets_for_times({partition: int(start.timestamp() * 1000) for partition in partitions}) if start else {}
    ends = await consumer.end_offsets(partitions)
    for partition in partitions:  # seek moves at once and drops what was fetched; seek_to_end moves at the next fetch, after some old records
        at = found.get(partition)
        consumer.seek(partition, at.offset if at is not None else ends[partition])
