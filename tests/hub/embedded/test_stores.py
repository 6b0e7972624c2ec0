"""The embedded stores, really started."""

from __future__ import annotations

import asyncpg

from hub.embedded.stores import StoreAddresses


async def test_each_test_has_a_database_of_its_own_that_survives_a_power_cut(database: str, stores: StoreAddresses) -> None:
    connection = await asyncpg.connect(database)
    try:
        assert await connection.fetchval("SHOW fsync") == "on"
        assert await connection.fetchval("SHOW synchronous_commit") == "on"
        assert await connection.fetchval("SELECT current_database()") != "hub"
    finally:
        await connection.close()
