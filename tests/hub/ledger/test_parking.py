"""What a stage could not digest: its referral waits, in order, while all others flow; one command brings it back; nothing is skipped in silence."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID, uuid4

import asyncpg
import pytest
from aiokafka import ConsumerRecord

from hub.consuming import Consumer
from hub.errors import Unavailable
from hub.ledger import parking
from hub.ledger.changes import Amendment, Consumed
from hub.ledger.parking import DeadLetter
from schemas.events import Event, FactType, to_record
from schemas.lifecycle import Update
from schemas.rejection import Reason
from schemas.task import Party
from tests.hub.ledger.test_amendment import UPDATED
from tests.hub.making import Record

STAGE = "routing"


class Stage:
    """A stage whose work fails for some referrals until it is mended; otherwise one version more for each event it has not had."""

    def __init__(self) -> None:
        self.bad: set[str] = set()
        self.had: list[tuple[str, int]] = []

    async def __call__(self, events: Sequence[Event]) -> list[Amendment | None]:
        """As `Prepare` promises."""
        for event in events:
            if event.key in self.bad:
                raise LookupError("a bug that names 9990000018")
        self.had += [(event.key, event.sequence) for event in events]
        return [Amendment(UPDATED, (UUID(event.key),), consumed=Consumed(STAGE, event.id)) for event in events]


class Line:
    """Records as Kafka would give them, at offsets that go on."""

    def __init__(self, book: Record, stage: Stage) -> None:
        self.book, self.stage, self.offset = book, stage, 0
        self.consumer = Consumer(STAGE, "referrals", book.ledger, stage, pause=0.0)

    async def take(self, *events: Event) -> None:
        """Hand over one batch."""
        await self.consumer.take([self._record(event) for event in events])

    def _record(self, event: Event) -> ConsumerRecord:
        key, headers, value = to_record(event)
        self.offset += 1
        return ConsumerRecord("referrals", 0, self.offset, 0, 0, key, value, None, len(key), len(value), tuple(headers))

    async def shown(self) -> list[parking.Shown]:
        """What an operator sees."""
        async with self.book.ledger.pool.acquire() as connection:
            return await parking.listed(connection)

    async def ask(self) -> None:
        """The operator asks for all of them again."""
        async with self.book.ledger.pool.acquire() as connection:
            await parking.ask_again(connection, [one.id for one in await parking.listed(connection)], "operator")


@pytest.fixture
def line(book: Record) -> Line:
    return Line(book, Stage())


async def _facts(book: Record, referral: UUID, many: int) -> list[Event]:
    """The referral's events, all of them on Kafka by now."""
    for _ in range(many - 1):
        await book.apply(referral, Update(FactType.UPDATED, Party.REFERRER))
    await book.fetch("DELETE FROM outbox")
    return await book.events(referral)


async def test_a_poison_event_parks_its_referral_and_nobody_else(book: Record, line: Line) -> None:
    bad, good = await book.create(), await book.create()
    (one, two, three), (other,) = await _facts(book, bad, 3), await _facts(book, good, 1)
    line.stage.bad = {str(bad)}
    await line.take(one, other, two)
    await line.take(three)
    assert line.stage.had == [(str(good), 1)]
    (letter,) = await line.shown()
    assert (letter.stage, letter.referral_id, letter.reason, letter.parked, letter.state) == (STAGE, bad, "poison", 2, "open")
    assert "LookupError at test_parking.py" in letter.detail
    assert "9990000018" not in letter.detail, "never what was said, only where"
    assert await parking.parked(book.ledger.pool, STAGE, [bad, good]) == {bad}
    assert await parking.parked(book.ledger.pool, "dispatch", [bad, good]) == set(), "another stage has no trouble with it"


async def test_one_command_brings_it_back_in_order(book: Record, line: Line) -> None:
    bad = await book.create()
    facts = await _facts(book, bad, 3)
    line.stage.bad = {str(bad)}
    await line.take(*facts)
    line.stage.bad = set()
    await line.ask()
    assert await line.consumer.retry() == 1
    assert line.stage.had == [(str(bad), 1), (str(bad), 2), (str(bad), 3)]
    assert await line.shown() == []
    assert await book.value("SELECT count(*) FROM parked") == 0
    assert await book.value("SELECT count(*) FROM audit WHERE action = 'dead-letter.retry'") == 1
    (later,) = (await _facts(book, bad, 2))[-1:]
    await line.take(later)
    assert line.stage.had[-1] == (str(bad), later.sequence), "and it flows again"


