"""In a decision, before any score: who is left out, and by which rule. Unknown is not false: what is not stated leaves nobody out; only an
age that is not known is not guessed to be a young or an old one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from hub.deciding.policy import Limits, Policy
from hub.deciding.wanted import Moment, Wanted
from hub.directory.entry import Entry
from schemas.codes.areas import authorities
from schemas.directory import CapacityState
from schemas.rejection import Reason

_ADULT = 18  # years; a person of unknown age is taken for an adult, and for nothing narrower
Measure = str | int | float | bool | list[str] | None


@dataclass(frozen=True, slots=True)
class Exclusion:
    """One rule that somebody fails: what it asks (`limit`) and what is so (`actual`), as codes, dates, days, years or kilometres."""

    reason: Reason
    limit: Measure = None
    actual: Measure = None


Rule = Callable[[Entry, Wanted, Moment, Limits], Exclusion | None]


def exclusions(entry: Entry, wanted: Wanted, moment: Moment, policy: Policy) -> tuple[Exclusion, ...]:
    """Every rule that this entry fails for this referral; empty when it may be chosen."""
    limits = policy.rules.limits
    found = [rule(entry, wanted, moment, limits) for rule in _RULES[entry.kind]]
    return tuple([one for one in found if one is not None])


def share_of(entry: Entry, wanted: Wanted) -> float:
    """The share of the person's place that lies in an entry's areas, 0 to 1."""
    if not wanted.shares:
        return 1.0 if wanted.anywhere and len(entry.authorities) == len(authorities()) else 0.0
    return min(1.0, sum(weight for code, weight in wanted.shares.items() if code in entry.authorities))


def km_to(entry: Entry, wanted: Wanted) -> float | None:
    """Kilometres to the nearest spot of an asset, to a hundred metres; None unless the person's full postcode is known."""
    if wanted.point is None or not entry.points:
        return None
    point = wanted.point
    return round(min(point.km_to(spot) for spot in entry.points), 1)


def reach_of(entry: Entry, limits: Limits) -> float:
    """How many kilometres people come to an asset."""
    return entry.asset.reach_km or limits.asset_km


def _status(entry: Entry, _wanted: Wanted, _moment: Moment, _limits: Limits) -> Exclusion | None:
    return Exclusion(Reason.CLOSED, "active", entry.row.status) if entry.row.status != "active" else None


def _expiry(entry: Entry, wanted: Wanted, _moment: Moment, _limits: Limits) -> Exclusion | None:
    if entry.valid_to >= wanted.today:
        return None
    return Exclusion(Reason.EXPIRED, entry.valid_to.isoformat(), wanted.today.isoformat())


def _area(entry: Entry, wanted: Wanted, _moment: Moment, limits: Limits) -> Exclusion | None:
    if entry.kind == "asset" and not entry.authorities and not wanted.anywhere:
        return None
    if share_of(entry, wanted) >= limits.area_share:
        return None
    return Exclusion(Reason.AREA, sorted(entry.row.areas), sorted(wanted.shares) or None)


def _distance(entry: Entry, wanted: Wanted, _moment: Moment, limits: Limits) -> Exclusion | None:
    if entry.remote or (km := km_to(entry, wanted)) is None:
        return None
    reach = reach_of(entry, limits)
    return Exclusion(Reason.DISTANCE, reach, km) if km > reach else None


def _need(entry: Entry, wanted: Wanted, _moment: Moment, _limits: Limits) -> Exclusion | None:
    if not entry.needs or (entry.kind == "prescriber" and not wanted.codes) or entry.needs & wanted.codes:
        return None
    return Exclusion(Reason.NEED, sorted(need.code for need in wanted.needs), sorted(entry.needs))


def _age(entry: Entry, wanted: Wanted, _moment: Moment, _limits: Limits) -> Exclusion | None:
    """Of an unknown age, only those who take every age or every adult."""
    ages = entry.row.age
    if wanted.ages is None:
        limit = ages.max if ages.max is not None else ages.min
        return None if ages.max is None and (limit or 0) <= _ADULT else Exclusion(Reason.AGE, limit, None)
    youngest, oldest = wanted.ages
    if ages.min is not None and oldest < ages.min:
        return Exclusion(Reason.AGE, ages.min, oldest)
    if ages.max is not None and youngest > ages.max:
        return Exclusion(Reason.AGE, ages.max, youngest)
    return None


def _language(entry: Entry, wanted: Wanted, _moment: Moment, _limits: Limits) -> Exclusion | None:
    """Out only where neither the person's language nor English is spoken; a Welsh speaker offered English is scored down and told."""
    if wanted.language is None or not entry.languages or entry.languages & {wanted.language, "en"}:
        return None
    return Exclusion(Reason.LANGUAGE, wanted.language, sorted(entry.languages))


def _source(entry: Entry, wanted: Wanted, _moment: Moment, _limits: Limits) -> Exclusion | None:
    if not entry.sources or wanted.source in entry.sources:
        return None
    return Exclusion(Reason.SOURCE, sorted(entry.sources), wanted.source)


def _capacity(entry: Entry, _wanted: Wanted, moment: Moment, _limits: Limits) -> Exclusion | None:
    capacity = entry.row.capacity
    if capacity.state is CapacityState.NO_CAPACITY:
        return Exclusion(Reason.CAPACITY, CapacityState.CAPACITY.value, capacity.state.value)
    taken = moment.taken.get(entry.id, 0)
    return Exclusion(Reason.CAPACITY, capacity.places, taken) if capacity.places is not None and taken >= capacity.places else None


def _declined(entry: Entry, _wanted: Wanted, moment: Moment, _limits: Limits) -> Exclusion | None:
    return Exclusion(Reason.DECLINED_BEFORE) if entry.id in moment.declined else None


def _verification(entry: Entry, wanted: Wanted, _moment: Moment, limits: Limits) -> Exclusion | None:
    if entry.row.verified_on is None or (days := (wanted.today - entry.row.verified_on).days) <= limits.asset_unverified_days:
        return None
    return Exclusion(Reason.UNVERIFIED, limits.asset_unverified_days, days)


def _consent(entry: Entry, wanted: Wanted, _moment: Moment, _limits: Limits) -> Exclusion | None:
    """The person said no to groups being told: what remains is what they may be told of themselves."""
    if wanted.shares_with_community is not False or entry.asset.tier == "signposting":
        return None
    return Exclusion(Reason.CONSENT, "signposting", entry.asset.tier)


_RULES: dict[str, tuple[Rule, ...]] = {
    "prescriber": (_status, _expiry, _area, _need, _age, _language, _source, _capacity, _declined),
    "asset": (_status, _expiry, _area, _distance, _need, _age, _language, _source, _capacity, _verification, _consent),
}
