"""The other way to the stores of a test run: containers."""

from __future__ import annotations

import asyncpg
import pytest

from tests.stores import containers, docker_answers


@pytest.mark.docker
@pytest.mark.skipif(not docker_answers(), reason="no Docker engine answers")
async def test_containers_give_both_addresses() -> None:
    async with containers() as addresses:
        connection = await asyncpg.connect(addresses.database)
        assert await connection.fetchval("SHOW fsync") == "on"
        await connection.close()
        assert ":" in addresses.kafka
