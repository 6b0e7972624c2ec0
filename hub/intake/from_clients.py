"""In intake: updates that clients write to their own topics `from.<client>`; the topic's name is the author, whatever the record says."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from aiokafka import AIOKafkaConsumer, ConsumerRecord
from aiokafka.errors import KafkaError

from hub.errors import Unavailable
from hub.intake.door import Intake
from hub.ledger import parking
from hub.ledger.parking import DeadLetter
from hub.registry import Registered
from hub.security.clients import Clients
from hub.security.scopes import Scope
from hub.telemetry import LogEvent, cleared, count, log, trace_from
from hub.transports.kafka import KafkaLogin, close, open_consumer
from schemas.messages import InboundMessage
from schemas.rejection import Reason
from schemas.topics import FROM_CLIENT

GROUP = "intake"
_LOOK_AGAIN = 2.0


@dataclass(slots=True)
class FromClients:
    """Reads every such topic of the clients that are known now; a new client's topic is joined within seconds."""

    intake: Intake
    registered: Registered
    clients: Clients
    access: KafkaLogin

    async def run(self) -> None:
        """Consume until cancelled; every failure is waited out."""
        while True:
            topics = self._topics()
            if not topics:
                await asyncio.sleep(_LOOK_AGAIN)
                continue
            try:
                await self._consume(topics)
            except (Unavailable, KafkaError) as fault:
                log(LogEvent.STAGE_FAILED, "warning", error=fault, stage="intake")
                await asyncio.sleep(_LOOK_AGAIN)

    def _topics(self) -> tuple[str, ...]:
        return tuple(FROM_CLIENT.for_client(client.id) for client in self.clients.all() if client.kafka and client.may(Scope.TASK_UPDATE))

    async def _consume(self, topics: tuple[str, ...]) -> None:
        consumer = await open_consumer(self.access, GROUP, topics)
        try:
            while topics == self._topics():
                await self._take(consumer)
        finally:
            await close(consumer)

    async def _take(self, consumer: AIOKafkaConsumer) -> None:
        found = await consumer.getmany(timeout_ms=int(_LOOK_AGAIN * 1000), max_records=50)
        for records in found.values():
            for record in records:
                with cleared(trace_from(None), stage="intake"):
                    await self._one(record)
        if found:
            await consumer.commit()

    async def _one(self, record: ConsumerRecord) -> None:
        """One record, answered to nobody: what was wrong with it is a refusal that its author can be told; bytes of no use are poison."""
        name = record.topic.removeprefix(self.access.prefix).removeprefix("from.")
        client = self.clients.by_id(name)
        if client is None:
            return
        headers = _headers(record.headers)
        if headers is None or record.value is None:
            await self._poison(record, "no text headers, or no value")
            return
        message = InboundMessage(record.value, f"from.{name}", headers, received_at=datetime.now(UTC), client=client.id, profile=client.profile)
        try:
            reply = await self.intake.receive(self.registered, message, client, message.target)
        except Unavailable:
            raise
        except Exception as fault:  # noqa: BLE001  one record of one client must not end intake for all
            await self._poison(record, type(fault).__name__)
            return
        if reply.status == 503:
            raise Unavailable("An update could not be stored yet; it is read again")

    async def _poison(self, record: ConsumerRecord, detail: str) -> None:
        ledger = self.intake.ledger
        letter = DeadLetter("intake", record.topic, record.partition, record.offset, Reason.POISON, detail, record=record.value or b"")
        await parking.write(ledger.pool, ledger.sealing, letter)
        count("hub_dead_letters_total", stage="intake")
        log(LogEvent.DEAD_LETTER_WRITTEN, "error", stage="intake", partition=record.partition, offset=record.offset)


def _headers(sent: Iterable[tuple[str, bytes]]) -> dict[str, str] | None:
    """Names in small letters, values as text; None when one is not UTF-8."""
    try:
        return {name.lower(): value.decode("utf-8") for name, value in sent}
    except UnicodeDecodeError:
        return None
