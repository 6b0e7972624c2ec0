"""Routing on the real record: who is asked, whose place is taken, and that the ledger and not the event says where a referral stands."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import orjson
import pytest
import pytest_asyncio

from hub.ledger import directory as ledger_directory
from hub.ledger.changes import Amendment, Done, Effects, NoEffect, Outcome, RepeatedEvent
from hub.places import Places
from hub.routing.assigning import DECISION, tried
from hub.routing.stage import STARTS, PlacesGone, Routing
from schemas.directory import Asset, Prescriber
from schemas.events import Event, FactType
from schemas.lifecycle import Update
from schemas.profile import Profile
from schemas.rejection import Reason
from schemas.task import Party, ReferralState, Role, TaskState, TaskStatus
from tests.hub.deciding.directories import asset, prescriber
from tests.hub.making import Known, Record, policy, record, service_request

VERIFIED = datetime.now(UTC).date().isoformat()


def cardiff(**more: Any) -> bytes:  # Any: FHIR JSON
    """An adult of Cardiff who asked for company, and whose referrer may share it."""
    person = {
        "resourceType": "Patient", "id": "person", "birthDate": "1950-01-01", "name": [{"family": "Prawf", "given": ["Non"]}],
        "identifier": [{"system": "https://fhir.nhs.uk/Id/nhs-number", "value": "9990000026"}], "address": [{"postalCode": "CF10 1AA"}],
    }  # fmt: skip
    need = {"coding": [{"system": "https://hub.example.wales/CodeSystem/need", "code": "loneliness"}]}
    return service_request(**{"contained": [person], "reasonCode": [need], **more})


@dataclass(slots=True)
class Stage:
    """Routing as its consumer drives it."""

    book: Record
    known: Known = field(default_factory=Known)
    routing: Routing = field(init=False)

    def __post_init__(self) -> None:
        self.routing = Routing(self.book.ledger, policy(), Places.load(), self.known)  # type: ignore[arg-type]
        self.known.add("gp-prawf", profile=Profile(sharing_agreement=True))

    async def list(self, *rows: Prescriber | Asset) -> None:
        """Put these into the directory."""
        people = [one for one in rows if isinstance(one, Prescriber)]
        things = [one for one in rows if isinstance(one, Asset)]
        await ledger_directory.store(self.book.ledger.pool, people, things)

    async def route(self, *referrals: UUID, fact: FactType = FactType.RECEIVED) -> list[Outcome]:
        """Give it one event of each referral, in one batch."""
        return await self.digest([Event(uuid4(), fact, str(one), "s", datetime.now(UTC), "/t", 1) for one in referrals])

    async def digest(self, events: Sequence[Event]) -> list[Outcome]:
        """What its consumer does with a batch."""
        changes = [change for change in await self.routing(events) if change is not None]
        return await self.book.ledger.commit_together(changes)

    async def owner(self, referral: UUID) -> str | None:
        """Who has the open hand-over."""
        return await self.book.value("SELECT owner FROM task WHERE referral_id = $1 AND role = 'hand-over' ORDER BY ordinal DESC LIMIT 1", referral)


@pytest_asyncio.fixture(loop_scope="session")
async def stage(database: str) -> AsyncIterator[Stage]:
    """Routing on this test's own database, with nobody in the directory yet."""
    async with record(database) as book:
        yield Stage(book)


def one(name: str, places: int | None = 5, **more: Any) -> Prescriber:  # Any: fields of Prescriber
    return prescriber(name, capacity={"state": "capacity", "places": places}, verified_on=VERIFIED, **more)


async def test_a_referral_is_handed_over_with_its_reasons_its_place_and_its_record(stage: Stage) -> None:
    await stage.list(one("p1", client="cases-prawf"), asset("a1", verified_on=VERIFIED))
    id_ = await stage.book.create(body=cardiff())
    (outcome,) = await stage.route(id_)
    assert isinstance(outcome, Done)
    task = (await stage.book.fetch("SELECT id, owner, client, status, version FROM task WHERE role = 'hand-over'"))[0]
    assert tuple(task)[1:] == ("p1", "cases-prawf", "requested", 2)
    assert await stage.book.value("SELECT counted_id FROM place_taken WHERE task_id = $1 AND released_at IS NULL", task["id"]) == "p1"
    assert await stage.book.value("SELECT owner || '/' || clock FROM referral") == "p1/accept"
    event = (await stage.book.events(id_))[1]
    resources = [entry["resource"] for entry in orjson.loads(event.data)["entry"]]
    kinds = [one["resourceType"] for one in resources]
    assert {"Task", "Communication", "CarePlan", "Binary", "ServiceRequest"} <= set(kinds)
    kept = next(one for one in resources if one["resourceType"] == "Binary")
    assert kept["meta"]["tag"][0] == {"system": DECISION.partition("#")[0], "code": "decision"}
    said = orjson.loads(base64.b64decode(kept["data"]))
    assert (said["chosen"]["prescriber"], said["policy"]["sha256"]) == ("p1", policy().sha256)
    assert b"Prawf" not in base64.b64decode(kept["data"]), "the decision record names nobody"


