"""In publishing: which topics the stages read, and under which consumer groups, as their brokers declare it; nothing is connected to."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import version
from typing import Any

from faststream.kafka import KafkaBroker

from hub.consuming import Consumer, attach, new_broker
from hub.dispatch import STAGE as DISPATCH
from hub.intake.from_clients import GROUP as UPDATES
from hub.routing.stage import STAGE as ROUTING
from hub.transports.kafka import KafkaLogin
from schemas.asyncapi import Declared, document
from schemas.topics import FROM_CLIENT, REFERRALS

_NOWHERE = KafkaLogin(("localhost:9092",))


def declared() -> tuple[Declared, ...]:
    """Routing and dispatch as `hub.app` declares them on their brokers, and intake, which joins a topic of each client as clients come."""
    brokers = [(stage, _broker(stage)) for stage in (ROUTING, DISPATCH)]
    return (*(one for stage, broker in brokers for one in read(stage, broker)), Declared("intake", FROM_CLIENT.name, f"^{UPDATES}$"))


def read(stage: str, broker: KafkaBroker, prefix: str = "") -> Iterable[Declared]:
    """What a broker's subscribers declare; the epoch of Kafka in a group's name becomes a pattern, `prefix` is left out."""
    subscribers: Iterable[Any] = broker.subscribers  # Any: a Kafka subscriber's own attributes are not in FastStream's common type
    for subscriber in subscribers:
        for topic in subscriber.topics:
            group = str(subscriber.group_id).removeprefix(prefix).rpartition("-e")
            yield Declared(stage, str(topic.name).removeprefix(prefix), f"^{group[0]}-e[0-9]+$")


def asyncapi() -> str:
    """The AsyncAPI document of this version."""
    return document(declared(), version("referral-hub"))


def _broker(stage: str) -> KafkaBroker:
    broker = new_broker(_NOWHERE)
    nothing: Any = None  # Any: a declaration needs neither ledger nor stage
    attach(broker, Consumer(stage, REFERRALS.name, nothing, nothing), _NOWHERE, group=f"{stage}-e1")
    return broker
