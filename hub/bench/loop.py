"""Beside the flow: `hub bench loop`: from a POST to the webhook that tells its sender who was asked, every stage on; then how fast routing drains."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import orjson

from hub.bench.accept import send, stored
from hub.bench.figures import Row, spread
from hub.bench.ground import Ground, Say, free_port, ground
from hub.bench.load import Order, Sent
from hub.bench.machine import durability, machine
from hub.bench.profiles import costs
from hub.embedded import children
from hub.errors import Unavailable
from hub.ledger.database import lent
from hub.serving import PROCESSES
from hub.settings import Settings

_TOLD = "referral.assigned.v1"
_DECIDED = "('referral.assigned.v1', 'referral.held.v1')"
_LONGEST = 120.0
_HOPS = """
SELECT extract(epoch FROM a.time - r.time)::float8 AS routed, extract(epoch FROM d.created_at - a.time)::float8 AS composed,
       extract(epoch FROM d.finished_at - d.created_at)::float8 AS delivered
FROM event r JOIN event a ON a.referral_id = r.referral_id AND a.type = 'referral.assigned.v1'
JOIN delivery d ON d.event_id = a.id AND d.recipient = $1 WHERE r.type = 'referral.received.v1' AND d.state = 'delivered'
"""


@dataclass(frozen=True, slots=True)
class Asked:
    """How to measure. `profile` names a stage, or nothing."""

    rate: float = 100.0
    seconds: float = 20.0
    drain: int = 2_000
    profile: str = ""


async def loop(settings: Settings, asked: Asked, say: Say) -> dict[str, object]:
    """Measure, then compare every acknowledged id with the record and with what was told. Raises Unavailable, Misconfigured."""
    found: dict[str, object] = {"bench": "loop", "machine": machine()}
    ports = free_port(), free_port()
    allow = ",".join(f"127.0.0.1:{port}" for port in ports)
    async with ground(settings, say, profiled=frozenset({asked.profile} - {""}), HUB_WEBHOOK_ALLOW=allow) as ours:
        tokens = [(await ours.add("bench-gp", f"http://127.0.0.1:{ports[0]}/told")).key]
        await ours.add("case-management", f"http://127.0.0.1:{ports[1]}/told")
        for stages in PROCESSES:
            await ours.start(stages)
        sent, row, steps = await _told(ours, ports, tokens, asked, say)
        drained, more = await _drained(ours, tokens, asked, say) if asked.drain else (None, [])
        found |= {"rows": [row], "steps": steps, "durability": await durability(ours.dsn), "stored": await stored(ours, [*sent, *more])}
        if drained:
            found["drain"] = [drained]
        if asked.profile:
            await ours.stop()
            found["costs"] = costs(ours.profile(asked.profile))
    return found


async def _told(ours: Ground, ports: tuple[int, int], tokens: list[str], asked: Asked, say: Say) -> tuple[list[Sent], Row, list[Row]]:
    """A steady rate, whatever is answered; the time of each from when it was due until its sender was told."""
    files = ours.folder / "gp.told", ours.folder / "cases.told"
    async with _listener(ports[0], files[0]), _listener(ports[1], files[1]):
        warm = await send(ours, Order(*ours.http, tokens, 4, 2.0, str(ours.folder / "warm.jsonl"), seed=99, start=400_000, rate=50))
        await _all_told(ours)
        say(f"{asked.rate:g} a second for {asked.seconds:g} seconds, every stage on")
        before = {stages: ours.cpu(stages) for stages in PROCESSES}
        order = Order(*ours.http, tokens, 64, asked.seconds, str(ours.folder / "loop.jsonl"), rate=asked.rate)
        sent = await send(ours, order)
        await _all_told(ours)
        cpu = {stages: ours.cpu(stages) - before[stages] for stages in PROCESSES}
    heard = {referral: at for at, fact, referral in map(orjson.loads, files[0].read_bytes().splitlines()[::-1]) if fact == _TOLD}
    accepted = [one for one in sent if one[1] == 201]
    times = spread([heard[referral] - at for _, _, referral, _, at in accepted if referral in heard])
    row: Row = {
        "asked_per_second": asked.rate, "accepted": len(accepted), "errors": len(sent) - len(accepted),
        "told": sum(one[2] in heard for one in accepted), "p50_ms": times.p50, "p95_ms": times.p95, "p99_ms": times.p99, "most_ms": times.most,
    }  # fmt: skip
    return [*warm, *sent], row, await _steps(ours, [took for *_, took, _ in accepted], cpu, len(accepted))


async def _steps(ours: Ground, answered: Sequence[float], cpu: dict[str, float], count: int) -> list[Row]:
    """Where the time of one referral goes, hop by hop, and what each process spent on it."""
    async with lent(ours.pool) as connection:
        rows = await connection.fetch(_HOPS, "bench-gp", timeout=60)
    hops = {
        "POST to answer": (answered, PROCESSES[0]), "commit to Kafka, decided, committed": ([row["routed"] for row in rows], "routing"),
        "assigned to composed": ([row["composed"] for row in rows], "dispatch,watch"), "composed to delivered": ([row["delivered"] for row in rows], "relay"),
    }  # fmt: skip
    found: list[Row] = []
    for name, (times, stages) in hops.items():
        told = spread(times)
        own = round(1000 * cpu[stages] / max(1, count), 2)
        found.append({"hop": name, "p50_ms": told.p50, "p95_ms": told.p95, "p99_ms": told.p99, "process": stages, "cpu_ms": own})
    return found


async def _drained(ours: Ground, tokens: list[str], asked: Asked, say: Say) -> tuple[Row, list[Sent]]:
    """Routing and dispatch stopped while referrals come in and the relay carries them; then routing alone is started."""
    for stages in ("routing", "dispatch,watch"):
        await ours.stop(stages)
    order = Order(*ours.http, tokens, 16, 600.0, str(ours.folder / "drain.jsonl"), seed=5, start=200_000, count=asked.drain)
    sent = await send(ours, order)
    await _until(ours, "SELECT count(*) = 0 FROM outbox")
    say(f"{len(sent):,} referrals wait on Kafka; routing starts")
    before = await _value(ours, "SELECT coalesce(max(seq), 0) FROM event")
    began = time.monotonic()
    await ours.start("routing")
    await _until(ours, "SELECT count(*) = 0 FROM referral WHERE awaits = 'hub' AND held_reason IS NULL")
    lasted = time.monotonic() - began
    cpu = ours.cpu("routing")
    decided, pace = await _pace(ours, int(str(before)))
    row: Row = {
        "referrals": decided, "per_second": pace, "with_start_per_second": round(decided / lasted, 1), "cpu_ms": round(1000 * cpu / max(1, decided), 2),
    }  # fmt: skip
    return row, sent


async def _pace(ours: Ground, before: int) -> tuple[int, float]:
    """How many were decided, and how many a second between the first transaction's beginning and the last's (whose own are left out)."""
    query = f"""SELECT count(*)::int AS decided, extract(epoch FROM max(time) - min(time))::float8 AS lasted,
        count(*) FILTER (WHERE time = (SELECT max(time) FROM event WHERE seq > $1 AND type IN {_DECIDED}))::int AS last
        FROM event WHERE seq > $1 AND type IN {_DECIDED}"""  # noqa: S608  our own words
    async with lent(ours.pool) as connection:
        row = await connection.fetchrow(query, before, timeout=60)
    return row["decided"], round((row["decided"] - row["last"]) / (row["lasted"] or 1.0), 1)


async def _all_told(ours: Ground) -> None:
    """Until nothing is on its way."""
    await _until(
        ours,
        """SELECT (SELECT count(*) FROM outbox) + (SELECT count(*) FROM delivery WHERE state = 'pending')
           + (SELECT count(*) FROM referral WHERE awaits = 'hub' AND held_reason IS NULL)
           + (SELECT count(*) FROM event e WHERE cardinality(tells) > 0
              AND NOT EXISTS (SELECT 1 FROM inbox i WHERE i.stage = 'dispatch' AND i.event_id = e.id)) = 0""",
    )


async def _until(ours: Ground, query: str) -> None:
    """Raises Unavailable when it is not so within two minutes."""
    end = time.monotonic() + _LONGEST
    while not await _value(ours, query):
        if time.monotonic() > end:
            raise Unavailable(f"The hub under measurement did not come to rest within two minutes; routing's last words: {ours.last_words('routing')}")
        await asyncio.sleep(0.1)


async def _value(ours: Ground, query: str) -> object:
    async with lent(ours.pool) as connection:
        return await connection.fetchval(query, timeout=60)


@asynccontextmanager
async def _listener(port: int, out: Path) -> AsyncIterator[None]:
    """A receiver on this port; its file is written when the block is left."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "hub.bench.listener", str(port), str(out), stdout=asyncio.subprocess.PIPE, preexec_fn=children.die_with_parent
    )
    assert process.stdout is not None
    await process.stdout.readline()
    try:
        yield
    finally:
        await children.stop(process, [(signal.SIGTERM, 10.0)])