async def test_with_nobody_to_ask_a_person_looks_and_what_is_missing_is_said(stage: Stage) -> None:
    id_ = await stage.book.create(body=cardiff())
    await stage.route(id_)
    assert tuple((await stage.book.fetch("SELECT held_reason, owner, clock FROM referral"))[0]) == ("no-prescriber", "operations", "human")
    facts = [(event.type, event.sequence) for event in await stage.book.events(id_)]
    assert facts[:2] == [(FactType.RECEIVED, 1), (FactType.HELD, 2)]
    assert facts[2][0] is FactType.NEED_UNMET
    assert await stage.book.value("SELECT count(*) FROM worklist_item WHERE closed_at IS NULL") == 1


async def test_a_missing_asset_never_blocks_the_prescriber(stage: Stage) -> None:
    await stage.list(one("p1"))
    id_ = await stage.book.create(body=cardiff())
    await stage.route(id_)
    assert await stage.owner(id_) == "p1"
    assert [event.type for event in await stage.book.events(id_)][-1] is FactType.NEED_UNMET


async def test_an_event_that_comes_again_does_nothing(stage: Stage) -> None:
    await stage.list(one("p1"))
    id_ = await stage.book.create(body=cardiff())
    event = (await stage.book.events(id_))[0]
    outcomes = [*await stage.digest([event, event]), *await stage.digest([event])]
    assert [type(outcome) for outcome in outcomes] == [Done, RepeatedEvent, RepeatedEvent]
    assert await stage.book.value("SELECT count(*) FROM place_taken") == 1


@pytest.mark.parametrize("how", ["held", "over", "handed over", "withdrawn", "erased"])
async def test_the_ledger_says_where_a_referral_stands_not_the_event(stage: Stage, how: str) -> None:
    await stage.list(one("p1"))
    id_ = await stage.book.create(body=cardiff())
    if how == "handed over":
        await stage.book.assign(id_, "p0", place=False)
    elif how == "erased":
        await stage.book.fetch("UPDATE referral SET sealing_key = NULL")
    else:
        fact, party = {
            "held": (FactType.HELD, Party.HUB), "over": (FactType.CANCELLED, Party.OPERATIONS), "withdrawn": (FactType.CANCEL_REQUESTED, Party.REFERRER),
        }[how]  # fmt: skip
        await stage.book.apply(id_, Update(fact, party, reason=Reason.CRISIS.value if how == "held" else None))
    version = await stage.book.value("SELECT version FROM referral")
    (outcome,) = await stage.route(id_)
    assert isinstance(outcome, Done)
    assert all(isinstance(decision, NoEffect) for decision in outcome.decisions)
    assert await stage.book.value("SELECT version FROM referral") == version


async def test_a_fact_that_starts_nothing_is_passed_over(stage: Stage) -> None:
    id_ = await stage.book.create(body=cardiff())
    others = [fact for fact in (FactType.ACCEPTED, FactType.UPDATED, FactType.ASSIGNED, FactType.CLOSED) if fact not in STARTS]
    events = [Event(uuid4(), fact, str(id_), "s", datetime.now(UTC), "/t", 1) for fact in others]
    assert await stage.routing(events) == [None] * 4


async def test_who_said_no_is_not_asked_again(stage: Stage) -> None:
    await stage.list(one("p1"), one("p2"))
    id_ = await stage.book.create(body=cardiff())
    await stage.route(id_)
    first = await stage.owner(id_)
    task = str(await stage.book.value("SELECT id FROM task WHERE role = 'hand-over'"))
    await stage.book.apply(id_, Update(FactType.DECLINED, Party.PRESCRIBER, task, reason=Reason.AT_CAPACITY))
    await stage.route(id_, fact=FactType.DECLINED)
    second = await stage.owner(id_)
    assert {first, second} == {"p1", "p2"}
    task = str(await stage.book.value("SELECT id FROM task WHERE role = 'hand-over' AND ordinal = 2"))
    await stage.book.apply(id_, Update(FactType.NO_RESPONSE, Party.HUB, task, reason=Reason.NO_RESPONSE))
    await stage.route(id_, fact=FactType.NO_RESPONSE)
    assert await stage.book.value("SELECT held_reason FROM referral") == "no-prescriber"
    assert await stage.book.value("SELECT count(*) FROM place_taken WHERE released_at IS NULL") == 0


