"""What the tests of the ledger share: a record on this test's own database."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.hub.making import Record, record


@pytest_asyncio.fixture(loop_scope="session")
async def book(database: str) -> AsyncIterator[Record]:
    """The writing side of the ledger, started, on the real PostgreSQL."""
    async with record(database) as opened:
        yield opened
