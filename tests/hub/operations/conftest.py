"""What the tests of the operators' commands share: a ledger of their own and the commands that mean it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from hub.embedded.stores import StoreAddresses
from tests.hub.making import Record, record
from tests.hub.operations.commands import Commands, commands


@pytest_asyncio.fixture(loop_scope="session")
async def opened(database: str) -> AsyncIterator[Record]:
    """The ledger of this test."""
    async with record(database) as found:
        yield found


@pytest.fixture
def hub(stores: StoreAddresses, database: str, topic_prefix: str, tmp_path: Path) -> Commands:
    """`await hub("trace", …)` on this test's stores."""
    return commands(stores, database, topic_prefix, tmp_path)
