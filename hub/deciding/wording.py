"""Behind the explanation: one coded fact of a request or of a choice in Welsh and English."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from functools import lru_cache

from hub.deciding.wanted import Wanted
from hub.directory.entry import Entry
from schemas.codes.areas import authorities
from schemas.codes.needs import needs
from schemas.directory import CapacityState
from schemas.words import Text, text

say = lru_cache(maxsize=16_384)(text)
"""`text`, remembered: the same few thousand sentences are said again and again."""


def listed(words: Iterable[Text]) -> Text:
    """Several, one after the other."""
    found = tuple(words)
    return Text("; ".join(each.en for each in found), "; ".join(each.cy for each in found))


@lru_cache(maxsize=4096)
def need_words(codes: tuple[str, ...]) -> Text:
    """The labels of these needs."""
    return listed(needs()[code].label for code in codes)


@lru_cache(maxsize=1024)
def language_words(codes: tuple[str, ...]) -> Text:
    """The names of these languages; a code without a name is not said."""
    return listed(say(f"language.{code}") for code in codes)


@lru_cache(maxsize=4096)
def day_words(day: date) -> Text:
    """A day in full: 12 March 2026."""
    return text("explain.day", day=day.day, month=say(f"explain.month.{day.month}"), year=day.year)


def area_words(wanted: Wanted) -> Text:
    """Where the person lives, as far as it is known: authorities, when there is more than one or part lies outside Wales with their shares of all
    addresses of the district. (The weights of a place are shares of its addresses in Wales.)"""
    if not wanted.shares:
        return text("explain.area.unknown" if wanted.anywhere else "explain.area.outside")
    if max(wanted.shares.values()) >= 1:
        return authorities()[next(iter(wanted.shares))].name
    places = [(authorities()[code].name, weight) for code, weight in wanted.shares.items()]
    if wanted.in_wales < 0.995:
        places.append((text("explain.area.outside"), 1 - wanted.in_wales))
    parts = (say("explain.area.share", area=name, percent=min(99, max(1, round(100 * weight)))) for name, weight in places)
    return text("explain.area.uncertain", areas=listed(parts))


def served_words(entry: Entry, wanted: Wanted) -> Text:
    """Which of the person's possible areas an entry serves."""
    served = [code for code in wanted.shares if code in entry.authorities]
    return listed(authorities()[code].name for code in served) if served else text("explain.area.wales")


@lru_cache(maxsize=1024)
def ages_words(youngest: int | None, oldest: int | None) -> Text:
    """The ages that somebody takes."""
    if youngest is not None and oldest is not None:
        return text("explain.ages.between", min=youngest, max=oldest)
    if youngest is not None:
        return text("explain.ages.from", min=youngest)
    return text("explain.ages.to", max=oldest) if oldest is not None else text("explain.ages.any")


def capacity_words(entry: Entry, taken: int) -> Text:
    """Whether there is room, and how many places are free before this one is taken."""
    capacity = entry.row.capacity
    if capacity.state is CapacityState.CAPACITY and capacity.places is not None:
        return text("explain.capacity.free", free=capacity.places - taken, places=capacity.places)
    return text(f"explain.capacity.{capacity.state.value}")
