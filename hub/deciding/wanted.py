"""Made first in every decision: what a referral asks for and of whom, in the terms that a directory is written in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from types import MappingProxyType

from hub.deciding.triage import CLEAR, Triage
from hub.directory.entry import Point
from schemas.codes.areas import authorities
from schemas.codes.flags import Flag
from schemas.codes.languages import languages
from schemas.codes.needs import CONVERSATION, need_of
from schemas.place import Certainty, Place
from schemas.referral import Referral

_DAY = re.compile(r"[0-9]{4}(-[0-9]{2}){0,2}")
_NOBODY: Mapping[str, int] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Moment:
    """What is so when a decision is made, beside the referral itself.

    `now` has a time zone; `place` is that of the person's postcode; `taken` counts the places taken by prescriber and asset id (none is 0);
    `declined` are prescribers who declined this referral or kept silent; `triage` is CLEAR once a human released it; `died` that a death is
    known from elsewhere; `agreement` whether the sender's sharing agreement covers the prescriber service (None: not known); `all_exclusions`
    asks for everybody left out and not the near misses alone.
    """

    now: datetime
    place: Place
    taken: Mapping[str, int] = field(default_factory=lambda: _NOBODY)
    declined: frozenset[str] = frozenset()
    triage: Triage = CLEAR
    died: bool = False
    agreement: bool | None = None
    all_exclusions: bool = False

    def counting(self, taken: Mapping[str, int]) -> Moment:
        """The same moment with places counted anew for these ids, as they are found under the lock: decide again with it when the chosen
        one's place has gone, so that the record and its words are about who is really chosen."""
        return replace(self, taken={**self.taken, **taken})


@dataclass(frozen=True, slots=True)
class StatedNeed:
    """One need of the hub's list, and where in the referral it is stated (`needs[0]`; nowhere when a conversation is what is needed)."""

    code: str
    confidence: float
    because: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Wanted:
    """`codes` are the needs that somebody can be found for (not `conversation`). `ages` are the youngest and oldest that the birth date allows.

    `shares` are the authorities' shares of the place (addresses across the border count against them), `boards` their health boards;
    `anywhere` is that nothing at all is known of the place.
    """

    needs: tuple[StatedNeed, ...]
    codes: frozenset[str]
    language: str | None
    ages: tuple[int, int] | None
    source: str
    priority: str
    shares: Mapping[str, float]
    boards: frozenset[str]
    point: Point | None
    anywhere: bool
    today: date
    adjustments: bool
    shares_with_community: bool | None

    @property
    def in_wales(self) -> float:
        """How likely it is, from 0 to 1, that the place lies in Wales."""
        return sum(self.shares.values())


def wanted_of(referral: Referral, moment: Moment) -> Wanted:
    """What this referral asks for at this moment."""
    needs, place, today = stated_needs(referral), moment.place, moment.now.astimezone(UTC).date()
    known = place.certainty is Certainty.POSTCODE and place.latitude is not None and place.longitude is not None
    return Wanted(
        needs=needs,
        codes=frozenset(need.code for need in needs) - {CONVERSATION},
        language=next((code for code in (referral.person.language_spoken, referral.person.language_written) if code in languages()), None),
        ages=ages_on(referral.person.birth_date, today),
        source=referral.source.value,
        priority=referral.priority,
        shares={share.code: share.weight * place.share_in_wales for share in place.authorities if place.share_in_wales > 0},
        boards=frozenset(authorities()[share.code].board for share in place.authorities),
        point=Point.of(place.latitude or 0.0, place.longitude or 0.0) if known else None,
        anywhere=not place.authorities and place.country is None,
        today=today,
        adjustments=Flag.REASONABLE_ADJUSTMENT in referral.flags,
        shares_with_community=referral.consent.share_with_community,
    )


def stated_needs(referral: Referral) -> tuple[StatedNeed, ...]:
    """The needs that the sender coded, each once, in message order; a conversation when none of them is known."""
    found: dict[str, list[str]] = {}
    for index, need in enumerate(referral.needs):
        for code in need_of(need.system, need.code):
            found.setdefault(code, []).append(f"needs[{index}]")
    if not found:
        return (StatedNeed(CONVERSATION, 1.0, ()),)
    return tuple(StatedNeed(code, 1.0, tuple(because)) for code, because in found.items())


def ages_on(birth_date: str | None, today: date) -> tuple[int, int] | None:
    """The youngest and the oldest that somebody with this birth date (YYYY, YYYY-MM or YYYY-MM-DD) may be; None when it is not known or not
    yet come."""
    if not birth_date or not _DAY.fullmatch(birth_date):
        return None
    parts = tuple(int(part) for part in birth_date.split("-"))
    earliest = (*parts, 1, 1)[:3]
    if earliest > (today.year, today.month, today.day):
        return None
    latest = (*parts, 12, 31) if len(parts) == 1 else (*parts, 31)[:3]
    return _age(latest, today), _age(earliest, today)


def _age(born: tuple[int, ...], today: date) -> int:
    return max(0, today.year - born[0] - ((today.month, today.day) < (born[1], born[2])))
