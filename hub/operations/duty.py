"""In operations: what the person on duty decides of a worklist item: release it, close its referral, or say that it is dealt with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from hub.ledger import worklist
from hub.ledger.changes import Amendment, Audit, Decision, Done, Effects, Locked, NoEffect, Waiting
from hub.ledger.commit import Ledger
from hub.ledger.database import lent
from hub.ledger.worklist import Item
from hub.recording import Clocks, Recorder, owner_of
from schemas.events import FactType
from schemas.identifiers import ReferralRef
from schemas.lifecycle import Applied, Refused, Update
from schemas.rejection import Reason
from schemas.task import Clock, Party, TaskStatus
from schemas.words import Text, text

CLOSES: tuple[Reason, ...] = (
    Reason.NO_SUITABLE_SERVICE, Reason.NO_PRESCRIBER, Reason.WRONG_SERVICE, Reason.DECLINED_BY_PERSON, Reason.CONSENT_REFUSED, Reason.FAILED_CONTACT,
    Reason.CANCELLED_BY_REFERRER, Reason.CRISIS, Reason.SAFEGUARDING, Reason.DOMESTIC_ABUSE, Reason.CLINICAL, Reason.IDENTITY_CONFLICT, Reason.TEST_DATA,
    Reason.DUPLICATE, Reason.DIED,
)  # fmt: skip
"""Why a person of the hub may close a referral."""
SOURCE = "/operations"


@dataclass(frozen=True, slots=True)
class Dealt:
    """What became of it; `done` False: nothing was changed, and the words say why."""

    done: bool
    words: Text


@dataclass(frozen=True, slots=True)
class Duty:
    """Who decides, with what note."""

    ledger: Ledger
    clocks: Clocks
    by: str
    note: str | None

    async def release(self, item: Item) -> Dealt:
        """A hold goes back to routing, which decides with triage clear; any other item is dealt with. Raises Unavailable."""
        if item.closed_at is not None:
            return Dealt(False, text("worklist.closed-already"))
        if item.kind != "hold":
            return await self._deal(item)
        return await self._commit(item, "worklist.release", self._released(item), text("worklist.released", ref=_spoken(item)))

    async def close(self, item: Item, reason: Reason) -> Dealt:
        """The referral ends here, with this reason; whoever referred is told, and a prescriber who has it. Raises Unavailable."""
        if item.closed_at is not None:
            return Dealt(False, text("worklist.closed-already"))
        return await self._commit(item, "worklist.close", self._closed(item, reason), text("worklist.closed", ref=_spoken(item)), reason)

    async def _commit(self, item: Item, action: str, decide: Callable[[Locked], Decision], words: Text, reason: Reason | None = None) -> Dealt:
        """Sign first, so that the commit that closes the item keeps the name; take it back if nothing is committed."""
        sealing, pool = self.ledger.sealing, self.ledger.pool
        async with lent(pool) as connection:
            if not await worklist.sign(connection, sealing, item, self.by, self.note):
                return Dealt(False, text("worklist.closed-already"))
        refused: Text | None = text("worklist.over")
        try:
            change = Amendment(decide, (item.referral_id,), audit=self._audit(action, item, reason))
            (outcome,) = await self.ledger.commit_together([change])
            if isinstance(outcome, Done) and outcome.decisions:
                refused = outcome.decisions[0].result
        finally:
            if refused is not None:
                async with lent(pool) as connection:
                    await worklist.unsign(connection, item)
        return Dealt(False, refused) if refused is not None else Dealt(True, words)

    async def _deal(self, item: Item) -> Dealt:
        if item.kind == "stepped-up":
            await self.ledger.commit_together([Amendment(self._back_to_prescriber, (item.referral_id,))])
        async with lent(self.ledger.pool) as connection:
            done = await worklist.close(connection, self.ledger.sealing, item, self.by, self.note, self._audit("worklist.dealt-with", item))
        return Dealt(done, text("worklist.dealt-with", ref=_spoken(item)) if done else text("worklist.closed-already"))

    def _audit(self, action: str, item: Item, reason: Reason | None = None) -> Audit:
        return Audit(f"operations:{self.by}", action, {"item": str(item.id), "reason": reason.value if reason else item.reason})

    def _released(self, item: Item) -> Callable[[Locked], Decision]:
        def decide(locked: Locked) -> Decision:
            if locked.state.open and locked.held is None:
                return NoEffect(text("worklist.not-held"))
            return self._recorded(locked, item, Update(FactType.RELEASED, Party.OPERATIONS))

        return decide

    def _closed(self, item: Item, reason: Reason) -> Callable[[Locked], Decision]:
        def decide(locked: Locked) -> Decision:
            ends = TaskStatus.REJECTED if locked.state.coordination.status is TaskStatus.REQUESTED else TaskStatus.FAILED
            tells = frozenset({Party.REFERRER, Party.PRESCRIBER} if locked.state.hand_over else {Party.REFERRER})
            return self._recorded(locked, item, Update(FactType.CLOSED, Party.OPERATIONS, reason=reason.value, ends=ends), tells)

        return decide

    def _recorded(self, locked: Locked, item: Item, update: Update, tells: frozenset[Party] | None = None) -> Decision:
        """The fact, or in words why not. The item makes the event's id, so that doing it twice is doing it once."""
        if not locked.state.open:
            return NoEffect(text("worklist.over"))
        recorder = Recorder(locked, f"operations|{item.id}|{update.fact}", SOURCE, self.clocks)
        match recorder.apply(update, tells=tells):
            case Applied():
                return recorder.effects()
            case Refused(current=current):
                return NoEffect(text("worklist.refused", status=text(f"status.{current or locked.state.coordination.status}")))
            case _:
                return NoEffect(text("worklist.over"))

    def _back_to_prescriber(self, locked: Locked) -> Decision:
        """A risk is in good hands: the referral waits for news from its prescriber again."""
        if not locked.state.open or locked.state.hand_over is None or locked.clock != Clock.HUMAN:
            return NoEffect()
        seconds = self.clocks.seconds(Clock.PROGRESS, locked.priority, locked.now)
        return Effects(locked.state, waiting=Waiting(Party.PRESCRIBER, owner_of(locked.state, Party.PRESCRIBER), Clock.PROGRESS, seconds))


def _spoken(item: Item) -> str:
    return ReferralRef(item.ref).spoken
