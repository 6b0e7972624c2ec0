"""Beside the flow: `hub bench match`: how long one decision takes, on the demonstration's directory and on a large one."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime

from connectors.fhir_rest import connector
from hub.bench.figures import Row
from hub.bench.machine import machine
from hub.bench.referrals import referrals
from hub.deciding.decide import decide
from hub.deciding.decision import Assign
from hub.deciding.policy import Policy, load_policy
from hub.deciding.wanted import Moment
from hub.directory.snapshot import DirectorySnapshot, load_directory, snapshot
from hub.places import Places
from schemas.messages import InboundMessage
from schemas.referral import Referral

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
MANY = 2_000


def match(seconds: float = 3.0) -> dict[str, object]:
    """decide() on 200 different referrals in turn, for so long on each directory."""
    asked = [_read(body) for _, (_, body) in zip(range(200), referrals(7), strict=False)]
    small = load_directory()
    rows = [_measured(name, found, asked, seconds) for name, found in (("demonstration", small), ("large", large(small, MANY)))]
    return {"bench": "match", "machine": machine(), "rows": rows}


def large(small: DirectorySnapshot, assets: int) -> DirectorySnapshot:
    """The same prescribers, and their assets again and again under other ids until there are so many."""
    rows = [one.asset for one in small.assets]
    many = [rows[at % len(rows)].model_copy(update={"id": f"as-{at:05d}"}) for at in range(assets)]
    return snapshot([one.prescriber for one in small.prescribers], many)


def _read(body: bytes) -> Referral:
    (fact,) = connector.translate(InboundMessage(body, "POST /fhir/ServiceRequest", {}, received_at=NOW, client="bench")).facts
    assert fact.referral is not None
    return fact.referral


def _measured(name: str, found: DirectorySnapshot, asked: Sequence[Referral], seconds: float) -> Row:
    policy, places = load_policy(), Places.load(None)
    moments = [Moment(NOW, places.resolve(one.person.postcode)) for one in asked]
    times: list[int] = []
    assigned, until = 0, time.monotonic() + seconds
    while time.monotonic() < until:
        for referral, moment in zip(asked, moments, strict=True):
            took, outcome = _once(referral, found, policy, moment)
            times.append(took)
            assigned += outcome
    times.sort()
    return {
        "directory": name, "prescribers": len(found.prescribers), "assets": len(found.assets), "decisions": len(times),
        "assigned_percent": round(100 * assigned / len(times), 1), "per_second": round(len(times) / (sum(times) / 1e9), 1),
        "median_us": times[len(times) // 2] / 1000, "p99_us": times[len(times) * 99 // 100] / 1000,
    }  # fmt: skip


def _once(referral: Referral, found: DirectorySnapshot, policy: Policy, moment: Moment) -> tuple[int, bool]:
    begun = time.perf_counter_ns()
    decision = decide(referral, found, policy, moment)
    return time.perf_counter_ns() - begun, isinstance(decision, Assign)
