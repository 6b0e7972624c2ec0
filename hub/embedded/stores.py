"""Beside the flow: both embedded stores as one: started together, watched, stopped together."""

from __future__ import annotations

import asyncio
import contextlib
import errno
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path

from hub.embedded.data_folder import KAFKA_USER, hold
from hub.embedded.kafka import Kafka
from hub.embedded.postgres import Postgres
from hub.errors import Misconfigured, Unavailable

MINIMUM_FREE = 512 * 2**20
_LONGEST_PAUSE = 5.0


@dataclass(frozen=True, slots=True)
class StoreAddresses:
    """Where the stores answer: a dsn for asyncpg; host:port, user and password (SCRAM-SHA-256) for Kafka; no user where Kafka asks for none."""

    database: str
    kafka: str
    kafka_user: str | None = None
    kafka_password: str | None = None


@dataclass(frozen=True, slots=True)
class Ports:
    """Fixed ports on loopback; None for any that is free."""

    postgres: int | None = None
    kafka: int | None = None


@dataclass(slots=True)
class EmbeddedStores:
    """PostgreSQL and Kafka under one data folder, as children of this process. Start it from a thread that lives as long as they shall."""

    data: Path
    cache: Path
    progress: Callable[[str], None]
    ports: Ports = Ports()
    minimum_free: int = MINIMUM_FREE
    postgres: Postgres | None = field(default=None, init=False)
    kafka: Kafka | None = field(default=None, init=False)
    _held: contextlib.ExitStack = field(default_factory=contextlib.ExitStack, init=False)

    async def start(self) -> StoreAddresses:
        """Both answer when it returns. Raises Misconfigured or Unavailable, each a sentence that says what to do; then nothing runs."""
        folder = self._held.enter_context(hold(self.data, self.minimum_free))
        self.postgres = postgres = Postgres(folder, self.ports.postgres)
        self.kafka = kafka = Kafka(folder, self.cache, self.progress, self.ports.kafka)
        try:
            await _together(postgres.start(), kafka.start())
        except BaseException as error:
            await self.stop()
            if (told := _told(error, self.data)) is error:
                raise
            raise told from error
        return StoreAddresses(postgres.dsn, kafka.address, KAFKA_USER, folder.kafka_password)

    async def stop(self) -> None:
        """Nothing of ours runs when it returns, and the folder is free."""
        await asyncio.gather(*(store.stop() for store in (self.kafka, self.postgres) if store is not None))
        self._held.close()

    async def supervise(self) -> None:
        """Starts again, on the same address, a store that ended without being asked. Returns only by being cancelled; cancel it before `stop`."""
        assert self.postgres is not None
        assert self.kafka is not None
        await _together(self._watch("PostgreSQL", self.postgres), self._watch("Kafka", self.kafka))

    async def _watch(self, name: str, store: Postgres | Kafka) -> None:
        pause = 0.0
        while True:
            assert store.process is not None
            await store.process.wait()
            self.progress(f"{name} ended (exit code {store.process.returncode}); starting it again")
            await asyncio.sleep(pause)
            try:
                await store.start()
            except (Misconfigured, Unavailable, OSError) as error:
                self.progress(f"{name} does not start: {_told(error, self.data)}")
                await store.stop()
                pause = min(_LONGEST_PAUSE, pause * 2 or 0.25)
            else:
                self.progress(f"{name} answers again")
                pause = 0.0


def _told(error: BaseException, data: Path) -> BaseException:
    """The same error, or a sentence in its place where the operating system refused a file of the folder."""
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return Unavailable(f"The disk under {data} is full: make room, then start again.", retry_after=60)
    if isinstance(error, PermissionError):
        return Misconfigured(f"Files in the data folder {data} belong to another user: run the hub as that user, or point HUB_DATA elsewhere.")
    return error


async def _together(*parts: Coroutine[object, object, None]) -> None:
    """Waits for all; the first that fails ends the others and is raised as it is."""
    tasks = [asyncio.ensure_future(part) for part in parts]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
