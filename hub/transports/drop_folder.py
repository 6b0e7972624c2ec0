"""How bytes move, by files: a folder for each sender, in which a file goes from `in` through `working` to `done` or `failed`. Nothing is ever deleted.

A file is taken when it is complete: not hidden, not named as unfinished, and unchanged for a while. From then on it lies in `working`; whatever
kills us, it is found there and gone on with, after what was noted of it. Its reports are written before it is moved.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import hashlib
import os
import stat
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from hub.errors import Misconfigured, Unavailable
from hub.telemetry import LogEvent, count, log
from hub.transports.drop_files import Signature, ends_a_line, files, finish, free_name, made, note_to, noted_in, read_beside, signature, taken
from schemas.rejection import Reason

IN, WORKING, DONE, FAILED = "in", "working", "done", "failed"
BESIDE = "columns.toml"
LARGEST = 64 * 2**20
_UNFINISHED = (".part", ".partial", ".tmp", ".temp", ".filepart", ".crdownload", "~")
_NOTES = ".notes"
_WARN_EVERY = 3600.0


@dataclass(frozen=True, slots=True)
class Dropped:
    """A file that was taken: whose folder it lay in, its bytes, what lies beside the folders (None: nothing), and what was noted of it before."""

    owner: str
    content: bytes = field(repr=False)
    beside: bytes | None = field(default=None, repr=False)
    noted: tuple[bytes, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Finished:
    """What became of a file: whether nothing is left to be corrected, and its reports by the ending of their name."""

    whole: bool
    reports: Mapping[str, bytes] = field(repr=False)


class Receiver(Protocol):
    """Who reads the files."""

    def knows(self, owner: str) -> bool:
        """Whether this folder is somebody's who may send."""
        ...

    async def take(self, file: Dropped, note: Callable[[bytes], None]) -> Finished:
        """All of one file. `note` keeps a line (without a line end) that is handed over again if we are killed. Raises Unavailable: again later."""
        ...

    async def unreadable(self, owner: str, reason: Reason) -> Finished:
        """A file that could not be read at all."""
        ...


