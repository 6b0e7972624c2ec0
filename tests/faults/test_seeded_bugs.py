"""The checker bites: each of five bugs that somebody might write is built into a hub that is then killed, and each turns it red."""

from __future__ import annotations

import asyncio
import functools
from dataclasses import dataclass
from pathlib import Path

import pytest

from hub.demo.checker import examine, settled
from hub.embedded.stores import StoreAddresses
from hub.ledger.database import Pool
from tests.faults.campaign import DISPATCH, INTAKE, RELAY, ROUTING, broken
from tests.faults.launcher import BUGS
from tests.faults.running import Running, StandIn, login, running, until

pytestmark = pytest.mark.faults


@dataclass(frozen=True, slots=True)
class Seeded:
    """A bug, the process that has it, where that process is killed, and the invariants of which one must be broken."""

    bug: str
    process: str
    crash: str | None
    seen: frozenset[str]


ROWS = (
    # the same batch is read again after the kill, and nothing says that it was dealt with
    Seeded("inbox-off", ROUTING, "routing.after_commit:1", frozenset({"unguarded", "doubled"})),
    # the offset is past the batch, the batch was never written: its referrals wait for routing for ever
    Seeded("offset-before-commit", ROUTING, "routing.before_commit:1", frozenset({"waiting"})),
    # on Kafka stands what the ledger has never heard of
    Seeded("publish-before-commit", INTAKE, "commit.before:5", frozenset({"off-the-road"})),
    # the same loss as above, by the framework's own default
    Seeded("default-acknowledgement", ROUTING, "routing.fetched:1", frozenset({"waiting"})),
    # forty in one batch, one place each
    Seeded("unguarded-capacity", ROUTING, None, frozenset({"over-capacity"})),
)


def test_every_bug_is_tried() -> None:
    assert {row.bug for row in ROWS} == set(BUGS)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.bug)
async def test_a_seeded_bug_is_caught(
    row: Seeded, stores: StoreAddresses, database: str, topic_prefix: str, tmp_path: Path, shown: list[tuple[str, str]]
) -> None:
    change = _one_place_each if row.crash is None else None
    async with running(stores, database, topic_prefix, tmp_path, change=change) as hub:
        gp, _ = await hub.gp(), await hub.case_system(script="")
        stage = hub.stages[row.process]
        stage.launcher = ("-m", "tests.faults.launcher", row.bug)
        marker = tmp_path / "reached"
        if row.crash is not None:
            stage.extra = {"HUB_CRASH": row.crash, "HUB_CRASH_MARKER": str(marker)}
        await _forty(hub, gp, row)
        if row.crash is not None:
            await until(functools.partial(asyncio.to_thread, marker.exists), 60, f"{row.crash} to be reached")
        await settled(hub.pool, 12)
        findings = await examine(hub.pool, login(hub), hub.journals)
        found = {finding.invariant for finding in findings if finding.found}
        shown.append((f"seeded: {row.bug}", f"caught: {', '.join(sorted(found))}" if found & row.seen else "NOT CAUGHT"))
        assert found & row.seen, list(broken(findings))


async def _forty(hub: Running, gp: StandIn, row: Seeded) -> None:
    """For what shows in a batch, everything is on Kafka before routing begins."""
    held_back = ROUTING if row.process == ROUTING else None
    for name in (INTAKE, RELAY, DISPATCH, ROUTING):
        if name != held_back:
            hub.stages[name].start()
    await hub.ready()
    sent = await gp.order("send", count=40, seed=11, at_once=8)
    assert sent["stored"] == 40
    if held_back is not None:
        hub.stages[held_back].start()
    await until(lambda: _outbox_is_empty(hub.pool), 60, "the outbox to be empty")


async def _outbox_is_empty(pool: Pool) -> bool:
    async with pool.acquire() as connection:
        return bool(await connection.fetchval("SELECT count(*) = 0 FROM outbox"))


async def _one_place_each(pool: Pool) -> None:
    async with pool.acquire() as connection:
        await connection.execute("""
            UPDATE prescriber SET places = 1, updated_at = now(), data = jsonb_set(data, '{capacity,places}', '1') WHERE places IS NOT NULL
        """)
