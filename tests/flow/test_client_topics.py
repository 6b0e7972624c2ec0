"""What a client is given at registration opens its own two topics, each in its own direction, and no other on the whole broker."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import TopicAuthorizationFailedError
from confluent_kafka import Consumer
from confluent_kafka import TopicPartition as Part

from hub.embedded.stores import StoreAddresses
from hub.ledger.database import open_pool
from hub.ledger.sealing import Sealing
from hub.security.kafka_access import KafkaAccess
from hub.security.registration import NewClient, add_client
from hub.security.scopes import USUAL
from hub.serving import topic_specs

MINE, THEIRS = "case-mine", "case-theirs"
NOT_TO_WRITE = ("referrals", "referral-status", f"to.{MINE}", f"to.{THEIRS}", f"from.{THEIRS}")
NOT_TO_READ = ("referrals", "referral-status", f"from.{MINE}", f"to.{THEIRS}", f"from.{THEIRS}")


@dataclass(frozen=True, slots=True)
class Broker:
    """A broker with two registered clients, spoken to as the hub or as one of them."""

    address: str
    prefix: str
    logins: dict[str, tuple[str, str]]

    def settings(self, who: str) -> dict[str, Any]:
        """For aiokafka."""
        user, password = self.logins[who]
        return {
            "bootstrap_servers": self.address, "security_protocol": "SASL_PLAINTEXT", "sasl_mechanism": "SCRAM-SHA-256", "sasl_plain_username": user,
            "sasl_plain_password": password,
        }  # fmt: skip

    async def write(self, who: str, topic: str) -> None:
        """Raises what the broker says, and what aiokafka says when the broker says nothing."""
        producer = AIOKafkaProducer(**self.settings(who), request_timeout_ms=10_000)
        await producer.start()
        try:
            await producer.send_and_wait(self.prefix + topic, b"{}", partition=0)
        finally:
            await producer.stop()

    async def size(self, topic: str) -> int:
        """How many records the hub sees there."""
        consumer = AIOKafkaConsumer(**self.settings("hub"))
        await consumer.start()
        try:
            part = TopicPartition(self.prefix + topic, 0)
            return int((await consumer.end_offsets([part]))[part])
        finally:
            await consumer.stop()

    def read(self, who: str, topic: str) -> bytes | str:
        """The first record, or the name of what the broker says instead; `nothing` when it says nothing for ten seconds."""
        user, password = self.logins[who]
        consumer = Consumer({
            "bootstrap.servers": self.address, "security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "SCRAM-SHA-256", "sasl.username": user,
            "sasl.password": password, "group.id": f"{self.prefix}{who}.look", "enable.auto.commit": False,
        })  # fmt: skip
        try:
            if (hidden := consumer.list_topics(self.prefix + topic, timeout=10).topics[self.prefix + topic].error) is not None:
                return str(hidden.name())
            consumer.assign([Part(self.prefix + topic, 0, 0)])
            found = consumer.poll(10)
        finally:
            consumer.close()
        if found is None:
            return "nothing"
        return refused.name() if (refused := found.error()) is not None else found.value() or b""


@pytest_asyncio.fixture(loop_scope="session")
async def broker(secured: StoreAddresses, database: str, topic_prefix: str) -> AsyncIterator[Broker]:
    """Topics made as the hub makes them, clients registered as an operator registers them, a record in every topic."""
    access = KafkaAccess(secured.kafka, secured.kafka_user, secured.kafka_password, topic_prefix)
    assert secured.kafka_user is not None
    await access.ensure_topics(topic_specs([]))
    logins = {"hub": (secured.kafka_user, secured.kafka_password or "")}
    pool = await open_pool(database, size=1)
    try:
        for name in (MINE, THEIRS):
            new = NewClient(name, "case-management", USUAL["prescriber"], kafka=True)
            issued = await add_client(pool, Sealing.from_secret(secrets.token_bytes(32)), new, kafka=access)
            logins[name] = (name, issued.kafka_password or "")
    finally:
        await pool.close()
    made = Broker(secured.kafka, topic_prefix, logins)
    for topic in {*NOT_TO_WRITE, *NOT_TO_READ, f"from.{MINE}"}:
        await made.write("hub", topic)
    yield made
    for name in (MINE, THEIRS):
        await access.revoke_client(name)


async def test_a_client_reads_what_is_for_it_and_writes_what_it_says(broker: Broker) -> None:
    """Without this, a client that can do nothing at all would look as if it were kept in its place."""
    assert broker.read(MINE, f"to.{MINE}") == b"{}"
    before = await broker.size(f"from.{MINE}")
    await broker.write(MINE, f"from.{MINE}")
    assert await broker.size(f"from.{MINE}") == before + 1


async def test_a_client_reads_and_writes_no_topic_but_its_own(broker: Broker) -> None:
    """Only the broker's own refusal counts: a time-out proves nothing."""
    assert {topic: broker.read(MINE, topic) for topic in NOT_TO_READ} == dict.fromkeys(NOT_TO_READ, "TOPIC_AUTHORIZATION_FAILED")
    for topic in NOT_TO_WRITE:
        before = await broker.size(topic)
        with pytest.raises(TopicAuthorizationFailedError):
            await broker.write(MINE, topic)
        assert await broker.size(topic) == before
