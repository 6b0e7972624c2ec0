"""A hub of real processes with its HTTP door alone (intake and reading), and a practice that may knock."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
import pytest_asyncio

from hub.embedded.stores import StoreAddresses
from hub.security.registration import NewClient, add_client
from hub.security.scopes import USUAL
from schemas.profile import Profile
from tests.databases import at, execute
from tests.faults.running import Running, running


@dataclass(frozen=True)
class Deployment:
    """What a partner is given: an address, a client and its key."""

    hub: Running
    client: str
    key: str = field(repr=False)

    @property
    def url(self) -> str:
        return self.hub.http


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def deployment(stores: StoreAddresses, template: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Deployment]:
    name = f"door_{secrets.token_hex(6)}"
    await execute(stores.database, f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    async with running(stores, at(stores.database, name), f"c{secrets.token_hex(4)}.", tmp_path_factory.mktemp("door"), processes=("intake,reading",)) as hub:
        issued = await add_client(hub.pool, hub.sealing, NewClient("gp-partner", "gp", USUAL["referrer"], profile=Profile(sharing_agreement=True)))
        hub.start()
        await hub.ready()
        yield Deployment(hub, issued.client, issued.key)
    await execute(stores.database, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
