"""Given to every stage: how long each wait may last under a policy, in seconds from a moment; working days are Welsh ones, in local time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from hub.deciding.policy import Policy, Term
from schemas.task import Clock

_WALES = ZoneInfo("Europe/London")


@dataclass(frozen=True, slots=True)
class PolicyClocks:
    """The clocks of one policy."""

    policy: Policy

    @property
    def alert_seconds(self) -> int:
        """How soon a human is told of a held referral."""
        return self.policy.rules.alert_minutes * 60

    def seconds(self, clock: Clock, priority: str, now: datetime) -> int:
        """Seconds from `now` (with an offset) until `clock` has run out for that priority."""
        return max(1, int((self.due(clock, priority, now) - now).total_seconds()))

    def due(self, clock: Clock, priority: str, now: datetime) -> datetime:
        """The moment at which `clock` has run out: the same time of day after so many working days, across a change of the hour too."""
        term: Term = self.policy.rules.clocks[clock].of(priority)
        if term.unit != "working-days":
            return now + timedelta(**{term.unit: term.length})
        local, left = now.astimezone(_WALES), term.length
        while left:
            local += timedelta(days=1)
            left -= local.weekday() < 5 and local.date() not in self.policy.rules.holidays
        return local.astimezone(now.tzinfo)
