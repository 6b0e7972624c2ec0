"""New referrals on the real PostgreSQL: each request is stored once, whatever is sent again, at once or beside it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from uuid import UUID, uuid4

import asyncpg
import pytest

from hub.ledger import create
from hub.ledger.changes import Amendment, Answered, Creation, Done, Effects, KeyReused, Locked, Mark, NewItem, NoEffect, RepeatedRequest
from hub.ledger.sealing import body_hash
from hub.recording import Recorder
from schemas.events import FactType
from schemas.lifecycle import Update
from schemas.rejection import Reason
from schemas.task import Party
from tests.hub.making import Record, clocks, creation, service_request

BODY = service_request()


def _with(made: Creation, *, answer: bytes | None = None, body: bytes | None = None) -> Creation:
    """The same creation with another answer, or for another body."""
    request = replace(made.request, answer=answer or made.request.answer, body_hash=body_hash(body) if body else made.request.body_hash)
    return replace(made, request=request)


async def test_a_referral_stands_whole_after_its_commit(book: Record) -> None:
    id_ = await book.create()
    row = (await book.fetch("SELECT * FROM referral WHERE id = $1", id_))[0]
    assert (row["status"], row["business_status"], row["version"], row["awaits"], row["owner"], row["clock"]) == (
        "requested", "received", 1, "hub", "routing", "route",
    )  # fmt: skip
    assert row["deadline_at"] > row["created_at"]
    for table, column, expected in (("task", "referral_id", 1), ("event", "referral_id", 1), ("outbox", "referral_id", 1), ("audit", "referral_id", 1)):
        assert await book.value(f"SELECT count(*) FROM {table} WHERE {column} = $1", id_) == expected, table
    assert await book.value("SELECT count(*) FROM person_key WHERE referral_id = $1", id_) >= 2, "by NHS number and by name"


async def test_the_same_request_with_the_same_body_hears_the_first_answer(book: Record) -> None:
    first = _with(creation(book.ledger.sealing, body=BODY, key="k"), answer=b"first")
    again = _with(creation(book.ledger.sealing, body=BODY, key="k"), answer=b"second")
    assert await book.ledger.commit(first) == Done(referrals=(first.referrals[0].id,), answer=b"first")
    assert await book.ledger.commit(again) == RepeatedRequest(b"first")
    assert await book.value("SELECT count(*) FROM referral") == 1


async def test_the_same_key_with_another_body_is_a_reused_key(book: Record) -> None:
    await book.create(body=BODY, key="k")
    assert await book.ledger.commit(creation(book.ledger.sealing, body=service_request(), key="k")) == KeyReused()
    assert await book.value("SELECT count(*) FROM referral") == 1


async def test_two_clients_may_use_the_same_key(book: Record) -> None:
    one, two = await asyncio.gather(book.create(body=BODY, key="k", client="gp-a"), book.create(body=BODY, key="k", client="gp-b"))
    assert one != two
    assert await book.value("SELECT count(*) FROM referral") == 2


@pytest.mark.parametrize("together", [True, False])  # in one batch, and raced by many batches
async def test_a_request_sent_many_times_at_once_makes_one_referral(book: Record, together: bool) -> None:
    wanted = [_with(creation(book.ledger.sealing, body=BODY, key="k"), answer=str(place).encode()) for place in range(12)]
    if together:
        async with book.ledger.pool.acquire() as connection, connection.transaction():
            outcomes = await create.write(connection, [create.prepare(one, book.ledger.sealing) for one in wanted], book.ledger.sealing)
    else:
        outcomes = await asyncio.gather(*(book.ledger.commit(one) for one in wanted))
    done = [outcome for outcome in outcomes if isinstance(outcome, Done)]
    assert len(done) == 1
    assert {outcome.answer for outcome in outcomes if isinstance(outcome, RepeatedRequest)} == {done[0].answer}
    assert await book.value("SELECT count(*) FROM referral") == await book.value("SELECT count(*) FROM outbox") == 1


async def test_many_strangers_in_one_batch_each_hear_of_their_own(book: Record) -> None:
    wanted = [_with(creation(book.ledger.sealing), answer=str(place).encode()) for place in range(100)]
    outcomes = await asyncio.gather(*(book.ledger.commit(one) for one in wanted))
    assert outcomes == [Done(referrals=(one.referrals[0].id,), answer=one.request.answer) for one in wanted]
    assert book.ledger.batches < 100, "those that arrive while a commit runs are the next batch"
    assert await book.value("SELECT count(*) FROM event") == 100


async def test_one_bad_row_in_a_batch_harms_no_stranger(book: Record) -> None:
    wanted = [creation(book.ledger.sealing) for _ in range(20)]
    taken = wanted[3].referrals[0]
    wanted[7] = replace(wanted[7], referrals=(replace(wanted[7].referrals[0], id=taken.id),))  # an id that stands already: the statement fails
    outcomes = await asyncio.gather(*(book.ledger.commit(one) for one in wanted), return_exceptions=True)
    assert [place for place, outcome in enumerate(outcomes) if not isinstance(outcome, Done)] == [7]
    assert isinstance(outcomes[7], asyncpg.UniqueViolationError)
    assert await book.value("SELECT count(*) FROM referral") == 19
    assert await book.value("SELECT count(*) FROM request") == 19, "the key of the bad one is free for a resend"


async def test_several_referrals_of_one_request_stand_or_fall_together(book: Record) -> None:
    one, two = creation(book.ledger.sealing, key="k"), creation(book.ledger.sealing, key="k")
    outcome = await book.ledger.commit(replace(one, referrals=(*one.referrals, *two.referrals)))
    assert isinstance(outcome, Done)
    assert len(outcome.referrals) == await book.value("SELECT count(*) FROM referral") == 2
    broken = replace(creation(book.ledger.sealing, key="l"), referrals=(*creation(book.ledger.sealing, key="l").referrals, *two.referrals))
    with pytest.raises(asyncpg.UniqueViolationError):
        await book.ledger.commit(broken)
    assert await book.value("SELECT count(*) FROM referral") == 2


def _held_if(made: Creation, seen: list[frozenset[str]]) -> Creation:
    """A creation that is made anew, held, for a person who carries marks."""

    def again(kinds: frozenset[str]) -> Creation:
        seen.append(kinds)
        held = replace(made.referrals[0], held=Reason.DECEASED, items=(NewItem("hold", "deceased", 60),))
        return replace(made, referrals=(held,))

    return replace(made, if_marked=again)


async def _die(book: Record, of: Creation, key: str = "died") -> None:
    def decide(locked: Locked) -> Effects:
        recorder = Recorder(locked, f"{key}|{locked.id}", "/test", clocks())
        recorder.apply(Update(FactType.PERSON_DIED, Party.HOSPITAL))
        return recorder.effects()

    person = of.referrals[0].person
    request = Answered("ysbyty", key, b"h", lambda _: b"AA")
    await book.ledger.commit(Amendment(decide, person=person, marks=tuple(Mark(one, "died") for one in person), request=request))


async def test_a_referral_of_somebody_who_is_marked_as_dead_is_made_anew_and_held(book: Record) -> None:
    made = creation(book.ledger.sealing)
    await _die(book, made)
    seen: list[frozenset[str]] = []
    assert isinstance(await book.ledger.commit(_held_if(made, seen)), Done)
    assert seen == [frozenset({"died"})]
    assert await book.value("SELECT held_reason FROM referral WHERE id = $1", made.referrals[0].id) == "deceased"
    assert await book.value("SELECT count(*) FROM worklist_item WHERE referral_id = $1", made.referrals[0].id) == 1


async def test_a_death_marks_nobody_else(book: Record) -> None:
    other = {"resourceType": "Patient", "id": "person", "birthDate": "1970-01-02", "name": [{"family": "Arall", "given": ["Pat"]}]}
    await _die(book, creation(book.ledger.sealing))
    seen: list[frozenset[str]] = []
    stranger = creation(book.ledger.sealing, body=service_request(contained=[other]))
    await book.ledger.commit(_held_if(stranger, seen))
    assert seen == []


async def test_a_referral_and_a_death_that_meet_never_miss_each_other(book: Record) -> None:
    """Whichever comes first under the person's lock: the referral is held, or the death finds and stops it."""
    for turn in range(12):
        number = {"system": "https://hospital.example.wales/mrn", "value": f"M{turn}"}
        name = {"family": f"Prawf{turn}", "given": ["Non"]}
        patient = {"resourceType": "Patient", "id": "person", "identifier": [number], "name": [name], "birthDate": "1948-05-17"}
        made = creation(book.ledger.sealing, body=service_request(contained=[patient]))
        seen: list[frozenset[str]] = []
        first, second = book.ledger.commit(_held_if(made, seen)), _die(book, made, f"died-{turn}")
        await asyncio.gather(*((first, second) if turn % 2 else (second, first)))
        row = (await book.fetch("SELECT status, held_reason FROM referral WHERE id = $1", made.referrals[0].id))[0]
        assert row["status"] == "cancelled" or row["held_reason"] == "deceased", turn


async def test_an_answer_to_nothing_is_kept_for_its_repeat(book: Record) -> None:
    """A message that was for nobody here has an answer too, and a repeat hears the same."""

    def ask(answer: bytes) -> Amendment:
        return Amendment(lambda _: NoEffect(), request=Answered("ysbyty", "A04-1", b"hash", lambda _: answer))

    assert await book.ledger.commit(ask(b"AA")) == Done((), (), b"AA")
    assert await book.ledger.commit(ask(b"other")) == RepeatedRequest(b"AA")
    assert await book.ledger.commit(replace(ask(b"x"), request=Answered("ysbyty", "A04-1", b"other body", lambda _: b"x"))) == KeyReused()


async def test_an_id_is_never_reused_for_another_referral(book: Record) -> None:
    id_ = await book.create()
    again = creation(book.ledger.sealing)
    clash = replace(again, referrals=(replace(again.referrals[0], id=id_, ref=again.referrals[0].ref),))
    with pytest.raises(asyncpg.UniqueViolationError):
        await book.ledger.commit(clash)
    assert UUID(str(id_)) == id_
    assert uuid4() != id_
