"""In dispatch: what a recipient is told in words, Welsh and English: who contacts the person and by when, or plainly that nobody does. Pure.

No word of it comes from the person's own data.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from hub.dispatch.reading import Fact
from hub.recording import Clocks
from schemas.addressee import Reader
from schemas.events import FactType
from schemas.rejection import Reason
from schemas.task import Clock, Party
from schemas.words import Text, keys, text

_WALES = ZoneInfo("Europe/London")
_REASONS = frozenset(reason.value for reason in Reason)
_USUAL = {FactType.COMPLETED: Reason.GOALS_MET.value}
"""What a fact means that gives no reason of its own."""


@dataclass(frozen=True, slots=True)
class About:
    """What the words need of the referral: its reference, its priority, and whether the person is in hospital, where no day can be promised."""

    ref: str
    priority: str = "routine"
    inside: bool = False


def contact_by(fact: Fact, about: About, clocks: Clocks) -> datetime | None:
    """By when the person hears from the prescriber, counted from the fact; None where nobody has promised to contact them, and while they are
    in hospital: the clock of a first contact stands still until they are home."""
    priority = about.priority
    if about.inside:
        return None
    match fact.type:
        case FactType.ASSIGNED:
            return _after(_after(fact.time, Clock.ACCEPT, priority, clocks), Clock.FIRST_CONTACT, priority, clocks)
        case FactType.ACCEPTED:
            return _after(fact.time, Clock.FIRST_CONTACT, priority, clocks)
        case _:
            return None


def words(fact: Fact, reader: Party | Reader, about: About, prescriber: Text | None, clocks: Clocks) -> Text:
    """What this party, or this reader without a system, is told of the fact."""
    waits = Clock.CANCEL if fact.type is FactType.CANCEL_REQUESTED else Clock.ACCEPT
    return text(
        _key(fact, str(reader)),
        ref=about.ref,
        fact=text(f"fact.{fact.type.fact}"),
        prescriber=prescriber or text("notice.somebody"),
        reason=said_reason(fact.reason or _USUAL.get(fact.type)),
        answer=day(_after(fact.time, waits, about.priority, clocks)),
        when=_when(fact, reader, about, clocks),
        explanation=explanation(fact.payload) or Text("", ""),
    )


def _when(fact: Fact, reader: Party | Reader, about: About, clocks: Clocks) -> Text:
    if about.inside:
        return text("notice.when-home.person" if reader == "person" else "notice.when-home")
    return text("notice.when", day=day(contact_by(fact, about, clocks) or fact.time))


def day(moment: datetime) -> Text:
    """A day in words, as it is in Wales."""
    return _said_day(moment.astimezone(_WALES).date())


@lru_cache(maxsize=512)
def _said_day(on: date) -> Text:
    return text("notice.date", weekday=text(f"notice.weekday.{on.weekday()}"), day=on.day, month=text(f"notice.month.{on.month}"), year=on.year)


def day_of(moment: datetime) -> str:
    """The same day as a date, `2026-03-02`."""
    return moment.astimezone(_WALES).date().isoformat()


def said_reason(code: str | None) -> Text:
    """The words of a reason, or that none was given."""
    return text(f"reason.{code}") if code in _REASONS else text("notice.no-reason")


def explanation(payload: bytes) -> Text | None:
    """Why this prescriber was chosen: the Communication in the assignment's own payload."""
    for entry in orjson.loads(payload).get("entry", ()) if payload else ():
        resource = entry.get("resource", {})
        if resource.get("resourceType") == "Communication":
            said = resource["payload"][0]
            return Text(said["contentString"], _welsh(said.get("_contentString") or {}) or said["contentString"])
    return None


def _welsh(beside: dict[str, Any]) -> str | None:  # Any: FHIR JSON
    for extension in beside.get("extension", ()):
        said = {one.get("url"): one.get("valueCode") or one.get("valueString") for one in extension.get("extension", ())}
        if said.get("lang") == "cy":
            return str(said.get("content"))
    return None


def _key(fact: Fact, reader: str) -> str:
    if fact.type is FactType.HELD and reader in tuple(Party):
        wanted, other = f"notice.held.{fact.reason}", "notice.held.other"
    else:
        wanted, other = f"notice.{reader}.{fact.type.fact}", f"notice.{reader}.other"
    return wanted if wanted in keys() else other


def _after(moment: datetime, clock: Clock, priority: str, clocks: Clocks) -> datetime:
    return moment + timedelta(seconds=clocks.seconds(clock, priority, moment))
