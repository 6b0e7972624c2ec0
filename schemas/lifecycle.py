"""Which change of state is legal: the one table fact → Task, status, who may cause it, who is told, who must act next; and `apply()`.

Legal moves are Gravity's (SDOH Clinical Care, Task for referral management) without `ready` and `received`; the owner may skip
forward, the missing steps being inferred. Progress stands in `Task.status` and `Task.businessStatus`, never in ServiceRequest.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from schemas.events import FactType as F
from schemas.rejection import Reason
from schemas.task import FINAL, Clock, Party, ReferralState, Role, TaskState, TaskStatus

S = TaskStatus
LEGAL: dict[TaskStatus, frozenset[TaskStatus]] = {
    S.REQUESTED: frozenset({S.ACCEPTED, S.REJECTED, S.CANCELLED, S.ENTERED_IN_ERROR}),
    S.ACCEPTED: frozenset({S.IN_PROGRESS, S.ON_HOLD, S.COMPLETED, S.FAILED, S.CANCELLED, S.ENTERED_IN_ERROR}),
    S.IN_PROGRESS: frozenset({S.ON_HOLD, S.COMPLETED, S.FAILED, S.CANCELLED, S.ENTERED_IN_ERROR}),
    S.ON_HOLD: frozenset({S.IN_PROGRESS, S.COMPLETED, S.FAILED, S.CANCELLED, S.ENTERED_IN_ERROR}),
    **{final: frozenset({S.ENTERED_IN_ERROR}) for final in FINAL - {S.ENTERED_IN_ERROR}},
    S.ENTERED_IN_ERROR: frozenset(),
}
_INFERRED: dict[tuple[TaskStatus, TaskStatus], tuple[TaskStatus, ...]] = {
    (S.REQUESTED, S.IN_PROGRESS): (S.ACCEPTED,),
    (S.REQUESTED, S.COMPLETED): (S.ACCEPTED, S.IN_PROGRESS),
    (S.REQUESTED, S.FAILED): (S.ACCEPTED, S.IN_PROGRESS),
    (S.ACCEPTED, S.COMPLETED): (S.IN_PROGRESS,),
}

_HUB, _REF, _PRE, _ASS, _PER, _OPS, _HOS = Party.HUB, Party.REFERRER, Party.PRESCRIBER, Party.ASSET, Party.PERSON, Party.OPERATIONS, Party.HOSPITAL


@dataclass(frozen=True, slots=True)
class Move:
    """One row of the table. `status` None leaves the Task's status as it is. `rolls_up` is what the coordination Task becomes when a
    hand-over moves, `ends_all` closes every open Task of the referral with `status`. `clock` None leaves the running one; the owner
    (`awaits`) is who must act next."""

    fact: F
    about: Role
    status: TaskStatus | None
    business: str | None
    causes: frozenset[Party]
    tells: frozenset[Party]
    rolls_up: TaskStatus | None = None
    ends_all: bool = False
    awaits: Party | None = None
    clock: Clock | None = None


def _row(
    fact: F,
    about: Role,
    status: TaskStatus | None,
    business: str | None,
    causes: tuple[Party, ...],
    tells: tuple[Party, ...],
    *,
    rolls_up: TaskStatus | None = None,
    ends_all: bool = False,
    awaits: Party | None = None,
    clock: Clock | None = None,
) -> Move:
    return Move(fact, about, status, business, frozenset(causes), frozenset(tells), rolls_up, ends_all, awaits, clock)


_C, _H, _O = Role.COORDINATION, Role.HAND_OVER, Role.OFFER
_ROWS = (
    _row(F.RECEIVED, _C, S.REQUESTED, "received", (_REF, _PER, _HOS), (), awaits=_HUB, clock=Clock.ROUTE),
    _row(F.OFFERED, _C, S.REQUESTED, "offered", (_HOS, _REF), (), awaits=_OPS, clock=Clock.HUMAN),
    _row(F.UPDATED, _C, None, None, (_REF, _HOS), (_PRE,)),
    _row(F.HELD, _C, None, "triage", (_HUB, _OPS), (_REF, _OPS), awaits=_OPS, clock=Clock.HUMAN),
    _row(F.RELEASED, _C, None, "received", (_OPS,), (), awaits=_HUB, clock=Clock.ROUTE),
    _row(F.CANCEL_REQUESTED, _C, None, "cancel-requested", (_REF, _PER, _HOS), (_PRE,), awaits=_PRE, clock=Clock.CANCEL),
    _row(F.CANCELLED, _C, S.CANCELLED, "closed-cancelled", (_HUB, _PRE, _OPS), (_REF, _PRE), ends_all=True),
    _row(F.ENTERED_IN_ERROR, _C, S.ENTERED_IN_ERROR, "entered-in-error", (_REF, _HOS, _OPS), (_REF, _PRE), ends_all=True),
    _row(F.CONSENT_CHANGED, _C, None, None, (_REF, _PER, _PRE), (_PRE,)),
    _row(F.PERSON_CHANGED, _C, None, None, (_HOS, _REF), (_PRE,)),
    _row(F.PERSON_MOVED, _C, None, None, (_HOS, _OPS), (_PRE,)),
    _row(F.PERSON_DIED, _C, S.CANCELLED, "closed-died", (_HOS, _REF, _PRE, _HUB), (_PRE, _REF), ends_all=True),
    _row(F.DUPLICATE_LINKED, _C, None, None, (_HUB,), (_PRE,)),
    _row(F.CLOSED, _C, None, "closed", (_HUB, _OPS), (_REF,), ends_all=True),
    _row(F.ASSIGNED, _H, S.REQUESTED, "matched", (_HUB, _OPS), (_PRE, _REF), awaits=_PRE, clock=Clock.ACCEPT),
    _row(F.ACCEPTED, _H, S.ACCEPTED, "accepted", (_PRE,), (_REF,), rolls_up=S.ACCEPTED, awaits=_PRE, clock=Clock.FIRST_CONTACT),
    _row(F.DECLINED, _H, S.REJECTED, "declined", (_PRE,), (_REF,), awaits=_HUB, clock=Clock.ROUTE),
    _row(F.NO_RESPONSE, _H, S.CANCELLED, "no-response", (_HUB,), (_PRE, _REF), awaits=_HUB, clock=Clock.ROUTE),
    _row(F.ON_HOLD, _H, S.ON_HOLD, "on-hold", (_PRE,), (_REF,), rolls_up=S.ON_HOLD, awaits=_PRE, clock=Clock.PROGRESS),
    _row(F.RESUMED, _H, S.IN_PROGRESS, "resumed", (_PRE,), (), rolls_up=S.IN_PROGRESS, awaits=_PRE, clock=Clock.PROGRESS),
    _row(F.CONTACT_ATTEMPTED, _H, S.IN_PROGRESS, "contact-attempted", (_PRE,), (), rolls_up=S.IN_PROGRESS, awaits=_PRE, clock=Clock.FIRST_CONTACT),
    _row(F.DID_NOT_ATTEND, _H, S.IN_PROGRESS, "did-not-attend", (_PRE,), (_REF,), rolls_up=S.IN_PROGRESS, awaits=_PRE, clock=Clock.FIRST_CONTACT),
    _row(F.FIRST_CONTACT, _H, S.IN_PROGRESS, "first-contact", (_PRE,), (_REF,), rolls_up=S.IN_PROGRESS, awaits=_PRE, clock=Clock.PROGRESS),
    _row(F.PLAN_AGREED, _H, S.IN_PROGRESS, "plan-agreed", (_PRE,), (_REF,), rolls_up=S.IN_PROGRESS, awaits=_PRE, clock=Clock.PROGRESS),
    _row(F.STEPPED_UP, _H, None, "stepped-up", (_PRE,), (_REF, _OPS), awaits=_OPS, clock=Clock.HUMAN),
    _row(F.HANDED_BACK, _H, S.FAILED, "handed-back", (_PRE,), (_REF,), awaits=_HUB, clock=Clock.ROUTE),
    _row(F.COMPLETED, _H, S.COMPLETED, "closed-goals-met", (_PRE,), (_REF,), awaits=_HUB),
    _row(F.FAILED, _H, S.FAILED, "closed-disengaged", (_PRE,), (_REF,), awaits=_HUB),
    _row(F.ASSET_PROPOSED, _O, S.REQUESTED, "offered-to-asset", (_PRE, _HUB), (_ASS,)),
    _row(F.ASSET_ACCEPTED, _O, S.ACCEPTED, "accepted", (_ASS, _PRE), (_PRE,)),
    _row(F.ASSET_DECLINED, _O, S.REJECTED, "declined", (_ASS, _PRE), (_PRE,)),
    _row(F.ATTENDED, _O, S.IN_PROGRESS, "attended", (_ASS, _PRE), (_PRE,)),
    _row(F.ASSET_FINISHED, _O, S.COMPLETED, "finished", (_ASS, _PRE), (_PRE,)),
    _row(F.OUTCOME_RECORDED, _C, None, None, (_PRE,), ()),
    _row(F.NEED_UNMET, _C, None, None, (_HUB,), ()),
)
MOVES: dict[F, Move] = {row.fact: row for row in _ROWS}
OF_OFFERS: dict[F, Move] = {F.DID_NOT_ATTEND: _row(F.DID_NOT_ATTEND, _O, None, "did-not-attend", (_ASS, _PRE), (_PRE,))}
"""Facts of a hand-over that can be said of an offer too, and what they mean there."""
BEGINS: frozenset[F] = frozenset({F.RECEIVED, F.OFFERED})
"""What a referral's own life begins with: it was asked for, or it is offered and waits until the person was asked."""
OPENS: frozenset[F] = frozenset({F.ASSIGNED, F.ASSET_PROPOSED})
"""What a new Task begins with; a referral itself begins with `open_referral`, so that nothing is received or assigned a second time."""
WITHOUT_TASK: frozenset[F] = frozenset({F.NEED_GAP, F.ASSET_LISTED, F.ASSET_WITHDRAWN, F.PRESCRIBER_LISTED, F.CAPACITY_CHANGED})


