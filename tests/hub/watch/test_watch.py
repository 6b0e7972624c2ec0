"""Deadlines that pass in silence: each is acted on once, leaves a new deadline or an end, and harms no other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
import pytest_asyncio

from hub.ledger import deadlines
from hub.ledger.changes import Effects, Locked
from hub.recording import task_id
from hub.watch import Watch, silence
from hub.watch.silence import ROUTED_BY
from hub.watch.waiting import measure, waiting_because_of_us
from schemas.events import FactType
from schemas.lifecycle import Applied, Update, apply, open_referral
from schemas.task import Clock, Party, Role, TaskState, TaskStatus
from tests.hub.making import Record, clocks, policy, record, service_request


@pytest_asyncio.fixture(loop_scope="session")
async def kept(database: str) -> AsyncIterator[Record]:
    """A ledger on this test's own database."""
    async with record(database) as opened:
        yield opened


def watch(kept: Record) -> Watch:
    return Watch(kept.ledger, policy())


async def _facts(kept: Record, referral: UUID) -> list[str]:
    return [event.type.fact for event in await kept.events(referral)]


async def _items(kept: Record, referral: UUID) -> list[tuple[str, str]]:
    rows = await kept.fetch("SELECT kind, reason FROM worklist_item WHERE referral_id = $1 AND closed_at IS NULL ORDER BY opened_at", referral)
    return [(row["kind"], row["reason"]) for row in rows]


async def test_a_prescribers_silence_cancels_the_hand_over_and_gives_its_place_back(kept: Record) -> None:
    await kept.list_prescriber("p-1", "Gwasanaeth Lles", places=1)
    referral = await kept.create()
    task = await kept.assign(referral)
    await kept.overdue(referral)
    assert await watch(kept).once() == 1
    assert await _facts(kept, referral) == ["received", "assigned", "no-response"]
    row = (await kept.fetch("SELECT status, business_status FROM task WHERE id = $1", UUID(task)))[0]
    assert tuple(row) == ("cancelled", "no-response")
    assert await kept.value("SELECT released_at IS NOT NULL FROM place_taken WHERE referral_id = $1", referral)
    waits = (await kept.fetch("SELECT awaits, clock, deadline_at > now() AS ahead, tells FROM referral r JOIN event e ON e.referral_id = r.id"
                              " WHERE r.id = $1 ORDER BY e.version DESC LIMIT 1", referral))[0]  # fmt: skip
    assert (waits["awaits"], waits["clock"], waits["ahead"], set(waits["tells"])) == ("hub", "route", True, {"prescriber", "referrer"})


async def test_two_watches_at_once_record_one_silence(kept: Record) -> None:
    referral = await kept.create()
    await kept.assign(referral, place=False)
    await kept.overdue(referral)
    await asyncio.gather(watch(kept).once(), watch(kept).once(), watch(kept).once())
    assert await _facts(kept, referral) == ["received", "assigned", "no-response"]


async def test_an_answer_that_came_just_before_counts_and_the_silence_does_not(kept: Record) -> None:
    referral = await kept.create()
    task = await kept.assign(referral, place=False)
    await kept.overdue(referral)
    found = await _overdue(kept)
    await kept.apply(referral, Update(FactType.ACCEPTED, Party.PRESCRIBER, task))
    await watch(kept)._deal_with(found[0])
    assert await _facts(kept, referral) == ["received", "assigned", "accepted"]


async def test_a_cancellation_that_nobody_confirms_is_confirmed_by_the_hub(kept: Record) -> None:
    referral = await kept.create()
    await kept.assign(referral, place=False)
    await kept.apply(referral, Update(FactType.CANCEL_REQUESTED, Party.REFERRER))
    await kept.overdue(referral)
    await watch(kept).once()
    assert (await _facts(kept, referral))[-1] == "cancelled"
    assert await kept.value("SELECT closed_at IS NOT NULL FROM referral WHERE id = $1", referral)


async def test_what_routing_never_saw_is_given_to_the_relay_again_and_a_person_is_asked(kept: Record) -> None:
    referral = await kept.create()
    await kept.fetch("DELETE FROM outbox")
    await kept.overdue(referral)
    await watch(kept).once()
    assert await _items(kept, referral) == [("stuck-routing", "route")]
    assert await kept.value("SELECT count(*) FROM outbox WHERE referral_id = $1", referral) == 1
    assert await kept.value("SELECT deadline_at > now() FROM referral WHERE id = $1", referral)


