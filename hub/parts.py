"""Beside the flow: what the stages of one process share, put together by the composition root."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from hub.deciding.policy import Policy
from hub.ledger.commit import Ledger
from hub.ledger.sealing import Sealing
from hub.ledger.waking import Notifier
from hub.places import Places
from hub.registry import Registry
from hub.security.clients import Clients
from hub.settings import Settings
from hub.transports.kafka import KafkaLogin


@dataclass(frozen=True, slots=True)
class Hub:
    """Everything that stages share in one process. `doors` say whether each door still takes messages (readiness)."""

    settings: Settings
    dsn: str
    access: KafkaLogin
    sealing: Sealing
    ledger: Ledger
    clients: Clients
    policy: Policy
    places: Places
    registry: Registry
    notifier: Notifier
    doors: list[Callable[[], bool]] = field(default_factory=list)
