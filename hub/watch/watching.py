"""In watch: every few seconds looks for deadlines that passed in silence, alarms that nobody heard and work that fell out of the road."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field

from hub.crashpoints import crash
from hub.deciding.clocks import PolicyClocks
from hub.deciding.policy import Policy
from hub.errors import Unavailable
from hub.ledger import deadlines, delivering
from hub.ledger.changes import Done
from hub.ledger.commit import Ledger
from hub.ledger.database import lent
from hub.ledger.deadlines import Overdue
from hub.telemetry import LogEvent, count, gauge, log, observe
from hub.watch.silence import ROUTED_BY, amendment
from hub.watch.waiting import measure
from schemas.task import Clock

_ITEMS = {Clock.ROUTE: "stuck-routing", Clock.FIRST_CONTACT: "overdue", Clock.PROGRESS: "overdue", Clock.STAY: "long-stay"}
"""The kind of worklist item by which a person is asked, by what was waited for."""


@dataclass(slots=True)
class Watch:
    """The stage. `interval`: seconds between two looks. Several may run: what one has dealt with is not overdue for the other."""

    ledger: Ledger
    policy: Policy
    interval: float = 5.0
    untold_seconds: float = 600.0
    clocks: PolicyClocks = field(init=False)
    _turns: int = 0

    def __post_init__(self) -> None:
        self.clocks = PolicyClocks(self.policy)

    async def run(self) -> None:
        """Look until cancelled. `hub_stage_seconds` of stage `watch` is its heartbeat: one observation a look."""
        while True:
            started = time.monotonic()
            try:
                await self.once()
                gauge("hub_store_up", 1, store="postgres")
            except Unavailable as fault:
                gauge("hub_store_up", 0, store="postgres")
                log(LogEvent.STORE_UNAVAILABLE, "warning", error=fault, stage="watch")
            observe("hub_stage_seconds", time.monotonic() - started, stage="watch")
            await asyncio.sleep(self.interval)

    async def once(self) -> int:
        """One look; how many referrals were overdue. Raises Unavailable."""
        async with lent(self.ledger.pool) as connection:
            found = await deadlines.overdue(connection)
        if found:
            crash("watch.detected")
        for one in found:
            await self._ask_a_person(one)
        outcomes = await asyncio.gather(*(self._deal_with(one) for one in found), return_exceptions=True)
        for one, fault in zip(found, outcomes, strict=True):
            if isinstance(fault, Exception):  # one referral's trouble harms no other; it is overdue still, and found again
                log(LogEvent.STORE_UNAVAILABLE if isinstance(fault, Unavailable) else LogEvent.BUG, "error", error=fault, stage="watch", referral=str(one.id))
        await self._sound_and_sweep()
        return len(found)

    async def _ask_a_person(self, one: Overdue) -> None:
        """Before the new deadline is set, so that a crash between the two asks again and not never."""
        clock = _clock(one)
        async with lent(self.ledger.pool) as connection:
            item = None
            if clock is Clock.HUMAN and not await deadlines.escalate(connection, one.id):
                item = await deadlines.open_item(connection, one, "hold", one.held or "clinical", 0)
            elif clock in _ITEMS:
                item = await deadlines.open_item(connection, one, _ITEMS[clock], clock.value, 0)
            again = await deadlines.route_again(connection, one.id, ROUTED_BY) if clock is Clock.ROUTE else 0
        if item is not None:
            log(LogEvent.WORKLIST_ADDED, "warning", referral=str(one.id), ref=one.ref, worklist=str(item), reason=clock.value, count=again, stage="watch")

    async def _deal_with(self, one: Overdue) -> None:
        clock = _clock(one)
        outcome = await self.ledger.commit(amendment(one.id, clock, self.clocks))
        fact = outcome.decisions[0].result if isinstance(outcome, Done) and outcome.decisions else None
        count("hub_overdue_total", stage="routing" if clock is Clock.ROUTE else "watch")
        log(
            LogEvent.WATCH_OVERDUE, "warning", referral=str(one.id), ref=one.ref, version=one.version, deadline=clock.value, waiting=round(one.late, 1),
            effect=fact.value if fact else "new-deadline", stage="watch",
        )  # fmt: skip

    async def _sound_and_sweep(self) -> None:
        self._turns += 1
        async with lent(self.ledger.pool) as connection:
            for alarm in await deadlines.sound_alarms(connection):
                log(
                    LogEvent.WATCH_OVERDUE, "error", referral=str(alarm["referral_id"]), ref=alarm["ref"], worklist=str(alarm["id"]), reason=alarm["reason"],
                    role=alarm["kind"], waiting=round(alarm["age"], 1), stage="watch",
                )  # fmt: skip
            swept = await delivering.swept(connection)
            if self._turns % max(1, round(self.untold_seconds / self.interval)) == 0:
                swept += await deadlines.tell_again(connection, self.untold_seconds)
            if swept:
                log(LogEvent.WATCH_SWEPT, "warning", count=swept, stage="watch")
            if self._turns % 3 == 1:
                gauge("hub_waiting_because_of_us", await measure(connection))


def _clock(one: Overdue) -> Clock:
    """What was waited for; a deadline that does not say is the hub's own."""
    return Clock(one.clock) if one.clock in set(Clock) else Clock.ROUTE
