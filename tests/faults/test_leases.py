"""A courier that is killed holds its deliveries until its lease ends; then another sends them, with the same ids. Nobody shortens the lease here."""

from __future__ import annotations

import asyncio
import functools
from pathlib import Path

import pytest

from hub.demo.checker import examine, settled, verdict
from hub.embedded.stores import StoreAddresses
from tests.faults.campaign import DISPATCH, broken
from tests.faults.running import login, running, until

POINTS = (
    # where the courier dies, and whether the receiver then gets something a second time
    ("webhook.claimed", False),
    ("webhook.sent", True),
)


@pytest.mark.faults
@pytest.mark.parametrize(("point", "twice"), POINTS)
async def test_what_a_killed_courier_held_is_sent_when_its_lease_ends(
    point: str, twice: bool, stores: StoreAddresses, database: str, topic_prefix: str, tmp_path: Path, shown: list[tuple[str, str]]
) -> None:
    async with running(stores, database, topic_prefix, tmp_path) as hub:
        gp, _ = await hub.gp(), await hub.case_system()
        marker = tmp_path / "reached"
        hub.stages[DISPATCH].extra = {"HUB_CRASH": f"{point}:1", "HUB_CRASH_MARKER": str(marker)}
        hub.start()
        await hub.ready()
        assert (await gp.order("send", count=3))["stored"] == 3
        await until(functools.partial(asyncio.to_thread, marker.exists), 60, f"{point} to be reached")
        held = await hub.rows("SELECT id FROM delivery WHERE state = 'pending' AND claimed_until > now()")
        assert held
        assert await settled(hub.pool, 150)
        findings = await examine(hub.pool, login(hub), hub.journals)
        shown.append((f"SIGKILL at {point}, the lease left to end by itself", verdict(findings).en))
        assert not list(broken(findings))
        told = [line for one in hub.stand_ins.values() for line in one.lines() if line["what"] == "told" and line["id"] in {str(row["id"]) for row in held}]
        assert {line["id"] for line in told} == {str(row["id"]) for row in held}
        assert any(line["repeated"] for line in told) is twice
