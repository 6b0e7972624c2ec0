"""In operations: what the person on duty decides of a worklist item: release it, close its referral, or say that it is dealt with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from hub.content import bundle_of, must_be_asked, referral_of, with_consent
from hub.ledger import worklist
from hub.ledger.changes import Amendment, Audit, Decision, Done, Effects, Locked, NoEffect, Waiting
from hub.ledger.commit import Ledger
from hub.ledger.database import lent
from hub.ledger.worklist import Item
from hub.recording import Clocks, Recorder, anew, owner_of, step_clock, waiting
from hub.staying import moved
from schemas.events import FactType
from schemas.fhir.build import Entry
from schemas.fhir.stay import ACT_CODE
from schemas.identifiers import ReferralRef, referral_scoped_id
from schemas.lifecycle import Applied, Refused, Update
from schemas.rejection import Reason
from schemas.task import Clock, Party, TaskStatus
from schemas.words import Text, text

JsonObject = dict[str, Any]  # Any: FHIR JSON
CLOSES: tuple[Reason, ...] = (
    Reason.NO_SUITABLE_SERVICE, Reason.NO_PRESCRIBER, Reason.WRONG_SERVICE, Reason.DECLINED_BY_PERSON, Reason.CONSENT_REFUSED, Reason.FAILED_CONTACT,
    Reason.CANCELLED_BY_REFERRER, Reason.CRISIS, Reason.SAFEGUARDING, Reason.DOMESTIC_ABUSE, Reason.CLINICAL, Reason.IDENTITY_CONFLICT, Reason.TEST_DATA,
    Reason.DUPLICATE, Reason.DIED,
)  # fmt: skip
"""Why a person of the hub may close a referral."""
ASKS: frozenset[Reason] = frozenset({Reason.CONSENT_UNCLEAR, Reason.CONSENT_REFUSED, Reason.CHILD_ALONE, Reason.OFFER_TO_CONFIRM})
"""Held until the person was asked: without their yes routing would only hold it again."""
LONG_STAY = "long-stay"
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

    async def release(self, item: Item, *, agreed: bool = False) -> Dealt:
        """A hold goes back to routing, which decides with triage clear; any other item is dealt with. `agreed`: the person was asked and said
        yes; what is held because nobody asked is not released without it. Raises Unavailable."""
        if item.closed_at is not None:
            return Dealt(False, text("worklist.closed-already"))
        if item.kind == "hold":
            return await self._commit(item, "worklist.release", self._released(item, agreed), text("worklist.released", ref=_spoken(item)))
        return Dealt(False, text("worklist.agreed-to-nothing")) if agreed else await self._deal(item)

    async def home(self, item: Item) -> Dealt:
        """The person is home again, though no hospital said so: what waited for that begins anew, and their prescriber hears. Raises Unavailable."""
        if item.closed_at is not None or item.kind != LONG_STAY:
            return Dealt(False, text("worklist.closed-already" if item.closed_at is not None else "worklist.no-stay"))
        (outcome,) = await self.ledger.commit_together([Amendment(self._home(item), (item.referral_id,), audit=self._audit("worklist.home", item))])
        refused = outcome.decisions[0].result if isinstance(outcome, Done) and outcome.decisions else text("worklist.over")
        return Dealt(False, refused) if refused is not None else await self._deal(item, text("worklist.home", ref=_spoken(item)))

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

    async def _deal(self, item: Item, words: Text | None = None) -> Dealt:
        if item.kind == "stepped-up":
            await self.ledger.commit_together([Amendment(self._back_to_prescriber, (item.referral_id,))])
        async with lent(self.ledger.pool) as connection:
            done = await worklist.close(connection, self.ledger.sealing, item, self.by, self.note, self._audit("worklist.dealt-with", item))
        return Dealt(done, (words or text("worklist.dealt-with", ref=_spoken(item))) if done else text("worklist.closed-already"))

    def _audit(self, action: str, item: Item, reason: Reason | None = None) -> Audit:
        return Audit(f"operations:{self.by}", action, {"item": str(item.id), "reason": reason.value if reason else item.reason})

    def _released(self, item: Item, agreed: bool) -> Callable[[Locked], Decision]:
        def decide(locked: Locked) -> Decision:
            if locked.state.open and locked.held is None:
                return NoEffect(text("worklist.not-held"))
            if locked.state.open and not agreed and (locked.held in ASKS or must_be_asked(locked.content)):
                return NoEffect(text("worklist.ask-first.child" if _of_child(locked) else "worklist.ask-first"))
            return self._let_go(locked, item, agreed)

        return decide

    def _let_go(self, locked: Locked, item: Item, agreed: bool) -> Decision:
        """The person's yes, if they said one, and the release. Who has the referral already goes on with it: there is nothing to route."""
        recorder = Recorder(locked, f"operations|{item.id}|{FactType.RELEASED}", SOURCE, self.clocks)
        content = _agreed(locked, recorder) if agreed and locked.content else None
        found = self._applied(locked, recorder, Update(FactType.RELEASED, Party.OPERATIONS))
        if found is not None:
            return found
        more: dict[str, Any] = {} if content is None else {"content": content}
        if locked.state.hand_over is not None:
            more["waiting"] = waiting(locked, recorder.state, Party.PRESCRIBER, step_clock(recorder.state), self.clocks)
        return recorder.effects(**more)

    def _home(self, item: Item) -> Callable[[Locked], Decision]:
        stay = {"resourceType": "Encounter", "status": "finished", "class": {"system": ACT_CODE, "code": "IMP"}}

        def decide(locked: Locked) -> Decision:
            if locked.state.open and locked.clock != Clock.STAY:
                return NoEffect(text("worklist.home-already"))
            recorder = Recorder(locked, f"operations|{item.id}|{FactType.PERSON_MOVED}", SOURCE, self.clocks)
            found = self._applied(locked, recorder, Update(FactType.PERSON_MOVED, Party.OPERATIONS, reason="discharged"), [stay])
            if found is not None:
                return found
            return recorder.effects(content=moved(locked.content, stay, {}), waiting=anew(locked, recorder.state, self.clocks))

        return decide

    def _closed(self, item: Item, reason: Reason) -> Callable[[Locked], Decision]:
        def decide(locked: Locked) -> Decision:
            ends = TaskStatus.REJECTED if locked.state.coordination.status is TaskStatus.REQUESTED else TaskStatus.FAILED
            tells = frozenset({Party.REFERRER, Party.PRESCRIBER} if locked.state.hand_over else {Party.REFERRER})
            return self._recorded(locked, item, Update(FactType.CLOSED, Party.OPERATIONS, reason=reason.value, ends=ends), tells)

        return decide

    def _recorded(self, locked: Locked, item: Item, update: Update, tells: frozenset[Party] | None = None) -> Decision:
        recorder = Recorder(locked, f"operations|{item.id}|{update.fact}", SOURCE, self.clocks)
        return self._applied(locked, recorder, update, tells=tells) or recorder.effects()

    @staticmethod
    def _applied(
        locked: Locked, recorder: Recorder, update: Update, resources: Sequence[JsonObject] = (), tells: frozenset[Party] | None = None
    ) -> NoEffect | None:
        """The fact is recorded (None), or in words why not. The item makes the event's id, so that doing it twice is doing it once."""
        if not locked.state.open:
            return NoEffect(text("worklist.over"))
        match recorder.apply(update, resources=resources, tells=tells):
            case Applied():
                return None
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


def _of_child(locked: Locked) -> bool:
    return locked.held is Reason.CHILD_ALONE or (bool(locked.content) and referral_of(locked.content).consent.child_alone)


def _agreed(locked: Locked, recorder: Recorder) -> bytes:
    """The content with the person's yes, which is recorded as theirs; a prescriber who has the referral already is told."""
    url = f"urn:uuid:{referral_scoped_id(locked.id, 'consent', locked.state.version)}"
    content = with_consent(locked.content, url, locked.now.isoformat(timespec="seconds"))
    entries = tuple(Entry(one.get("fullUrl", ""), one["resource"]) for one in bundle_of(content)["entry"][1:])
    tells = frozenset({Party.PRESCRIBER}) if locked.state.hand_over else frozenset[Party]()
    recorder.apply(Update(FactType.CONSENT_CHANGED, Party.PERSON), entries=entries, tells=tells)
    return content


def _spoken(item: Item) -> str:
    return ReferralRef(item.ref).spoken
