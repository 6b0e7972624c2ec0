"""One hub of real processes for all flow tests, with two practices, a hospital and two case systems, one of them on Kafka."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from hub.embedded.stores import StoreAddresses
from hub.ledger.database import Pool
from tests.databases import at, execute
from tests.faults.running import Running, running

ON_KAFKA = "case-powys"
"""The case system that hears and answers on Kafka: it serves Powys (LD1)."""


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def hub(stores: StoreAddresses, template: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    """Everything runs when a test gets it."""
    name = f"flow_{secrets.token_hex(6)}"
    await execute(stores.database, f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    folder = tmp_path_factory.mktemp("flow")
    async with running(stores, at(stores.database, name), f"f{secrets.token_hex(4)}.", folder, change=_powys_on_kafka) as made:
        await made.gp()
        await made.gp("gp-tywyn")
        await made.hospital()
        await made.case_system()
        await made.case_system(ON_KAFKA, kafka=True)
        made.start()
        await made.ready()
        yield made
    await execute(stores.database, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


async def _powys_on_kafka(pool: Pool) -> None:
    async with pool.acquire() as connection:
        await connection.execute("""
            UPDATE prescriber SET client = 'case-powys', updated_at = now(), data = data || '{"client": "case-powys"}' WHERE data->'areas' ? 'W06000023'
        """)
