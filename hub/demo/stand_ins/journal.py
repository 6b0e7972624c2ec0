"""Beside the flow: a stand-in's own log, one JSON line for everything it sent, heard and answered. What it says is evidence, so it is flushed."""

from __future__ import annotations

import itertools
import json
import time
from pathlib import Path
from typing import IO, Any

Line = dict[str, Any]  # Any: JSON


class Journal:
    """Lines `{"n", "at" (monotonic seconds), "wall", "system", "what", …}`, appended and flushed one by one."""

    def __init__(self, path: Path, system: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file: IO[str] = path.open("a", encoding="utf-8")
        self._system, self._numbers = system, itertools.count()

    def note(self, what: str, **said: Any) -> None:  # Any: JSON values
        """Write one line."""
        line = {"n": next(self._numbers), "at": time.monotonic(), "wall": time.time(), "system": self._system, "what": what, **said}
        self._file.write(json.dumps(line, ensure_ascii=False) + "\n")
        self._file.flush()

    def close(self) -> None:
        """Nothing is written afterwards."""
        self._file.close()