async def test_what_routing_has_digested_is_not_sent_again(kept: Record) -> None:
    referral = await kept.create()
    event = (await kept.events(referral))[0]
    await kept.fetch("DELETE FROM outbox")
    await kept.fetch("INSERT INTO inbox (stage, event_id) VALUES ('routing', $1)", event.id)
    await kept.overdue(referral)
    await watch(kept).once()
    assert await kept.value("SELECT count(*) FROM outbox") == 0


STILL = [
    # what was recorded last; the clock that runs then
    ((FactType.ACCEPTED,), Clock.FIRST_CONTACT),
    ((FactType.ACCEPTED, FactType.CONTACT_ATTEMPTED), Clock.FIRST_CONTACT),
    ((FactType.ACCEPTED, FactType.DID_NOT_ATTEND), Clock.FIRST_CONTACT),
    ((FactType.ACCEPTED, FactType.FIRST_CONTACT), Clock.PROGRESS),
    ((FactType.ACCEPTED, FactType.ON_HOLD), Clock.PROGRESS),
]


@pytest.mark.parametrize(("facts", "clock"), STILL)
async def test_a_prescriber_who_stands_still_keeps_the_referral_and_a_person_asks_them(kept: Record, facts: tuple[FactType, ...], clock: Clock) -> None:
    referral = await kept.create()
    task = await kept.assign(referral, place=False)
    await kept.apply(referral, *(Update(fact, Party.PRESCRIBER, task) for fact in facts))
    for _ in range(2):  # the second time the item is open still: no other is added
        await kept.overdue(referral)
        await watch(kept).once()
        assert await _items(kept, referral) == [("overdue", clock.value)]
    row = (await kept.fetch("SELECT awaits, owner, clock, deadline_at > now() AS ahead FROM referral WHERE id = $1", referral))[0]
    assert tuple(row) == ("prescriber", "p-1", clock.value, True)


async def test_an_item_that_was_closed_while_nothing_moved_is_opened_anew(kept: Record) -> None:
    referral = await kept.create()
    for expected in (1, 2):
        await kept.overdue(referral)
        await watch(kept).once()
        assert await kept.value("SELECT count(*) FROM worklist_item WHERE referral_id = $1", referral) == expected
        await kept.fetch("UPDATE worklist_item SET closed_at = now()")


async def test_a_hold_that_nobody_looked_at_alarms_once_and_again_when_its_deadline_passes(kept: Record, capsys: pytest.CaptureFixture[str]) -> None:
    referral = await kept.create(body=service_request(note=[{"text": "She wants to kill herself."}]))
    await kept.fetch("UPDATE worklist_item SET alert_at = now()")
    stage = watch(kept)
    for _ in range(2):
        await stage.once()
    assert _alarms(capsys.readouterr().err) == 1
    await kept.overdue(referral)
    await stage.once()
    await stage.once()
    assert _alarms(capsys.readouterr().err) == 1
    assert await kept.value("SELECT clock = 'human' AND deadline_at > now() FROM referral WHERE id = $1", referral)


def _alarms(said: str) -> int:
    return sum('"level":"error"' in line and '"watch.overdue"' in line for line in said.splitlines())


def test_a_repeat_of_the_same_silence_has_the_same_event_id() -> None:
    locked = _waiting()
    first, second = (silence.decide(locked, Clock.ACCEPT, clocks()) for _ in range(2))
    assert isinstance(first, Effects)
    assert isinstance(second, Effects)
    assert first.events[0].id == second.events[0].id


async def test_one_referral_with_a_bug_harms_no_other(kept: Record) -> None:
    good, bad = await kept.create(), await kept.create()
    for one in (good, bad):
        await kept.assign(one, place=False)
        await kept.overdue(one)
    await kept.fetch("UPDATE task SET status = 'nonsense' WHERE referral_id = $1", bad)  # what no code of ours can read
    await watch(kept).once()
    assert (await _facts(kept, good))[-1] == "no-response"


