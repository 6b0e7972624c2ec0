"""In dispatch: one breaker for each endpoint, so that a receiver that is down is left in peace and holds nobody else up. Times are monotonic seconds."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class _Endpoint:
    failures: int = 0
    open_until: float = 0.0


@dataclass(slots=True)
class Breakers:
    """After `failures` failures in a row an endpoint rests for `rest` seconds; then one delivery may try it, and decides."""

    failures: int = 5
    rest: float = 30.0
    _endpoints: dict[str, _Endpoint] = field(default_factory=dict)

    def resting(self, now: float) -> frozenset[str]:
        """The endpoints that are not to be tried now."""
        return frozenset(name for name, one in self._endpoints.items() if one.open_until > now)

    @property
    def on_trial(self) -> frozenset[str]:
        """The endpoints that only one delivery should try at a time, when they have rested."""
        return frozenset(name for name, one in self._endpoints.items() if one.failures >= self.failures)

    def succeeded(self, name: str) -> bool:
        """It answers; whether its breaker closed by that."""
        return (was := self._endpoints.pop(name, None)) is not None and was.failures >= self.failures

    def failed(self, name: str, now: float) -> bool:
        """It does not answer; whether its breaker opened just now."""
        one = self._endpoints.setdefault(name, _Endpoint())
        one.failures += 1
        if one.failures < self.failures:
            return False
        one.open_until = now + self.rest
        return one.failures == self.failures
