"""In operations: the hub that a command means, by its settings or by the run.json of the one that runs on the data folder."""

from __future__ import annotations

import asyncio
import getpass
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TypeVar

from asyncpg import Connection

from hub.embedded.data_folder import kafka_login
from hub.embedded.run_file import RunFile, read_run_json
from hub.errors import Misconfigured
from hub.ledger.database import Pool, lent, open_pool
from hub.ledger.sealing import Sealing
from hub.security.hub_key import open_sealing
from hub.security.kafka_access import KafkaAccess
from hub.settings import Address, Settings, load
from hub.transports.kafka import KafkaLogin

T = TypeVar("T")
_NONE = "No hub runs on this data folder: start it with hub serve, or set HUB_DATABASE and HUB_KAFKA."


@dataclass(frozen=True, slots=True)
class Place:
    """Where a hub is: settings first, then what the running one wrote. Nothing is connected yet."""

    settings: Settings
    run: RunFile | None

    @property
    def dsn(self) -> str:
        """The record's address. Raises Misconfigured when no hub is known."""
        found = self.settings.database_dsn or (self.run.database if self.run else None)
        if found is None:
            raise Misconfigured(_NONE)
        return found

    @property
    def login(self) -> KafkaLogin:
        """Kafka as the hub itself reaches it. Raises Misconfigured when no hub is known."""
        settings = self.settings
        if settings.kafka_servers:
            return KafkaLogin(tuple(settings.kafka_servers), settings.kafka_user, settings.kafka_secret, settings.topic_prefix)
        if self.run is None:
            raise Misconfigured(_NONE)
        user, password = kafka_login(settings.data) or (None, None)
        return KafkaLogin((self.run.kafka,), user, password, settings.topic_prefix)

    @property
    def access(self) -> KafkaAccess:
        """Kafka's administration. Raises Misconfigured when no hub is known."""
        login = self.login
        return KafkaAccess(",".join(login.servers), login.user, login.password, login.prefix)

    @property
    def http(self) -> str:
        """The HTTP door's address, without a slash at its end."""
        return (self.run.http if self.run and self.run.http else f"http://{self.settings.http}").rstrip("/")

    @property
    def mllp(self) -> Address:
        """The MLLP door's address."""
        return Address(self.run.mllp.host, self.run.mllp.port) if self.run and self.run.mllp else self.settings.mllp

    @property
    def sealing(self) -> Sealing:
        """The hub's key. Raises Misconfigured when this user may not read it."""
        return open_sealing(self.settings)


@dataclass(frozen=True, slots=True)
class Reached:
    """A hub whose record answers. `actor` is who asks, for the audit."""

    place: Place
    pool: Pool = field(repr=False)
    actor: str = "operations"

    @property
    def sealing(self) -> Sealing:
        """The hub's key. Raises Misconfigured."""
        return self.place.sealing


def place() -> Place:
    """The hub that this command means. Raises Misconfigured for wrong settings."""
    settings = load()
    return Place(settings, read_run_json(settings.data))


@asynccontextmanager
async def reached(*, connections: int = 2) -> AsyncIterator[Reached]:
    """That hub with its record open. Raises Misconfigured and Unavailable, each a plain sentence."""
    found = place()
    pool = await open_pool(found.dsn, size=connections)
    try:
        yield Reached(found, pool, actor())
    finally:
        await pool.close()


def actor(name: str | None = None) -> str:
    """Who asks, as the audit names them: what they said, else their login on this machine."""
    try:
        return f"operations:{name or getpass.getuser()}"
    except (OSError, KeyError):
        return "operations"


def at_the_record(work: Callable[[Reached, Connection], Awaitable[T]]) -> T:
    """A command's work on the hub that it finds, with a connection to the record; ended before this returns. Raises Unavailable, Misconfigured."""

    async def whole() -> T:
        async with reached(connections=4) as hub, lent(hub.pool) as connection:
            return await work(hub, connection)

    return asyncio.run(whole())
