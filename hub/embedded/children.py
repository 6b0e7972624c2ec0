"""Beside the flow: the stores as child processes: started so that they end with us, stopped in steps, found again after we were killed."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

_LAUNCH = Path(__file__).with_name("launch.py")
_LONGEST_LOG = 8 * 2**20
_NEW_START = "--- a new start\n"


@dataclass(frozen=True, slots=True)
class RunsAs:
    """The user of a child; None for our own. `reach`: it may walk through folders that only root may enter."""

    uid: int = -1
    gid: int = -1
    reach: bool = False


OURSELVES = RunsAs()


async def start(command: Sequence[str], log: Path, death_signal: signal.Signals, runs_as: RunsAs = OURSELVES) -> asyncio.subprocess.Process:
    """Starts the command with its words going to `log`. The kernel sends it `death_signal` when the calling thread ends."""
    add_words(log, _NEW_START)
    with os.fdopen(_open_log(log), "ab") as words:
        return await asyncio.create_subprocess_exec(
            *launched(command, death_signal, runs_as),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=words,
            stderr=words,
            start_new_session=True,
            cwd="/",
        )


def launched(command: Sequence[str], death_signal: signal.Signals, runs_as: RunsAs = OURSELVES) -> list[str]:
    """The command as an argument list that goes through `launch.py`."""
    first = [sys.executable, "-I", "-S", str(_LAUNCH), str(os.getpid()), str(int(death_signal))]
    return [*first, str(runs_as.uid), str(runs_as.gid), str(int(runs_as.reach)), *command]


async def stop(process: asyncio.subprocess.Process, steps: Sequence[tuple[signal.Signals, float]]) -> None:
    """Sends each signal in turn and waits that many seconds for the end; SIGKILL at last. Nothing when it has ended."""
    for step, seconds in (*steps, (signal.SIGKILL, 10.0)):
        if process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(step)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), seconds)


def stop_leftover(pid: int, is_ours: Callable[[str], bool], steps: Sequence[tuple[signal.Signals, float]]) -> bool:
    """Stops a process that a killed hub left behind, if its command line is ours. Gives whether there was one."""
    if not is_ours(command_line(pid)):
        return False
    for step, seconds in (*steps, (signal.SIGKILL, 10.0)):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, step)
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if not is_ours(command_line(pid)):
                return True
            time.sleep(0.05)
    return True


async def to_the_end(work: Callable[[], None], give_up: Callable[[], None] = lambda: None) -> None:
    """Does the work in a thread. When cancelled it asks the work to `give_up` and waits, so that nothing writes after the lock is gone."""
    running = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        await asyncio.shield(running)
    except asyncio.CancelledError:
        give_up()
        await asyncio.wait([running])
        running.exception()
        raise


def command_line(pid: int) -> str:
    """The words with which this process was started, joined by spaces; empty when there is none or it is a zombie."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace").strip()
    except OSError:
        if Path("/proc/self").exists():
            return ""
    shown = subprocess.run(["/bin/ps", "-ww", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False)  # noqa: S603
    return shown.stdout.strip()


def processes_in(folder: Path) -> list[int]:
    """Processes whose working folder this is (Linux; elsewhere none): PostgreSQL's children outlive a killed parent for a moment."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if (entry / "cwd").readlink() == folder:
                found.append(int(entry.name))
    return found


def free_port() -> int:
    """A port on loopback that nobody listened on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def port_is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def last_words(log: Path) -> str:
    """What was said since the last start, to tell causes apart; never to be shown or logged."""
    try:
        return log.read_text("utf-8", "replace").rpartition(_NEW_START)[2]
    except OSError:
        return ""


def add_words(log: Path, words: str) -> None:
    """Adds what a short-lived program said to the log of its store."""
    with os.fdopen(_open_log(log), "a") as file:
        file.write(words)


def _open_log(log: Path) -> int:
    kept = os.O_TRUNC if log.exists() and log.stat().st_size > _LONGEST_LOG else 0
    return os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | kept, 0o600)


def die_with_parent() -> None:
    """For a child of ours that is Python itself: the kernel ends it (SIGTERM) when whoever started it ends. Linux only, else nothing."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, int(signal.SIGTERM), 0, 0, 0)
