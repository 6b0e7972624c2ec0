"""What the recorder says in clear on the open topic, and what it asks of people."""

from __future__ import annotations

from uuid import UUID

import orjson
import pytest

from hub.recording import Recorder, task_id, thin_json
from schemas.events import FactType
from schemas.lifecycle import Applied, Update, open_referral
from schemas.task import Party, ReferralState, Role, TaskState, TaskStatus
from tests.hub.making import clocks, locked

_ID = UUID(int=1)
_HAND_OVER = task_id(_ID, Role.HAND_OVER, 1)


def _stepped_up() -> ReferralState:
    begun = open_referral(str(_ID), task_id(_ID, Role.COORDINATION, 1))
    task = TaskState(_HAND_OVER, Role.HAND_OVER, 1, TaskStatus.REQUESTED, "", "p-1")
    recorder = Recorder(locked(begun), "c", "/test", clocks())
    for update in (Update(FactType.ASSIGNED, Party.HUB, new_task=task), Update(FactType.STEPPED_UP, Party.PRESCRIBER, _HAND_OVER, reason="crisis")):
        assert isinstance(recorder.apply(update), Applied)
    return recorder.state


@pytest.mark.parametrize(
    ("fact", "party", "task"),
    [
        (FactType.UPDATED, Party.REFERRER, None),  # about the coordination Task, which mirrors the hand-over
        (FactType.PERSON_MOVED, Party.HOSPITAL, None),
        (FactType.CANCELLED, Party.OPERATIONS, None),
        (FactType.CONTACT_ATTEMPTED, Party.PRESCRIBER, _HAND_OVER),
        (FactType.DID_NOT_ATTEND, Party.PRESCRIBER, _HAND_OVER),
    ],
)
def test_no_later_fact_says_in_clear_that_a_person_is_at_risk(fact: FactType, party: Party, task: str | None) -> None:
    recorder = Recorder(locked(_stepped_up()), "c", "/test", clocks())
    assert isinstance(recorder.apply(Update(fact, party, task)), Applied)
    assert recorder.last_event is not None
    assert "stepped-up" not in recorder.last_event.thin


def test_while_the_task_says_stepped_up_the_open_topic_says_clinical() -> None:
    state = _stepped_up()
    said = orjson.loads(thin_json(FactType.UPDATED, state, state.coordination, None, (), None))
    assert (said["fact"], said["task"]["businessStatus"]) == ("updated", "clinical")


def test_a_hold_and_a_risk_in_one_change_ask_a_person_twice() -> None:
    recorder = Recorder(locked(_stepped_up()), "c", "/test", clocks())
    recorder.apply(Update(FactType.STEPPED_UP, Party.PRESCRIBER, _HAND_OVER, reason="safeguarding"))
    recorder.apply(Update(FactType.HELD, Party.HUB, reason="crisis"))
    effects = recorder.effects()
    assert [(item.kind, item.reason) for item in effects.items] == [("stepped-up", "safeguarding"), ("hold", "crisis")]
    assert effects.held == "crisis"
