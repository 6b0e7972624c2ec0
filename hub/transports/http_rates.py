"""At the HTTP door: how much one client, and one address without a client, may ask for, so that nobody's flood is everybody's."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

_MOST_KNOWN = 10_000


@dataclass(slots=True)
class Buckets:
    """A token bucket a name: `burst` at once, `rate` a second after that. The names longest unused are forgotten."""

    rate: float
    burst: int
    clock: Callable[[], float] = time.monotonic
    _known: OrderedDict[str, tuple[float, float]] = field(default_factory=OrderedDict)

    def take(self, name: str) -> float:
        """0 when there was a token; else the seconds until there is one."""
        now = self.clock()
        left, since = self._known.pop(name, (float(self.burst), now))
        left = min(float(self.burst), left + (now - since) * self.rate)
        waits = 0.0 if left >= 1.0 else (1.0 - left) / self.rate
        self._known[name] = (left - 1.0 if waits == 0.0 else left, now)
        if len(self._known) > _MOST_KNOWN:
            self._known.popitem(last=False)
        return waits


@dataclass(slots=True)
class InFlight:
    """How many requests of each client are between reading and answer."""

    limit: int
    total: int = 0
    _of: dict[str, int] = field(default_factory=dict)

    def enter(self, name: str) -> bool:
        """Whether one more may begin; then `leave` must follow."""
        if self._of.get(name, 0) >= self.limit:
            return False
        self._of[name] = self._of.get(name, 0) + 1
        self.total += 1
        return True

    def leave(self, name: str) -> None:
        """One that had begun is answered."""
        self.total -= 1
        self._of[name] -= 1
        if not self._of[name]:
            del self._of[name]
