"""Routing's work on a batch of events: read contents and directory, decide, and give the ledger one amendment for each."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

from hub.content import bundle_of, referral_of
from hub.crashpoints import crash
from hub.deciding.clocks import PolicyClocks
from hub.deciding.decide import decide
from hub.deciding.decision import Assign, Decision, Hold
from hub.deciding.policy import Policy
from hub.deciding.wanted import Moment
from hub.directory.snapshot import DirectorySnapshot
from hub.ledger import directory
from hub.ledger.changes import Amendment, Consumed, Effects, Locked, NoEffect
from hub.ledger.changes import Decision as Change
from hub.ledger.commit import Ledger
from hub.places import Places
from hub.recording import Recorder
from hub.routing.assigning import Routed, assign, hold, tried
from hub.routing.reads import Content, DirectoryReader, contents
from hub.security.clients import Clients
from hub.telemetry import LogEvent, cleared, count, log, observe, trace_from
from schemas.events import Event, FactType
from schemas.lifecycle import asked_to_stop
from schemas.rejection import Reason

STAGE = "routing"
STARTS = frozenset({FactType.RECEIVED, FactType.RELEASED, FactType.DECLINED, FactType.NO_RESPONSE, FactType.HANDED_BACK})
MOST_COUNTED = 40


class PlacesGone(Exception):  # noqa: N818
    """Every counted candidate was full under the lock, or the directory is not as it was read: decide again with both as they are now."""


@dataclass(slots=True)
class Routing:
    """The stage. `guarded` is False only in the seeded-bug runs."""

    ledger: Ledger
    policy: Policy
    places: Places
    clients: Clients
    guarded: bool = True
    clocks: PolicyClocks = field(init=False)
    reader: DirectoryReader = field(init=False)

    def __post_init__(self) -> None:
        self.clocks = PolicyClocks(self.policy)
        self.reader = DirectoryReader(self.ledger.pool)

    async def __call__(self, events: Sequence[Event]) -> list[Amendment | None]:
        """One amendment for each event that starts routing. Raises Unavailable."""
        wanted = [UUID(event.key) for event in events if event.type in STARTS]
        if not wanted:
            return [None] * len(events)
        found = await contents(self.ledger.pool, self.ledger.sealing, wanted)
        batch = _Batch(self, await self.reader.now(), await directory.taken(self.ledger.pool), found, datetime.now(UTC))
        amendments = [batch.amendment(event) if event.type in STARTS else None for event in events]
        crash("routing.decided")
        return amendments


@dataclass(frozen=True, slots=True)
class _Batch:
    stage: Routing
    directory: DirectorySnapshot
    taken: dict[str, int]
    contents: dict[UUID, Content]
    now: datetime

    def amendment(self, event: Event) -> Amendment:
        id_ = UUID(event.key)
        content = self.contents.get(id_)
        consumed = Consumed(STAGE, event.id)
        if content is None:
            return Amendment(lambda _locked: NoEffect(), (id_,), consumed=consumed)
        decision = self._decide(content, self._moment(content, frozenset()))
        counted = _choices(decision)[:MOST_COUNTED] if isinstance(decision, Assign) else ()
        return Amendment(lambda locked: self._apply(locked, event, content, decision), (id_,), counted=counted, consumed=consumed)

    def _moment(self, content: Content, declined: frozenset[str]) -> Moment:
        client = self.stage.clients.by_id(content.client)
        place = self.stage.places.resolve(content.referral.person.postcode or "")
        return Moment(self.now, place, self.taken, declined, agreement=client.profile.covers_prescriber if client else None)

    def _decide(self, content: Content, moment: Moment) -> Decision:
        started = time.perf_counter()
        decision = decide(content.referral, self.directory, self.stage.policy, moment)
        observe("hub_decision_seconds", time.perf_counter() - started)
        return decision

    def _apply(self, locked: Locked, event: Event, content: Content, decision: Decision) -> Change:
        """Under the lock: the ledger is the truth, the event only told us to look."""
        if not locked.state.open or locked.state.hand_over is not None or locked.held is not None or _withdrawn(locked):
            log(LogEvent.ROUTING_SKIPPED, referral=str(locked.id), status=locked.state.coordination.status.value)
            return NoEffect()
        if content.version != locked.content_version:
            content = Content(locked.client, locked.content_version, referral_of(locked.content))
            decision = self._decide(content, self._moment(content, tried(locked)))
        elif tried(locked):
            decision = self._decide(content, self._moment(content, tried(locked)))
        decision = self._with_place(locked, content, decision)
        recorder = Recorder(locked, f"{event.id}|{STAGE}", f"/{STAGE}", self.stage.clocks, causation=str(event.id))
        return _logged(locked, self._effects(locked, recorder, decision), decision)

    def _with_place(self, locked: Locked, content: Content, decision: Decision) -> Decision:
        """The decision as it is with the places that are taken by now, so that what is explained is what is done. Raises PlacesGone."""
        full = {one: self._places(one) for one, free in locked.free.items() if free is not None and free <= 0}
        if not self.stage.guarded or not isinstance(decision, Assign):
            return decision
        if decision.prescriber in full:
            decision = self._decide(content, self._moment(content, tried(locked)).counting({**self.taken, **full}))
        if isinstance(decision, Assign) and (decision.prescriber in full or decision.prescriber not in locked.free):
            self.stage.reader.forget()
            raise PlacesGone
        return decision

    def _places(self, prescriber: str) -> int:
        """As many as can be taken by what was read; 0 where that knows of no limit, or no longer of them at all."""
        entry = self.directory.by_id.get(prescriber)
        return (entry.prescriber.capacity.places or 0) if entry else 0

    def _effects(self, locked: Locked, recorder: Recorder, decision: Decision) -> Effects:
        if not isinstance(decision, Assign):
            reason = decision.record.reasons[0].reason if isinstance(decision, Hold) else Reason.NO_PRESCRIBER
            return hold(recorder, decision, reason)
        client = self.directory.by_id[decision.prescriber].prescriber.client
        return assign(locked, recorder, decision, decision.prescriber, client, bundle_of(locked.content))


def _withdrawn(locked: Locked) -> bool:
    """Its referrer has asked to take it back: nobody new hears of the person."""
    return asked_to_stop(locked.state.coordination)


def _choices(decision: Assign) -> tuple[str, ...]:
    return (decision.prescriber, *decision.next_choices)


def _logged(locked: Locked, effects: Effects, decision: Decision) -> Effects:
    routed = effects.result
    count("hub_decisions_total", outcome=routed.outcome)
    with cleared(trace_from(locked.trace), stage=STAGE):
        _log(locked, routed, decision)
    return effects


def _log(locked: Locked, routed: Routed, decision: Decision) -> None:
    log(
        LogEvent.ROUTING_DECIDED, referral=str(locked.id), ref=locked.ref, outcome=routed.outcome, prescriber=routed.prescriber, reason=routed.reason,
        policy=decision.record.policy.version, certainty=decision.record.place.certainty.value,
    )  # fmt: skip
