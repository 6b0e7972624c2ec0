"""Crash points by the dozen: every named point kills its process once in each campaign, while forty referrals are in flight.

A round arms at most one point in each of the hub's processes, at a random passage; all of them must be reached. The same seed gives the
same rounds.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

from hub.demo.checker import Finding, examine, settled, sound, table
from tests.faults.running import Running, login, until

GP, HOSPITAL = 30, 10
INTAKE, RELAY, ROUTING, DISPATCH = "intake,reading", "relay", "routing", "dispatch,watch"

POINTS_OF: Mapping[str, Mapping[str, int]] = {
    INTAKE: {
        "http.read": 20, "http.before_commit": 20, "http.after_commit": 20, "http.answer": 20, "mllp.frame.read": 8, "mllp.before_commit": 8,
        "mllp.before_ack": 8, "mllp.ack.partial": 8, "commit.before": 8, "commit.after": 8,
    },
    RELAY: {"relay.claimed": 5, "relay.produced": 5, "relay.acknowledged": 5, "relay.deleted": 5},
    ROUTING: {"routing.fetched": 3, "routing.decided": 2, "routing.before_commit": 2, "routing.after_commit": 3},
    DISPATCH: {
        "dispatch.fetched": 4, "dispatch.before_commit": 3, "dispatch.after_commit": 4, "webhook.claimed": 20, "webhook.sent": 20, "webhook.answered": 20,
        "webhook.recorded": 20, "mllp.sent": 8, "mllp.answered": 8, "watch.detected": 1,
    },
}  # fmt: skip
"""For each process its points, and up to which passage each is armed: as often as forty referrals surely pass it."""


@dataclass(frozen=True, slots=True)
class Armed:
    """One point in one process at one passage."""

    process: str
    name: str
    hit: int

    def __str__(self) -> str:
        return f"{self.name}:{self.hit}"


def rounds(seed: int) -> list[list[Armed]]:
    """Every point once, at most one a process and round."""
    chance = random.Random(seed)
    columns = [[Armed(process, name, chance.randint(1, most)) for name, most in points.items()] for process, points in POINTS_OF.items()]
    return [[one for one in row if one is not None] for row in zip_longest(*columns)]


async def play(hub: Running, armed: Sequence[Armed], number: int, seed: int) -> tuple[Finding, ...]:
    """One round: arm, send forty, wait until every point was reached and the hub is at rest again, check. Raises TimeoutError naming what did
    not come about."""
    for one in armed:
        stage = hub.stages[one.process]
        stage.extra = {"HUB_CRASH": f"{one.name}:{one.hit}", "HUB_CRASH_MARKER": str(_marker(hub, one, number))}
        stage.kill()
    await _send(hub, number, seed, overdue=any(one.name == "watch.detected" for one in armed))
    for one in armed:
        await until(lambda one=one: _reached(hub, one, number), 90, f"{one} was never reached (round {number}, seed {seed})")
    # A dead courier's deliveries are another's after a lease of most of a minute, which test_leases.py waits out; here it may end now, for a round
    # would take a minute longer and nothing else in it would differ.
    await hub.rows("UPDATE delivery SET claimed_until = now() WHERE state = 'pending' AND claimed_until > now() RETURNING id")
    if not await settled(hub.pool, 120):
        raise TimeoutError(f"not at rest after {', '.join(map(str, armed))} (round {number}, seed {seed}): {await _restless(hub)}")
    return await examine(hub.pool, login(hub), hub.journals)


async def _send(hub: Running, number: int, seed: int, *, overdue: bool) -> None:
    gp, hospital, cases = (hub.stand_ins[name] for name in ("gp-bangor", "hospital-tywi", "case-management"))
    if overdue:
        await cases.order("script", steps=[])
    sent = await asyncio.gather(
        gp.order("send", count=GP, seed=seed, first=number * 1000, at_once=6, pace=0.03),
        hospital.order("send", count=HOSPITAL, seed=seed + 1, first=number * 1000),
    )
    assert [one["stored"] for one in sent] == [GP, HOSPITAL], sent
    if overdue:
        await until(lambda: _nothing_waits_for_routing(hub), 90, "every referral to be with a prescriber")
        await cases.order("script", steps=["accept", "first-contact", "complete"])
        await hub.rows("UPDATE referral SET deadline_at = now() WHERE closed_at IS NULL AND awaits = 'prescriber' RETURNING id")


async def _reached(hub: Running, one: Armed, number: int) -> bool:
    return _marker(hub, one, number).exists()


def _marker(hub: Running, one: Armed, number: int) -> Path:
    return hub.folder / f"{number}-{one.name}.reached"


async def _nothing_waits_for_routing(hub: Running) -> bool:
    return not await hub.rows("SELECT 1 FROM referral WHERE closed_at IS NULL AND awaits = 'hub' AND held_reason IS NULL LIMIT 1")


async def _restless(hub: Running) -> str:
    """What still goes on, for whoever reads a failure."""
    found = await hub.rows("""
        SELECT 'outbox' AS what, count(*) FROM outbox UNION ALL SELECT 'deliveries to ' || recipient, count(*) FROM delivery WHERE state = 'pending' GROUP BY 1
        UNION ALL SELECT 'referrals waiting for the hub', count(*) FROM referral WHERE closed_at IS NULL AND awaits = 'hub'
        UNION ALL SELECT 'dead letters', count(*) FROM dead_letter WHERE state <> 'done'""")
    return ", ".join(f"{row[0]} {row[1]}" for row in found)


def broken(findings: Sequence[Finding]) -> Iterator[str]:
    """The rows that are not as they must be, for an assertion's words."""
    yield from (f"{finding.invariant} {finding.found}: {'; '.join(finding.examples)}" for finding in findings if finding.found)


__all__ = ["POINTS_OF", "Armed", "broken", "play", "rounds", "sound", "table"]
