"""Kafka as the tests of the ledger see it: topics of their own, and everything that stands on one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiokafka import AIOKafkaConsumer, TopicPartition

from hub.ledger.relay import Relay
from hub.security.kafka_access import KafkaAccess, TopicSpec
from hub.transports.kafka import KafkaLogin
from schemas.events import Event, from_record
from schemas.topics import REFERRALS, STATUS, TO_CLIENT, Topic
from tests.hub.making import Record

CLIENTS = ("cases-a", "cases-b")


@dataclass(frozen=True, slots=True)
class Road:
    """One corner of Kafka."""

    login: KafkaLogin
    admin: KafkaAccess

    def specs(self, clients: Sequence[str] = CLIENTS) -> list[TopicSpec]:
        """The topics that the relay writes; one partition would hide what order means, so there are several."""
        topics: list[tuple[str, Topic]] = [(REFERRALS.name, REFERRALS), (STATUS.name, STATUS), *((TO_CLIENT.for_client(one), TO_CLIENT) for one in clients)]
        return [TopicSpec(name, topic.partitions, topic.settings()) for name, topic in topics]

    async def make(self, clients: Sequence[str] = CLIENTS) -> None:
        """Make them; a second time changes nothing."""
        await self.admin.ensure_topics(self.specs(clients))

    async def empty(self, clients: Sequence[str] = CLIENTS) -> None:
        """Delete them with every record."""
        await self.admin.delete_topics([spec.name for spec in self.specs(clients)])

    async def events(self, topic: str = REFERRALS.name) -> list[Event]:
        """Everything that stands on a topic now, in order within each partition."""
        return [from_record(key, headers, value) for key, headers, value in await self.records(topic)]

    async def records(self, topic: str = REFERRALS.name) -> list[tuple[bytes, list[tuple[str, bytes]], bytes]]:
        """Key, headers and value of each record."""
        name = self.login.topic(topic)
        consumer = AIOKafkaConsumer(**self.login.client_settings(), auto_offset_reset="earliest")
        await consumer.start()
        try:
            while not (partitions := consumer.partitions_for_topic(name)):
                await consumer._client.force_metadata_update()
                await asyncio.sleep(0.05)
            places = [TopicPartition(name, number) for number in sorted(partitions)]
            consumer.assign(places)
            ends = await consumer.end_offsets(places)
            found = {place: [] for place in places}
            for place in places:
                await consumer.seek_to_beginning(place)
                while await consumer.position(place) < ends[place]:
                    for record in (await consumer.getmany(place, timeout_ms=500)).get(place, []):
                        found[place].append((record.key, list(record.headers), record.value))
            return [record for place in places for record in found[place]]
        finally:
            await consumer.stop()


@asynccontextmanager
async def relaying(book: Record, road: Road, **how: object) -> AsyncIterator[Relay]:
    """A relay at work."""
    relay = Relay(book.dsn, road.login, book.ledger.sealing, poll=0.05, **how)  # type: ignore[arg-type]
    task = asyncio.create_task(relay.run())
    try:
        yield relay
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def drained(book: Record, seconds: float = 20.0) -> None:
    """Until nothing waits for Kafka."""

    async def empty() -> bool:
        return not await book.value("SELECT count(*) FROM outbox")

    await until(empty, seconds)


async def until(true: Callable[[], Awaitable[bool]], seconds: float = 20.0) -> None:
    """Look again and again; a test that never sees it fails."""
    async with asyncio.timeout(seconds):
        while not await true():  # noqa: ASYNC110  what is looked at is in another process
            await asyncio.sleep(0.05)


def by_key(events: Sequence[Event]) -> dict[str, list[tuple[int, str]]]:
    """Version and id of each event of each referral, in order of arrival."""
    found: dict[str, list[tuple[int, str]]] = {}
    for event in events:
        found.setdefault(event.key, []).append((event.sequence, str(event.id)))
    return found
