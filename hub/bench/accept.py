"""Beside the flow: `hub bench accept`: how many referrals a second the HTTP door takes, each answered only when its transaction has committed."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import orjson

from hub.bench.figures import Row, spread
from hub.bench.ground import Ground, Say, ground
from hub.bench.load import Order, Sent
from hub.bench.machine import durability, machine
from hub.bench.pauses import pauses
from hub.bench.profiles import costs
from hub.errors import Unavailable
from hub.ledger.database import lent
from hub.settings import Settings

CONNECTIONS = (1, 8, 32)
STAGES = "intake,reading"
SENDERS = 4
"""Clients that take turns, so that the door's limit for one client (2,000 a second) does not measure itself."""


@dataclass(frozen=True, slots=True)
class Asked:
    """How to measure."""

    connections: tuple[int, ...] = CONNECTIONS
    seconds: float = 10.0
    profile: bool = False


async def accept(settings: Settings, asked: Asked, say: Say) -> dict[str, object]:
    """Measure at each number of connections, then compare every acknowledged id with the record. Raises Unavailable, Misconfigured."""
    found: dict[str, object] = {"bench": "accept", "machine": machine(), "pauses": pauses()}
    async with ground(settings, say, profiled=frozenset({"intake"} if asked.profile else ())) as ours:
        tokens = [(await ours.add(f"bench-gp-{number}")).key for number in range(SENDERS)]
        await ours.start(STAGES)
        await send(ours, Order(*ours.http, tokens, 4, 2.0, str(ours.folder / "warm.jsonl"), seed=99, start=900_000 // 2))
        rows: list[Row] = []
        sent: list[Sent] = read_sent(ours.folder / "warm.jsonl")
        for at, connections in enumerate(asked.connections):
            say(f"{connections} connections for {asked.seconds:g} seconds")
            order = Order(*ours.http, tokens, connections, asked.seconds, str(ours.folder / f"{at}.jsonl"), seed=at, start=at * 100_000)
            cpu = ours.cpu(STAGES)
            these = await send(ours, order)
            rows.append(_row(connections, these, ours.cpu(STAGES) - cpu))
            sent += these
        found |= {"rows": rows, "durability": await durability(ours.dsn), "stored": await stored(ours, sent)}
        if asked.profile:
            await ours.stop(STAGES)
            found["costs"] = costs(ours.profile(STAGES))
    return found


async def send(ours: Ground, order: Order) -> list[Sent]:
    """Run an order in a process of its own. Raises Unavailable when it fails."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "hub.bench.load", stdin=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, env=ours.environment
    )
    _, words = await process.communicate(orjson.dumps(asdict(order)))
    if process.returncode:
        raise Unavailable(f"The load did not run: {words.decode(errors='replace')[-500:]}")
    return read_sent(Path(order.out))


def read_sent(path: Path) -> list[Sent]:
    """What a load wrote."""
    lines = path.read_bytes().splitlines()
    return [(key, status, referral, seconds, at) for key, status, referral, seconds, at in map(orjson.loads, lines)]


def _row(connections: int, sent: Sequence[Sent], cpu: float) -> Row:
    """`cpu_ms` is what one referral costs the door's process; 1,000 divided by it is what one core would take alone."""
    accepted = [one for one in sent if one[1] == 201]
    lasted = max((at + took for *_, took, at in sent), default=0.0) - min((at for *_, at in sent), default=0.0)
    times = spread([took for *_, took, _ in accepted])
    return {
        "connections": connections, "accepted": len(accepted), "errors": len(sent) - len(accepted), "per_second": round(len(accepted) / (lasted or 1.0), 1),
        "p50_ms": times.p50, "p95_ms": times.p95, "p99_ms": times.p99, "cpu_ms": round(1000 * cpu / max(1, len(accepted)), 2),
    }  # fmt: skip


async def stored(ours: Ground, sent: Sequence[Sent]) -> dict[str, object]:
    """Acknowledged against stored, by id; `equal` is whether each stands once and nothing else does. What got no answer may be either."""
    acknowledged = {referral for _, status, referral, *_ in sent if status == 201}
    unanswered = {key for key, status, *_ in sent if status == 0}
    async with lent(ours.pool) as connection:
        rows = await connection.fetch("SELECT r.id::text AS id, q.key FROM referral r JOIN request q ON q.referral_id = r.id", timeout=60)
    ids = {row["id"] for row in rows if row["key"] not in unanswered}
    return {
        "acknowledged": len(acknowledged), "stored": len(ids), "lost": len(acknowledged - ids), "unasked": len(ids - acknowledged),
        "doubled": len(rows) - len({row["key"] for row in rows}), "equal": acknowledged == ids,
    }  # fmt: skip
