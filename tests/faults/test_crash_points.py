"""SIGKILL at every named point, with forty referrals in flight: nothing lost, nothing doubled, nobody waiting because of us."""

from __future__ import annotations

import os
import secrets
import time
from pathlib import Path

import pytest

from hub.crashpoints import POINTS
from hub.demo.checker import verdict
from hub.embedded.stores import StoreAddresses
from hub.ledger.database import Pool
from tests.faults.campaign import POINTS_OF, broken, play, rounds
from tests.faults.running import running

Shown = list[tuple[str, str]]


def test_every_named_point_is_in_the_campaign() -> None:
    assert {name for points in POINTS_OF.values() for name in points} == set(POINTS)
    assert len(POINTS) >= 20


async def test_a_process_killed_at_any_point_loses_and_doubles_nothing(
    stores: StoreAddresses, database: str, topic_prefix: str, tmp_path: Path, shown: Shown
) -> None:
    await _campaign(stores, database, topic_prefix, tmp_path, shown, _seed())


@pytest.mark.faults
@pytest.mark.parametrize("campaign", range(10))
async def test_ten_times_over_at_other_passages(
    campaign: int, stores: StoreAddresses, database: str, topic_prefix: str, tmp_path: Path, shown: Shown
) -> None:
    await _campaign(stores, database, topic_prefix, tmp_path, shown, _seed() + campaign)


def _seed() -> int:
    """HUB_TEST_SEED plays the same rounds again."""
    return int(os.environ.get("HUB_TEST_SEED") or secrets.randbelow(10_000))


async def _campaign(stores: StoreAddresses, database: str, prefix: str, folder: Path, shown: Shown, seed: int) -> None:
    async with running(stores, database, prefix, folder, change=_room_for_all) as hub:
        await hub.gp()
        await hub.hospital()
        await hub.case_system()
        hub.start()
        await hub.ready()
        for number, armed in enumerate(rounds(seed), 1):
            started = time.monotonic()
            findings = await play(hub, armed, number, seed)
            took = time.monotonic() - started
            shown.append((f"SIGKILL at {', '.join(map(str, armed))}", f"{verdict(findings).en} ({took:.0f} s)"))
            assert not list(broken(findings)), f"HUB_TEST_SEED={seed}, round {number}, {', '.join(map(str, armed))}"


async def _room_for_all(pool: Pool) -> None:
    """Enough places for a campaign, and every prescriber reached by the case system: what is asked here is not who is chosen."""
    async with pool.acquire() as connection:
        await connection.execute("""
            UPDATE prescriber SET places = 100000, client = 'case-management', state = 'capacity', updated_at = now(),
                data = data || '{"client": "case-management", "capacity": {"state": "capacity", "places": 100000}}'
        """)