@dataclass(frozen=True, slots=True)
class Update:
    """A wish to change a referral. `task_id` None means the coordination Task. `new_task` opens a hand-over or an offer. `if_match` is the
    version seen by the sender (HTTP); `sequence` its own counter (Kafka, files, links); `ends` the final status of a `closed`."""

    fact: F
    party: Party
    task_id: str | None = None
    new_task: TaskState | None = None
    reason: str | None = None
    if_match: int | None = None
    sequence: int | None = None
    ends: TaskStatus | None = None


@dataclass(frozen=True, slots=True)
class Applied:
    """The change is legal: `changed` are the Tasks as they are now."""

    state: ReferralState
    changed: tuple[TaskState, ...]
    move: Move


@dataclass(frozen=True, slots=True)
class Unchanged:
    """The Task says this already; nothing is told again. `state` differs only by the sender's sequence, so that what is older comes too late."""

    state: ReferralState


@dataclass(frozen=True, slots=True)
class Late:
    """Out of order by the sender's own sequence: kept in the history, changes nothing."""

    reason: Reason = Reason.ILLEGAL_TRANSITION


@dataclass(frozen=True, slots=True)
class Refused:
    """Not legal. `current` is the Task's status now, to tell the sender."""

    reason: Reason
    current: TaskStatus | None = None
    version: int | None = None


