"""`hub serve`: what it is called among the hubs that share its stores."""

from __future__ import annotations

import re
from pathlib import Path

from hub.embedded.stores import StoreAddresses
from hub.serving import Serving
from hub.settings import load


def _called(data: Path, instance: str | None = None) -> str:
    settings = load(data=data, http="127.0.0.1:1", mllp="127.0.0.1:2", instance=instance)
    return Serving(settings, print)._environment(StoreAddresses("postgresql://h/d", "k:1"))["HUB_INSTANCE"]


def test_two_machines_are_never_one_member_of_a_group(tmp_path: Path) -> None:
    """A consumer group fences the one when the other joins under the same name."""
    first, second = _called(tmp_path / "a"), _called(tmp_path / "b")
    assert first != second
    assert re.fullmatch("serve-[0-9a-f]{8}", first)


def test_a_hub_that_starts_again_is_the_same_member(tmp_path: Path) -> None:
    assert _called(tmp_path) == _called(tmp_path)


def test_a_name_that_was_given_is_used(tmp_path: Path) -> None:
    assert _called(tmp_path, "north-1") == "north-1"
