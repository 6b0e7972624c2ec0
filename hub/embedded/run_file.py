"""Beside the flow: run.json, by which other commands find a running hub."""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from hub.embedded.data_folder import write_private

_NAME = "run.json"


@dataclass(frozen=True, slots=True)
class MllpAddress:
    host: str
    port: int


@dataclass(frozen=True, slots=True)
class RunFile:
    """What a running hub says about itself. `started` is an RFC 3339 time; the database's dsn holds its password."""

    pid: int
    started: str
    http: str | None
    mllp: MllpAddress | None
    database: str
    kafka: str
    version: str


def write_run_json(data: Path, run: RunFile) -> None:
    """Writes `<data>/run.json`, mode 0600, whole or not at all: all keys present, sorted."""
    write_private(data / _NAME, json.dumps(asdict(run), sort_keys=True) + "\n")


def read_run_json(data: Path) -> RunFile | None:
    """What the hub on this folder wrote; None when there is no such file, it cannot be read, or its process is gone."""
    try:
        found = json.loads((data / _NAME).read_text())
        mllp = MllpAddress(**found["mllp"]) if found["mllp"] else None
        run = RunFile(**{**found, "mllp": mllp})
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return run if _alive(run.pid) else None


def remove_run_json(data: Path) -> None:
    """Removes it if this process wrote it; another's is left alone."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        if json.loads((data / _NAME).read_text())["pid"] == os.getpid():
            (data / _NAME).unlink()


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return pid > 0
