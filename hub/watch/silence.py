"""In watch: what follows when a deadline passes in silence, by what was waited for. Pure; decided under the referral's lock."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from uuid import UUID

from hub.ledger.changes import Amendment, Audit, Decision, Effects, Locked, NoEffect, Waiting
from hub.recording import Clocks, Recorder, owner_of
from schemas.events import FactType
from schemas.lifecycle import MOVES, Applied, Update
from schemas.rejection import Reason
from schemas.task import Clock, Party

SOURCE = "/watch"
ROUTED_BY: frozenset[FactType] = frozenset(fact for fact, move in MOVES.items() if move.awaits is Party.HUB and move.clock is Clock.ROUTE)
"""Facts after which routing must act."""
_WAITED_FOR: Mapping[Clock, Party] = MappingProxyType(
    {
        Clock.ROUTE: Party.HUB,
        Clock.ACCEPT: Party.PRESCRIBER,
        Clock.FIRST_CONTACT: Party.PRESCRIBER,
        Clock.PROGRESS: Party.PRESCRIBER,
        Clock.HUMAN: Party.OPERATIONS,
        Clock.CANCEL: Party.PRESCRIBER,
        Clock.STAY: Party.PRESCRIBER,
    }
)


def amendment(referral: UUID, clock: Clock, clocks: Clocks) -> Amendment:
    """What to do about one referral whose `clock` ran out, if under the lock that is still so."""
    return Amendment(lambda locked: decide(locked, clock, clocks), (referral,), audit=Audit("watch", f"overdue.{clock.value}"))


def decide(locked: Locked, clock: Clock, clocks: Clocks) -> Decision:
    """A prescriber's silence cancels the hand-over and frees its place; an unconfirmed cancellation is confirmed; for the rest a person is
    asked (by the worklist item that watch opened) and a new deadline runs, so that nothing stands still without one."""
    if not locked.state.open or not locked.overdue or locked.clock != clock.value:
        return NoEffect()
    update = _fact(locked, clock)
    if update is not None:
        recorder = Recorder(locked, f"{locked.id}|{locked.state.version}|{clock.value}", SOURCE, clocks)
        if isinstance(recorder.apply(update), Applied):
            return recorder.effects(result=update.fact)
    party = _WAITED_FOR[clock]
    return Effects(locked.state, waiting=Waiting(party, owner_of(locked.state, party), clock, clocks.seconds(clock, locked.priority, locked.now)))


def _fact(locked: Locked, clock: Clock) -> Update | None:
    hand_over = locked.state.hand_over
    if clock is Clock.ACCEPT and hand_over is not None:
        return Update(FactType.NO_RESPONSE, Party.HUB, hand_over.id, reason=Reason.NO_RESPONSE.value)
    if clock is Clock.CANCEL:
        return Update(FactType.CANCELLED, Party.HUB, reason=Reason.CANCELLED_BY_REFERRER.value)
    return None
