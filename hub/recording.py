"""Shared by the stages: turns legal moves of one referral into the facts that say so and into what the ledger shall write."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, time, timedelta
from typing import Any, Protocol
from uuid import UUID

import orjson

from hub.content import referrers_task_of
from hub.ledger.changes import Effects, Leave, Locked, NewEvent, NewItem, Waiting
from hub.staying import expected_out, is_inside
from schemas.events import FactType, event_id
from schemas.fhir import build
from schemas.fhir.strict_json import dump
from schemas.identifiers import referral_scoped_id
from schemas.lifecycle import MOVES, Applied, Move, Result, Unchanged, Update, apply, asked_to_stop
from schemas.rejection import Reason
from schemas.task import Clock, Party, ReferralState, Role, TaskState
from schemas.words import text

JsonObject = dict[str, Any]  # Any: FHIR JSON
PRESCRIBER_SYSTEM = "https://hub.example.wales/Id/prescriber"
ASSET_SYSTEM = "https://hub.example.wales/Id/asset"
REF_SYSTEM = "https://hub.example.wales/Id/referral"
_CANCELS = frozenset({FactType.PERSON_DIED, FactType.ENTERED_IN_ERROR, FactType.CANCELLED})
STANDS_STILL = frozenset({Clock.FIRST_CONTACT, Clock.PROGRESS})
"""What is not waited for while a person is in hospital. Whether a prescriber takes somebody on need not wait for that."""
_PRIVATE = frozenset({Reason.CRISIS, Reason.SAFEGUARDING, Reason.DOMESTIC_ABUSE, Reason.CLINICAL})


class Clocks(Protocol):
    """How long each wait may last, from the policy; `alert_seconds`: how soon a human hears of a held referral."""

    @property
    def alert_seconds(self) -> int: ...

    def seconds(self, clock: Clock, priority: str, now: datetime) -> int:
        """Seconds that `clock` may run from `now` for a referral of that priority."""
        ...


@dataclass(frozen=True, slots=True)
class Tree:
    """What is needed to write one referral's Tasks as FHIR, beside their state. `part_of` refers to the referrer's own Task, where it sent one."""

    referral_id: UUID
    ref: str
    priority: str
    requester: str
    now: datetime
    due: datetime | None = None
    part_of: JsonObject | None = None


def tree_of(locked: Locked, due: datetime | None = None) -> Tree:
    """The same of a referral under its lock."""
    return Tree(locked.id, locked.ref, locked.priority, locked.client, locked.now, due, referrers_task_of(locked.content))


def request_reference(referral_id: UUID) -> str:
    """The sender's ServiceRequest under our id: the referral's own."""
    return f"ServiceRequest/{referral_id}"


def patient_reference(referral_id: UUID) -> str:
    """The person under our id; what stands there is nobody's NHS number."""
    return f"Patient/{referral_scoped_id(referral_id, 'patient', 1)}"


def filler_id(referral_id: UUID, ordinal: int = 1) -> str:
    """The hub's own ServiceRequest: the first serves the hand-overs, each offer has one more."""
    return str(referral_scoped_id(referral_id, "filler", ordinal))


def task_id(referral_id: UUID, role: Role, ordinal: int) -> str:
    """The id of one of the hub's Tasks."""
    return str(referral_scoped_id(referral_id, role.value, ordinal))


def fhir_task(tree: Tree, task: TaskState, authored: datetime, changed: datetime | None = None) -> JsonObject:
    """A Task of the tree as FHIR R4; it names no person: `for` is our own Patient id."""
    coordination = task.role is Role.COORDINATION
    owner_system = ASSET_SYSTEM if task.role is Role.OFFER else PRESCRIBER_SYSTEM
    reason = (task.reason, text(f"reason.{task.reason}")) if task.reason in Reason.__members__.values() and task.reason else None
    return build.task(
        build.HubTask(
            kind=task.role.value,
            id=task.id,
            version=task.version,
            status=task.status.value,
            business_status=task.business,
            focus=_focus(tree.referral_id, task),
            patient={"reference": patient_reference(tree.referral_id)},
            authored_on=_instant(authored),
            last_modified=_instant(max(authored, changed or tree.now)),
            identifiers=({"system": REF_SYSTEM, "value": tree.ref},),
            part_of=tree.part_of if coordination else {"reference": f"Task/{task_id(tree.referral_id, Role.COORDINATION, 1)}"},
            requester={"identifier": {"system": "https://hub.example.wales/Id/client", "value": tree.requester}},
            owner={"identifier": {"system": owner_system, "value": task.owner}} if task.owner else None,
            priority=tree.priority,
            due=_instant(tree.due) if tree.due and not coordination else None,
            reason=reason,
        )
    )


