"""One referral's whole way, on the real stores and over sockets."""

from __future__ import annotations

from pathlib import Path

from hub.embedded.stores import StoreAddresses
from tests.faults.running import running, until


async def test_a_gp_hears_of_each_step_until_it_is_completed(stores: StoreAddresses, database: str, topic_prefix: str, tmp_path: Path) -> None:
    async with running(stores, database, topic_prefix, tmp_path) as hub:
        gp, _ = await hub.gp(), await hub.case_system()
        hub.start()
        await hub.ready()
        posted = await gp.order("post")
        assert posted["status"] == 201

        async def heard() -> bool:
            return [line["type"].split(".")[1] for line in gp.lines() if line["what"] == "told"] == ["assigned", "accepted", "first-contact", "completed"]

        await until(heard, 30, "the GP to hear of four steps")
