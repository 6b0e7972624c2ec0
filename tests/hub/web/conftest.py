"""What the tests of the pages share: the pages on a record of this test's own."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.hub.making import record
from tests.hub.web.desk import Counter, counter


@pytest_asyncio.fixture(loop_scope="session")
async def pages(database: str) -> AsyncIterator[Counter]:
    """The pages, open."""
    async with record(database) as book, counter(book) as made:
        yield made
