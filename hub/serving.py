"""Beside the flow: `hub serve`. The whole hub on one machine: its stores (embedded unless addresses are set) and one process per stage.

A stage that ends is started again; a store that is ours is too. Nothing of ours runs when it returns.
"""

from __future__ import annotations

import asyncio
import os
import random
import secrets
import signal
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import httpx

from hub.directory.snapshot import load_directory
from hub.embedded import children
from hub.embedded.data_folder import write_private
from hub.embedded.run_file import MllpAddress, RunFile, remove_run_json, write_run_json
from hub.embedded.stores import EmbeddedStores, StoreAddresses
from hub.errors import Misconfigured, Unavailable
from hub.ledger import directory
from hub.ledger.clients import list_clients
from hub.ledger.database import open_pool
from hub.ledger.migrate import upgrade
from hub.security.hub_key import open_sealing
from hub.security.kafka_access import KafkaAccess, TopicSpec
from hub.settings import Address, Settings, environment_for_child
from hub.telemetry import LogEvent, log
from schemas.topics import FROM_CLIENT, TO_CLIENT, TOPICS, Topic

PROCESSES: tuple[str, ...] = ("intake,reading", "relay", "routing", "dispatch,watch")
_STOP_SECONDS = 30.0
_READY_SECONDS = 60.0
_BELOW_EPHEMERAL = range(20_000, 32_768)
_LOOKS = 50
Say = Callable[[str], None]


@dataclass(slots=True)
class Serving:
    """A running hub. `say` gets progress for a person; `processes` may be shortened by tests."""

    settings: Settings
    say: Say
    processes: tuple[str, ...] = PROCESSES
    _running: dict[str, asyncio.subprocess.Process] = field(default_factory=dict)
    _stopping: bool = False

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until `stop` is set. Raises Misconfigured or Unavailable, each a sentence that says what to do."""
        async with AsyncExitStack() as ended:
            stores = await self._stores(ended)
            environment = await self._prepare(stores)
            ended.push_async_callback(self._stop_stages)
            keepers = [asyncio.create_task(self._keep(stages, environment)) for stages in self.processes]
            ended.push_async_callback(_cancelled, keepers)
            await self._until_ready(environment, keepers)
            self._announce(environment, stores)
            ended.callback(remove_run_json, self.settings.data)
            await _first(asyncio.create_task(stop.wait()), *keepers)
            self._stopping = True

    # --- stores -------------------------------------------------------------------------------------------------------------------------

    async def _stores(self, ended: AsyncExitStack) -> StoreAddresses:
        given = self.settings.database_dsn
        if given is not None:
            return StoreAddresses(given, self.settings.kafka_servers[0], self.settings.kafka_user, self.settings.kafka_secret)
        embedded = EmbeddedStores(self.settings.data, self.settings.cache, self.say, minimum_free=self.settings.minimum_free_mb * 2**20)
        self.say("starting PostgreSQL and Kafka")
        addresses = await embedded.start()
        ended.push_async_callback(embedded.stop)
        watching = asyncio.create_task(embedded.supervise())
        ended.push_async_callback(_cancelled, [watching])
        return addresses

    async def _prepare(self, stores: StoreAddresses) -> dict[str, str]:
        """Tables, topics and a directory; the environment that every stage's process gets."""
        await upgrade(stores.database)
        open_sealing(self.settings, make=True)
        pool = await open_pool(stores.database, size=2)
        try:
            if await directory.changed(pool) is None:
                await self._fill_directory(pool)
            clients = [row["id"] for row in await list_clients(pool) if row["kafka"] and row["revoked_at"] is None]
        finally:
            await pool.close()
        admin = KafkaAccess(stores.kafka, stores.kafka_user, stores.kafka_password, self.settings.topic_prefix)
        await admin.ensure_topics(topic_specs(clients))
        return self._environment(stores)

    async def _fill_directory(self, pool: object) -> None:
        if self.settings.directory is None and self.settings.production:
            self.say("the directory is empty: every referral will wait in the worklist until `hub directory import` or HUB_DIRECTORY fills it")
            return
        snapshot = load_directory(self.settings.directory)
        prescribers = [entry.prescriber for entry in snapshot.prescribers]
        await directory.store(pool, prescribers, [entry.asset for entry in snapshot.assets])
        self.say(f"directory: {len(snapshot.prescribers)} prescribers, {len(snapshot.assets)} assets" + ("" if self.settings.directory else " (synthetic)"))

    def _environment(self, stores: StoreAddresses) -> dict[str, str]:
        return environment_for_child(
            self.settings,
            HUB_DATABASE=stores.database,
            HUB_DATABASE_PASSWORD_FILE=None,
            HUB_KAFKA=stores.kafka,
            HUB_KAFKA_USER=stores.kafka_user,
            HUB_KAFKA_PASSWORD=stores.kafka_password,
            HUB_KAFKA_PASSWORD_FILE=None,
            HUB_HTTP=str(_free(self.settings.http)),
            HUB_MLLP=str(_free(self.settings.mllp)),
            HUB_KEY_FILE=str((self.settings.key_file or self.settings.data / "hub.key").resolve()),
            HUB_INSTANCE=self.settings.instance or _instance(self.settings.data),
            HUB_METRICS=None,
        )

    # --- stages -------------------------------------------------------------------------------------------------------------------------

    async def _keep(self, stages: str, environment: Mapping[str, str]) -> None:
        """Start these stages and start them again when they end. Raises Misconfigured when they cannot start for our own fault."""
        pause = 0.1
        while not self._stopping:
            started = asyncio.get_running_loop().time()
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-m", "hub", "run", stages),
                env={**environment, **self._metrics(stages)},
                stdin=asyncio.subprocess.DEVNULL,
                start_new_session=True,
                preexec_fn=children.die_with_parent,
            )
            self._running[stages] = process
            code = await process.wait()
            if code == 78:
                raise Misconfigured(f"The stage {stages} does not start; its own sentence stands above.")
            if not self._stopping:
                log(LogEvent.STAGE_FAILED, "error", stage=stages.split(",")[0], code=code)
            pause = 0.1 if asyncio.get_running_loop().time() - started > 10 else min(pause * 2, 5.0)
            await asyncio.sleep(pause)

    def _metrics(self, stages: str) -> dict[str, str]:
        """Each process answers Prometheus on a port of its own: HUB_METRICS and those after it, in the order of `processes`."""
        base = self.settings.metrics
        return {"HUB_METRICS": f"{base.host}:{base.port + self.processes.index(stages)}"} if base and base.port else {}

    async def _stop_stages(self) -> None:
        self._stopping = True
        await asyncio.gather(*(children.stop(process, [(signal.SIGTERM, _STOP_SECONDS)]) for process in self._running.values()))

    async def _until_ready(self, environment: Mapping[str, str], keepers: list[asyncio.Task[None]]) -> None:
        url = f"http://{environment['HUB_HTTP']}/health/ready"
        async with httpx.AsyncClient(trust_env=False, timeout=2) as asking:
            for _ in range(int(_READY_SECONDS / 0.05)):
                for keeper in keepers:
                    if keeper.done():
                        keeper.result()
                with suppress(httpx.HTTPError):
                    if (await asking.get(url)).status_code == 200:
                        return
                await asyncio.sleep(0.05)
        raise Unavailable("The HTTP door did not open within a minute; the stages' own lines stand above.")

    def _announce(self, environment: Mapping[str, str], stores: StoreAddresses) -> None:
        host, _, port = environment["HUB_MLLP"].rpartition(":")
        run = RunFile(
            os.getpid(), datetime.now(UTC).isoformat(timespec="seconds"), f"http://{environment['HUB_HTTP']}", MllpAddress(host, int(port)), stores.database,
            stores.kafka, version("referral-hub"),
        )  # fmt: skip
        write_run_json(self.settings.data, run)
        pages = "" if self.settings.production and self.settings.phone is None else f", the pages at {run.http}/refer and {run.http}/cyfeirio"
        self.say(f"serving FHIR at {run.http}/fhir{pages} and HL7 v2 at mllp://{environment['HUB_MLLP']}; stop with Ctrl-C")


