"""What the tests of the ledger share: a record on this test's own database."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from hub.security.kafka_access import KafkaAccess
from hub.transports.kafka import KafkaLogin
from tests.hub.ledger.road import Road
from tests.hub.making import Record, record
from tests.stores import StoreAddresses


@pytest_asyncio.fixture(loop_scope="session")
async def book(database: str) -> AsyncIterator[Record]:
    """The writing side of the ledger, started, on the real PostgreSQL."""
    async with record(database) as opened:
        yield opened


@pytest_asyncio.fixture(loop_scope="session")
async def road(stores: StoreAddresses, topic_prefix: str) -> AsyncIterator[Road]:
    """The topics of this test's own corner of the real Kafka, of two clients too; deleted afterwards."""
    login = KafkaLogin((stores.kafka,), stores.kafka_user, stores.kafka_password, topic_prefix)
    made = Road(login, KafkaAccess(stores.kafka, stores.kafka_user, stores.kafka_password, topic_prefix))
    await made.make()
    yield made
    await made.empty()