@dataclass(slots=True)
class DropFolder:
    """All senders' folders under one. One process at a time works on them; another that is started waits until the first ends.

    `settle`: seconds without a change until a file counts as complete; `settle_open` where its last byte is no line end, as of one that
    is still being written.
    """

    root: Path
    receiver: Receiver
    settle: float = 2.0
    settle_open: float = 30.0
    every: float = 0.5
    again: float = 5.0
    largest: int = LARGEST
    clock: Callable[[], float] = time.monotonic
    _seen: dict[Path, tuple[Signature, float]] = field(default_factory=dict)
    _busy: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    _warned: dict[str, float] = field(default_factory=dict)

    async def run(self) -> None:
        """Work until cancelled. Raises Misconfigured when the folder cannot be used."""
        with await self._alone():
            try:
                while True:
                    for owner in self._owners():
                        if owner not in self._busy or self._busy[owner].done():
                            self._busy[owner] = asyncio.create_task(self.work(owner))
                    await asyncio.sleep(self.every)
            finally:
                for task in self._busy.values():
                    task.cancel()
                await asyncio.gather(*self._busy.values(), return_exceptions=True)

    async def work(self, owner: str) -> None:
        """One look at one sender's folder: what was begun first, then what is complete. What goes wrong is logged, and tried at the next look."""
        home = self.root / owner
        try:
            if not self.receiver.knows(owner):
                self._wait(owner, home / IN)
                return
            for name in (IN, WORKING, DONE, FAILED):
                made(home / name)
            is_well = all([await self._tried(owner, home, path) for path in (*files(home / WORKING), *self._complete(home / IN))])
        except OSError as fault:
            log(LogEvent.BATCH_WAITING, "warning", fault, transport="drop-folder", client=owner)
            is_well = False
        if not is_well:
            await asyncio.sleep(self.again)

    async def _tried(self, owner: str, home: Path, path: Path) -> bool:
        """Whether the file came to its end; if not, it is tried again at a later look, and the next file's turn is now."""
        try:
            await self._one(owner, home, path)
            return True
        except (OSError, Unavailable) as fault:
            log(LogEvent.BATCH_WAITING, "warning", fault, transport="drop-folder", client=owner, waiting=1)
        except Exception as fault:  # noqa: BLE001  a bug with one file must not stop the others
            log(LogEvent.BUG, "error", fault, stage="intake", transport="drop-folder", client=owner)
        return False

    # --- finding ------------------------------------------------------------------------------------------------------------------------

    async def _alone(self) -> contextlib.AbstractContextManager[None]:
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            held = os.open(self.root / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as fault:
            raise Misconfigured(f"HUB_DROP names a folder that cannot be used ({fault.strerror}): give it to this user, or name another.") from fault
        while True:
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return _closing(held)
            except BlockingIOError:
                await asyncio.sleep(self.every)

    def _owners(self) -> list[str]:
        with contextlib.suppress(OSError):
            return sorted(one.name for one in os.scandir(self.root) if one.is_dir(follow_symlinks=False) and not one.name.startswith("."))
        return []

    def _complete(self, folder: Path) -> Iterator[Path]:
        """What has not changed for a while; what has not even a finished name is warned about when it stays."""
        now, here = self.clock(), set[Path]()
        for path in files(folder):
            here.add(path)
            mark = signature(path)
            before, since = self._seen.get(path, (None, now))
            if before != mark:
                self._seen[path] = (mark, now)
            elif not path.name.lower().endswith(_UNFINISHED) and now - since >= (self.settle if ends_a_line(path) else self.settle_open):
                del self._seen[path]
                yield path
            elif now - since > _WARN_EVERY:
                self._wait(folder.parent.name, folder)
        for gone in [path for path in self._seen if path.parent == folder and path not in here]:
            del self._seen[gone]

    def _wait(self, owner: str, folder: Path) -> None:
        """Said once an hour: files wait that nobody takes (no such client, or they are never finished). They stay where they are."""
        waiting = len(list(files(folder)))
        if waiting and self.clock() - self._warned.get(owner, float("-inf")) > _WARN_EVERY:
            self._warned[owner] = self.clock()
            log(LogEvent.BATCH_WAITING, "warning", transport="drop-folder", client=owner, waiting=waiting)

    # --- one file -----------------------------------------------------------------------------------------------------------------------

    async def _one(self, owner: str, home: Path, path: Path) -> None:
        """From `in` or `working` to its end. A file that changed while it was read goes back to `in`."""
        working = taken(path, home / WORKING)
        found = await asyncio.to_thread(self._read, working)
        notes: Path | None = None
        if isinstance(found, Reason):
            finished = await self.receiver.unreadable(owner, found)
        elif path is not working and found.mark != signature(working):
            working.rename(free_name(home / IN, path.name))
            return
        else:
            notes = working.with_name(f".{found.digest}{_NOTES}")
            with notes.open("ab", buffering=0) as kept:
                dropped = Dropped(owner, found.content, read_beside(home / BESIDE), noted_in(notes))
                finished = await self.receiver.take(dropped, lambda line: note_to(kept.fileno(), line))
        await asyncio.to_thread(finish, working, home / (DONE if finished.whole else FAILED), finished.reports, notes)
        count("hub_files_total", outcome="done" if finished.whole else "refused")

    def _read(self, path: Path) -> _Read | Reason:
        """The bytes, and what the file was when they were read; or why they cannot be had. A link or a pipe is no file."""
        mark = signature(path)
        try:
            handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError:
            return Reason.STRUCTURE
        with os.fdopen(handle, "rb") as source:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                return Reason.STRUCTURE
            content = source.read(self.largest + 1)
        return _Read(content, mark, hashlib.sha256(content).hexdigest()) if len(content) <= self.largest else Reason.TOO_LARGE


@dataclass(frozen=True, slots=True)
class _Read:
    """A file's bytes, what the file was before they were read, and their hash: what is noted of a file is noted of these bytes alone."""

    content: bytes = field(repr=False)
    mark: Signature
    digest: str


@contextlib.contextmanager
def _closing(handle: int) -> Iterator[None]:
    try:
        yield
    finally:
        os.close(handle)
