"""The real PostgreSQL and the real Kafka of a test run: given addresses, else containers where Docker answers, else the embedded ones.

`stores` gives the addresses, once a run (the same for all workers: tests/stores_of_run.py); `secured` those of a Kafka that asks for a
login. `database` gives the dsn of a database of the test's own, empty and migrated. `topic_prefix` gives
what to put before topic and group names, so that no test meets another's records.
"""

from __future__ import annotations

import logging
import os
import secrets
import tempfile
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from importlib import import_module
from pathlib import Path

import pytest
import pytest_asyncio

from hub.embedded.stores import EmbeddedStores, StoreAddresses
from hub.ledger.migrate import upgrade
from hub.settings import load
from tests.databases import Databases, at, execute

_log = logging.getLogger("tests.stores")
_told: StoreAddresses | None = None


def cache() -> Path:
    """Where jars lie: the same cache as the hub's, so that a machine fetches them once."""
    return load().cache


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def stores() -> AsyncIterator[StoreAddresses]:
    """HUB_TEST_DATABASE and HUB_TEST_KAFKA (with HUB_TEST_KAFKA_USER, HUB_TEST_KAFKA_PASSWORD where it asks for them) where both are set."""
    told = given()
    async with _as_given(told) if told else source() as addresses:
        yield addresses


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def secured(stores: StoreAddresses) -> AsyncIterator[StoreAddresses]:
    """Stores whose Kafka asks for a login: the run's own where it does; else embedded ones beside it, so that no test of access passes unasked."""
    if stores.kafka_user is not None:
        yield stores
        return
    async with _embedded() as addresses:
        yield addresses


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def template(stores: StoreAddresses) -> AsyncIterator[str]:
    """The name of a migrated database that others are copies of."""
    name = f"hub_template_{secrets.token_hex(4)}"
    await execute(stores.database, f'CREATE DATABASE "{name}"')
    await upgrade(at(stores.database, name))
    yield name
    await execute(stores.database, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def databases(stores: StoreAddresses, template: str) -> AsyncIterator[Databases]:
    """Where `database` has its own from."""
    made = Databases(stores.database, template)
    yield made
    await made.close()


@pytest_asyncio.fixture(loop_scope="session")
async def database(stores: StoreAddresses, databases: Databases) -> AsyncIterator[str]:
    """The dsn of this test's own database."""
    name = await databases.take()
    yield at(stores.database, name)
    await databases.give_back(name)


@pytest.fixture
def topic_prefix() -> str:
    return f"t{secrets.token_hex(4)}."


def hub_environment(stores: StoreAddresses, database: str, topic_prefix: str) -> dict[str, str]:
    """What a hub process of its own is told, so that it uses this run's stores."""
    told = {"HUB_DATABASE": database, "HUB_KAFKA": stores.kafka, "HUB_TOPIC_PREFIX": topic_prefix}
    if stores.kafka_user and stores.kafka_password:
        told |= {"HUB_KAFKA_USER": stores.kafka_user, "HUB_KAFKA_PASSWORD": stores.kafka_password}
    return told


def docker_answers() -> bool:
    """Whether a Docker engine answers within two seconds; a client alone is none."""
    try:
        client = import_module("docker").from_env(timeout=2)
        return bool(client.ping())
    except Exception:  # the library raises many kinds for one fact: no engine
        return False


def source() -> AbstractAsyncContextManager[StoreAddresses]:
    """Stores that are started for this run."""
    return containers() if docker_answers() else _embedded()


def hear(told: StoreAddresses) -> None:
    """A worker is told the stores that the run already has."""
    global _told
    _told = told


def given() -> StoreAddresses | None:
    """The stores that are there already: told by the run, else by the environment."""
    return _told or _of_environment()


def _of_environment() -> StoreAddresses | None:
    database, kafka = os.environ.get("HUB_TEST_DATABASE"), os.environ.get("HUB_TEST_KAFKA")
    if not database or not kafka:
        return None
    return StoreAddresses(database, kafka, os.environ.get("HUB_TEST_KAFKA_USER"), os.environ.get("HUB_TEST_KAFKA_PASSWORD"))


@asynccontextmanager
async def _as_given(addresses: StoreAddresses) -> AsyncIterator[StoreAddresses]:
    yield addresses


@asynccontextmanager
async def containers() -> AsyncIterator[StoreAddresses]:
    kafka = import_module("testcontainers.community.kafka").KafkaContainer().with_kraft()
    postgres = import_module("testcontainers.community.postgres").PostgresContainer("postgres:18", driver=None)
    with kafka, postgres:
        yield StoreAddresses(postgres.get_connection_url(), kafka.get_bootstrap_server())


@asynccontextmanager
async def _embedded() -> AsyncIterator[StoreAddresses]:
    with tempfile.TemporaryDirectory(prefix="hub-stores-") as folder:
        running = EmbeddedStores(Path(folder), cache(), _log.info)
        addresses = await running.start()
        try:
            yield addresses
        finally:
            await running.stop()