Result = Applied | Unchanged | Late | Refused


def apply(state: ReferralState, update: Update) -> Result:
    """The state after `update`, or why not. Never raises for a legal FactType; a fact without a Task is Refused `unsupported-type`."""
    move = _move_of(state, update)
    if move is None:
        return Refused(Reason.UNSUPPORTED_TYPE)
    if update.party not in move.causes:
        return Refused(Reason.NOT_PERMITTED)
    if update.new_task is not None or update.fact in OPENS or update.fact in BEGINS:
        return _opened(state, update, move)
    task = _task_of(state, update, move)
    if task is None:
        return Refused(Reason.NOT_FOUND)
    if update.if_match is not None and update.if_match != task.version:
        return Refused(Reason.STALE_VERSION, task.status, task.version)
    if update.sequence is not None and task.sequence is not None and update.sequence <= task.sequence:
        return Late()
    return _moved(state, task, update, move)


def reachable(current: TaskStatus, target: TaskStatus) -> tuple[TaskStatus, ...] | None:
    """The steps that must be inferred to go from `current` to `target` (empty for a legal move), or None when it is no way forward."""
    if target in LEGAL[current]:
        return _INFERRED.get((current, target), ())
    return _INFERRED.get((current, target))


def _move_of(state: ReferralState, update: Update) -> Move | None:
    of_offer = any(task.id == update.task_id and task.role is Role.OFFER for task in state.tasks)
    return OF_OFFERS.get(update.fact, MOVES.get(update.fact)) if of_offer else MOVES.get(update.fact)


def _task_of(state: ReferralState, update: Update, move: Move) -> TaskState | None:
    if move.about is Role.COORDINATION and update.task_id is None:
        return state.coordination
    found = next((task for task in state.tasks if task.id == update.task_id), None)
    return found if (found is not None and found.role is move.about) or move.ends_all else None


def _opened(state: ReferralState, update: Update, move: Move) -> Result:
    new = update.new_task
    if new is None or move.fact not in OPENS or new.role is not move.about or not state.open or any(task.id == new.id for task in state.tasks):
        return Refused(Reason.ILLEGAL_TRANSITION, state.coordination.status, state.version)
    if new.role is Role.HAND_OVER and state.hand_over is not None:
        return Refused(Reason.ILLEGAL_TRANSITION, state.hand_over.status, state.version)
    version = state.version + 1
    opened = replace(new, status=move.status or new.status, business=move.business or new.business, version=version)
    return _rolled(replace(state, version=version, tasks=(*state.tasks, opened)), (opened,), move)


