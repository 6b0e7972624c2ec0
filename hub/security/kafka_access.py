"""Beside the flow: who may connect to Kafka, which topics there are and who may read or write each; administration, never a message.

confluent-kafka's AdminClient does it because aiokafka can neither make SCRAM users nor access rules. Its calls wait in a thread.
Everything may be repeated: a second call with the same arguments changes nothing.
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import ParamSpec

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialDeletion,
    UserScramCredentialUpsertion,
)

from hub.errors import Misconfigured, Unavailable

LONGEST = 20.0
_ITERATIONS = 8192
_CLIENT = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_AGAIN = frozenset({KafkaError.REQUEST_TIMED_OUT, KafkaError._TIMED_OUT, KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN})
P = ParamSpec("P")


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """A topic as it shall be: its name without the prefix, its partitions (never fewer than there are), every setting by Kafka's name."""

    name: str
    partitions: int
    config: Mapping[str, str]


@dataclass(slots=True)
class KafkaAccess:
    """Administration of one Kafka with the hub's own login; `prefix` stands before every topic and group name.

    Every method raises Unavailable when Kafka does not answer, Misconfigured when it refuses the hub's login or rights.
    """

    address: str
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    prefix: str = ""
    _client: AdminClient | None = field(default=None, init=False, repr=False)

    async def ensure_topics(self, topics: Sequence[TopicSpec]) -> None:
        """Each topic exists with these settings and at least these partitions, and each partition has a leader."""
        await asyncio.to_thread(_named, self._ensure_topics, topics)

    async def delete_topics(self, names: Sequence[str]) -> None:
        """None of these topics exists, nor any of their records; a missing one is no error."""
        await asyncio.to_thread(_named, self._delete_topics, names)

    async def ensure_user(self, client_id: str, password: str) -> None:
        """This client may connect with this password, and with no earlier one."""
        change = UserScramCredentialUpsertion(_checked(client_id), ScramCredentialInfo(ScramMechanism.SCRAM_SHA_256, _ITERATIONS), password.encode())
        await asyncio.to_thread(_named, self._alter, [change], frozenset[int]())

    async def grant_client(self, client_id: str, also_reads: Sequence[str] = ()) -> None:
        """It may read `to.<client>` and `also_reads`, write `from.<client>`, and use groups that begin with `<client>.`; nothing else."""
        await asyncio.to_thread(_named, self._grant, _rights(self.prefix, _checked(client_id), also_reads))

    async def revoke_client(self, client_id: str) -> None:
        """Every right and the password are gone: an open connection can do nothing more, a new one is refused. Its topics stay."""
        await asyncio.to_thread(_named, self._revoke, _checked(client_id))

    def _admin(self) -> AdminClient:
        if self._client is None:
            login: dict[str, str | int | float | bool] = {"bootstrap.servers": self.address}
            if self.user is not None:
                login |= {"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "SCRAM-SHA-256"}
                login |= {"sasl.username": self.user, "sasl.password": self.password or ""}
            silent = logging.getLogger("hub.security.kafka_access.client")
            silent.disabled = True
            self._client = AdminClient(login, logger=silent)
        return self._client

    def _ensure_topics(self, topics: Sequence[TopicSpec]) -> None:
        wanted = [NewTopic(self.prefix + topic.name, topic.partitions, 1, config=dict(topic.config)) for topic in topics]
        if not wanted:
            return
        made = self._admin().create_topics(wanted, operation_timeout=LONGEST, request_timeout=LONGEST)
        there = [topic for topic in topics if not _done(made[self.prefix + topic.name], {KafkaError.TOPIC_ALREADY_EXISTS})]
        self._await_leaders({self.prefix + topic.name for topic in topics})
        self._adjust(there)

    def _adjust(self, topics: Sequence[TopicSpec]) -> None:
        """Settings and partitions of topics that were there already. A broker may list what it was just told a moment late: no increase is no fault."""
        if not topics:
            return
        self._settle(self._admin().incremental_alter_configs([_settings(self.prefix, topic) for topic in topics]).values())
        found = self._admin().list_topics(timeout=LONGEST).topics
        more = [topic for topic in topics if len(found[self.prefix + topic.name].partitions) < topic.partitions]
        if more:
            raised = self._admin().create_partitions([NewPartitions(self.prefix + topic.name, topic.partitions) for topic in more])
            self._settle(raised.values(), {KafkaError.INVALID_PARTITIONS})
            self._await_leaders({self.prefix + topic.name for topic in more})

    def _await_leaders(self, names: set[str]) -> None:
        until = time.monotonic() + LONGEST
        while time.monotonic() < until:
            found = self._admin().list_topics(timeout=LONGEST).topics
            parts = [part for name in names if name in found for part in found[name].partitions.values()]
            if names <= found.keys() and all(part.leader >= 0 for part in parts):
                return
            time.sleep(0.05)
        raise Unavailable("Kafka made the topics and no broker leads them yet: see that its brokers run.")

    def _delete_topics(self, names: Sequence[str]) -> None:
        if names:
            gone = self._admin().delete_topics([self.prefix + name for name in names], operation_timeout=LONGEST, request_timeout=LONGEST)
            self._settle(gone.values(), {KafkaError.UNKNOWN_TOPIC_OR_PART})

    def _alter(self, changes: Sequence[UserScramCredentialUpsertion | UserScramCredentialDeletion], harmless: frozenset[int]) -> None:
        self._settle(self._admin().alter_user_scram_credentials(list(changes), request_timeout=LONGEST).values(), harmless)

    def _grant(self, rights: Sequence[AclBinding]) -> None:
        self._settle(self._admin().create_acls(list(rights), request_timeout=LONGEST).values())

    def _revoke(self, client_id: str) -> None:
        whose, right = f"User:{client_id}", (AclOperation.ANY, AclPermissionType.ALLOW)
        every = AclBindingFilter(ResourceType.ANY, None, ResourcePatternType.ANY, whose, None, *right)  # type: ignore[arg-type] # None is any
        self._settle(self._admin().delete_acls([every], request_timeout=LONGEST).values())
        self._alter([UserScramCredentialDeletion(client_id, ScramMechanism.SCRAM_SHA_256)], frozenset({KafkaError.RESOURCE_NOT_FOUND}))

    def _settle(self, futures: Iterable[Future[object]], harmless: Iterable[int] = ()) -> None:
        for future in futures:
            _done(future, frozenset(harmless))


def _rights(prefix: str, client_id: str, also_reads: Sequence[str]) -> list[AclBinding]:
    reads = [f"{prefix}to.{client_id}", *(prefix + name for name in also_reads)]
    rows = [
        *((ResourceType.TOPIC, name, ResourcePatternType.LITERAL, AclOperation.READ) for name in reads),
        *((ResourceType.TOPIC, name, ResourcePatternType.LITERAL, AclOperation.DESCRIBE) for name in reads),
        (ResourceType.TOPIC, f"{prefix}from.{client_id}", ResourcePatternType.LITERAL, AclOperation.WRITE),
        (ResourceType.TOPIC, f"{prefix}from.{client_id}", ResourcePatternType.LITERAL, AclOperation.DESCRIBE),
        (ResourceType.GROUP, f"{prefix}{client_id}.", ResourcePatternType.PREFIXED, AclOperation.READ),
        (ResourceType.GROUP, f"{prefix}{client_id}.", ResourcePatternType.PREFIXED, AclOperation.DESCRIBE),
    ]
    return [AclBinding(kind, name, pattern, f"User:{client_id}", "*", right, AclPermissionType.ALLOW) for kind, name, pattern, right in rows]


def _settings(prefix: str, topic: TopicSpec) -> ConfigResource:
    entries = [ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET) for name, value in sorted(topic.config.items())]
    return ConfigResource(ConfigResource.Type.TOPIC, prefix + topic.name, incremental_configs=entries)


