"""In a decision, among those who may be chosen: how well each fits, as parts between 0 and 1 whose weights are the policy's."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from hub.deciding.eligibility import km_to, reach_of, share_of
from hub.deciding.policy import Limits, Policy
from hub.deciding.wanted import Moment, Wanted
from hub.directory.entry import Entry
from schemas.directory import CapacityState

UNKNOWN = 0.5
_STATES = {CapacityState.ASSESSMENT: 0.5, CapacityState.WAITLIST: 0.25, CapacityState.NO_CAPACITY: 0.0}
_COSTS = {"free": 1.0, "unknown": UNKNOWN, "paid": 0.3}
_EASY = frozenset({"step-free", "accessible-toilet", "bus-route", "transport-offered"})


@dataclass(frozen=True, slots=True)
class Contribution:
    """One part of a score: a value between 0 and 1, and its weight."""

    part: str
    value: float
    weight: float


@dataclass(frozen=True, slots=True)
class Candidate:
    """Somebody who may be chosen. `score` is the sum of value x weight to 1e-6; `rank` counts from 1 among its kind."""

    entry: Entry
    score: float
    distance_km: float | None
    contributions: tuple[Contribution, ...]
    rank: int = 0


Part = Callable[[Entry, Wanted, Moment, Limits], float]


def ranked(entries: Iterable[Entry], wanted: Wanted, moment: Moment, policy: Policy) -> tuple[Candidate, ...]:
    """Best first: by score, then by id, bytewise."""
    scored = sorted((_score(entry, wanted, moment, policy) for entry in entries), key=lambda each: (-each.score, each.entry.id.encode()))
    return tuple(Candidate(each.entry, each.score, each.distance_km, each.contributions, rank) for rank, each in enumerate(scored, start=1))


def _score(entry: Entry, wanted: Wanted, moment: Moment, policy: Policy) -> Candidate:
    weights = policy.prescriber_weights if entry.kind == "prescriber" else policy.asset_weights
    limits = policy.rules.limits
    parts = tuple(Contribution(part, round(PARTS[part](entry, wanted, moment, limits), 6), weight) for part, weight in weights.items())
    return Candidate(entry, round(sum(each.value * each.weight for each in parts), 6), km_to(entry, wanted), parts)


def speaks(entry: Entry, wanted: Wanted) -> bool | None:
    """Whether the person's language is spoken there; None when either is not stated."""
    if wanted.language is None or not entry.languages:
        return None
    return wanted.language in entry.languages


def _language(entry: Entry, wanted: Wanted, _moment: Moment, _limits: Limits) -> float:
    """With no language stated, an offer in both Welsh and English is the best one (the active offer)."""
    if wanted.language is None and entry.languages:
        return 1.0 if {"cy", "en"} <= entry.languages else 0.85
    spoken = speaks(entry, wanted)
    return UNKNOWN if spoken is None else float(spoken)


def _area(entry: Entry, wanted: Wanted, _moment: Moment, _limits: Limits) -> float:
    return share_of(entry, wanted)


def _need(entry: Entry, wanted: Wanted, _moment: Moment, _limits: Limits) -> float:
    """The share of the needs that is met; for an asset also how much of what it does is what is asked."""
    if not wanted.codes:
        return 1.0 if not entry.needs or "conversation" in entry.needs else UNKNOWN
    if not entry.needs:
        return 1.0
    met = len(entry.needs & wanted.codes)
    covered = met / len(wanted.codes)
    return covered if entry.kind == "prescriber" else 0.7 * covered + 0.3 * met / len(entry.needs)


def _capacity(entry: Entry, _wanted: Wanted, moment: Moment, _limits: Limits) -> float:
    capacity = entry.row.capacity
    if capacity.state is not CapacityState.CAPACITY:
        return _STATES[capacity.state]
    if capacity.places is None:
        return 0.8
    return 0.6 + 0.4 * (capacity.places - moment.taken.get(entry.id, 0)) / max(1, capacity.places)


def _wait(entry: Entry, wanted: Wanted, _moment: Moment, limits: Limits) -> float:
    days = entry.prescriber.first_contact_days
    if days is None:
        return UNKNOWN
    return max(0.0, 1 - days / limits.wait_days.get(wanted.priority, limits.wait_days["routine"]))


def _freshness(entry: Entry, wanted: Wanted, _moment: Moment, limits: Limits) -> float:
    if entry.row.verified_on is None:
        return 0.0
    return min(1.0, max(0.0, 1 - (wanted.today - entry.row.verified_on).days / limits.stale_days))


def _age(entry: Entry, wanted: Wanted, _moment: Moment, _limits: Limits) -> float:
    """Somebody for just these ages fits better than somebody for everybody."""
    ages = entry.row.age
    if ages.min is None and ages.max is None:
        return 0.7
    if wanted.ages is None:
        return 0.6
    return 1.0 if ages.max is not None and ages.max - (ages.min or 0) <= 30 else 0.8


def _distance(entry: Entry, wanted: Wanted, _moment: Moment, limits: Limits) -> float:
    km = km_to(entry, wanted)
    if entry.remote and (km is None or km > reach_of(entry, limits)):
        return 0.6
    if km is None:
        return UNKNOWN * share_of(entry, wanted)
    return max(0.0, 1 - km / reach_of(entry, limits))


def _access(entry: Entry, wanted: Wanted, _moment: Moment, _limits: Limits) -> float:
    easy = len(_EASY & set(entry.row.access)) / len(_EASY)
    return easy if wanted.adjustments else 0.5 + 0.5 * easy


def _cost(entry: Entry, _wanted: Wanted, _moment: Moment, _limits: Limits) -> float:
    return _COSTS[entry.asset.cost]


PARTS: dict[str, Part] = {
    "language": _language, "area": _area, "need": _need, "capacity": _capacity, "wait": _wait, "freshness": _freshness, "age": _age,
    "distance": _distance, "access": _access, "cost": _cost,
}  # fmt: skip
"""The parts that a policy may weigh. `wait` is a prescriber's alone; `distance`, `access` and `cost` an asset's."""
