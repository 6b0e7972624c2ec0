"""`hub dead-letters` against the real wrapper around a stage: what failed is seen, retried by one command, and its outcome told."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from uuid import UUID, uuid4

from hub.consuming import Consumer
from hub.ledger import parking
from hub.ledger.changes import Amendment, Consumed, NoEffect
from hub.ledger.parking import DeadLetter
from schemas.events import Event
from schemas.identifiers import ReferralRef
from tests.hub.making import Record
from tests.hub.operations.commands import Commands, Ended


class Stage:
    """A stage that cannot digest anything until it is mended."""

    def __init__(self, opened: Record) -> None:
        self.mended, self.digested = False, list[UUID]()
        self.consumer = Consumer("routing", "referrals", opened.ledger, self.prepare)

    async def prepare(self, events: Sequence[Event]) -> list[Amendment | None]:
        if not self.mended:
            raise ValueError("Zzcanari cannot be digested")
        self.digested += [event.id for event in events]
        return [Amendment(lambda _locked: NoEffect(), (UUID(event.key),), consumed=Consumed("routing", event.id)) for event in events]

    async def running(self) -> None:
        """What the running stage does each second."""
        while True:
            await self.consumer.retry()
            await asyncio.sleep(0.1)


async def _broken(opened: Record) -> tuple[UUID, DeadLetter]:
    """A referral whose first event a stage gave up; it was relayed already."""
    referral = await opened.create()
    await opened.fetch("DELETE FROM outbox WHERE referral_id = $1", referral)
    (event,) = await opened.events(referral)
    letter = DeadLetter("routing", "referrals", 3, uuid4().int % 2**31, "poison", "ValueError at stage.py:7", referral, event.id, b"Zzcanari")
    await parking.write(opened.ledger.pool, opened.ledger.sealing, letter)
    await parking.park(opened.ledger.pool, "routing", [event])
    return referral, letter


async def _while_running(stage: Stage, hub: Commands, *arguments: str) -> Ended:
    running = asyncio.create_task(stage.running())
    try:
        return await hub("dead-letters", *arguments)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_open_letters_are_listed_with_what_waits_behind_and_never_what_they_held(opened: Record, hub: Commands) -> None:
    assert (await hub("dead-letters", "list")).out == "There are no dead letters.\n"
    referral, letter = await _broken(opened)
    (line,) = (await hub("dead-letters", "list", "--json")).lines
    assert (line["id"], line["referral"], line["stage"], line["parked"], line["state"]) == (str(letter.id), str(referral), "routing", 1, "open")
    said = await hub("dead-letters", "list", "--language", "cy")
    assert (ReferralRef.of(referral).spoken in said.out, "ar agor" in said.out, "Zzcanari" in said.out) == (True, True, False)
    shown = await hub("dead-letters", "show", str(letter.id)[:8])
    assert (shown.code, "ValueError at stage.py:7" in shown.out, "hub dead-letters retry" in shown.out, "Zzcanari" in shown.out) == (0, True, True, False)


async def test_a_retry_waits_until_the_running_stage_dealt_with_it(opened: Record, hub: Commands) -> None:
    referral, letter = await _broken(opened)
    stage = Stage(opened)
    stage.mended = True
    ended = await _while_running(stage, hub, "retry", str(letter.id), "--by", "Non")
    assert (ended.code, "dealt with; what waited behind it has gone on" in ended.out) == (0, True)
    assert stage.digested == [event.id for event in await opened.events(referral)]
    assert await opened.value("SELECT count(*) FROM parked") == 0
    assert await opened.value("SELECT actor FROM audit WHERE action = 'dead-letter.retry'") == "operations:Non"
    assert (await hub("dead-letters", "list")).out == "There are no dead letters.\n"


async def test_a_retry_that_fails_again_says_so_and_ends_with_two(opened: Record, hub: Commands) -> None:
    _, letter = await _broken(opened)
    ended = await _while_running(Stage(opened), hub, "retry", str(letter.id))
    assert (ended.code, "failed again (ValueError" in ended.out, "Zzcanari" in ended.out) == (2, True, False)
    assert (await hub("dead-letters", "list", "--json")).lines[0]["attempts"] == 2


async def test_without_a_running_stage_the_command_says_that_nobody_took_it_up(opened: Record, hub: Commands) -> None:
    _, letter = await _broken(opened)
    ended = await hub("dead-letters", "retry", str(letter.id), "--wait", "0.2")
    assert (ended.code, "the stage routing has not taken it up yet" in ended.out) == (75, True)
    again = await hub("dead-letters", "retry", str(letter.id), "--wait", "0.2")
    assert (again.code, "being retried already" in again.err) == (2, True)


async def test_all_retries_every_open_one(opened: Record, hub: Commands) -> None:
    assert (await hub("dead-letters", "retry", "--all")).code == 0  # nothing to do is no fault
    await _broken(opened)
    await _broken(opened)
    stage = Stage(opened)
    stage.mended = True
    ended = await _while_running(stage, hub, "retry", "--all")
    assert (ended.code, len(ended.out.splitlines()), len(stage.digested)) == (0, 2, 2)


async def test_ids_that_mean_nothing_and_no_ids_at_all_are_refused(opened: Record, hub: Commands) -> None:
    assert (await hub("dead-letters", "retry", "ffffffff")).code == 2
    assert (await hub("dead-letters", "retry")).code == 64
    assert (await hub("dead-letters", "retry", "ffffffff", "--all")).code == 64