def _checked(client_id: str) -> str:
    """Raises ValueError for an id with which one client's group prefix or user name could reach into another's."""
    if client_id == "hub" or not _CLIENT.fullmatch(client_id):
        raise ValueError("a client's id is 1 to 63 lower-case letters, digits and hyphens, and not the hub's own")
    return client_id


def _done(future: Future[object], harmless: Iterable[int]) -> bool:
    """Whether it was done now; False when it failed in one of the harmless ways."""
    try:
        future.result(timeout=LONGEST * 2)
    except KafkaException as error:
        if error.args[0].code() not in harmless:
            raise
        return False
    return True


def _named(call: Callable[P, None], *arguments: P.args, **more: P.kwargs) -> None:
    """One call to Kafka, its failure told apart by what happens next."""
    try:
        call(*arguments, **more)
    except TimeoutError as error:
        raise Unavailable("Kafka did not answer in time: see that it runs; the hub tries again.") from error
    except KafkaException as error:
        found: KafkaError = error.args[0]
        if found.code() in _AGAIN or found.retriable():
            raise Unavailable(f"Kafka did not do as asked ({found.name()}): see that it runs; the hub tries again.") from error
        raise Misconfigured(f"Kafka refused the hub ({found.name()}): give the login in HUB_KAFKA the rights of a super user.") from error
