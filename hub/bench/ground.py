"""Beside the flow: the hub that a bench measures: real stores of its own, stages as processes of their own, clients with keys.

With HUB_DATABASE and HUB_KAFKA set, a database and topics of its own on those; else embedded stores in a folder that is removed afterwards.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import httpx

from hub.directory.snapshot import DirectorySnapshot, load_directory
from hub.embedded import children
from hub.embedded.stores import EmbeddedStores, StoreAddresses
from hub.errors import Unavailable
from hub.ledger import directory
from hub.ledger.database import Pool, open_pool
from hub.ledger.migrate import upgrade
from hub.ledger.sealing import Sealing, read_secret
from hub.security.client import Outbound
from hub.security.kafka_access import KafkaAccess
from hub.security.registration import Issued, NewClient, add_client
from hub.security.scopes import USUAL
from hub.serving import topic_specs
from hub.settings import Settings, environment_for_child
from schemas.directory import Asset, CapacityState, Prescriber

Say = Callable[[str], None]
_READY_SECONDS = 60.0
_STOPPING = ((signal.SIGTERM, 30.0),)


@dataclass(slots=True)
class Ground:
    """Stores that answer, with tables, topics and a directory; `start` and `stop` stages on them."""

    folder: Path
    stores: StoreAddresses
    pool: Pool
    sealing: Sealing
    environment: dict[str, str]
    profiled: frozenset[str] = frozenset()
    _running: dict[str, asyncio.subprocess.Process] = field(default_factory=dict)

    @property
    def dsn(self) -> str:
        """The record's own database."""
        return self.environment["HUB_DATABASE"]

    @property
    def http(self) -> tuple[str, int]:
        """Where the HTTP door is, once `intake` runs."""
        host, _, port = self.environment["HUB_HTTP"].rpartition(":")
        return host, int(port)

    async def start(self, stages: str, **environment: str) -> None:
        """Start these stages as one process, as `hub run` does; under the profiler when that was asked for. Waits for the door of `intake`."""
        words = (self.folder / f"{stages.split(',')[0]}.log").open("ab")
        with words:
            self._running[stages] = await asyncio.create_subprocess_exec(
                *self._command(stages), env={**self.environment, **environment}, stdin=asyncio.subprocess.DEVNULL, stdout=words, stderr=words,
                start_new_session=True, preexec_fn=children.die_with_parent,
            )  # fmt: skip
        if "intake" in stages:
            await self._until_open(self._running[stages])

    async def stop(self, stages: str | None = None) -> None:
        """Stop these stages in good order; all without a name."""
        for name in [stages] if stages else list(self._running):
            await children.stop(self._running.pop(name), _STOPPING)

    async def add(self, client: str, webhook: str | None = None) -> Issued:
        """A referrer with its key; told at `webhook`, if one is given. A case management system when it is called so."""
        prescriber = client == "case-management"
        connector = "case_management" if prescriber else "fhir_rest"
        outbound = Outbound("webhook", connector, url=webhook) if webhook else None
        allowed = frozenset({(parts.hostname or "", parts.port or 80)} if webhook and (parts := urlsplit(webhook)) else set())
        kind = "case-management" if prescriber else "gp"
        new = NewClient(client, kind, USUAL["prescriber" if prescriber else "referrer"], outbound=outbound)
        return await add_client(self.pool, self.sealing, new, allowed=allowed)

    def profile(self, stages: str) -> Path:
        """Where the profile of these stages is written when they stop."""
        return self.folder / f"{stages.split(',')[0]}.profile"

    def cpu(self, stages: str) -> float:
        """Seconds of processor time that these stages have used: a measure that other work on the machine does not blur."""
        fields = Path(f"/proc/{self._running[stages].pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def last_words(self, stages: str) -> str:
        """The end of what these stages logged."""
        return (self.folder / f"{stages.split(',')[0]}.log").read_text(errors="replace")[-2000:]

    def _command(self, stages: str) -> list[str]:
        profiler = ["-m", "cProfile", "-o", str(self.profile(stages))] if self.profiled & set(stages.split(",")) else []
        return [sys.executable, *profiler, "-m", "hub", "run", stages]

    async def _until_open(self, process: asyncio.subprocess.Process) -> None:
        host, port = self.http
        async with httpx.AsyncClient(trust_env=False, timeout=2) as asking:
            for _ in range(int(_READY_SECONDS / 0.05)):
                if process.returncode is not None:
                    raise Unavailable(f"The stages under measurement do not start: {self.last_words('intake')}")
                with suppress(httpx.HTTPError):
                    if (await asking.get(f"http://{host}:{port}/health/ready")).status_code == 200:
                        return
                await asyncio.sleep(0.05)
        raise Unavailable("The HTTP door under measurement did not open within a minute.")


@asynccontextmanager
async def ground(settings: Settings, say: Say, *, profiled: frozenset[str] = frozenset(), **more: str) -> AsyncIterator[Ground]:
    """The ground of one bench, and nothing of it left afterwards. `more` goes into every stage's environment. Raises Unavailable, Misconfigured."""
    folder = settings.data.resolve() / f"bench-{secrets.token_hex(4)}"
    folder.mkdir(parents=True, mode=0o711)
    try:
        async with _stores(settings, folder, say) as (stores, dsn, prefix):
            await upgrade(dsn)
            key = folder / "hub.key"
            sealing = Sealing.from_secret(read_secret(key, make=True))
            await KafkaAccess(stores.kafka, stores.kafka_user, stores.kafka_password, prefix).ensure_topics(topic_specs([]))
            pool = await open_pool(dsn, size=4)
            made = Ground(folder, stores, pool, sealing, _environment(settings, stores, dsn, prefix, key) | more, profiled)
            try:
                await store_directory(pool, uncounted(load_directory(settings.directory)))
                yield made
            finally:
                await made.stop()
                await pool.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def uncounted(found: DirectorySnapshot) -> tuple[list[Prescriber], list[Asset]]:
    """The same directory with places that are not counted, so that no bench runs out of them; everybody is told by one system."""
    free = [one.prescriber.capacity.model_copy(update={"places": None, "state": CapacityState.CAPACITY}) for one in found.prescribers]
    prescribers = [
        one.prescriber.model_copy(update={"capacity": capacity, "client": "case-management"}) for one, capacity in zip(found.prescribers, free, strict=True)
    ]
    return [Prescriber.model_validate(one.model_dump()) for one in prescribers], [one.asset for one in found.assets]


async def store_directory(pool: Pool, rows: tuple[list[Prescriber], list[Asset]]) -> None:
    """Put these rows into the record."""
    await directory.store(pool, *rows)


@asynccontextmanager
async def _stores(settings: Settings, folder: Path, say: Say) -> AsyncIterator[tuple[StoreAddresses, str, str]]:
    """Store addresses, the dsn of a database of the bench's own, and what its topics' names begin with."""
    if settings.database_dsn is None:
        embedded = EmbeddedStores(folder, settings.cache.resolve(), say)
        addresses = await embedded.start()
        try:
            yield addresses, addresses.database, ""
        finally:
            await embedded.stop()
        return
    name = f"bench_{secrets.token_hex(4)}"
    given = StoreAddresses(settings.database_dsn, str(settings.kafka[0]), settings.kafka_user, settings.kafka_secret)
    await _execute(given.database, f'CREATE DATABASE "{name}"')
    try:
        yield given, urlunsplit(urlsplit(given.database)._replace(path=f"/{name}")), f"{name.replace('_', '-')}."
    finally:
        await _execute(given.database, f'DROP DATABASE "{name}" WITH (FORCE)')


async def _execute(dsn: str, statement: str) -> None:
    connection = await asyncpg.connect(dsn, timeout=10)
    try:
        await connection.execute(statement, timeout=60)
    finally:
        await connection.close()


def _environment(settings: Settings, stores: StoreAddresses, dsn: str, prefix: str, key: Path) -> dict[str, str]:
    return environment_for_child(
        settings,
        HUB_DATABASE=dsn,
        HUB_DATABASE_PASSWORD_FILE=None,
        HUB_KAFKA=stores.kafka,
        HUB_KAFKA_USER=stores.kafka_user,
        HUB_KAFKA_PASSWORD=stores.kafka_password,
        HUB_KAFKA_PASSWORD_FILE=None,
        HUB_TOPIC_PREFIX=prefix or None,
        HUB_HTTP=f"127.0.0.1:{free_port()}",
        HUB_MLLP=f"127.0.0.1:{free_port()}",
        HUB_KEY_FILE=str(key),
        HUB_INSTANCE="bench",
        HUB_LOG_LEVEL="info",
    )


def free_port() -> int:
    """A port that nobody listened on a moment ago."""
    with socket.socket() as asking:
        asking.bind(("127.0.0.1", 0))
        port: int = asking.getsockname()[1]
        return port
