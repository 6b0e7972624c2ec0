"""Beside the drop folder: how single files are looked at, taken, noted of and finished, whatever else happens to them on the disk."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

NO_FILE = b"\xff"
"""What is handed over in the place of a `columns.toml` that cannot be read: no text, so that the file is refused by that name."""
_LARGEST_BESIDE = 64 * 1024
_LONGEST_NAME, _LONGEST_SUFFIX = 200, 20
Signature = tuple[int, int, int]
"""Which file it is, how long, and when it changed last."""


def short_name(name: str) -> str:
    """The name, or so much of its beginning that the reports' names, which are longer, are names that a disk takes; the suffix stays."""
    if len(os.fsencode(name)) <= _LONGEST_NAME:
        return name
    suffix = Path(name).suffix if len(os.fsencode(Path(name).suffix)) <= _LONGEST_SUFFIX else ""
    return os.fsencode(name)[: _LONGEST_NAME - _LONGEST_SUFFIX].decode("utf-8", "ignore") + suffix


def made(folder: Path) -> None:
    """Raises OSError where a link stands in the folder's place: what lies behind it is somebody else's."""
    folder.mkdir(exist_ok=True)
    if folder.is_symlink():
        raise NotADirectoryError(errno.ENOTDIR, "A link is no folder")


def taken(path: Path, folder: Path) -> Path:
    """Where the file lies now: in `working`, under a name that nothing else there has."""
    return path if path.parent == folder else path.rename(free_name(folder, short_name(path.name)))


def files(folder: Path) -> Iterator[Path]:
    """What lies in a folder, by name; not what is hidden, not folders."""
    with contextlib.suppress(OSError):
        for one in sorted(os.scandir(folder), key=lambda entry: entry.name):
            if not one.name.startswith(".") and not one.is_dir(follow_symlinks=False):
                yield Path(one.path)


def signature(path: Path) -> Signature:
    found = path.lstat()
    return found.st_ino, found.st_size, found.st_mtime_ns


def ends_a_line(path: Path) -> bool:
    """Also for what is no file at all, or empty: nothing more is to be waited for. A pipe is never opened."""
    found = path.lstat()
    if not stat.S_ISREG(found.st_mode) or not found.st_size:
        return True
    try:
        with path.open("rb") as source:
            source.seek(-1, os.SEEK_END)
            return source.read(1) in (b"\n", b"\r")
    except OSError:
        return True


def read_beside(path: Path) -> bytes | None:
    """What lies there, None for nothing; NO_FILE for what is no ordinary file (a link, a pipe) or too large for one of its kind."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    except OSError:
        return NO_FILE
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        return NO_FILE
    with os.fdopen(handle, "rb") as source:
        content = source.read(_LARGEST_BESIDE + 1)
    return content if len(content) <= _LARGEST_BESIDE else NO_FILE


def noted_in(notes: Path) -> tuple[bytes, ...]:
    """Whole lines only: the last may have broken off."""
    try:
        return tuple(notes.read_bytes().split(b"\n")[:-1])
    except FileNotFoundError:
        return ()


def note_to(handle: int, line: bytes) -> None:
    os.write(handle, line + b"\n")


def finish(working: Path, folder: Path, reports: Mapping[str, bytes], notes: Path | None) -> None:
    """Reports first, each whole or not at all; then the notes go, then the file. Killed in between, it is in `working` still and its reports are
    written again. The notes go first: a file of the same bytes that comes later is a new one."""
    goal = free_name(folder, working.name)
    for ending, content in reports.items():
        made = folder / f".{goal.name}{ending}.tmp"
        with made.open("wb") as written:
            written.write(content)
            written.flush()
            os.fsync(written.fileno())
        made.rename(folder / f"{goal.name}{ending}")
    if notes is not None:
        notes.unlink()
    working.rename(goal)
    for changed in (folder, working.parent):
        handle = os.open(changed, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def free_name(folder: Path, name: str) -> Path:
    """The name, or the first of `name.2`, `name.3` … that no file in the folder has."""
    path, number = folder / name, 1
    while os.path.lexists(path):
        number += 1
        path = folder / f"{Path(name).stem}.{number}{Path(name).suffix}"
    return path
