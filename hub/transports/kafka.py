"""How bytes move on Kafka: connection settings, a durable producer that is rebuilt when it dies, and subscribers that see raw records."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import KafkaError

from hub.errors import Unavailable

Headers = list[tuple[str, bytes]]
MAX_RECORD = 4 * 2**20


@dataclass(frozen=True, slots=True)
class KafkaLogin:
    """Where Kafka is and as whom; `prefix` goes before every topic and group (a test's own corner). `instance` makes restarts of one
    member quick (static membership)."""

    servers: tuple[str, ...]
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    prefix: str = ""
    instance: str = ""
    session_ms: int = 15_000

    def topic(self, name: str) -> str:
        """The name on this broker."""
        return self.prefix + name

    def client_settings(self) -> dict[str, Any]:
        """What every aiokafka client takes. Any: keyword arguments of different types."""
        settings: dict[str, Any] = {"bootstrap_servers": list(self.servers)}
        if self.user is not None:
            settings |= {
                "security_protocol": "SASL_PLAINTEXT",
                "sasl_mechanism": "SCRAM-SHA-256",
                "sasl_plain_username": self.user,
                "sasl_plain_password": self.password,
            }
        return settings

    def admin_settings(self) -> dict[str, str]:
        """What confluent-kafka's AdminClient takes."""
        settings = {"bootstrap.servers": ",".join(self.servers)}
        if self.user is not None:
            settings |= {
                "security.protocol": "SASL_PLAINTEXT",
                "sasl.mechanism": "SCRAM-SHA-256",
                "sasl.username": self.user,
                "sasl.password": self.password or "",
            }
        return settings


async def open_producer(access: KafkaLogin) -> AIOKafkaProducer:
    """A producer whose acknowledgement means stored (acks=all, idempotent). Raises Unavailable."""
    producer = AIOKafkaProducer(
        **access.client_settings(), acks="all", enable_idempotence=True, linger_ms=0, max_request_size=MAX_RECORD, request_timeout_ms=10_000
    )
    try:
        await asyncio.wait_for(producer.start(), 15)
    except (KafkaError, OSError, TimeoutError) as fault:
        await close(producer)
        raise Unavailable(f"Kafka does not answer ({type(fault).__name__})") from None
    return producer


async def open_consumer(access: KafkaLogin, group: str, topics: Sequence[str], **more: Any) -> AIOKafkaConsumer:
    """A consumer from the earliest record, that commits only when told to. `more`: further settings. Raises Unavailable."""
    settings: dict[str, Any] = {**access.client_settings(), **consumer_settings(access), **more}
    consumer = AIOKafkaConsumer(*[access.topic(topic) for topic in topics], group_id=access.topic(group), **settings)
    try:
        await asyncio.wait_for(consumer.start(), 15)
    except (KafkaError, OSError, TimeoutError) as fault:
        await close(consumer)
        raise Unavailable(f"Kafka does not answer ({type(fault).__name__})") from None
    return consumer


def consumer_settings(access: KafkaLogin) -> dict[str, Any]:
    """Settings that every consumer of the hub has, FastStream's too: nothing is committed behind our back, nothing is skipped."""
    return {
        "enable_auto_commit": False,
        "auto_offset_reset": "earliest",
        "session_timeout_ms": access.session_ms,
        "heartbeat_interval_ms": max(300, access.session_ms // 5),
        "rebalance_timeout_ms": 60_000,
        "max_poll_interval_ms": 300_000,
        "fetch_min_bytes": 64 * 1024,
        "fetch_max_wait_ms": 25,
        "metadata_max_age_ms": 10_000,
    }


async def close(client: AIOKafkaProducer | AIOKafkaConsumer, seconds: float = 5) -> None:
    """Stop a client, whatever state it is in, within `seconds`; a producer that does not stop in time sends nothing afterwards."""
    try:
        async with asyncio.timeout(seconds):
            await client.stop()
    except asyncio.CancelledError:
        await _cut_off(client)
        raise
    except (KafkaError, OSError, TimeoutError, AssertionError):
        await _cut_off(client)


async def _cut_off(client: AIOKafkaProducer | AIOKafkaConsumer) -> None:
    """End the sending task that `stop` would have waited for, and the connections. Any: aiokafka has no public way to give up a flush."""
    sender: Any = getattr(client, "_sender", None)
    task = getattr(sender, "sender_task", None)
    if task is not None:
        task.cancel()
        await asyncio.wait([task], timeout=1)
    inner: Any = getattr(client, "client", None) or getattr(client, "_client", None)
    with contextlib.suppress(KafkaError, OSError, TimeoutError):
        async with asyncio.timeout(2):
            await inner.close()
