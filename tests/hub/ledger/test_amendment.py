"""Changes to referrals that stand, on the real PostgreSQL: folded in order, written once, each event digested once, places never sold twice."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from uuid import UUID, uuid4

import asyncpg
import pytest

from hub.ledger import amend, commit
from hub.ledger.changes import (
    Amendment,
    Answered,
    Audit,
    Consumed,
    Decision,
    Done,
    Effects,
    KeyReused,
    Locked,
    NewDelivery,
    NewItem,
    NoEffect,
    PersonHash,
    RepeatedEvent,
    RepeatedRequest,
)
from hub.ledger.sealing import NotReadable
from hub.ledger.verify import verify
from hub.recording import Recorder, task_id
from schemas.events import FactType
from schemas.lifecycle import Applied, Update
from schemas.rejection import Reason
from schemas.task import Party, Role, TaskState, TaskStatus
from tests.hub.making import Record, clocks


def said(fact: FactType, party: Party, *, reason: str | None = None, task: int | None = None, result: object = None) -> Callable[[Locked], Decision]:
    """A decision that applies one update to whatever stands; no effect where it is not legal."""

    def decide(locked: Locked) -> Decision:
        recorder = Recorder(locked, str(uuid4()), "/test", clocks())
        id_ = None if task is None else task_id(locked.id, Role.HAND_OVER, task)
        applied = recorder.apply(Update(fact, party, id_, reason=reason))
        return recorder.effects(result=result) if isinstance(applied, Applied) else NoEffect(result)

    return decide


def assigned(prescriber: str) -> Callable[[Locked], Decision]:
    """As routing does: the place is taken if there is one."""

    def decide(locked: Locked) -> Decision:
        if locked.state.hand_over is not None or not (locked.free.get(prescriber) is None or (locked.free[prescriber] or 0) > 0):
            return NoEffect("full")
        ordinal = 1 + sum(task.role is Role.HAND_OVER for task in locked.state.tasks)
        task = TaskState(task_id(locked.id, Role.HAND_OVER, ordinal), Role.HAND_OVER, ordinal, TaskStatus.REQUESTED, "", prescriber)
        recorder = Recorder(locked, str(uuid4()), "/routing", clocks())
        recorder.apply(Update(FactType.ASSIGNED, Party.HUB, new_task=task))
        return recorder.effects(take=(prescriber, UUID(task.id)), result="assigned")

    return decide


UPDATED = said(FactType.UPDATED, Party.REFERRER)


async def test_many_changes_of_one_referral_in_one_batch_are_folded_in_order(book: Record) -> None:
    ids = [await book.create() for _ in range(3)]
    await book.list_prescriber("p-1", "One")
    life = [assigned("p-1"), *(said(fact, Party.PRESCRIBER, task=1) for fact in (FactType.ACCEPTED, FactType.FIRST_CONTACT, FactType.PLAN_AGREED))]
    batch = [Amendment(decide, (id_,), counted=("p-1",)) for decide in life for id_ in ids]
    outcomes = await book.ledger.commit_together(batch)
    assert all(isinstance(outcome, Done) and isinstance(outcome.decisions[0], Effects) for outcome in outcomes)
    for id_ in ids:
        assert (await book.fetch("SELECT version, status, business_status FROM referral WHERE id = $1", id_))[0] == (5, "in-progress", "plan-agreed")
        rows = await book.fetch("SELECT version, type FROM event WHERE referral_id = $1 ORDER BY seq", id_)
        assert [(row["version"], row["type"].split(".")[1]) for row in rows] == [
            (1, "received"), (2, "assigned"), (3, "accepted"), (4, "first-contact"), (5, "plan-agreed"),
        ]  # fmt: skip
        assert await book.value("SELECT array_agg(e.version ORDER BY o.seq) FROM outbox o JOIN event e ON e.id = o.event_id WHERE o.referral_id = $1", id_) == [
            1, 2, 3, 4, 5,
        ]  # fmt: skip
        hand_over = (await book.fetch("SELECT * FROM task WHERE referral_id = $1 AND role = 'hand-over'", id_))[0]
        assert (hand_over["status"], hand_over["version"], hand_over["owner"]) == ("in-progress", 5, "p-1")
    async with book.ledger.pool.acquire() as connection:
        assert await verify(connection) == []


async def test_what_waits_is_what_the_last_change_says(book: Record) -> None:
    id_ = await book.create()
    held, released = said(FactType.HELD, Party.HUB, reason="crisis"), said(FactType.RELEASED, Party.OPERATIONS)
    await book.ledger.commit_together([Amendment(held, (id_,)), Amendment(released, (id_,))])
    row = (await book.fetch("SELECT awaits, owner, clock, held_reason FROM referral WHERE id = $1", id_))[0]
    assert tuple(row) == ("hub", "routing", "route", None)
    assert await book.value("SELECT count(*) FROM worklist_item WHERE closed_at IS NULL") == 0, "opened and closed in one batch: nobody need look"


async def test_a_cancelled_referral_owes_nothing_that_the_same_batch_began(book: Record) -> None:
    id_ = await book.create()
    event = await book.value("SELECT id FROM event")

    def owing(locked: Locked) -> Decision:
        owed = NewDelivery(uuid4(), event, FactType.ASSIGNED, "p", Party.PRESCRIBER, "x", "webhook", "k", "application/json", 1, b"body")
        return Effects(locked.state, deliveries=(owed,))

    await book.ledger.commit_together([Amendment(owing, (id_,)), Amendment(said(FactType.PERSON_DIED, Party.HOSPITAL), (id_,))])
    assert await book.value("SELECT count(*) FROM delivery WHERE state = 'pending'") == 0


async def test_an_ended_referral_waits_for_nobody(book: Record) -> None:
    id_ = await book.create()
    await book.ledger.commit(Amendment(said(FactType.CANCELLED, Party.OPERATIONS, reason=Reason.CANCELLED_BY_REFERRER.value), (id_,)))
    row = (await book.fetch("SELECT awaits, owner, clock, deadline_at, closed_at IS NOT NULL AS closed, status FROM referral WHERE id = $1", id_))[0]
    assert tuple(row) == (None, None, None, None, True, "cancelled")


@pytest.mark.parametrize("batch", [True, False])  # twice in one batch, and once again later
async def test_an_event_is_digested_once_by_each_stage(book: Record, batch: bool) -> None:
    id_, event = await book.create(), uuid4()
    changes = [Amendment(UPDATED, (id_,), consumed=Consumed("routing", event)), Amendment(UPDATED, (id_,), consumed=Consumed("routing", event))]
    outcomes = await book.ledger.commit_together(changes) if batch else [(await book.ledger.commit_together([one]))[0] for one in changes]
    assert [type(outcome) for outcome in outcomes] == [Done, RepeatedEvent]
    other = await book.ledger.commit_together([Amendment(UPDATED, (id_,), consumed=Consumed("dispatch", event))])
    assert isinstance(other[0], Done), "another stage has its own inbox"
    assert await book.value("SELECT version FROM referral") == 3


async def test_a_batch_that_fails_leaves_no_trace_of_its_events(book: Record) -> None:
    id_, event = await book.create(), uuid4()

    def broken(_locked: Locked) -> Decision:
        raise LookupError("a bug")

    with pytest.raises(LookupError):
        await book.ledger.commit_together([Amendment(UPDATED, (id_,), consumed=Consumed("routing", event)), Amendment(broken, (id_,))])
    assert await book.value("SELECT count(*) FROM inbox") == 0
    assert await book.value("SELECT version FROM referral") == 1


async def test_a_bug_in_one_change_harms_no_stranger(book: Record) -> None:
    ids = [await book.create() for _ in range(6)]

    def broken(_locked: Locked) -> Decision:
        raise LookupError("a bug")

    changes = [Amendment(broken if place == 2 else UPDATED, (id_,)) for place, id_ in enumerate(ids)]
    outcomes = await asyncio.gather(*(book.ledger.commit(one) for one in changes), return_exceptions=True)
    assert [isinstance(outcome, Done) for outcome in outcomes] == [True, True, False, True, True, True]
    assert isinstance(outcomes[2], LookupError)


async def test_the_inbox_can_be_switched_off_for_the_seeded_bug(book: Record) -> None:
    id_, event = await book.create(), uuid4()
    book.ledger.use_inbox = False
    for _ in range(2):
        await book.ledger.commit_together([Amendment(UPDATED, (id_,), consumed=Consumed("routing", event))])
    assert await book.value("SELECT version FROM referral") == 3


# --- requests -----------------------------------------------------------------------------------------------------------------------------


def asked(key: str, body: bytes, answer: bytes | None, decide: Callable[[Locked], Decision] = UPDATED, *, id_: UUID) -> Amendment:
    return Amendment(decide, (id_,), request=Answered("cases", key, body, lambda _: answer), audit=Audit("cases", "task-update"))


async def test_an_update_has_an_answer_and_its_repeat_the_same(book: Record) -> None:
    id_ = await book.create()
    first = await book.ledger.commit(asked("k", b"1", b"first", id_=id_))
    assert isinstance(first, Done)
    assert first.answer == b"first"
    assert await book.ledger.commit(asked("k", b"1", b"second", id_=id_)) == RepeatedRequest(b"first")
    assert await book.ledger.commit(asked("k", b"2", b"third", id_=id_)) == KeyReused()
    assert await book.value("SELECT version FROM referral") == 2


async def test_an_update_sent_twice_in_one_moment_counts_once(book: Record) -> None:
    """Both find no answer stored; the second to write it loses, and is asked again alone."""
    id_ = await book.create()
    outcomes = await asyncio.gather(*(book.ledger.commit(asked("k", b"1", str(place).encode(), id_=id_)) for place in range(8)))
    done = [outcome for outcome in outcomes if isinstance(outcome, Done)]
    assert len(done) == 1
    assert all(outcome == RepeatedRequest(done[0].answer or b"") for outcome in outcomes if not isinstance(outcome, Done))
    assert await book.value("SELECT version FROM referral") == 2


async def test_a_refused_update_keeps_its_key_free(book: Record) -> None:
    id_ = await book.create()
    outcome = await book.ledger.commit(asked("k", b"1", None, lambda _: NoEffect("no", keep_request=False), id_=id_))
    assert isinstance(outcome, Done)
    assert outcome.answer is None
    assert isinstance(await book.ledger.commit(asked("k", b"2", b"yes", id_=id_)), Done), "a corrected resend is welcome"
    rows = await book.fetch("SELECT action FROM audit WHERE referral_id = $1 AND actor = 'cases' ORDER BY seq", id_)
    assert [row["action"] for row in rows] == ["task-update.refused", "task-update"], "what was refused is not kept as done"


# --- persons ------------------------------------------------------------------------------------------------------------------------------


async def test_a_change_for_a_person_reaches_each_open_referral_of_theirs(book: Record) -> None:
    first, second, closed = [await book.create() for _ in range(3)]
    await book.ledger.commit(Amendment(said(FactType.CANCELLED, Party.OPERATIONS), (closed,)))
    hash_ = (await book.fetch("SELECT hash FROM person_key WHERE kind = 'nhs' LIMIT 1"))[0]["hash"]
    outcome = await book.ledger.commit(Amendment(said(FactType.PERSON_MOVED, Party.HOSPITAL), person=(PersonHash("nhs", hash_),)))
    assert isinstance(outcome, Done)
    assert set(outcome.referrals) == {first, second}
    stranger = await book.ledger.commit(Amendment(said(FactType.PERSON_MOVED, Party.HOSPITAL), person=(PersonHash("nhs", bytes(32)),)))
    assert stranger == Done((), (), None)


# --- places -------------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("together", [True, False])
async def test_of_fifty_who_want_the_last_place_one_has_it(book: Record, together: bool) -> None:
    await book.list_prescriber("p-1", "One", places=1)
    ids = [await book.create() for _ in range(50)]
    wanted = [Amendment(assigned("p-1"), (id_,), counted=("p-1",)) for id_ in ids]
    outcomes = await book.ledger.commit_together(wanted) if together else await asyncio.gather(*(book.ledger.commit(one) for one in wanted))
    assert sum(isinstance(outcome, Done) and outcome.decisions[0].result == "assigned" for outcome in outcomes) == 1
    assert await book.value("SELECT count(*) FROM place_taken WHERE counted_id = 'p-1' AND released_at IS NULL") == 1


async def test_a_place_that_is_given_back_can_be_taken_again(book: Record) -> None:
    await book.list_prescriber("p-1", "One", places=1)
    first, second = await book.create(), await book.create()
    await book.ledger.commit(Amendment(assigned("p-1"), (first,), counted=("p-1",)))
    await book.ledger.commit(Amendment(said(FactType.DECLINED, Party.PRESCRIBER, task=1), (first,)))
    outcome = await book.ledger.commit(Amendment(assigned("p-1"), (second,), counted=("p-1",)))
    assert isinstance(outcome, Done)
    assert outcome.decisions[0].result == "assigned"
    assert [row["n"] for row in await book.fetch("SELECT count(*) AS n FROM place_taken GROUP BY released_at IS NULL ORDER BY 1")] == [1, 1]


@pytest.mark.parametrize(
    ("state", "places", "free"),
    [
        ("capacity", 3, 3),
        ("capacity", None, None),  # no limit known
        ("no-capacity", 5, 0),  # closed for new people, whatever the number says
    ],
)
async def test_what_is_free_is_counted_under_the_lock(book: Record, state: str, places: int | None, free: int | None) -> None:
    await book.list_prescriber("p-1", "One", places=places)
    await book.fetch("UPDATE prescriber SET state = $1", state)
    id_, seen = await book.create(), []

    def look(locked: Locked) -> Decision:
        seen.append(dict(locked.free))
        return NoEffect()

    await book.ledger.commit(Amendment(look, (id_,), counted=("p-1", "nobody")))
    assert seen == [{"p-1": free}]


# --- locks --------------------------------------------------------------------------------------------------------------------------------


async def test_locks_are_taken_in_one_order_so_that_crossing_batches_both_succeed(book: Record) -> None:
    await book.list_prescriber("p-1", "One", places=None)
    await book.list_prescriber("p-2", "Two", places=None)
    ids = [await book.create() for _ in range(6)]
    forward = [Amendment(UPDATED, (id_,), counted=("p-1", "p-2")) for id_ in ids]
    backward = [Amendment(UPDATED, (id_,), counted=("p-2", "p-1")) for id_ in reversed(ids)]
    await asyncio.gather(*(book.ledger.commit_together(batch) for batch in (forward, backward) * 4))
    assert {row["version"] for row in await book.fetch("SELECT version FROM referral")} == {9}


@pytest.mark.parametrize(
    ("faults", "tries"),
    [
        ([asyncpg.DeadlockDetectedError()], 2),
        ([asyncpg.SerializationError(), asyncpg.DeadlockDetectedError(), amend.RequestRaced()], 4),
        ([asyncpg.DeadlockDetectedError()] * 5, 5),  # it gives up, and says so
    ],
)
async def test_a_deadlock_is_tried_again_a_few_times(book: Record, monkeypatch: pytest.MonkeyPatch, faults: list[Exception], tries: int) -> None:
    """PostgreSQL chooses a victim rarely enough that it is played here; the rollback and the second run are real."""
    id_, real, seen = await book.create(), amend.write, []

    async def write(connection, changes, sealing, **more):  # type: ignore[no-untyped-def]
        outcomes = await real(connection, changes, sealing, **more)
        seen.append(len(changes))
        if len(seen) <= len(faults):
            raise faults[len(seen) - 1]
        return outcomes

    monkeypatch.setattr(commit.amend, "write", write)
    change = Amendment(UPDATED, (id_,))
    if tries == commit.TRIES:
        with pytest.raises(asyncpg.DeadlockDetectedError):
            await book.ledger.commit(change)
    else:
        assert isinstance(await book.ledger.commit(change), Done)
    assert len(seen) == tries
    assert await book.value("SELECT version FROM referral") == (1 if tries == commit.TRIES else 2)


async def test_an_erased_referral_cannot_change(book: Record) -> None:
    id_ = await book.create()
    await book.fetch("UPDATE referral SET sealing_key = NULL WHERE id = $1", id_)
    with pytest.raises(NotReadable):
        await book.ledger.commit(Amendment(UPDATED, (id_,)))


async def test_a_referral_that_is_not_there_is_nobodys(book: Record) -> None:
    assert await book.ledger.commit(Amendment(UPDATED, (uuid4(),))) == Done((), (), None)


async def test_what_a_change_adds_to_the_worklist_stands_once(book: Record) -> None:
    id_ = await book.create()

    def twice(locked: Locked) -> Decision:
        return replace(Effects(locked.state), items=(NewItem("hold", "crisis", 60), NewItem("practical", "practical-tonight")))

    await book.ledger.commit(Amendment(twice, (id_,)))
    await book.ledger.commit(Amendment(twice, (id_,)))
    rows = await book.fetch("SELECT kind, alert_at IS NOT NULL AS alarmed FROM worklist_item ORDER BY kind")
    assert [tuple(row) for row in rows] == [("hold", True), ("practical", False)]
