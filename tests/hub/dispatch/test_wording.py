"""The words of every notice: there for each fact and party that the language names, in both languages, with days as people say them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from hub.dispatch.reading import Fact
from hub.dispatch.wording import About, contact_by, day, explanation, said_reason, words
from schemas.events import FactType
from schemas.lifecycle import MOVES
from schemas.rejection import EFFECTS, Effect, Reason
from schemas.task import Party
from schemas.words import Text
from tests.hub.making import clocks

MONDAY = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
NAME = Text("Wellbeing Service", "Gwasanaeth Lles")
TOLD = [(fact, party) for fact, move in MOVES.items() for party in sorted(move.tells & {Party.REFERRER, Party.PRESCRIBER})]


def fact(type_: FactType, reason: str | None = None, payload: bytes = b"") -> Fact:
    return Fact(UUID(int=1), UUID(int=2), 2, type_, MONDAY, frozenset(), reason, payload=payload)


@pytest.mark.parametrize(("type_", "party"), TOLD, ids=lambda value: str(getattr(value, "fact", value)))
def test_every_party_that_is_told_of_a_fact_is_told_in_both_languages(type_: FactType, party: Party) -> None:
    said = words(fact(type_), party, About("KXY4E7S4EES4"), NAME, clocks())
    assert said.en != said.cy
    assert "{" not in said.en + said.cy
    assert len(said.en.split()) > 4


@pytest.mark.parametrize("reason", [reason for reason, effect in EFFECTS.items() if effect is Effect.HOLDS])
def test_every_hold_says_first_that_nothing_was_sent(reason: Reason) -> None:
    said = words(fact(FactType.HELD, reason.value), Party.REFERRER, About("KXY4E7S4EES4"), None, clocks())
    assert said.en.startswith("Nothing has been sent on")
    assert said.cy.startswith("Nid oes dim wedi'i anfon ymlaen")


DAYS = [
    # a moment; the day in Wales, in English and Welsh
    (datetime(2026, 3, 2, 9, 30, tzinfo=UTC), "Monday 2 March 2026", "dydd Llun 2 Mawrth 2026"),
    (datetime(2026, 7, 31, 23, 30, tzinfo=UTC), "Saturday 1 August 2026", "dydd Sadwrn 1 Awst 2026"),  # summer time: the next day already
    (datetime(2026, 12, 25, 0, 0, tzinfo=UTC), "Friday 25 December 2026", "dydd Gwener 25 Rhagfyr 2026"),
]


@pytest.mark.parametrize(("moment", "english", "welsh"), DAYS)
def test_a_day_is_said_as_it_is_in_wales(moment: datetime, english: str, welsh: str) -> None:
    assert day(moment) == Text(english, welsh)


def test_who_was_assigned_contacts_the_person_after_they_had_time_to_accept() -> None:
    assigned, accepted = (contact_by(fact(one), About("KXY4E7S4EES4"), clocks()) for one in (FactType.ASSIGNED, FactType.ACCEPTED))
    assert assigned is not None
    assert accepted is not None
    assert MONDAY < accepted < assigned
    assert contact_by(fact(FactType.DECLINED), About("KXY4E7S4EES4"), clocks()) is None


def test_an_urgent_referral_is_promised_sooner() -> None:
    urgent, routine = (contact_by(fact(FactType.ASSIGNED), About("KXY4E7S4EES4", priority), clocks()) for priority in ("urgent", "routine"))
    assert urgent is not None
    assert routine is not None
    assert urgent < routine


@pytest.mark.parametrize("type_", [FactType.ASSIGNED, FactType.ACCEPTED])
@pytest.mark.parametrize("reader", ["referrer", "prescriber", "person", "professional"])
def test_no_day_is_promised_while_the_person_is_in_hospital(type_: FactType, reader: Any) -> None:
    inside = About("KXY4E7S4EES4", inside=True)
    said = words(fact(type_), reader, inside, NAME, clocks())
    due = contact_by(fact(type_), About("KXY4E7S4EES4"), clocks())
    assert due is not None
    assert contact_by(fact(type_), inside, clocks()) is None
    assert day(due).en not in said.en
    assert day(due).cy not in said.cy
    if (type_, reader) != (FactType.ACCEPTED, "prescriber"):  # who accepted is told nothing of it
        assert "home from hospital" in said.en
        assert "gartref o'r ysbyty" in said.cy


REASONS = [
    # a code; what is said
    ("at-capacity", "There is no room for another person at present."),
    (None, "No reason was given."),
    ("something-new", "No reason was given."),  # a code that we do not know is not shown
]


@pytest.mark.parametrize(("code", "english"), REASONS)
def test_a_reason_is_said_in_words(code: str | None, english: str) -> None:
    assert said_reason(code).en == english


PAYLOADS = [
    # an assignment's payload; its explanation
    (b"", None),
    (b'{"resourceType":"Bundle"}', None),
    (b'{"entry":[{"resource":{"resourceType":"Communication","payload":[{"contentString":"Why."}]}}]}', Text("Why.", "Why.")),
]


@pytest.mark.parametrize(("payload", "found"), PAYLOADS)
def test_an_explanation_is_read_where_there_is_one(payload: bytes, found: Text | None) -> None:
    assert explanation(payload) == found
