"""Asked by routing and watch: by when something must have happened, by the policy's clocks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hub.deciding.policy import Policy, Term
from schemas.task import Clock


def due(policy: Policy, clock: Clock, priority: str, since: datetime) -> datetime:
    """When a clock that started at `since` runs out for a referral of this priority."""
    return _after(policy.rules.clocks[clock].of(priority), since, policy)


def alert_due(policy: Policy, since: datetime) -> datetime:
    """When a human must have been told of a referral held at `since`."""
    return since + timedelta(minutes=policy.rules.alert_minutes)


def working_days_after(since: datetime, days: int, policy: Policy) -> datetime:
    """The same time of day so many working days later (UTC days); what starts on a day off starts at the next working day's midnight."""
    moment = since.astimezone(UTC)
    while not _working(moment, policy):
        moment = (moment + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    for _ in range(days):
        moment += timedelta(days=1)
        while not _working(moment, policy):
            moment += timedelta(days=1)
    return moment


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
