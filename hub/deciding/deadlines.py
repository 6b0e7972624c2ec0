"""Asked by routing and watch: by when something must have happened, by the policy's clocks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hub.deciding.policy import UNLESS_SAID, Policy, Term
from schemas.task import Clock

WALES = ZoneInfo("Europe/London")


def due(policy: Policy, clock: Clock, priority: str, since: datetime) -> datetime:
    """When a clock that started at `since` runs out for a referral of this priority."""
    return _after((policy.rules.clocks.get(clock) or UNLESS_SAID[clock]).of(priority), since, policy)


def alert_due(policy: Policy, since: datetime) -> datetime:
    """When a human must have been told of a referral held at `since`."""
    return since + timedelta(minutes=policy.rules.alert_minutes)


def working_days_after(since: datetime, days: int, policy: Policy) -> datetime:
    """The same time of day so many working days later, in Welsh local time (also over a change of the clocks); what starts on a day off
    has until the end of that many working days."""
    moment, counted = since.astimezone(WALES), 0
    from_day_off = not _working(moment, policy)
    while counted < days:
        moment += timedelta(days=1)
        counted += _working(moment, policy)
    return (moment.replace(hour=23, minute=59, second=59, microsecond=0) if from_day_off else moment).astimezone(UTC)


def _after(term: Term, since: datetime, policy: Policy) -> datetime:
    match term.unit:
        case "minutes":
            return since + timedelta(minutes=term.length)
        case "hours":
            return since + timedelta(hours=term.length)
        case "working-days":
            return working_days_after(since, term.length, policy)


def _working(moment: datetime, policy: Policy) -> bool:
    return moment.weekday() < 5 and moment.date() not in policy.rules.holidays
