"""`hub serve`: what it is called among the hubs that share its stores."""

from __future__ import annotations

import re
import socket
from pathlib import Path

import pytest

from hub.embedded.stores import StoreAddresses
from hub.errors import Misconfigured
from hub.serving import Serving, _free
from hub.settings import Address, load


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


def test_any_port_is_one_that_the_kernel_gives_to_nobody_meanwhile() -> None:
    """A port of the kernel's own range, looked up and let go, was given to another process before the stage could bind it."""
    found = _free(Address("127.0.0.1", 0))
    assert 20_000 <= found.port < 32_768
    with socket.socket() as free:
        free.bind((found.host, found.port))


def test_a_port_that_was_named_is_kept_and_no_free_port_is_said_plainly(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _free(Address("127.0.0.1", 8080)) == Address("127.0.0.1", 8080)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        monkeypatch.setattr("hub.serving._BELOW_EPHEMERAL", range(taken.getsockname()[1], taken.getsockname()[1] + 1))
        monkeypatch.setattr("hub.serving._LOOKS", 1)
        with pytest.raises(Misconfigured, match="name one instead of 0"):
            _free(Address("127.0.0.1", 0))
