"""Given to every stage: how long each wait may last under a policy, in seconds from a moment."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from hub.deciding.deadlines import due
from hub.deciding.policy import Policy
from schemas.task import Clock


@dataclass(frozen=True, slots=True)
class PolicyClocks:
    """The clocks of one policy."""

    policy: Policy

    @property
    def alert_seconds(self) -> int:
        """How soon a human is told of a held referral."""
        return self.policy.rules.alert_minutes * 60

    def seconds(self, clock: Clock, priority: str, now: datetime) -> int:
        """Seconds from `now` (with an offset) until `clock` has run out for that priority; at least 1."""
        return max(1, int((due(self.policy, clock, priority, now) - now).total_seconds()))
