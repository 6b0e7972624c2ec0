"""Child processes: they end with us, are stopped in steps, and strangers are left alone."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hub.embedded import children

STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); time.sleep(600)"
PARENT = """
import asyncio, signal, sys
from pathlib import Path
from hub.embedded import children
async def main():
    child = await children.start(["/bin/sleep", "600"], Path(sys.argv[1]), signal.SIGTERM)
    print(child.pid, flush=True)
    await asyncio.sleep(600)
asyncio.run(main())
"""


async def _until(condition: object, seconds: float = 15.0) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if condition():  # type: ignore[operator]
            return True
        await asyncio.sleep(0.02)
    return False


async def test_a_child_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT, str(tmp_path / "log")], stdout=subprocess.PIPE, text=True) as parent:  # noqa: ASYNC220
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert await _until(lambda: "sleep" in children.command_line(child))
        parent.kill()
    assert await _until(lambda: children.command_line(child) == "")


def test_a_child_whose_parent_died_before_it_began_does_not_run(tmp_path: Path) -> None:
    command = children.launched(["/usr/bin/touch", str(tmp_path / "ran")], signal.SIGTERM)
    command[4] = "1"  # not our process id: as if ours had gone
    assert subprocess.run(command, check=False).returncode == 111
    assert not (tmp_path / "ran").exists()


async def test_a_child_that_ignores_the_first_signal_is_killed(tmp_path: Path) -> None:
    child = await children.start([sys.executable, "-c", STUBBORN], tmp_path / "log", signal.SIGKILL)
    assert await _until(lambda: "ready" in children.last_words(tmp_path / "log"))
    await children.stop(child, ((signal.SIGTERM, 0.2),))
    assert child.returncode == -signal.SIGKILL
    await children.stop(child, ((signal.SIGTERM, 0.2),))


async def test_a_child_sees_none_of_our_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUB_KAFKA_PASSWORD", "canary")
    child = await children.start(["/usr/bin/env"], tmp_path / "log", signal.SIGKILL)
    await child.wait()
    assert "LC_ALL" in children.last_words(tmp_path / "log")
    assert "canary" not in children.last_words(tmp_path / "log")


async def test_a_stranger_that_got_the_same_number_is_left_alone(tmp_path: Path) -> None:
    child = await children.start(["/bin/sleep", "600"], tmp_path / "log", signal.SIGKILL)
    assert not children.stop_leftover(child.pid, lambda line: "kafka.Kafka" in line, ((signal.SIGTERM, 1.0),))
    assert child.returncode is None
    await children.stop(child, ((signal.SIGTERM, 5.0),))


async def test_a_log_does_not_grow_for_ever(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b"x" * (8 * 2**20 + 1))
    (tmp_path / "log").chmod(0o600)
    child = await children.start(["/bin/echo", "new"], tmp_path / "log", signal.SIGKILL)
    await child.wait()
    assert (tmp_path / "log").read_text() == "--- a new start\nnew\n"
    assert (tmp_path / "log").stat().st_mode & 0o077 == 0


async def test_the_words_of_an_earlier_start_are_not_taken_for_this_ones(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("No space left on device\n")
    child = await children.start(["/bin/echo", "new"], tmp_path / "log", signal.SIGKILL)
    await child.wait()
    assert children.last_words(tmp_path / "log") == "new\n"
    assert children.last_words(tmp_path / "none") == ""


def test_a_process_that_is_not_there_has_no_words() -> None:
    with subprocess.Popen(["/bin/true"]) as gone:
        gone.wait()
    assert children.command_line(gone.pid) == ""
    assert "python" in children.command_line(os.getpid())


def test_a_port_in_use_is_known() -> None:
    port = children.free_port()
    assert children.port_is_free(port)
