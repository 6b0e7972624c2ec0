"""The lifecycle table, pair by pair: what may follow what, who may say it, what is inferred, what comes too late, and what it ends."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations, product

import pytest

from schemas.events import FactType as F
from schemas.lifecycle import (
    BEGINS,
    LEGAL,
    MOVES,
    OF_OFFERS,
    OPENS,
    WITHOUT_TASK,
    Applied,
    Late,
    Refused,
    Result,
    Unchanged,
    Update,
    apply,
    open_referral,
    reachable,
)
from schemas.rejection import Reason
from schemas.task import FINAL, Clock, Party, ReferralState, Role, TaskState
from schemas.task import TaskStatus as S

C, H1, H2, O1 = "coordination", "hand-over-1", "hand-over-2", "offer-1"
IDS = {Role.COORDINATION: C, Role.HAND_OVER: H1, Role.OFFER: O1}

# From → to, as Gravity's table has it without `ready` and `received` (standards 1.2 and 1.5); every pair that is not here is no way.
MOVES_ALLOWED = {
    S.REQUESTED: "accepted rejected cancelled entered-in-error",
    S.ACCEPTED: "in-progress on-hold completed failed cancelled entered-in-error",
    S.IN_PROGRESS: "on-hold completed failed cancelled entered-in-error",
    S.ON_HOLD: "in-progress completed failed cancelled entered-in-error",
    S.REJECTED: "entered-in-error",
    S.CANCELLED: "entered-in-error",
    S.COMPLETED: "entered-in-error",
    S.FAILED: "entered-in-error",
    S.ENTERED_IN_ERROR: "",
}
# What the owner may leap over, and what is then inferred.
LEAPS = {
    (S.REQUESTED, S.IN_PROGRESS): (S.ACCEPTED,),
    (S.REQUESTED, S.COMPLETED): (S.ACCEPTED, S.IN_PROGRESS),
    (S.REQUESTED, S.FAILED): (S.ACCEPTED, S.IN_PROGRESS),
    (S.ACCEPTED, S.COMPLETED): (S.IN_PROGRESS,),
}
RANK = {S.REQUESTED: 0, S.ACCEPTED: 1, S.IN_PROGRESS: 2, S.ON_HOLD: 2, **dict.fromkeys(FINAL - {S.ENTERED_IN_ERROR}, 3), S.ENTERED_IN_ERROR: 4}


def task(role: Role, status: S, id_: str | None = None, **more: object) -> TaskState:
    return replace(TaskState(id_ or IDS[role], role, 1, status, "before", version=3), **more)  # type: ignore[arg-type]


def state(role: Role, status: S) -> ReferralState:
    """A referral in which the Task of that role stands at `status`; every other one is where it would be beside it."""
    if role is Role.COORDINATION:
        return ReferralState("r", 3, (task(role, status),))
    return ReferralState("r", 3, (task(Role.COORDINATION, S.IN_PROGRESS), task(role, status)))


def update(fact: F, party: Party | None = None, **more: object) -> Update:
    move = MOVES[fact]
    new = TaskState("new", move.about, 2, S.REQUESTED, "", "owner") if fact in OPENS else None
    ends = S.COMPLETED if fact is F.CLOSED else None
    id_ = None if move.about is Role.COORDINATION or new else IDS[move.about]
    return replace(Update(fact, party or sorted(move.causes)[0], id_, new, ends=ends), **more)  # type: ignore[arg-type]


def test_every_fact_of_the_language_is_in_the_table_or_has_no_task() -> None:
    assert MOVES.keys() | WITHOUT_TASK == set(F)
    assert not MOVES.keys() & WITHOUT_TASK


def test_the_legal_moves_are_the_standards() -> None:
    assert {old.value: " ".join(sorted(new)) for old, new in LEGAL.items()} == {old.value: " ".join(sorted(new.split())) for old, new in MOVES_ALLOWED.items()}


@pytest.mark.parametrize(("old", "new"), list(product(S, S)))
def test_what_is_reachable_is_a_legal_move_or_a_leap(old: S, new: S) -> None:
    expected = LEAPS.get((old, new), () if new.value in MOVES_ALLOWED[old].split() else None)
    assert reachable(old, new) == expected


@pytest.mark.parametrize("fact", sorted(WITHOUT_TASK))
def test_a_fact_without_a_task_changes_no_referral(fact: F) -> None:
    assert apply(open_referral("r", C), Update(fact, Party.HUB)) == Refused(Reason.UNSUPPORTED_TYPE)


def test_a_row_that_waits_says_for_whom_and_for_how_long() -> None:
    for move in MOVES.values():
        assert move.clock is None or move.awaits is not None, move.fact
        assert move.awaits is not Party.OPERATIONS or move.clock is Clock.HUMAN, move.fact


# --- every fact × every status × every party ---------------------------------------------------------------------------------------------

EVERY = [(fact, status, party) for fact in MOVES for status in S for party in Party]


def expected(fact: F, status: S, party: Party) -> str:
    """Reckoned from the two tables above and the row alone."""
    move = MOVES[fact]
    if party not in move.causes:
        return "not-permitted"
    if fact in BEGINS:
        return "illegal"
    if fact in OPENS:
        return "illegal" if move.about is Role.HAND_OVER and status not in FINAL else "applied"
    target = S.COMPLETED if fact is F.CLOSED else move.status
    if target is None:
        return "illegal" if status in FINAL else "applied"
    if target is status:
        return "illegal" if status in FINAL else "applied"  # its business status differs ("before")
    if target.value in MOVES_ALLOWED[status].split() and (status, target) not in LEAPS:
        return "applied"
    may_leap = party in (Party.PRESCRIBER, Party.ASSET) or move.ends_all
    return "applied" if (status, target) in LEAPS and may_leap else "illegal"


def outcome(result: Result) -> str:
    if isinstance(result, Refused):
        return {Reason.NOT_PERMITTED: "not-permitted", Reason.ILLEGAL_TRANSITION: "illegal"}[result.reason]
    return type(result).__name__.lower()


@pytest.mark.parametrize("fact", list(MOVES))
def test_every_status_and_party_of_a_fact(fact: F) -> None:
    for status, party in product(S, Party):
        before = state(MOVES[fact].about, status)
        result = apply(before, update(fact, party))
        assert outcome(result) == expected(fact, status, party), (status, party)
        if isinstance(result, Applied):
            _is_one_step(before, result)
        elif isinstance(result, Refused) and result.reason is Reason.ILLEGAL_TRANSITION:
            assert result.current is not None, "the sender is told where the Task stands"


def _is_one_step(before: ReferralState, result: Applied) -> None:
    """One version up; nothing goes back; every changed Task carries the new version, every other one is as it was."""
    assert result.state.version == before.version + 1
    old = {one.id: one for one in before.tasks}
    for one in result.state.tasks:
        if one.id in old:
            assert RANK[one.status] >= RANK[old[one.id].status]
        assert (one in result.changed) == (old.get(one.id) != one)
        assert one.version == (result.state.version if one in result.changed else old[one.id].version)
    assert len({one.id for one in result.changed}) == len(result.changed)


def test_every_pair_has_been_tried() -> None:
    assert len(EVERY) == len(MOVES) * len(S) * len(Party)


# --- what is inferred ---------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "fact", "inferred"),
    [
        (S.REQUESTED, F.FIRST_CONTACT, (S.ACCEPTED,)),  # the link worker rang before pressing "accept"
        (S.REQUESTED, F.COMPLETED, (S.ACCEPTED, S.IN_PROGRESS)),  # a system that only says when it is over
        (S.REQUESTED, F.FAILED, (S.ACCEPTED, S.IN_PROGRESS)),
        (S.ACCEPTED, F.COMPLETED, (S.IN_PROGRESS,)),
        (S.ACCEPTED, F.FAILED, ()),  # nobody was met: a legal move by itself
        (S.IN_PROGRESS, F.COMPLETED, ()),
    ],
)
def test_missing_steps_are_inferred_and_marked(status: S, fact: F, inferred: tuple[S, ...]) -> None:
    result = apply(state(Role.HAND_OVER, status), update(fact))
    assert isinstance(result, Applied)
    assert result.changed[0].inferred == inferred


def test_what_was_inferred_before_is_not_said_twice() -> None:
    first = apply(state(Role.HAND_OVER, S.REQUESTED), update(F.FIRST_CONTACT))
    assert isinstance(first, Applied)
    second = apply(first.state, update(F.COMPLETED))
    assert isinstance(second, Applied)
    assert second.changed[0].inferred == (S.ACCEPTED,)


def test_only_the_owner_leaps() -> None:
    before = state(Role.HAND_OVER, S.REQUESTED)
    assert isinstance(apply(before, update(F.COMPLETED, Party.PRESCRIBER)), Applied)
    assert apply(before, update(F.COMPLETED, Party.HUB)) == Refused(Reason.NOT_PERMITTED)


# --- If-Match and the sender's own sequence -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seen", "sent"),
    [
        (3, "applied"),  # what stands
        (2, "stale"),  # somebody was quicker
        (4, "stale"),  # a version that never was
        (None, "applied"),  # a transport that has no If-Match
    ],
)
def test_an_update_over_http_must_have_seen_the_task_as_it_stands(seen: int | None, sent: str) -> None:
    result = apply(state(Role.HAND_OVER, S.REQUESTED), update(F.ACCEPTED, if_match=seen))
    if sent == "stale":
        assert result == Refused(Reason.STALE_VERSION, S.REQUESTED, 3)
    else:
        assert isinstance(result, Applied)


def test_stale_goes_before_illegal_and_permission_before_both() -> None:
    done = state(Role.HAND_OVER, S.COMPLETED)
    assert apply(done, update(F.ACCEPTED, if_match=1)) == Refused(Reason.STALE_VERSION, S.COMPLETED, 3)
    assert apply(done, update(F.ACCEPTED, Party.PERSON, if_match=1)) == Refused(Reason.NOT_PERMITTED)
    assert apply(done, update(F.ACCEPTED, if_match=3)) == Refused(Reason.ILLEGAL_TRANSITION, S.COMPLETED, 3)


@pytest.mark.parametrize(
    ("had", "sent", "fact", "result"),
    [
        (None, 1, F.ACCEPTED, Applied),  # the first that is numbered
        (4, 5, F.FIRST_CONTACT, Applied),
        (4, 9, F.FIRST_CONTACT, Applied),  # gaps are the sender's affair
        (4, 4, F.FIRST_CONTACT, Late),  # the same number again
        (4, 3, F.FIRST_CONTACT, Late),  # overtaken
        (4, 5, F.DECLINED, Late),  # numbered and no way from here: kept, changes nothing
        (4, None, F.FIRST_CONTACT, Applied),  # not numbered: judged by the table alone
    ],
)
def test_late_by_the_senders_own_sequence(had: int | None, sent: int | None, fact: F, result: type[Result]) -> None:
    before = ReferralState("r", 3, (task(Role.COORDINATION, S.ACCEPTED), task(Role.HAND_OVER, S.ACCEPTED, sequence=had)))
    if fact is F.ACCEPTED:
        before = ReferralState("r", 3, (task(Role.COORDINATION, S.REQUESTED), task(Role.HAND_OVER, S.REQUESTED)))
    found = apply(before, update(fact, sequence=sent))
    assert isinstance(found, result)
    if isinstance(found, Applied):
        assert found.changed[0].sequence == (sent if sent is not None else had)


def test_what_a_task_says_already_is_not_told_again() -> None:
    first = apply(state(Role.HAND_OVER, S.REQUESTED), update(F.ACCEPTED))
    assert isinstance(first, Applied)
    assert apply(first.state, update(F.ACCEPTED)) == Unchanged(first.state)


def test_what_is_said_again_still_counts_in_the_senders_sequence() -> None:
    """Else what the sender said before it would be applied after it."""
    before = ReferralState("r", 3, (task(Role.COORDINATION, S.ON_HOLD), task(Role.HAND_OVER, S.ON_HOLD, sequence=4)))
    first = apply(before, update(F.ON_HOLD, sequence=5))
    assert isinstance(first, Applied)
    again = apply(first.state, update(F.ON_HOLD, sequence=7))
    assert isinstance(again, Unchanged)
    assert again.state.version == first.state.version
    assert [one.sequence for one in again.state.tasks] == [None, 7]
    assert apply(again.state, update(F.RESUMED, sequence=6)) == Late()


# --- beginnings and ends ------------------------------------------------------------------------------------------------------------------


def test_a_received_referral_waits_for_routing() -> None:
    begun = open_referral("r", C)
    assert (begun.version, begun.coordination.status, begun.coordination.business, begun.open, begun.hand_over) == (1, S.REQUESTED, "received", True, None)


def test_no_two_hand_overs_are_open_at_once() -> None:
    before = state(Role.HAND_OVER, S.REQUESTED)
    assert apply(before, update(F.ASSIGNED)) == Refused(Reason.ILLEGAL_TRANSITION, S.REQUESTED, 3)
    declined = apply(before, update(F.DECLINED))
    assert isinstance(declined, Applied)
    again = apply(declined.state, update(F.ASSIGNED))
    assert isinstance(again, Applied)
    assert again.state.hand_over is not None
    assert again.state.hand_over.id == "new"


@pytest.mark.parametrize(
    ("why", "wish"),
    [
        ("an id that stands already", update(F.ASSIGNED, new_task=TaskState(H1, Role.HAND_OVER, 2, S.REQUESTED, ""))),
        ("a Task of another role", update(F.ASSIGNED, new_task=TaskState("new", Role.OFFER, 2, S.REQUESTED, ""))),
        ("a second coordination Task", update(F.HELD, new_task=TaskState("new", Role.COORDINATION, 2, S.REQUESTED, ""))),
        ("a hand-over that begins accepted", update(F.ACCEPTED, new_task=TaskState("new", Role.HAND_OVER, 2, S.REQUESTED, ""))),
        ("assigned without a new Task", update(F.ASSIGNED, new_task=None, task_id=H1)),
        ("received a second time", update(F.RECEIVED)),
        ("offered when it stands already", update(F.OFFERED)),
    ],
)
def test_only_a_hand_over_or_an_offer_opens_and_only_by_its_own_fact(why: str, wish: Update) -> None:
    declined = ReferralState("r", 3, (task(Role.COORDINATION, S.REQUESTED), task(Role.HAND_OVER, S.REJECTED)))
    assert apply(declined, wish) == Refused(Reason.ILLEGAL_TRANSITION, S.REQUESTED, 3), why


def test_nothing_opens_on_a_referral_that_is_over() -> None:
    over = ReferralState("r", 3, (task(Role.COORDINATION, S.CANCELLED),))
    assert apply(over, update(F.ASSIGNED)) == Refused(Reason.ILLEGAL_TRANSITION, S.CANCELLED, 3)


@pytest.mark.parametrize(
    ("fact", "ends"),
    [
        (F.CLOSED, None),  # closed as what?
        (F.CLOSED, S.ACCEPTED),  # no final state: the referral would stay open with nobody on it
        (F.CANCELLED, S.COMPLETED),  # cancelled says itself what it is
        (F.HELD, S.CANCELLED),
    ],
)
def test_an_ending_belongs_to_closed_and_is_final(fact: F, ends: S | None) -> None:
    assert apply(state(Role.COORDINATION, S.IN_PROGRESS), update(fact, ends=ends)) == Refused(Reason.ILLEGAL_TRANSITION, S.IN_PROGRESS, 3)


def _with_everything_open() -> ReferralState:
    hand_overs = task(Role.HAND_OVER, S.REJECTED), task(Role.HAND_OVER, S.IN_PROGRESS, H2)
    return ReferralState("r", 3, (task(Role.COORDINATION, S.IN_PROGRESS), *hand_overs, task(Role.OFFER, S.REQUESTED)))


@pytest.mark.parametrize(
    ("fact", "coordination", "others"),
    [
        (F.CLOSED, S.COMPLETED, S.CANCELLED),
        (F.CANCELLED, S.CANCELLED, S.CANCELLED),
        (F.PERSON_DIED, S.CANCELLED, S.CANCELLED),
        (F.ENTERED_IN_ERROR, S.ENTERED_IN_ERROR, S.ENTERED_IN_ERROR),
    ],
)
def test_what_ends_all_leaves_nothing_open_and_what_was_over_as_it_was(fact: F, coordination: S, others: S) -> None:
    assert MOVES[fact].ends_all
    before = _with_everything_open()
    result = apply(before, update(fact))
    assert isinstance(result, Applied)
    assert [one.status for one in result.state.tasks] == [coordination, S.REJECTED, others, others]
    assert not result.state.open
    assert len(result.changed) == 3


def test_a_prescriber_who_says_that_the_person_died_ends_all_by_its_own_hand_over() -> None:
    result = apply(_with_everything_open(), Update(F.PERSON_DIED, Party.PRESCRIBER, H2))
    assert isinstance(result, Applied)
    assert not result.state.open
    assert {one.status for one in result.state.tasks} == {S.CANCELLED, S.REJECTED}


@pytest.mark.parametrize("fact", [fact for fact, move in MOVES.items() if not move.ends_all and fact not in OPENS | BEGINS])
def test_a_fact_about_another_task_is_not_found(fact: F) -> None:
    other = next(role for role in Role if role is not MOVES[fact].about)
    wish = update(fact, task_id=IDS[other])
    assert apply(_with_everything_open(), wish) == Refused(Reason.NOT_FOUND)
    assert apply(_with_everything_open(), update(fact, task_id="nobody's")) == Refused(Reason.NOT_FOUND)


# --- the coordination Task ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("coordination", "hand_over", "fact", "becomes"),
    [
        (S.REQUESTED, S.REQUESTED, F.ACCEPTED, S.ACCEPTED),
        (S.ACCEPTED, S.ACCEPTED, F.FIRST_CONTACT, S.IN_PROGRESS),
        (S.REQUESTED, S.REQUESTED, F.CONTACT_ATTEMPTED, S.IN_PROGRESS),
        (S.ACCEPTED, S.ACCEPTED, F.DID_NOT_ATTEND, S.IN_PROGRESS),  # a no-show is not a closure
        (S.IN_PROGRESS, S.IN_PROGRESS, F.ON_HOLD, S.ON_HOLD),
        (S.ON_HOLD, S.ON_HOLD, F.RESUMED, S.IN_PROGRESS),
        (S.REQUESTED, S.REQUESTED, F.DECLINED, S.REQUESTED),  # the next prescriber is sought: the referrer's Task goes on
        (S.IN_PROGRESS, S.IN_PROGRESS, F.HANDED_BACK, S.IN_PROGRESS),
        (S.IN_PROGRESS, S.IN_PROGRESS, F.COMPLETED, S.IN_PROGRESS),  # `closed` ends it, by itself
        (S.IN_PROGRESS, S.REQUESTED, F.ACCEPTED, S.IN_PROGRESS),  # the second prescriber: never back
        (S.ON_HOLD, S.REQUESTED, F.ACCEPTED, S.IN_PROGRESS),  # the first one had put it on hold
    ],
)
def test_the_referrers_task_mirrors_the_open_hand_over(coordination: S, hand_over: S, fact: F, becomes: S) -> None:
    before = ReferralState("r", 3, (task(Role.COORDINATION, coordination), task(Role.HAND_OVER, hand_over)))
    result = apply(before, update(fact))
    assert isinstance(result, Applied)
    assert (result.state.coordination.status, result.state.coordination.business) == (becomes, MOVES[fact].business)
    assert result.state.coordination.version == 4


def test_an_offer_says_nothing_to_the_referrer() -> None:
    result = apply(_with_everything_open(), update(F.ASSET_ACCEPTED))
    assert isinstance(result, Applied)
    assert [one.id for one in result.changed] == [O1]


@pytest.mark.parametrize(("about", "changed", "told"), [(H2, [H2, C], {Party.REFERRER}), (O1, [O1], {Party.PRESCRIBER})])
def test_who_hears_of_a_missed_meeting_is_who_it_was_arranged_for(about: str, changed: list[str], told: set[Party]) -> None:
    """The referrer of a meeting with the worker; the worker of an activity."""
    result = apply(_with_everything_open(), update(F.DID_NOT_ATTEND, task_id=about))
    assert isinstance(result, Applied)
    assert ([one.id for one in result.changed], result.move.tells) == (changed, told)
    assert all(one.open for one in result.changed)


def test_what_can_be_said_of_an_offer_too_has_a_row_for_it() -> None:
    assert OF_OFFERS.keys() <= MOVES.keys()
    assert {move.about for move in OF_OFFERS.values()} == {Role.OFFER}
    assert apply(_with_everything_open(), update(F.DID_NOT_ATTEND, Party.ASSET)) == Refused(Reason.NOT_PERMITTED), "the worker's own meeting"


# --- every order of a few updates -----------------------------------------------------------------------------------------------------------

# Histories as a prescriber's system would number them, each legal in its own order.
HISTORIES = [
    (F.ACCEPTED, F.FIRST_CONTACT, F.PLAN_AGREED, F.COMPLETED),
    (F.ACCEPTED, F.CONTACT_ATTEMPTED, F.CONTACT_ATTEMPTED, F.FAILED),
    (F.ACCEPTED, F.ON_HOLD, F.RESUMED, F.FIRST_CONTACT),
    (F.ACCEPTED, F.CONTACT_ATTEMPTED, F.DID_NOT_ATTEND, F.FIRST_CONTACT),
    (F.ACCEPTED, F.FIRST_CONTACT, F.ON_HOLD, F.RESUMED, F.COMPLETED),
    (F.CONTACT_ATTEMPTED, F.FIRST_CONTACT, F.STEPPED_UP, F.PLAN_AGREED, F.HANDED_BACK),
    (F.ACCEPTED, F.FIRST_CONTACT, F.PLAN_AGREED),
]


@pytest.mark.parametrize("history", HISTORIES)
def test_in_whatever_order_numbered_updates_arrive_the_last_one_stands(history: tuple[F, ...]) -> None:
    """The last by number can always be reached by skipping forward; all before it are late once it is there. Nothing is ever refused. (How far
    the referrer's own status had come on the way is left to the order; what it says of the hand-over is not.)"""
    numbered = [update(fact, sequence=place) for place, fact in enumerate(history, start=1)]
    start = ReferralState("r", 2, (task(Role.COORDINATION, S.REQUESTED, version=1), task(Role.HAND_OVER, S.REQUESTED, version=2)))
    ends = {_played(start, order)[1:] for order in permutations(numbered)}
    assert len(ends) == 1, ends
    assert ends == {_played(start, tuple(numbered))[1:]}


def _played(start: ReferralState, order: tuple[Update, ...]) -> tuple[int, S, str, str]:
    now, applied = start, 0
    for one in order:
        result = apply(now, one)
        assert not isinstance(result, Refused), result
        if isinstance(result, Applied):
            _is_one_step(now, result)
            now, applied = result.state, applied + 1
    assert now.version == start.version + applied
    hand_over = next(one for one in now.tasks if one.id == H1)
    return applied, hand_over.status, hand_over.business, now.coordination.business


@pytest.mark.parametrize("history", [(F.ACCEPTED, F.DECLINED), (F.COMPLETED, F.FAILED, F.ACCEPTED), (F.DECLINED, F.ACCEPTED, F.ON_HOLD, F.HANDED_BACK)])
def test_a_sender_that_contradicts_itself_moves_a_task_forward_only(history: tuple[F, ...]) -> None:
    """No order of such updates has a right answer; each is applied or late, and what was final stays so."""
    start = ReferralState("r", 2, (task(Role.COORDINATION, S.REQUESTED, version=1), task(Role.HAND_OVER, S.REQUESTED, version=2)))
    for order in permutations([update(fact, sequence=place) for place, fact in enumerate(history, start=1)]):
        assert _played(start, order)[0] >= 1
