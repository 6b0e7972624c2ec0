"""In operations: what Kafka says of itself: whether topics are as declared, and how far each stage's group has read. Blocking; call it in a thread."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, OffsetSpec, ResourceType

from hub.errors import Unavailable
from hub.security.kafka_access import TopicSpec
from hub.transports.kafka import KafkaLogin

_FIRST, _PATIENCE, _TRIES, _PAUSE = 4.0, 8.0, 6, 0.4
_PASSING = frozenset(
    {
        KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE, KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
        KafkaError.COORDINATOR_NOT_AVAILABLE, KafkaError.NOT_COORDINATOR,
    }
)  # fmt: skip
"""What a broker says for a moment after a topic or a group was made."""


@dataclass(frozen=True, slots=True)
class Lag:
    """One group: records that it has not read, and whether anybody reads for it."""

    records: int
    members: int


@dataclass(frozen=True, slots=True)
class KafkaState:
    """`took`: seconds for the first answer; `wrong`: topics that are missing or not as declared; `lags` by stage."""

    took: float
    topics: int
    wrong: tuple[str, ...]
    lags: Mapping[str, Lag]


def kafka_state(login: KafkaLogin, expected: Sequence[TopicSpec], groups: Mapping[str, tuple[str, str]]) -> KafkaState:
    """Compare with `expected` (names without the prefix) and read the lag of `groups` (stage → group and topic). Raises Unavailable."""
    silent = logging.getLogger("hub.operations.kafka_checks.client")
    silent.disabled = True
    admin = AdminClient({**login.admin_settings(), "socket.timeout.ms": 5000}, logger=silent)
    for _ in range(_TRIES):
        try:
            return _asked(admin, login, expected, groups)
        except KafkaException as fault:
            if fault.args[0].code() not in _PASSING:
                raise Unavailable(f"Kafka does not answer ({fault.args[0].name()})") from None
        except TimeoutError:
            break
        time.sleep(_PAUSE)
    raise Unavailable("Kafka does not answer in time")


def _asked(admin: AdminClient, login: KafkaLogin, expected: Sequence[TopicSpec], groups: Mapping[str, tuple[str, str]]) -> KafkaState:
    started = time.monotonic()
    found = admin.list_topics(timeout=_FIRST).topics
    took = time.monotonic() - started
    wrong = _wrong(admin, login, expected, found)
    lags = {stage: _lag(admin, login.topic(group), login.topic(topic), found) for stage, (group, topic) in groups.items()}
    return KafkaState(took, len(expected), wrong, lags)


def _wrong(admin: AdminClient, login: KafkaLogin, expected: Sequence[TopicSpec], found: Mapping[str, Any]) -> tuple[str, ...]:  # Any: topic metadata
    """Names of topics that are missing, have fewer partitions, or another setting than was declared."""
    there = [one for one in expected if login.topic(one.name) in found]
    wrong = {one.name for one in expected if one not in there} | {one.name for one in there if len(found[login.topic(one.name)].partitions) < one.partitions}
    asked = {one.name: ConfigResource(ResourceType.TOPIC, login.topic(one.name)) for one in there}
    answers = admin.describe_configs(list(asked.values()), request_timeout=_PATIENCE) if asked else {}
    for one in there:
        held = answers[asked[one.name]].result(timeout=_PATIENCE)
        if any(name not in held or held[name].value != value for name, value in one.config.items()):
            wrong.add(one.name)
    return tuple(sorted(wrong))


def _lag(admin: AdminClient, group: str, topic: str, found: Mapping[str, Any]) -> Lag:  # Any: as above
    if topic not in found:
        return Lag(0, 0)
    partitions = [TopicPartition(topic, number) for number in found[topic].partitions]
    members = len(admin.describe_consumer_groups([group], request_timeout=_PATIENCE)[group].result(timeout=_PATIENCE).members)
    read = admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group)], request_timeout=_PATIENCE)[group].result(timeout=_PATIENCE)
    committed = {(one.topic, one.partition): one.offset for one in read.topic_partitions}
    latest, earliest = OffsetSpec.latest(), OffsetSpec.earliest()  # type: ignore[no-untyped-call]  # the library has no types here
    ends, begins = _offsets(admin, partitions, latest), _offsets(admin, partitions, earliest)
    behind = 0
    for number in found[topic].partitions:
        at = committed.get((topic, number), -1)
        behind += max(0, ends[number] - max(at, begins[number]))
    return Lag(behind, members)


def _offsets(admin: AdminClient, partitions: list[TopicPartition], which: OffsetSpec) -> dict[int, int]:
    answers = admin.list_offsets(dict.fromkeys(partitions, which), request_timeout=_PATIENCE)
    return {partition.partition: answer.result(timeout=_PATIENCE).offset for partition, answer in answers.items()}
