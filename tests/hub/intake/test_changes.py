"""What intake makes of updates and of person events, decided without a database."""

from __future__ import annotations

from uuid import uuid4

import pytest

from hub.intake.changes import Changer
from hub.intake.creation import Arrival
from hub.intake.persons import hashes_of_identifiers
from hub.ledger.changes import Effects, NoEffect
from hub.ledger.sealing import Sealing
from hub.recording import task_id
from schemas.events import FactType
from schemas.messages import About, Accepted, Fact, Identifier, Reply, TaskUpdate
from schemas.rejection import Reason, Rejected
from schemas.task import ReferralState, Role, TaskState, TaskStatus
from tests.hub.making import CASES, NOW, SECRET, clocks, locked

SEALING = Sealing.from_secret(SECRET)
_NHS = "https://fhir.nhs.uk/Id/nhs-number"
_LOCAL = "https://hospital.example.wales/mrn"
_BUNDLE = {"resourceType": "Bundle", "entry": [{"resource": {"resourceType": "MessageHeader"}}]}


def _changer() -> Changer:
    return Changer(clocks(), SEALING)


def _arrival() -> Arrival:
    return Arrival("ysbyty-prawf", "hospital_hl7v2", "k", NOW, b"")


def _answer(_accepted: tuple[Accepted, ...], _ignored: Reason | None) -> Reply:
    return Reply(200)


def _event(fact: FactType, *identifiers: Identifier, reason: str | None = None) -> Fact:
    return Fact(fact, _BUNDLE, About(None, identifiers), reason=reason)


@pytest.mark.parametrize(
    ("identifiers", "surviving"),
    [
        ([(_LOCAL, "NEW"), (_LOCAL, "OLD")], 0),
        ([(_LOCAL, "OLD"), (_LOCAL, "NEW")], 0),  # whichever hash is the smaller
        ([(_NHS, "9990000018"), (_LOCAL, "NEW"), (_LOCAL, "OLD")], 0),
        ([("", "no system"), (_LOCAL, "NEW"), (_LOCAL, "OLD")], 1),  # the first by which a person can be found
        ([(_NHS, "9990000011"), (_LOCAL, "NEW"), (_LOCAL, "OLD")], 1),  # a number that fails its check finds nobody
    ],
)
def test_every_other_number_points_to_the_surviving_one(identifiers: list[tuple[str, str]], surviving: int) -> None:
    given = [Identifier(*one) for one in identifiers]
    change = _changer().person(_arrival(), (_event(FactType.PERSON_CHANGED, *given, reason="merged"),), _answer)
    (kept,) = hashes_of_identifiers((given[surviving],), SEALING)
    others = {found for one in given for found in hashes_of_identifiers((one,), SEALING)} - {kept}
    assert {(mark.person, mark.kind, mark.points_to) for mark in change.marks} == {(one, "merged", kept.value) for one in others}


def test_a_death_told_with_a_merge_leaves_both_marks() -> None:
    numbers = (Identifier(_LOCAL, "NEW"), Identifier(_LOCAL, "OLD"))
    facts = (_event(FactType.PERSON_CHANGED, *numbers, reason="merged"), _event(FactType.PERSON_DIED, *numbers))
    change = _changer().person(_arrival(), facts, _answer)
    assert sorted(mark.kind for mark in change.marks) == ["died", "died", "merged"]


def test_a_change_of_details_marks_nobody() -> None:
    assert _changer().person(_arrival(), (_event(FactType.PERSON_CHANGED, Identifier(_LOCAL, "1"), reason="details"),), _answer).marks == ()


# --- what a Task says already -------------------------------------------------------------------------------------------------------------


def _on_hold(sequence: int | None) -> ReferralState:
    id_ = uuid4()
    first = TaskState(task_id(id_, Role.COORDINATION, 1), Role.COORDINATION, 1, TaskStatus.ON_HOLD, "on-hold")
    return ReferralState(
        str(id_), 4, (first, TaskState(task_id(id_, Role.HAND_OVER, 1), Role.HAND_OVER, 1, TaskStatus.ON_HOLD, "on-hold", "p-1", sequence=sequence))
    )


@pytest.mark.parametrize(("had", "sent", "kept"), [(4, 7, 7), (None, 7, 7), (4, None, None)])
def test_what_is_said_again_keeps_the_senders_sequence_and_changes_nothing_else(had: int | None, sent: int | None, kept: int | None) -> None:
    state = _on_hold(had)
    task = state.tasks[1]
    fact = Fact(FactType.ON_HOLD, _BUNDLE, update=TaskUpdate(task.id, sequence=sent))
    decision = _changer().update(_arrival(), fact, _answer, CASES).decide(locked(state, clients={task.id: CASES}))
    assert isinstance(decision.result, Accepted)
    if kept is None:
        assert isinstance(decision, NoEffect)
        return
    assert isinstance(decision, Effects)
    assert (decision.events, decision.state.version, decision.state.tasks[1].sequence) == ((), 4, kept)


def test_a_stale_version_names_the_header_that_said_it() -> None:
    state = _on_hold(None)
    task = state.tasks[1]
    fact = Fact(FactType.RESUMED, _BUNDLE, update=TaskUpdate(task.id, if_match=99))
    decision = _changer().update(_arrival(), fact, _answer, CASES).decide(locked(state, clients={task.id: CASES}))
    assert isinstance(decision, NoEffect)
    assert isinstance(decision.result, Rejected)
    assert [(one.reason, one.at) for one in decision.result.issues] == [(Reason.STALE_VERSION, "If-Match")]
