"""In intake: the two gates before a message is taken: free disk, and how long a commit would wait (the ledger's own). Kafka is none."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from hub.errors import Unavailable

_EVERY = 1.0


def _free_bytes(path: Path) -> int:
    found = os.statvfs(path)
    return found.f_bavail * found.f_frsize


@dataclass(slots=True)
class DiskGate:
    """Refuses while fewer than `minimum` bytes are free under `path`; looked at once a second. A folder that is not there has no gate."""

    path: Path
    minimum: int
    free: Callable[[Path], int] = _free_bytes
    clock: Callable[[], float] = time.monotonic
    _looked: float = float("-inf")
    _full: bool = False

    def __call__(self) -> None:
        """Raises Unavailable while the disk is nearly full."""
        now = self.clock()
        if now - self._looked >= _EVERY:
            self._looked = now
            self._full = self.path.exists() and self.free(self.path) < self.minimum
        if self._full:
            raise Unavailable("The disk is nearly full: nothing more is taken until there is room", retry_after=30)


def no_gate() -> None:
    """Always open."""