def test_tried_are_the_owners_of_hand_overs_that_ended() -> None:
    tasks = [
        TaskState("c", Role.COORDINATION, 1, TaskStatus.REQUESTED, ""),
        TaskState("1", Role.HAND_OVER, 1, TaskStatus.REJECTED, "", "p1"),
        TaskState("2", Role.HAND_OVER, 2, TaskStatus.REQUESTED, "", "p2"),
        TaskState("3", Role.OFFER, 1, TaskStatus.REJECTED, "", "a1"),
    ]

    class Locked:
        state = ReferralState("r", 1, tuple(tasks))

    assert tried(Locked()) == {"p1"}  # type: ignore[arg-type]


# --- places ---------------------------------------------------------------------------------------------------------------------------------


async def test_when_the_first_choice_is_full_the_next_is_taken(stage: Stage) -> None:
    await stage.list(one("p1", 1), one("p2", 5))
    ids = [await stage.book.create(body=cardiff()) for _ in range(4)]
    for id_ in ids:
        await stage.route(id_)
    owners = [await stage.owner(id_) for id_ in ids]
    assert owners.count("p1") == 1
    assert owners.count("p2") == 3


@pytest.mark.parametrize("together", [True, False])  # one batch, and many at once
async def test_no_more_are_assigned_than_there_are_places(stage: Stage, together: bool) -> None:
    await stage.list(one("p1", 2), one("p2", 1))
    ids = [await stage.book.create(body=cardiff()) for _ in range(8)]

    async def until_done(*some: UUID) -> None:
        for _ in range(20):
            try:
                await stage.route(*some)
            except PlacesGone:
                continue  # as its consumer does: each alone, and decided again
            else:
                return
        raise AssertionError("never decided")

    if together:
        try:
            await stage.route(*ids)
        except PlacesGone:
            for id_ in ids:
                await until_done(id_)
    else:
        await asyncio.gather(*(until_done(id_) for id_ in ids))
    rows = await stage.book.fetch("SELECT counted_id, count(*) AS n FROM place_taken WHERE released_at IS NULL GROUP BY 1 ORDER BY 1")
    assert [tuple(row) for row in rows] == [("p1", 2), ("p2", 1)]
    assert await stage.book.value("SELECT count(*) FROM referral WHERE held_reason = 'no-prescriber'") == 5


async def test_a_choice_that_was_not_counted_is_decided_again(stage: Stage) -> None:
    """More might be considered than are locked: one of them is never assigned by a count that was not taken under its lock."""
    await stage.list(one("p1", 1), one("p2", 1))
    taken, second = [await stage.book.create(body=cardiff()) for _ in range(2)]
    (change,) = await stage.routing([Event(uuid4(), FactType.RECEIVED, str(second), "s", datetime.now(UTC), "/t", 1)])
    assert isinstance(change, Amendment)
    await stage.route(taken)
    full = await stage.owner(taken)
    narrowed = Amendment(change.decide, change.referrals, counted=(str(full),), consumed=change.consumed)
    with pytest.raises(PlacesGone):
        await stage.book.ledger.commit_together([narrowed])
    (outcome,) = await stage.route(second)
    assert isinstance(outcome, Done)
    assert isinstance(outcome.decisions[0], Effects)
    assert await stage.owner(second) not in (full, None)


async def test_the_seeded_bug_oversells(stage: Stage) -> None:
    """Unguarded, everybody gets the place that everybody saw."""
    await stage.list(one("p1", 1))
    stage.routing.guarded = False
    ids = [await stage.book.create(body=cardiff()) for _ in range(4)]
    await stage.route(*ids)
    assert await stage.book.value("SELECT count(*) FROM place_taken WHERE released_at IS NULL") > 1


async def test_a_change_of_the_directory_is_seen_by_the_next_batch(stage: Stage) -> None:
    await stage.list(one("p1"))
    first = await stage.book.create(body=cardiff())
    await stage.route(first)
    await stage.list(one("p1", valid_to="2020-01-01"), one("p2"))
    second = await stage.book.create(body=cardiff())
    await stage.route(second)
    assert (await stage.owner(first), await stage.owner(second)) == ("p1", "p2")


async def test_what_the_person_agreed_to_since_is_what_counts(stage: Stage) -> None:
    """The content changed between the decision and the lock: it is decided again."""
    await stage.list(one("p1"))
    id_ = await stage.book.create(body=cardiff())
    (change,) = await stage.routing([Event(uuid4(), FactType.RECEIVED, str(id_), "s", datetime.now(UTC), "/t", 1)])
    assert isinstance(change, Amendment)
    await stage.book.apply(id_, Update(FactType.CONSENT_CHANGED, Party.REFERRER), agreed=False)
    await stage.book.ledger.commit_together([change])
    assert await stage.owner(id_) is None
    assert await stage.book.value("SELECT held_reason FROM referral") == "consent-refused"
