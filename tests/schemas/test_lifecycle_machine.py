"""The lifecycle against a model of a few lines, over long random lives: what may never happen does not."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from schemas.events import FactType as F
from schemas.lifecycle import MOVES, OPENS, Applied, Move, Refused, Update, apply, asked_to_stop, open_referral
from schemas.task import FINAL, Party, ReferralState, Role, TaskState
from schemas.task import TaskStatus as S

_RANK = {S.REQUESTED: 0, S.ACCEPTED: 1, S.IN_PROGRESS: 2, S.ON_HOLD: 2, **dict.fromkeys(FINAL - {S.ENTERED_IN_ERROR}, 3), S.ENTERED_IN_ERROR: 4}
_MIRRORED = [fact for fact, move in MOVES.items() if move.about is Role.HAND_OVER]
_LATER = st.sampled_from(sorted(fact for fact in MOVES if fact not in OPENS))
_ENDS = st.sampled_from([None, *sorted(FINAL)])


class Life(RuleBasedStateMachine):
    """One referral; every update is one that somebody might send."""

    def __init__(self) -> None:
        super().__init__()
        self.state = open_referral("r", "c")
        self.applied = 0
        self.last: Move | None = None
        self.seen: dict[str, list[S]] = {"c": [S.REQUESTED]}

    def _send(self, update: Update) -> None:
        before = self.state
        result = apply(before, update)
        if not isinstance(result, Applied):
            return
        self.state, self.last, self.applied = result.state, result.move, self.applied + 1
        for task in result.state.tasks:
            self.seen.setdefault(task.id, []).append(task.status)
        assert {task.id for task in result.changed} == _changed(before, result.state)

    @rule(role=st.sampled_from([Role.HAND_OVER, Role.OFFER]), party=st.sampled_from(Party))
    def open(self, role: Role, party: Party) -> None:
        """A hand-over or an offer."""
        number = len(self.state.tasks)
        fact = F.ASSIGNED if role is Role.HAND_OVER else F.ASSET_PROPOSED
        self._send(Update(fact, party, new_task=TaskState(f"t{number}", role, number, S.REQUESTED, "", "owner")))

    @rule(fact=_LATER, pick=st.integers(0, 9), ends=_ENDS)
    def legal_party(self, fact: F, pick: int, ends: S | None) -> None:
        """Somebody who may say it says it, of any Task."""
        parties = sorted(MOVES[fact].causes)
        self._send(Update(fact, parties[pick % len(parties)], self._task(pick), ends=ends if fact is F.CLOSED else None))

    @rule(fact=_LATER, party=st.sampled_from(Party), pick=st.integers(0, 9), if_match=st.none() | st.integers(0, 9), ends=_ENDS)
    def anybody(self, fact: F, party: Party, pick: int, if_match: int | None, ends: S | None) -> None:
        """Anybody says anything, having seen any version."""
        self._send(Update(fact, party, self._task(pick), if_match=if_match, ends=ends))

    @rule(fact=st.sampled_from(_MIRRORED), sequence=st.integers(1, 12))
    def numbered(self, fact: F, sequence: int) -> None:
        """A prescriber's system sends numbered updates in any order: none is ever refused for its place."""
        if (open_now := self.state.hand_over) is not None and fact not in OPENS:
            update = Update(fact, sorted(MOVES[fact].causes)[0], open_now.id, sequence=sequence)
            assert not isinstance(apply(self.state, update), Refused)
            self._send(update)

    def _task(self, pick: int) -> str | None:
        return [None, *(task.id for task in self.state.tasks)][pick % (1 + len(self.state.tasks))]

    @invariant()
    def each_update_is_one_version(self) -> None:
        """And no Task is ahead of its referral."""
        assert self.state.version == 1 + self.applied
        assert all(task.version <= self.state.version for task in self.state.tasks)

    @invariant()
    def no_status_goes_back(self) -> None:
        """Nor leaves a final state but for `entered-in-error`."""
        for statuses in self.seen.values():
            assert [_RANK[one] for one in statuses] == sorted(_RANK[one] for one in statuses)
            ended = [one for one in statuses if one in FINAL - {S.ENTERED_IN_ERROR}]
            assert len(set(ended)) <= 1

    @invariant()
    def one_coordination_and_at_most_one_open_hand_over(self) -> None:
        """The tree keeps its shape."""
        assert sum(task.role is Role.COORDINATION for task in self.state.tasks) == 1
        assert sum(task.role is Role.HAND_OVER and task.open for task in self.state.tasks) <= 1

    @invariant()
    def a_referral_that_is_over_has_nothing_open(self) -> None:
        """Ending the referrer's Task ends all."""
        assert self.state.open or not any(task.open for task in self.state.tasks)

    @invariant()
    def the_referrer_sees_the_hand_over(self) -> None:
        """After a fact about a hand-over the coordination Task says the same, unless it says that it was asked to stop."""
        if self.last is not None and self.last.about is Role.HAND_OVER and self.state.open and not asked_to_stop(self.state.coordination):
            assert self.state.coordination.business == self.last.business


def _changed(before: ReferralState, after: ReferralState) -> set[str]:
    old = {task.id: task for task in before.tasks}
    return {task.id for task in after.tasks if old.get(task.id) != task}


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=120, stateful_step_count=40, deadline=None, derandomize=True)