async def test_nobody_waits_because_of_us_when_all_is_well(kept: Record) -> None:
    await kept.create()
    async with kept.ledger.pool.acquire() as connection:
        assert await waiting_because_of_us(connection) == []
        assert await measure(connection) == 0


CAUSES = [
    # how it is made; the cause that must be named
    ("UPDATE outbox SET created_at = now() - interval '1 minute'", "outbox"),
    ("UPDATE referral SET deadline_at = now() - interval '2 minutes'", "deadline"),
    ("UPDATE referral SET deadline_at = NULL, updated_at = now() - interval '1 hour'", "unowned"),
    ("INSERT INTO dead_letter (id, stage, topic, partition, record_offset, reason, detail) VALUES (gen_random_uuid(), 'routing', 't', 0, 0, 'poison', 'x')",
     "dead-letter"),
    ("INSERT INTO delivery (id, referral_id, event_id, fact, recipient, party, connector, transport, message_key, content_type, sequence, next_attempt_at)"
     " SELECT gen_random_uuid(), id, id, 'referral.held.v1', 'x', 'referrer', 'x', 'webhook', 'x', 'x', 1, now() - interval '1 hour' FROM referral",
     "delivery"),
    ("INSERT INTO worklist_item (id, referral_id, kind, reason, alert_at) SELECT gen_random_uuid(), id, 'hold', 'crisis', now() FROM referral", "worklist"),
]  # fmt: skip


@pytest.mark.parametrize(("made", "kind"), CAUSES)
async def test_every_cause_is_named_with_how_many_wait_and_what_to_type(kept: Record, made: str, kind: str) -> None:
    await kept.create()
    await kept.fetch(made)
    async with kept.ledger.pool.acquire() as connection:
        causes = await waiting_because_of_us(connection)
    assert [(cause.kind, cause.people) for cause in causes] == [(kind, 1)]
    assert causes[0].command.startswith("hub ")
    assert causes[0].words.cy != causes[0].words.en


async def test_a_fact_that_nobody_was_told_of_is_seen_and_given_to_the_relay_again(kept: Record) -> None:
    referral = await kept.create()
    await kept.assign(referral, place=False)
    await kept.fetch("DELETE FROM outbox")
    await kept.fetch("UPDATE event SET time = now() - interval '1 hour'")
    async with kept.ledger.pool.acquire() as connection:
        assert [cause.kind for cause in await waiting_because_of_us(connection)] == ["untold"]
        assert await deadlines.tell_again(connection, 600) == 1
        assert await deadlines.tell_again(connection, 600) == 0


async def test_watch_runs_and_stops(kept: Record) -> None:
    referral = await kept.create()
    await kept.assign(referral, place=False)
    await kept.overdue(referral)
    stage = watch(kept)
    stage.interval = 0.05
    running = asyncio.create_task(stage.run())
    async with asyncio.timeout(10):
        while (await _facts(kept, referral))[-1] != "no-response":  # noqa: ASYNC110  (the stage runs as it does in a hub)
            await asyncio.sleep(0.02)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


def test_routing_is_driven_by_the_facts_after_which_the_hub_must_route() -> None:
    assert {fact.fact for fact in ROUTED_BY} == {"received", "released", "declined", "no-response", "handed-back"}


async def _overdue(kept: Record) -> list[deadlines.Overdue]:
    async with kept.ledger.pool.acquire() as connection:
        return await deadlines.overdue(connection)


def _waiting() -> Locked:
    """A referral whose prescriber was silent, as it stands under its lock."""
    id_ = uuid4()
    state = open_referral(str(id_), task_id(id_, Role.COORDINATION, 1))
    hand_over = TaskState(task_id(id_, Role.HAND_OVER, 1), Role.HAND_OVER, 1, TaskStatus.REQUESTED, "", "p")
    given = apply(state, Update(FactType.ASSIGNED, Party.HUB, new_task=hand_over))
    assert isinstance(given, Applied)
    now = datetime(2026, 3, 2, tzinfo=UTC)
    return Locked(
        id=id_, ref="X", client="gp", connector="fhir_rest", correlation=None, state=given.state, content_version=1, held=None, clock="accept", deadline_at=now,
        overdue=True, priority="routine", area=None, needs=(), tried=(), task_clients={}, created={}, trace=None, now=now, content=b"", message=b"",
    )  # fmt: skip
