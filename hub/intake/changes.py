"""In intake: makes of updates and of person events the amendments that the ledger applies under its locks, and of their outcome the answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from uuid import UUID

from hub.deciding.clocks import PolicyClocks
from hub.intake import answers
from hub.intake.creation import Arrival
from hub.intake.stays import PersonNews, TraitsOf
from hub.ledger.changes import Amendment, Answered, Audit, Decision, Effects, Locked, NoEffect
from hub.ledger.sealing import Sealing, body_hash
from hub.recording import Recorder, fhir_task, tree_of
from schemas.events import FactType
from schemas.lifecycle import Applied, Late, Refused, Unchanged, Update, asked_to_stop
from schemas.messages import Accepted, Fact, Reply
from schemas.rejection import Issue, Reason, Rejected
from schemas.task import Party, TaskStatus

PERSON_FACTS = frozenset({FactType.PERSON_CHANGED, FactType.PERSON_MOVED, FactType.PERSON_DIED})
_AFTER: dict[FactType, tuple[TaskStatus, Reason]] = {
    FactType.COMPLETED: (TaskStatus.COMPLETED, Reason.GOALS_MET),
    FactType.FAILED: (TaskStatus.FAILED, Reason.DISENGAGED),
}

AnswerWith = Callable[[tuple[Accepted, ...], Reason | None], Reply]


@dataclass(frozen=True, slots=True)
class Changer:
    """Makes amendments of facts. Pure: the clock is the database's, read under the lock."""

    clocks: PolicyClocks
    sealing: Sealing
    traits: TraitsOf | None = None

    def update(self, arrival: Arrival, fact: Fact, answer: AnswerWith, owned_by: str) -> Amendment:
        """What a case management system says of one of its Tasks. `owned_by`: only that client's Tasks exist for it."""
        if fact.update is None:
            raise ValueError("an update without a Task")
        wanted = fact.update

        def decide(locked: Locked) -> Decision:
            if locked.task_clients.get(wanted.task_id) != owned_by:
                return NoEffect(_rejected(Reason.NOT_FOUND), keep_request=False)
            recorder = Recorder(locked, f"{arrival.client}|{arrival.key}", f"/connectors/{arrival.connector}", self.clocks)
            update = Update(fact.type, Party.PRESCRIBER, wanted.task_id, reason=fact.reason, if_match=wanted.if_match, sequence=wanted.sequence)
            return self._applied(locked, recorder, update, wanted.task_id)

        request = self.answered(arrival, answer)
        return Amendment(decide, request=request, audit=Audit(arrival.client, f"task-update.{fact.type.fact}"))

    def person(self, arrival: Arrival, facts: tuple[Fact, ...], answer: AnswerWith) -> Amendment:
        """A death, move, merge or change of details: one event for each open referral of that person, and a mark where it must be kept."""
        news = PersonNews(facts, self.sealing, self.clocks, self.traits)

        def decide(locked: Locked) -> Decision:
            recorder = Recorder(locked, f"{arrival.client}|{arrival.key}|{locked.id}", f"/connectors/{arrival.connector}", self.clocks)
            changed = news.change(locked, recorder)
            return replace(changed, result=_accepted(locked, recorder, None)) if isinstance(changed, Effects) and recorder.last_event else changed

        return Amendment(
            decide, person=news.hashes, marks=news.marks, lifts=news.lifts, revives=news.is_alive, request=self.answered(arrival, answer),
            audit=Audit(arrival.client, "person.event"),
        )  # fmt: skip

    def nothing(self, arrival: Arrival, reason: Reason, answer: AnswerWith) -> Amendment:
        """A message that is for nobody here: only its answer is kept, so that a repeat hears the same."""
        return Amendment(_never, request=self.answered(arrival, answer, reason), audit=Audit(arrival.client, "message.ignored", {"reason": reason.value}))

    def _applied(self, locked: Locked, recorder: Recorder, update: Update, task: str) -> Decision:
        match recorder.apply(update):
            case Applied():
                self._follow(recorder, update)
                return recorder.effects(result=_accepted(locked, recorder, task))
            case Unchanged(state=state):
                accepted = _accepted(locked, recorder, task)
                return NoEffect(accepted) if state == locked.state else Effects(state, result=accepted)
            case Late():
                return NoEffect(_accepted(locked, recorder, task))
            case Refused(reason=reason, current=current, version=version):
                return NoEffect(_rejected(reason, current, version), keep_request=False)

    def _follow(self, recorder: Recorder, update: Update) -> None:
        """A hand-over that ended ends the referral; that fact tells nobody again who was told of the ending itself. Whoever was asked to stop and
        lets go of it has stopped: nobody new hears of the person."""
        if update.reason == Reason.DECLINED_BY_PERSON:
            open_yet = recorder.state.coordination.status is TaskStatus.REQUESTED
            self._close(recorder, TaskStatus.REJECTED if open_yet else TaskStatus.FAILED, Reason.DECLINED_BY_PERSON)
        elif update.fact in _AFTER:
            status, reason = _AFTER[update.fact]
            self._close(recorder, status, Reason(update.reason) if update.reason in set(Reason) else reason)
        elif recorder.state.hand_over is None and asked_to_stop(recorder.state.coordination):
            recorder.apply(Update(FactType.CANCELLED, Party.HUB, reason=Reason.CANCELLED_BY_REFERRER.value))

    @staticmethod
    def _close(recorder: Recorder, ends: TaskStatus, reason: Reason) -> None:
        recorder.apply(Update(FactType.CLOSED, Party.HUB, reason=reason.value, ends=ends), tells=frozenset())

    def answered(self, arrival: Arrival, answer: AnswerWith, ignored: Reason | None = None) -> Answered:
        """The request's own row: its answer is made once the decisions are known."""

        def made(decisions: tuple[Decision, ...]) -> bytes | None:
            if any(isinstance(one, NoEffect) and not one.keep_request for one in decisions):
                return None
            accepted = tuple(one.result for one in decisions if isinstance(one.result, Accepted))
            return answers.freeze(answer(accepted, ignored if decisions or ignored else Reason.NO_OPEN_REFERRAL))

        return Answered(arrival.client, arrival.key, body_hash(arrival.body), made, arrival.key)


def _never(_locked: Locked) -> Decision:
    return NoEffect()


def _accepted(locked: Locked, recorder: Recorder, task: str | None) -> Accepted:
    state = recorder.state
    shown = next((one for one in state.tasks if one.id == task), state.coordination)
    tree = tree_of(locked)
    resource = fhir_task(tree, shown, locked.created.get(shown.id, locked.now))
    fact = recorder.last_event.type if recorder.last_event else FactType.UPDATED
    return Accepted(str(locked.id), locked.ref, shown.version if task else state.version, fact, answers.updated(), None, (resource,))


_WHERE = {Reason.ILLEGAL_TRANSITION: "Task.status", Reason.STALE_VERSION: "If-Match"}


def _rejected(reason: Reason, current: TaskStatus | None = None, version: int | None = None) -> Rejected:
    params = {"status": current.value, "version": str(version)} if current else {}
    detail = f"update.{reason}" if current else None
    return Rejected(reason, [Issue(reason, _WHERE.get(reason, "Task"), detail, params)])


def about(task_id: str) -> UUID | None:
    """The Task's id as the ledger has it; None for what cannot be one of ours."""
    try:
        return UUID(task_id)
    except ValueError:
        return None