def _instance(data: Path) -> str:
    """What this hub is called among those that share its stores: made at random once, kept in the data folder, so that no two machines are one
    member of a consumer group and a restart is the same one."""
    kept = data / "instance"
    try:
        return kept.read_text().strip()
    except FileNotFoundError:
        made = f"serve-{secrets.token_hex(4)}"
        data.mkdir(parents=True, exist_ok=True)
        write_private(kept, made + "\n")
        return made


def topic_specs(clients: Sequence[str]) -> list[TopicSpec]:
    """Every topic as the hub makes it, its name before any prefix: the fixed ones, and `to.` and `from.` for each of these clients."""
    fixed: list[tuple[str, Topic]] = [(topic.name, topic) for topic in TOPICS if "{client}" not in topic.name]
    theirs = [(topic.for_client(client), topic) for client in clients for topic in (TO_CLIENT, FROM_CLIENT)]
    return [TopicSpec(name, topic.partitions, topic.settings()) for name, topic in (*fixed, *theirs)]


def _free(address: Address) -> Address:
    """The address with a real port where 0 asked for any. Between our look and the stage's own binding nobody may be given the same port, so
    it is drawn from below those that the kernel hands out by itself (from 32768 on Linux, from 49152 elsewhere)."""
    if address.port:
        return address
    for port in random.SystemRandom().sample(_BELOW_EPHEMERAL, _LOOKS):
        with socket.socket() as asking, suppress(OSError):
            asking.bind((address.host, port))
            return Address(address.host, port)
    raise Misconfigured(f"No port between {_BELOW_EPHEMERAL[0]} and {_BELOW_EPHEMERAL[-1]} is free on {address.host}: name one instead of 0.")


async def _cancelled(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _first(*tasks: asyncio.Task[object]) -> None:
    done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in done:
        task.result()
    tasks[0].cancel()
