"""No broken message makes translate raise anything but Rejected: a short run here, a long one by `python -m tests.connectors.mutate`."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from schemas.messages import InboundMessage
from tests.connectors.mutate import bases_of, mutant, run
from tests.connectors.zoo.doors import Door, doors

pytestmark = pytest.mark.no_cover  # many runs of what other tests reach: measuring them is slow and says nothing more

SHORT = 400


@pytest.mark.parametrize("door", doors(), ids=lambda door: door.name)
def test_a_broken_message_is_read_or_refused(door: Door) -> None:
    tally = run(door, SHORT, seed=1, looking=10)
    assert tally.broken == {}
    assert tally.messages == SHORT
    assert tally.outcomes["rejected"]
    assert tally.outcomes["facts"] + tally.outcomes["ignored"], "every message was refused: the mutations are too coarse to reach the reading"


def test_a_seed_makes_the_same_message_again() -> None:
    bases = bases_of(doors()[0])
    assert [mutant(bases, seed) for seed in range(20)] == [mutant(bases, seed) for seed in range(20)]
    assert len({mutant(bases, seed) for seed in range(20)}) > 15


def test_the_runner_sees_a_connector_that_breaks() -> None:
    """The guard itself: a connector whose translate raises something else is named with the seed."""
    sound = doors()[0]

    def translate(message: InboundMessage) -> Any:
        raise KeyError("id")

    broken = SimpleNamespace(identify=lambda message: None, translate=translate)
    registered = SimpleNamespace(manifest=sound.registered.manifest, connector=broken, messages=sound.registered.messages)
    tally = run(replace(sound, registered=cast(Any, registered)), 3, seed=1)
    assert [(what.partition(" ")[0], seeds) for what, seeds in tally.broken.items()] == [("KeyError", [1, 2, 3])]
