"""What the tests of intake share: a record on this test's own database."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.hub.making import Record, record


@pytest_asyncio.fixture(loop_scope="session")
async def opened(database: str) -> AsyncIterator[Record]:
    """The record, open."""
    async with record(database) as made:
        yield made
