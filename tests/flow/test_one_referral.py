"""One referral's whole way, on the real stores and over sockets."""

from __future__ import annotations

from pathlib import Path

from hub.demo.checker import examine, settled, sound
from hub.embedded.stores import StoreAddresses
from tests.faults.running import login, running


async def test_a_gp_hears_of_each_step_until_it_is_completed(stores: StoreAddresses, database: str, topic_prefix: str, tmp_path: Path) -> None:
    async with running(stores, database, topic_prefix, tmp_path) as hub:
        gp, hospital, _ = await hub.gp(), await hub.hospital(), await hub.case_system()
        hub.start()
        await hub.ready()
        assert (await gp.order("post"))["status"] == 201
        assert (await hospital.order("refer"))["code"] == "AA"
        assert await settled(hub.pool, 30)
        findings = await examine(hub.pool, login(hub), hub.journals)
        assert sound(findings)
