"""Stores that stop, lose everything or are killed, under load: senders are answered or told to come again, and all of it arrives in the end.

These tests own their stores. HUB_TEST_OUTAGE_SECONDS shortens the outage of Kafka for a quick look; a minute is what is promised.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import shutil
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from hub.demo.checker import examine, settled, verdict
from hub.embedded.stores import EmbeddedStores, StoreAddresses
from hub.ledger.migrate import upgrade
from tests.databases import at
from tests.faults.campaign import broken
from tests.faults.running import Running, StandIn, command, login, running
from tests.stores import cache

pytestmark = pytest.mark.faults
OUTAGE = float(os.environ.get("HUB_TEST_OUTAGE_SECONDS", "60"))
PACE = 0.1
Shown = list[tuple[str, str]]
_names = (f"outage_{number}" for number in itertools.count())


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def own(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[EmbeddedStores]:
    """Stores that a test may stop, kill and empty."""
    stores = EmbeddedStores(tmp_path_factory.mktemp("own"), cache(), lambda _line: None)
    await stores.start()
    try:
        yield stores
    finally:
        await stores.stop()


@asynccontextmanager
async def _hub(own: EmbeddedStores, folder: Path) -> AsyncIterator[Running]:
    assert own.postgres is not None
    assert own.kafka is not None
    addresses = StoreAddresses(own.postgres.dsn, own.kafka.address, "hub", own.kafka.folder.kafka_password)
    name = next(_names)
    connection = await asyncpg.connect(addresses.database)
    await connection.execute(f'CREATE DATABASE "{name}"')
    await connection.close()
    dsn = at(addresses.database, name)
    await upgrade(dsn)
    async with running(addresses, dsn, f"{name.replace('_', '')}.", folder) as hub:
        await hub.gp()
        await hub.case_system()
        hub.start()
        await hub.ready()
        yield hub


async def test_kafka_stops_under_load_and_intake_goes_on(own: EmbeddedStores, tmp_path: Path, shown: Shown) -> None:
    assert own.kafka is not None
    async with _hub(own, tmp_path) as hub:
        gp = hub.stand_ins["gp-bangor"]
        sending = gp.begin("send", count=int((OUTAGE + 10) / PACE / 2), seed=21, at_once=16, pace=PACE * 2)
        await asyncio.sleep(4)
        await own.kafka.stop()
        down = time.monotonic()
        await asyncio.sleep(OUTAGE)
        waiting = (await hub.rows("SELECT count(*) FROM outbox"))[0][0]
        await own.kafka.start()
        up = time.monotonic()
        sent = await asyncio.wait_for(sending, 300)
        assert sent["statuses"] == [201]
        others = [line for line in gp.lines() if line["what"] == "unknown" or (line["what"] == "answer" and line["status"] != 201)]
        assert others == []  # every attempt, not only the last
        assert waiting > 0
        drained = await settled(hub.pool, 120)
        took = time.monotonic() - up
        findings = await examine(hub.pool, login(hub), hub.journals)
        words = f"{sent['sent']} answered 201 at once, {waiting} waited, at rest {took:.0f} s after it was back"
        shown.append((f"Kafka stopped for {up - down:.0f} s under load", f"{words}; {verdict(findings).en}"))
        assert drained
        assert not list(broken(findings))


async def test_kafkas_data_is_deleted_and_rebuilt_from_the_ledger(own: EmbeddedStores, tmp_path: Path, shown: Shown) -> None:
    assert own.kafka is not None
    async with _hub(own, tmp_path) as hub:
        gp = hub.stand_ins["gp-bangor"]
        assert (await gp.order("send", count=30, seed=22))["stored"] == 30
        sending = gp.begin("send", count=100, seed=23, at_once=8, pace=PACE)
        await asyncio.sleep(2)
        await own.kafka.stop()
        await asyncio.to_thread(shutil.rmtree, own.kafka.folder.kafka / "logs")
        await own.kafka.start()
        code, said = await command(hub, "republish", "--yes")
        assert code == 0, said
        assert (await asyncio.wait_for(sending, 300))["statuses"] == [201]
        at_rest = await settled(hub.pool, 120)
        findings = await examine(hub.pool, login(hub), hub.journals)
        shown.append(("Kafka's data deleted under load, hub republish", verdict(findings).en))
        assert at_rest
        assert not list(broken(findings))


async def test_postgresql_is_killed_and_senders_are_told_when_to_come_again(own: EmbeddedStores, tmp_path: Path, shown: Shown) -> None:
    assert own.postgres is not None
    async with _hub(own, tmp_path) as hub:
        gp = hub.stand_ins["gp-bangor"]
        sending = gp.begin("send", count=200, seed=24, at_once=8, pace=PACE)
        await asyncio.sleep(4)
        assert own.postgres.process is not None
        own.postgres.process.kill()
        await own.postgres.process.wait()
        await asyncio.sleep(8)
        await own.postgres.start()
        up = time.monotonic()
        sent = await asyncio.wait_for(sending, 300)
        assert sent["stored"] == 200
        answers = _answers(gp)
        refused = [line for line in answers if line["status"] == 503]
        back = min(line["at"] for line in answers if line["status"] == 201 and line["at"] > up) - up
        at_rest = await settled(hub.pool, 120)
        findings = await examine(hub.pool, login(hub), hub.journals)
        words = f"{len(refused)} answers 503 with Retry-After, 201 again {back:.1f} s after it was up"
        shown.append(("PostgreSQL killed under load", f"{words}; {verdict(findings).en}"))
        assert {line["status"] for line in answers} == {201, 503}
        assert refused
        assert all(line["retry_after"] for line in refused)
        assert back <= 10  # the promise, in seconds; generous to a busy machine
        assert at_rest
        assert not list(broken(findings))


def _answers(gp: StandIn) -> list[dict[str, Any]]:
    """What the practice heard, in order; its clock is this machine's monotonic one."""
    return [line for line in gp.lines() if line["what"] == "answer"]
