"""The gates before a message is taken."""

from __future__ import annotations

from pathlib import Path

import pytest

from hub.errors import Unavailable
from hub.intake.gates import DiskGate


def test_a_nearly_full_disk_refuses_until_there_is_room_again(tmp_path: Path) -> None:
    now, free = [0.0], [100]
    gate = DiskGate(tmp_path, 50, lambda _path: free[0], lambda: now[0])
    gate()
    free[0] = 10
    gate()  # looked at once a second: not yet
    now[0] = 1.5
    with pytest.raises(Unavailable) as refused:
        gate()
    assert refused.value.retry_after == 30
    free[0], now[0] = 60, 3.0
    gate()


def test_a_folder_that_is_not_there_has_no_gate(tmp_path: Path) -> None:
    DiskGate(tmp_path / "elsewhere", 10**30)()


def test_the_real_disk_is_asked(tmp_path: Path) -> None:
    DiskGate(tmp_path, 1)()
    with pytest.raises(Unavailable):
        DiskGate(tmp_path, 2**62)()
