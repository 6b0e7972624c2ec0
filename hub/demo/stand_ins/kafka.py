"""Beside the flow: a client's own end of Kafka: reads its `to.<client>`, writes its `from.<client>`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer


@dataclass(frozen=True, slots=True)
class Road:
    """Two topics of one client."""

    consumer: AIOKafkaConsumer
    producer: AIOKafkaProducer
    outgoing: str

    @classmethod
    async def open(cls, servers: str, password: str | None, client: str, prefix: str) -> Road:
        """Connect as the client, with its password where the broker asks for one."""
        login: dict[str, Any] = {"bootstrap_servers": servers}  # Any: keyword arguments of different types
        if password:
            login |= {
                "security_protocol": "SASL_PLAINTEXT", "sasl_mechanism": "SCRAM-SHA-256", "sasl_plain_username": client, "sasl_plain_password": password,
            }  # fmt: skip
        consumer = AIOKafkaConsumer(f"{prefix}to.{client}", group_id=None, auto_offset_reset="earliest", enable_auto_commit=False, **login)
        producer = AIOKafkaProducer(acks="all", **login)
        await consumer.start()
        await producer.start()
        return cls(consumer, producer, f"{prefix}from.{client}")

    async def heard(self) -> AsyncIterator[tuple[str, str, bytes]]:
        """What comes on `to.<client>`: its ce_id, the topic, its bytes."""
        async for record in self.consumer:
            headers = {name: value.decode() for name, value in record.headers}
            yield headers.get("ce_id", ""), record.topic, record.value or b""

    async def tell(self, id_: str, sequence: int, body: bytes) -> None:
        """Write one update; on Kafka when it returns."""
        headers = [("ce_id", id_.encode()), ("ce_sequence", str(sequence).encode()), ("content-type", b"application/fhir+json")]
        await self.producer.send_and_wait(self.outgoing, body, key=id_.encode(), headers=headers)

    async def close(self) -> None:
        """Hang up."""
        await self.producer.stop()
        await self.consumer.stop()