def _moved(state: ReferralState, task: TaskState, update: Update, move: Move) -> Result:
    if update.ends not in (FINAL if move.fact is F.CLOSED else (None,)):
        return Refused(Reason.ILLEGAL_TRANSITION, task.status, task.version)
    target = update.ends if move.fact is F.CLOSED else move.status
    if target is None:
        if not task.open:
            return _not_legal(task, update)
        target = task.status
    same = target is task.status and (move.business or task.business) == task.business
    if same and move.status is not None:
        return Unchanged(_counted(state, task, update.sequence))
    inferred = () if target is task.status and task.open else reachable(task.status, target)
    if inferred is None or ((inferred and update.party not in (Party.PRESCRIBER, Party.ASSET)) and not move.ends_all):
        return _not_legal(task, update)
    version = state.version + 1
    changed = replace(
        task,
        status=target,
        business=move.business or task.business,
        version=version,
        reason=update.reason or task.reason,
        inferred=(*task.inferred, *(step for step in inferred or () if step not in task.inferred)),
        sequence=update.sequence if update.sequence is not None else task.sequence,
    )
    tasks = tuple(changed if one.id == task.id else one for one in state.tasks)
    return _rolled(replace(state, version=version, tasks=tasks), (changed,), move, target)


def _counted(state: ReferralState, task: TaskState, sequence: int | None) -> ReferralState:
    """The same state, but the sender has come as far as `sequence`."""
    if sequence is None:
        return state
    return replace(state, tasks=tuple(replace(one, sequence=sequence) if one.id == task.id else one for one in state.tasks))


def _not_legal(task: TaskState, update: Update) -> Late | Refused:
    return Late() if update.sequence is not None else Refused(Reason.ILLEGAL_TRANSITION, task.status, task.version)


def _rolled(state: ReferralState, changed: tuple[TaskState, ...], move: Move, target: TaskStatus | None = None) -> Applied:
    """Carry the change to the coordination Task, and to every open Task when it ends all."""
    tasks = list(state.tasks)
    more: list[TaskState] = []
    for place, task in enumerate(tasks):
        new = _ended(task, state.version, move, target) if move.ends_all else _followed(task, state.version, move)
        if new is not None and all(new.id != one.id for one in changed):
            tasks[place] = new
            more.append(new)
    return Applied(replace(state, tasks=tuple(tasks)), (*changed, *more), move)


def _ended(task: TaskState, version: int, move: Move, target: TaskStatus | None) -> TaskState | None:
    if not task.open:
        return None
    if task.role is Role.COORDINATION:
        return replace(task, status=target or S.CANCELLED, business=move.business or task.business, version=version)
    status = S.ENTERED_IN_ERROR if move.status is S.ENTERED_IN_ERROR else S.CANCELLED
    return replace(task, status=status, business=move.business or task.business, version=version)


def asked_to_stop(task: TaskState) -> bool:
    """Whether the referrer asked to take the referral of this coordination Task back, and nobody has confirmed it."""
    return task.open and task.business == MOVES[F.CANCEL_REQUESTED].business


def _followed(task: TaskState, version: int, move: Move) -> TaskState | None:
    """The coordination Task mirrors the open hand-over: its business status, unless it was asked to stop, and its status as the row says. It
    never goes back: where an earlier hand-over left it on hold, it is in progress once the next one is accepted."""
    if task.role is not Role.COORDINATION or move.about is not Role.HAND_OVER or not task.open:
        return None
    wanted = S.IN_PROGRESS if move.rolls_up is S.ACCEPTED and task.status is S.ON_HOLD else move.rolls_up
    status = wanted if wanted is not None and reachable(task.status, wanted) is not None else task.status
    business = task.business if asked_to_stop(task) else move.business or task.business
    if status is task.status and business == task.business:
        return None
    return replace(task, status=status, business=business, version=version)


def open_referral(referral_id: str, coordination_id: str, begins: F = F.RECEIVED) -> ReferralState:
    """The state of a referral that was just received, or offered: version 1, its coordination Task `requested`."""
    move = MOVES[begins]
    task = TaskState(coordination_id, Role.COORDINATION, 0, move.status or S.REQUESTED, move.business or "received", version=1)
    return ReferralState(referral_id, 1, (task,))
