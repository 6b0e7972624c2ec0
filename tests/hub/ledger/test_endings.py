"""What the end of a referral takes with it and what it leaves, on the real PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID, uuid4

import pytest

from hub.ledger.changes import Amendment, Decision, Effects, Locked, NewDelivery, NewItem
from hub.recording import Recorder
from schemas.events import FactType
from schemas.lifecycle import Update
from schemas.task import Party, TaskStatus
from tests.hub.making import CASES, Record, clocks

_OPEN = "SELECT kind FROM worklist_item WHERE referral_id = $1 AND closed_at IS NULL ORDER BY kind"


def _opening(*kinds: str) -> Callable[[Locked], Decision]:
    return lambda locked: Effects(locked.state, items=tuple(NewItem(kind, "crisis", 60) for kind in kinds))


def _said(fact: FactType, party: Party, **how: object) -> Callable[[Locked], Decision]:
    def decide(locked: Locked) -> Decision:
        recorder = Recorder(locked, str(uuid4()), "/test", clocks())
        recorder.apply(Update(fact, party, **how))  # type: ignore[arg-type]
        return recorder.effects()

    return decide


ENDINGS = [
    _said(FactType.PERSON_DIED, Party.HOSPITAL),
    _said(FactType.CANCELLED, Party.OPERATIONS),
    _said(FactType.CLOSED, Party.HUB, ends=TaskStatus.REJECTED),
]


@pytest.mark.parametrize("ending", ENDINGS, ids=["died", "cancelled", "closed"])
@pytest.mark.parametrize("together", [True, False])
async def test_who_is_at_risk_and_who_must_be_told_stay_in_the_worklist(book: Record, ending: Callable[[Locked], Decision], together: bool) -> None:
    id_ = await book.create()
    batch = [Amendment(_opening("hold", "stepped-up", "tell-by-hand"), (id_,)), Amendment(ending, (id_,))]
    for changes in [batch] if together else [batch[:1], batch[1:]]:
        await book.ledger.commit_together(changes)
    assert [row["kind"] for row in await book.fetch(_OPEN, id_)] == ["stepped-up", "tell-by-hand"]


async def test_a_person_who_has_dealt_with_it_closes_it_with_the_referral(book: Record) -> None:
    id_ = await book.create()
    await book.ledger.commit(Amendment(_opening("stepped-up"), (id_,)))
    await book.fetch("UPDATE worklist_item SET closed_by = 'Non ar ddyletswydd'")
    await book.ledger.commit(Amendment(ENDINGS[2], (id_,)))
    assert await book.fetch(_OPEN, id_) == []


async def _owed(book: Record, referral: UUID) -> UUID:
    """A message on its way to a client's own topic."""
    event, id_ = await book.value("SELECT id FROM event WHERE referral_id = $1", referral), uuid4()

    def decide(locked: Locked) -> Decision:
        owed = NewDelivery(id_, event, FactType.ASSIGNED, CASES, Party.PRESCRIBER, "case_management", "kafka", "k", "application/json", 1, b"body")
        return Effects(locked.state, deliveries=(owed,))

    await book.ledger.commit(Amendment(decide, (referral,)))
    return id_


async def test_what_is_cancelled_does_not_go_out_on_kafka_either(book: Record) -> None:
    first, other = await book.create(), await book.create()
    cancelled, kept = await _owed(book, first), await _owed(book, other)
    await book.ledger.commit(Amendment(ENDINGS[0], (first,)))
    assert [row["delivery_id"] for row in await book.fetch("SELECT delivery_id FROM outbox WHERE topic IS NOT NULL")] == [kept]
    assert await book.value("SELECT state FROM delivery WHERE id = $1", cancelled) == "cancelled"
    assert await book.value("SELECT count(*) FROM outbox WHERE referral_id = $1 AND topic IS NULL", first) == 2, "the facts themselves do"


async def test_what_the_relay_has_in_hand_is_not_waited_for(book: Record) -> None:
    """It is on Kafka as far as anybody knows; the end of the referral is not held up by it."""
    id_ = await book.create()
    await _owed(book, id_)
    async with book.ledger.pool.acquire() as relay, relay.transaction():
        await relay.execute("SELECT 1 FROM outbox WHERE topic IS NOT NULL FOR UPDATE")
        await book.ledger.commit(Amendment(ENDINGS[0], (id_,)))
    assert await book.value("SELECT status FROM referral WHERE id = $1", id_) == "cancelled"


async def test_a_place_taken_and_given_back_in_one_batch_is_free(book: Record) -> None:
    id_, task = await book.create(), uuid4()
    take = Amendment(lambda locked: Effects(locked.state, take=("p-1", task)), (id_,))
    give = Amendment(lambda locked: Effects(locked.state, release=(task,)), (id_,))
    await book.ledger.commit_together([take, give])
    assert await book.value("SELECT count(*) FROM place_taken WHERE released_at IS NULL") == 0
    assert await book.value("SELECT count(*) FROM place_taken") == 1
