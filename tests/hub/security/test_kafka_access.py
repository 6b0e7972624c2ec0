"""Who may do what on Kafka, asked of a real broker."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import confluent_kafka
import pytest
import pytest_asyncio
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import (
    GroupAuthorizationFailedError,
    KafkaError,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
)

from hub.embedded.stores import StoreAddresses
from hub.errors import Misconfigured, Unavailable
from hub.security.kafka_access import KafkaAccess, TopicSpec

PASSWORDS = {"surgery": "prawf-1", "caseload": "prawf-2"}
FORBIDDEN = (TopicAuthorizationFailedError, UnknownTopicOrPartitionError, GroupAuthorizationFailedError)


class ReadRefusedError(Exception):
    """What the broker said instead of a record."""


@pytest_asyncio.fixture(loop_scope="session")
async def access(secured: StoreAddresses, topic_prefix: str) -> AsyncIterator[KafkaAccess]:
    """Two clients with their topics, and the hub's own topic, all under this test's prefix."""
    access = KafkaAccess(secured.kafka, secured.kafka_user, secured.kafka_password, topic_prefix)
    names = ["referrals", "referral-status", *(f"{way}.{client}" for way in ("to", "from") for client in PASSWORDS)]
    await access.ensure_topics([TopicSpec(name, 1, {"retention.ms": "60000"}) for name in names])
    for client, password in PASSWORDS.items():
        await access.ensure_user(client, password)
        await access.grant_client(client, ["referral-status"] if client == "caseload" else [])
    yield access
    for client in PASSWORDS:
        await access.revoke_client(client)
    await access.delete_topics(names)


def _login(address: str, user: str | None, password: str | None) -> dict[str, object]:
    login = {"security_protocol": "SASL_PLAINTEXT", "sasl_mechanism": "SCRAM-SHA-256", "sasl_plain_username": user, "sasl_plain_password": password}
    return {"bootstrap_servers": address, "request_timeout_ms": 4000, "retry_backoff_ms": 50, **login}


async def _write(access: KafkaAccess, user: str | None, password: str | None, topic: str) -> None:
    async with AIOKafkaProducer(**_login(access.address, user, password), acks="all", enable_idempotence=True) as producer:
        await producer.send_and_wait(access.prefix + topic, b"{}")


async def _read(access: KafkaAccess, user: str | None, password: str | None, topic: str) -> bytes:
    """By the other client library: aiokafka waits for ever for a topic that it may not see."""
    return await asyncio.wait_for(asyncio.to_thread(_read_one, access, user, password, access.prefix + topic), 20)


def _read_one(access: KafkaAccess, user: str | None, password: str | None, topic: str) -> bytes:
    login = {"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "SCRAM-SHA-256", "sasl.username": user, "sasl.password": password}
    consumer = confluent_kafka.Consumer({"bootstrap.servers": access.address, "group.id": f"{access.prefix}{user}.read", **login})
    try:
        seen = consumer.list_topics(topic, timeout=10).topics[topic].error
        if seen is not None:
            raise ReadRefusedError(seen.name())
        consumer.assign([confluent_kafka.TopicPartition(topic, 0, confluent_kafka.OFFSET_BEGINNING)])
        found = consumer.poll(15)
        assert found is not None, "neither a record nor a refusal came"
        if (refused := found.error()) is not None:
            raise ReadRefusedError(refused.name())
        return found.value() or b""
    finally:
        consumer.close()


async def _join(access: KafkaAccess, user: str, password: str, group: str, topic: str) -> None:
    consumer = AIOKafkaConsumer(access.prefix + topic, group_id=access.prefix + group, **_login(access.address, user, password))
    await consumer.start()
    try:
        await consumer.getmany(timeout_ms=500)
        await consumer.commit()
    finally:
        await consumer.stop()


async def test_a_client_reads_what_is_for_it_and_writes_what_it_says(access: KafkaAccess) -> None:
    await _write(access, "surgery", "prawf-1", "from.surgery")
    assert await _read(access, access.user, access.password, "from.surgery") == b"{}"
    await _write(access, access.user, access.password, "to.surgery")
    assert await _read(access, "surgery", "prawf-1", "to.surgery") == b"{}"
    await _join(access, "surgery", "prawf-1", "surgery.inbox", "to.surgery")


@pytest.mark.parametrize(
    "topic",
    [
        "referrals",  # every fact about everybody: the hub's alone
        "to.caseload",  # another client's
        "from.caseload",  # speaking for another client: the topic's name is the author
        "to.surgery",  # its own, the other way round
        "referral-status",  # read by some, written by the hub
    ],
)
async def test_a_client_cannot_write_elsewhere(access: KafkaAccess, topic: str) -> None:
    with pytest.raises(FORBIDDEN):
        await _write(access, "surgery", "prawf-1", topic)


@pytest.mark.parametrize("topic", ["referrals", "to.caseload", "from.caseload", "from.surgery", "referral-status"])
async def test_a_client_cannot_read_elsewhere(access: KafkaAccess, topic: str) -> None:
    await _write(access, access.user, access.password, topic)
    with pytest.raises(ReadRefusedError, match="TOPIC_AUTHORIZATION_FAILED"):
        await _read(access, "surgery", "prawf-1", topic)


async def test_a_client_that_is_entitled_to_more_reads_that_too(access: KafkaAccess) -> None:
    await _write(access, access.user, access.password, "referral-status")
    assert await _read(access, "caseload", "prawf-2", "referral-status") == b"{}"


@pytest.mark.parametrize("group", ["caseload.inbox", "hub", "surgeryx"])
async def test_a_client_cannot_join_another_ones_group(access: KafkaAccess, group: str) -> None:
    with pytest.raises(GroupAuthorizationFailedError):
        await _join(access, "surgery", "prawf-1", group, "to.surgery")


@pytest.mark.parametrize(
    ("user", "password"),
    [
        ("surgery", "wrong"),  # a known user
        ("nobody", "prawf-1"),  # an unknown one
        ("surgery", "prawf-2"),  # another client's password
        ("hub", "prawf-1"),  # the super user's name alone is nothing
    ],
)
async def test_a_wrong_password_cannot_connect(access: KafkaAccess, user: str, password: str) -> None:
    with pytest.raises(KafkaError):
        await _write(access, user, password, "from.surgery")


async def test_a_new_password_ends_the_old_one(access: KafkaAccess) -> None:
    await access.ensure_user("surgery", "prawf-3")
    await _write(access, "surgery", "prawf-3", "from.surgery")
    with pytest.raises(KafkaError):
        await _write(access, "surgery", "prawf-1", "from.surgery")


async def test_a_revoked_client_can_neither_go_on_nor_come_back(access: KafkaAccess) -> None:
    async with AIOKafkaProducer(**_login(access.address, "surgery", "prawf-1"), acks="all") as producer:
        await producer.send_and_wait(access.prefix + "from.surgery", b"{}")
        await access.revoke_client("surgery")
        await access.revoke_client("surgery")
        with pytest.raises(FORBIDDEN):
            await producer.send_and_wait(access.prefix + "from.surgery", b"{}")
    with pytest.raises(KafkaError):
        await _write(access, "surgery", "prawf-1", "from.surgery")
    await _write(access, "caseload", "prawf-2", "from.caseload")


async def test_a_topic_that_is_there_takes_new_settings_and_more_partitions_but_never_fewer(access: KafkaAccess) -> None:
    await access.ensure_topics([TopicSpec("referrals", 3, {"retention.ms": "120000"})])
    await access.ensure_topics([TopicSpec("referrals", 2, {"retention.ms": "120000"})])
    async with AIOKafkaConsumer(access.prefix + "referrals", **_login(access.address, access.user, access.password)) as consumer:
        assert consumer.partitions_for_topic(access.prefix + "referrals") == {0, 1, 2}


async def test_a_deleted_topic_is_made_again_empty(access: KafkaAccess) -> None:
    await _write(access, access.user, access.password, "referrals")
    await access.delete_topics(["referrals", "never-was"])
    await access.ensure_topics([TopicSpec("referrals", 1, {})])
    async with AIOKafkaConsumer(**_login(access.address, access.user, access.password)) as consumer:
        part = TopicPartition(access.prefix + "referrals", 0)
        assert await consumer.end_offsets([part]) == {part: 0}


@pytest.mark.parametrize("client", ["hub", "", "a.b", "A", "a*", "a" * 64, "-a", "a b", "tŷ"])
async def test_an_id_that_could_reach_into_anothers_rights_is_refused(client: str) -> None:
    with pytest.raises(ValueError):
        await KafkaAccess("127.0.0.1:1").ensure_user(client, "x")


async def test_a_kafka_that_is_not_there_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hub.security.kafka_access.LONGEST", 1.0)
    with pytest.raises(Unavailable, match="see that it runs"):
        await KafkaAccess("127.0.0.1:1").ensure_topics([TopicSpec("x", 1, {})])


async def test_a_login_without_rights_is_ours_to_mend(access: KafkaAccess) -> None:
    weak = KafkaAccess(access.address, "surgery", "prawf-1", access.prefix)
    with pytest.raises(Misconfigured, match="give the login in HUB_KAFKA"):
        await weak.ensure_topics([TopicSpec("mine", 1, {})])


def test_a_password_is_not_shown(tmp_path: Path) -> None:
    assert "canary" not in repr(KafkaAccess("127.0.0.1:1", "hub", "canary"))