async def test_what_fails_again_stays_with_its_new_reason(book: Record, line: Line) -> None:
    bad = await book.create()
    line.stage.bad = {str(bad)}
    await line.take(*await _facts(book, bad, 1))
    await line.ask()
    assert (await line.shown())[0].state == "retry"
    assert await line.consumer.retry() == 0
    (letter,) = await line.shown()
    assert (letter.state, letter.attempts) == ("open", 2)


async def test_a_replay_of_the_same_poison_is_the_same_letter(book: Record, line: Line) -> None:
    bad = await book.create()
    (fact,) = await _facts(book, bad, 1)
    line.stage.bad = {str(bad)}
    await line.take(fact)
    await line.take(fact)  # parked now: it waits behind its own letter
    assert len(await line.shown()) == 1


async def test_after_the_topics_are_made_anew_an_old_letter_hides_no_new_one(book: Record, line: Line) -> None:
    """Offsets begin again at a republish: another event may come to stand where a letter that is done once stood."""
    first, second = await book.create(), await book.create()
    line.stage.bad = {str(first)}
    await line.take(*await _facts(book, first, 1))
    line.stage.bad = set()
    await line.ask()
    await line.consumer.retry()
    line.offset, line.stage.bad = 0, {str(second)}
    await line.take(*await _facts(book, second, 1))
    (letter,) = await line.shown()
    assert letter.referral_id == second


async def test_a_record_that_is_no_event_is_kept_sealed_and_parks_the_referral_of_its_key(book: Record, line: Line) -> None:
    id_ = await book.create()
    await _facts(book, id_, 1)
    record = ConsumerRecord("referrals", 0, 7, 0, 0, str(id_).encode(), b"Canari-Teulu", None, 1, 1, ())
    await line.consumer.take([record])
    (letter,) = await line.shown()
    assert letter.referral_id == id_
    assert b"Canari" not in await book.value("SELECT record FROM dead_letter")
    await line.ask()
    assert await line.consumer.retry() == 1
    assert line.stage.had == [(str(id_), 1)], "the ledger holds what the record should have said"


async def test_a_record_with_no_key_of_ours_stops_nobody(book: Record, line: Line) -> None:
    await line.consumer.take([ConsumerRecord("referrals", 0, 7, 0, 0, b"\xff", b"x", None, 1, 1, ())])
    (letter,) = await line.shown()
    assert letter.referral_id is None
    await line.ask()
    assert await line.consumer.retry() == 1


async def test_what_kafka_does_not_have_yet_is_not_brought_forward(book: Record, line: Line) -> None:
    """An event that still waits in the outbox will come by itself."""
    id_ = await book.create()
    events = await parking.missed(book.ledger.pool, book.ledger.sealing, STAGE, id_)
    assert events == []
    await book.fetch("DELETE FROM outbox")
    assert [event.sequence for event in await parking.missed(book.ledger.pool, book.ledger.sealing, STAGE, id_)] == [1]


async def test_a_flood_of_dead_letters_stops_the_line(book: Record, line: Line) -> None:
    ids = [await book.create() for _ in range(30)]
    line.stage.bad = {str(id_) for id_ in ids}
    facts = [(await book.events(id_))[0] for id_ in ids]
    with pytest.raises(Unavailable, match="Too many"):
        await line.take(*facts)
    assert len(await line.shown()) < 30


async def test_a_letter_that_is_not_open_is_not_asked_again(book: Record) -> None:
    letter = DeadLetter(STAGE, "referrals", 0, 1, Reason.POISON, "x", uuid4(), uuid4(), b"r")
    await parking.write(book.ledger.pool, book.ledger.sealing, letter)
    async with book.ledger.pool.acquire() as connection:
        assert await parking.ask_again(connection, [letter.id], "operator") == [letter.id]
        assert await parking.ask_again(connection, [letter.id, uuid4()], "operator") == []
        assert isinstance(connection, asyncpg.pool.PoolConnectionProxy)
    await parking.close(book.ledger.pool, STAGE, letter.id, letter.referral_id)
    await parking.write(book.ledger.pool, book.ledger.sealing, letter)
    async with book.ledger.pool.acquire() as connection:
        assert [one.state for one in await parking.listed(connection)] == ["open"], "dealt with, and here again: it is open again"
        assert len(await parking.listed(connection, everything=True)) == 1
