"""Beside the flow: the data folder of a hub that brings its own stores: who holds it, what made it, whether there is room."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hub.errors import Misconfigured, Unavailable

FORMAT = 1
POSTGRES_MAJOR = 18
KAFKA_VERSION = "4.3.1"
KAFKA_USER = "hub"
_MADE_BY = "made-by.json"


@dataclass(frozen=True, slots=True)
class DataFolder:
    """Where each part of the stores lies. Everything in it is the hub's alone; made by `open_folder`."""

    root: Path

    @property
    def postgres(self) -> Path:
        return self.root / "postgres"

    @property
    def kafka(self) -> Path:
        return self.root / "kafka"

    @property
    def postgres_password(self) -> str:
        return secret(self.root / "postgres.password")

    @property
    def kafka_password(self) -> str:
        return secret(self.root / "kafka.password")


@contextlib.contextmanager
def hold(root: Path, minimum_free: int) -> Iterator[DataFolder]:
    """The folder, made where it is missing and locked for this process until the block is left.

    Raises Misconfigured when another process holds it, when it may not be written, or when a hub that does not fit made it;
    Unavailable when fewer than `minimum_free` bytes are free under it.
    """
    root = root.resolve()
    try:
        if not root.exists():
            root.mkdir(parents=True, mode=0o711 if os.geteuid() == 0 else 0o700, exist_ok=True)
        lock = os.open(root / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise Misconfigured(f"The data folder {root} cannot be used ({error.strerror}): give it to this user, or set HUB_DATA.") from error
    try:
        _lock(lock, root)
        check_room(root, minimum_free)
        _check_made_by(root)
        yield DataFolder(root)
    finally:
        os.close(lock)


def check_room(root: Path, minimum_free: int) -> None:
    """Raises Unavailable when fewer than `minimum_free` bytes are free where the folder lies."""
    free = shutil.disk_usage(root).free
    if free < minimum_free:
        raise Unavailable(
            f"The disk under {root} has {free // 2**20} MB free and the stores need {minimum_free // 2**20} MB: "
            "make room, or point HUB_DATA at a folder on another disk.",
            retry_after=60,
        )


def secret(path: Path) -> str:
    """The secret in this file (mode 0600); made at random, 43 characters without quotes or spaces, where there is none."""
    with contextlib.suppress(FileNotFoundError):
        return path.read_text().strip()
    value = secrets.token_urlsafe(32)
    write_private(path, value + "\n")
    return value


def write_private(path: Path, content: str) -> None:
    """Writes the file whole or not at all, readable by this user only."""
    new = path.with_name(f".{path.name}.{os.getpid()}.new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)


def kafka_login(root: Path) -> tuple[str, str] | None:
    """User and password of the embedded Kafka under this data folder, for commands that find a running hub; None where there is none."""
    path = root / "kafka.password"
    try:
        return KAFKA_USER, path.read_text().strip()
    except OSError:
        return None


def _lock(lock: int, root: Path) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        holder = os.read(lock, 20).decode("ascii", "replace").strip() or "unknown"
        raise Misconfigured(f"The data folder {root} is in use by process {holder}: stop that hub first, or point HUB_DATA at another folder.") from error
    os.ftruncate(lock, 0)
    os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)


def _check_made_by(root: Path) -> None:
    path = root / _MADE_BY
    now = {"format": FORMAT, "kafka": KAFKA_VERSION, "postgres": POSTGRES_MAJOR}
    try:
        made = json.loads(path.read_text())
        then = (int(made["format"]), int(made["postgres"]), _minor(str(made["kafka"])))
    except FileNotFoundError:
        then = (FORMAT, _made_major(root), _minor(KAFKA_VERSION))
    except (ValueError, KeyError, TypeError) as error:
        raise Misconfigured(f"{path} cannot be read: restore it from a copy, or point HUB_DATA at another folder.") from error
    if then[0] != FORMAT or then[1] != POSTGRES_MAJOR or then[2] > _minor(KAFKA_VERSION):
        raise Misconfigured(
            f"The data folder {root} was made by a hub with PostgreSQL {then[1]} and folder format {then[0]}; this one has PostgreSQL "
            f"{POSTGRES_MAJOR} and format {FORMAT}. Start it with the hub that made it, or point HUB_DATA at another folder."
        )
    write_private(path, json.dumps(now, sort_keys=True) + "\n")


def _made_major(root: Path) -> int:
    try:
        return int((root / "postgres" / "PG_VERSION").read_text())
    except (OSError, ValueError):
        return POSTGRES_MAJOR


def _minor(version: str) -> tuple[int, int]:
    major, minor = version.split(".")[:2]
    return int(major), int(minor)