def _focus(referral_id: UUID, task: TaskState) -> str:
    if task.role is Role.COORDINATION:
        return request_reference(referral_id)
    return f"ServiceRequest/{filler_id(referral_id, 1 if task.role is Role.HAND_OVER else 1 + task.ordinal)}"


def _instant(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds")


def thin_json(fact: FactType, state: ReferralState, task: TaskState, area: str | None, needs: tuple[str, ...], reason: str | None) -> str:
    """What may stand on `referral-status`: ids, Task status, area, need codes. Crisis, safeguarding and death say only `clinical` or `closed`,
    in every later fact too while the Task still says so."""
    private = reason in _PRIVATE or fact is FactType.STEPPED_UP
    stepped_up = task.business == MOVES[FactType.STEPPED_UP].business
    died = fact is FactType.PERSON_DIED or "died" in task.business or reason in (Reason.DIED, Reason.DECEASED)
    shown = "closed" if died else "clinical" if private else fact.fact
    business = "closed" if died else "clinical" if private or stepped_up else task.business
    said = {
        "area": area,
        "fact": shown,
        "needs": sorted(needs),
        "referral": state.referral_id,
        "task": {"businessStatus": business, "id": task.id, "role": task.role.value, "status": task.status.value},
        "version": state.version,
    }
    return orjson.dumps(said, option=orjson.OPT_SORT_KEYS).decode()


@dataclass(slots=True)
class Recorder:
    """Applies updates to one locked referral, one after another, and gathers the effects. `cause` is what the event ids are made of."""

    locked: Locked
    cause: str
    source: str
    clocks: Clocks
    causation: str | None = None
    state: ReferralState = field(init=False)
    _events: list[NewEvent] = field(default_factory=list)
    _moves: list[tuple[Move, str | None]] = field(default_factory=list)
    _changed: dict[str, TaskState] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.state = self.locked.state

    def apply(
        self,
        update: Update,
        *,
        resources: Iterable[JsonObject] = (),
        entries: tuple[build.Entry, ...] = (),
        tells: frozenset[Party] | None = None,
        focus: str | None = None,
    ) -> Result:
        """Apply one update; if it is legal its fact is recorded with the changed Tasks, `resources` (FHIR) and a sender's `entries` as payload.
        Of what the Task says already only the sender's sequence is kept."""
        result = apply(self.state, update)
        if isinstance(result, Applied):
            self.state = result.state
            self._moves.append((result.move, update.reason))
            self._changed |= {task.id: task for task in result.changed}
            self._events.append(self._event(update, result, (*_entries(resources), *entries), tells, focus))
        elif isinstance(result, Unchanged):
            self.state = result.state
        return result

    @property
    def last_event(self) -> NewEvent | None:
        """The fact recorded last."""
        return self._events[-1] if self._events else None

    def effects(self, **more: Any) -> Effects:  # Any: fields of Effects by name
        """Everything recorded so far as the ledger writes it; `more` sets or replaces fields of `Effects`."""
        released = tuple(UUID(task.id) for task in self._changed.values() if task.role is Role.HAND_OVER and not task.open)
        made = Effects(self.state, tuple(self._events), self._waiting(), release=released, **self._holds())
        return replace(made, **more) if more else made

    def _event(self, update: Update, result: Applied, beside: tuple[build.Entry, ...], tells: frozenset[Party] | None, focus: str | None) -> NewEvent:
        task = next((one for one in result.changed if one.role is result.move.about), result.state.coordination)
        tree = tree_of(self.locked, self._due(result.move))
        tasks = [fhir_task(tree, one, self.locked.created.get(one.id, self.locked.now)) for one in result.changed]
        payload = fact_bundle(update.fact, self.source, (*_entries(tasks), *beside), update.reason)
        return NewEvent(
            id=event_id(self.cause, len(self._events)),
            type=update.fact,
            version=result.state.version,
            subject=focus or f"Task/{task.id}",
            source=self.source,
            payload=payload,
            thin=thin_json(update.fact, result.state, task, self.locked.area, self.locked.needs, update.reason),
            tells=result.move.tells if tells is None else tells,
            reason=update.reason,
            task_id=UUID(task.id),
            correlation=self.locked.correlation,
            causation=self.causation,
        )

    def _due(self, move: Move) -> datetime | None:
        return self.locked.now + timedelta(seconds=self.clocks.seconds(move.clock, self.locked.priority, self.locked.now)) if move.clock else None

    def _waiting(self) -> Waiting | Leave | None:
        if not self.state.open:
            return None
        if self.locked.clock == Clock.CANCEL and asked_to_stop(self.state.coordination):
            return Leave.AS_IS  # it ends when that runs out, whatever is said meanwhile
        move = next((move for move, _ in reversed(self._moves) if move.awaits and move.clock), None)
        if move is None or move.awaits is None or move.clock is None:
            return Leave.AS_IS
        return waiting(self.locked, self.state, move.awaits, move.clock, self.clocks)

    def _holds(self) -> JsonObject:
        facts = {move.fact for move, _ in self._moves}
        held: JsonObject = {}
        for move, reason in self._moves:
            if move.fact in (FactType.HELD, FactType.STEPPED_UP):
                item = NewItem("hold" if move.fact is FactType.HELD else "stepped-up", reason or "clinical", self.clocks.alert_seconds)
                held["items"] = (*held.get("items", ()), item)
                if move.fact is FactType.HELD and reason:
                    held["held"] = Reason(reason)
        if FactType.RELEASED in facts or not self.state.open:
            held |= {"held": None, "close_items": True}
        return held | ({"cancel_deliveries": True} if facts & _CANCELS else {})


def waiting(locked: Locked, state: ReferralState, party: Party, clock: Clock, clocks: Clocks) -> Waiting:
    """For whom and how long to wait. What needs the person to be at home does not run while they are in hospital."""
    if clock in STANDS_STILL and is_inside(locked.content):
        return pause(locked, state, party, clocks)
    return Waiting(party, owner_of(state, party), clock, clocks.seconds(clock, locked.priority, locked.now))


def pause(locked: Locked, state: ReferralState, party: Party, clocks: Clocks) -> Waiting:
    """Until the person is home, but never for ever: a human looks a day after the ward's own date, and at the policy's longest at the latest."""
    longest = clocks.seconds(Clock.STAY, locked.priority, locked.now)
    out = expected_out(locked.content)
    until = datetime.combine(out, time(), locked.now.tzinfo) + timedelta(days=2) if out else None
    wanted = int((until - locked.now).total_seconds()) if until else longest
    return Waiting(party, owner_of(state, party), Clock.STAY, min(longest, wanted) if wanted > 0 else longest)


def step_clock(state: ReferralState) -> Clock:
    """What the last step of the open hand-over waits for."""
    business = state.hand_over.business if state.hand_over else ""
    steps = (move for move in MOVES.values() if move.about is Role.HAND_OVER and move.awaits is Party.PRESCRIBER and move.business == business)
    return next((move.clock for move in steps if move.clock), Clock.PROGRESS)


def anew(locked: Locked, state: ReferralState, clocks: Clocks) -> Waiting:
    """That wait from its beginning, as if the step had just been taken: for a person who is home again."""
    clock = step_clock(state)
    return Waiting(Party.PRESCRIBER, owner_of(state, Party.PRESCRIBER), clock, clocks.seconds(clock, locked.priority, locked.now))


def _entries(resources: Iterable[JsonObject]) -> tuple[build.Entry, ...]:
    return tuple(build.Entry(f"{one['resourceType']}/{one['id']}" if "id" in one else "", one) for one in resources)


def fact_bundle(fact: FactType, source: str, entries: tuple[build.Entry, ...], reason: str | None) -> bytes:
    """The payload of a later fact: the hub's MessageHeader, then `entries`, the changed Tasks first."""
    who = source.removeprefix("/connectors/").lstrip("/")
    header = build.Entry("", build.message_header(fact.value, who, [entries[0].full_url] if entries else [], reason))
    bundle = build.message_bundle(header, entries)
    for entry in bundle["entry"]:
        if not entry["fullUrl"]:
            del entry["fullUrl"]
    return dump(bundle)


def owner_of(state: ReferralState, party: Party) -> str:
    """By name: the prescriber of the open hand-over, or the stage or desk that must act."""
    if party is Party.PRESCRIBER and state.hand_over is not None and state.hand_over.owner is not None:
        return state.hand_over.owner
    return "operations" if party is Party.OPERATIONS else "routing"
