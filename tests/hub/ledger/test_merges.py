"""A person who was merged into another number is found under both, on the real PostgreSQL."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from uuid import UUID

import pytest

from hub.intake.persons import hashes_of_identifiers
from hub.ledger.changes import Amendment, Creation, Done, Effects, Locked, Mark, NoEffect, PersonHash
from hub.recording import Recorder
from schemas.events import FactType
from schemas.lifecycle import Update
from schemas.messages import Identifier
from schemas.task import Party
from tests.hub.making import Record, clocks, creation, service_request

_LOCAL = "https://hospital.example.wales/mrn"


def _number(book: Record, number: str) -> PersonHash:
    (found,) = hashes_of_identifiers((Identifier(_LOCAL, number),), book.ledger.sealing)
    return found


def _known_by(book: Record, number: str, seen: list[frozenset[str]] | None = None) -> Creation:
    """A referral of somebody who is known by this number only."""
    patient = {"resourceType": "Patient", "id": "person", "identifier": [{"system": _LOCAL, "value": number}], "name": [{"family": "Prawf"}]}
    made = creation(book.ledger.sealing, body=service_request(contained=[patient]))

    def again(kinds: frozenset[str]) -> Creation:
        (seen if seen is not None else []).append(kinds)
        return made

    return replace(made, if_marked=again)


async def _created(book: Record, number: str, seen: list[frozenset[str]] | None = None) -> UUID:
    outcome = await book.ledger.commit(_known_by(book, number, seen))
    assert isinstance(outcome, Done)
    return outcome.referrals[0]


async def _merged(book: Record, old: str, into: str) -> None:
    person, surviving = _number(book, old), _number(book, into)
    mark = Mark(person, "merged", surviving.value)
    await book.ledger.commit(Amendment(lambda _: NoEffect(), person=(person, surviving), marks=(mark,)))


async def _dies(book: Record, number: str) -> set[UUID]:
    """A death under this number; the open referrals that it stopped."""

    def decide(locked: Locked) -> Effects:
        recorder = Recorder(locked, f"died|{number}|{locked.id}", "/test", clocks())
        recorder.apply(Update(FactType.PERSON_DIED, Party.HOSPITAL))
        return recorder.effects()

    outcome = await book.ledger.commit(Amendment(decide, person=(_number(book, number),), marks=(Mark(_number(book, number), "died"),)))
    assert isinstance(outcome, Done)
    return set(outcome.referrals)


@pytest.mark.parametrize("steps", [["A", "B"], ["A", "B", "C"]], ids=["merged", "merged-twice"])
async def test_a_referral_under_the_old_number_is_stopped_by_a_death_under_the_surviving_one(book: Record, steps: list[str]) -> None:
    for old, new in pairwise(steps):
        await _merged(book, old, new)
    seen: list[frozenset[str]] = []
    id_ = await _created(book, steps[0], seen)
    assert seen == [], "a merge alone holds nobody"
    assert await _dies(book, steps[-1]) == {id_}


async def test_a_referral_under_the_old_number_of_somebody_dead_under_the_surviving_one_is_held(book: Record) -> None:
    await _merged(book, "A", "B")
    await _dies(book, "B")
    seen: list[frozenset[str]] = []
    await _created(book, "A", seen)
    assert seen == [frozenset({"died"})]


async def test_a_death_under_the_old_number_stops_a_referral_under_the_surviving_one(book: Record) -> None:
    await _merged(book, "A", "B")
    id_ = await _created(book, "B")
    assert await _dies(book, "A") == {id_}


async def test_two_who_were_merged_into_each_other_are_one(book: Record) -> None:
    """A merge that was done the wrong way round, and then the other way."""
    await _merged(book, "A", "B")
    await _merged(book, "B", "A")
    first, second = await _created(book, "A"), await _created(book, "B")
    assert await _dies(book, "B") == {first, second}


async def test_a_stranger_in_the_same_batch_is_no_part_of_it(book: Record) -> None:
    await _merged(book, "A", "B")
    stranger = await _created(book, "Z")
    assert await _dies(book, "B") == set()
    assert await book.value("SELECT status FROM referral WHERE id = $1", stranger) == "requested"
