"""Beside the flow: named points where a test may kill the process; inert otherwise.

`HUB_CRASH=<name>:<hit>` in the environment of a hub process that was started with `--crash-points` arms one point: the
process sends itself SIGKILL when that point is reached for the n-th time. Nothing is armed unless `arm` was called.
"""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from pathlib import Path

POINTS: dict[str, str] = {
    "http.read": "the request's bytes are read, nothing is stored",
    "http.before_commit": "translated and triaged, before the commit is asked for",
    "http.after_commit": "committed, before the answer is made",
    "http.answer": "the answer is made, before its first byte is sent",
    "mllp.frame.read": "a frame is read, nothing is stored",
    "mllp.before_commit": "translated and triaged, before the commit is asked for",
    "mllp.before_ack": "committed, before the acknowledgement's first byte",
    "mllp.ack.partial": "half of the acknowledgement is written",
    "mllp.sent": "our own frame is written to a receiver, no answer read",
    "mllp.answered": "the receiver's answer is read, nothing is recorded",
    "commit.before": "inside the transaction, before its commit (new referrals: before their one statement)",
    "commit.after": "after the transaction's commit, before anybody is told",
    "relay.claimed": "outbox rows are read, nothing is sent",
    "relay.produced": "records are handed to the producer, none acknowledged",
    "relay.acknowledged": "the broker acknowledged, the rows still stand",
    "relay.deleted": "the rows are deleted",
    "routing.fetched": "a batch is read from Kafka, nothing is done",
    "routing.decided": "decide() has answered, nothing is written",
    "routing.before_commit": "the place is taken in the transaction, before its commit",
    "routing.after_commit": "committed, the offset is not",
    "dispatch.fetched": "a batch is read from Kafka, nothing is done",
    "dispatch.before_commit": "deliveries are written in the transaction, before its commit",
    "dispatch.after_commit": "deliveries are committed, the offset is not",
    "webhook.claimed": "a delivery is claimed, nothing is sent",
    "webhook.sent": "the request is written, no answer read",
    "webhook.answered": "the answer is read, nothing is recorded",
    "webhook.recorded": "the verdict is committed",
    "watch.detected": "a deadline is found past, nothing is written",
}


@dataclass(slots=True)
class _Armed:
    name: str
    hit: int
    marker: Path | None
    seen: int = 0


_armed: _Armed | None = None


def arm(name: str, hit: int, marker: Path | None = None) -> None:
    """Arm one point: at its `hit`-th passage (from 1) `marker` is written and the process kills itself with SIGKILL.

    Raises KeyError for a name that is not in `POINTS`.
    """
    global _armed
    POINTS[name]
    _armed = _Armed(name, hit, marker)


def crash(name: str) -> None:
    """Pass a named point; does nothing unless a test armed it."""
    if _armed is None or _armed.name != name:
        return
    _armed.seen += 1
    if _armed.seen < _armed.hit:
        return
    if _armed.marker is not None:
        _armed.marker.write_text(f"{name}:{_armed.seen}")
    os.kill(os.getpid(), signal.SIGKILL)
