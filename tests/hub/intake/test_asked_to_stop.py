"""A referrer asks to take back what a prescriber has: whatever the prescriber says next, nobody new hears of the person, on the real record."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest

from hub.intake.changes import Changer
from hub.intake.creation import Arrival
from schemas.events import FactType
from schemas.lifecycle import Update
from schemas.messages import Fact, Reply, TaskUpdate
from schemas.rejection import Reason
from schemas.task import Party
from tests.hub.intake.conftest import Door
from tests.hub.making import CASES, NOW, clocks

_BUNDLE = {"resourceType": "Bundle", "entry": [{"resource": {"resourceType": "MessageHeader"}}]}


async def _asked(door: Door, *before: FactType) -> tuple[UUID, str]:
    """A referral that a prescriber has, which its referrer asked to take back; and the hand-over."""
    referral = await door.book.create()
    await door.book.list_prescriber("p-1", "P", client=CASES)
    hand_over = await door.book.assign(referral)
    said = [Update(fact, Party.PRESCRIBER, hand_over) for fact in before]
    await door.book.apply(referral, *said, Update(FactType.CANCEL_REQUESTED, Party.REFERRER, reason=Reason.CANCELLED_BY_REFERRER.value))
    return referral, hand_over


async def _says(door: Door, fact: FactType, hand_over: str) -> None:
    changer = Changer(clocks(), door.book.ledger.sealing)
    arrival = Arrival(CASES, "case_management", str(uuid4()), NOW, b"")
    made = changer.update(arrival, Fact(fact, _BUNDLE, update=TaskUpdate(hand_over)), lambda *_: Reply(200), CASES)
    referral = await door.book.value("SELECT referral_id FROM task WHERE id = $1", UUID(hand_over))
    await door.book.ledger.commit(type(made)(made.decide, (referral,), request=made.request, audit=made.audit))


async def _facts(door: Door, referral: UUID) -> list[str]:
    return [event.type.value.split(".")[1] for event in await door.book.events(referral)]


@pytest.mark.parametrize(
    ("before", "says"),
    [
        ((), [FactType.DECLINED]),  # the plain answer to "please stop", from a system that has no other word
        ((), [FactType.ACCEPTED, FactType.HANDED_BACK]),  # taken on before its worker had read it
        ((FactType.ACCEPTED,), [FactType.FIRST_CONTACT, FactType.HANDED_BACK]),
    ],
)
async def test_whoever_lets_go_of_it_ends_it(door: Door, before: tuple[FactType, ...], says: list[FactType]) -> None:
    referral, hand_over = await _asked(door, *before)
    for fact in says:
        await _says(door, fact, hand_over)
    assert await _facts(door, referral) == ["received", "assigned", *(one.fact for one in before), "cancel-requested", *(one.fact for one in says), "cancelled"]
    assert await door.book.value("SELECT closed_at IS NOT NULL FROM referral WHERE id = $1", referral)


async def test_a_referral_that_was_taken_on_after_all_still_waits_for_the_answer(door: Door) -> None:
    referral, hand_over = await _asked(door)
    await _says(door, FactType.ACCEPTED, hand_over)
    row = (await door.book.fetch("SELECT business_status, clock FROM referral WHERE id = $1", referral))[0]
    assert (row["business_status"], row["clock"]) == ("cancel-requested", "cancel")
