"""A whole hub of operating-system processes for a test: its stages, kept going as `hub serve` keeps them, and stand-ins beside them.

The stores are the test run's, not the hub's: killing a stage never stops them. Every process is ended by its own id.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import signal
import socket
import sys
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import httpx

from hub.directory.snapshot import load_directory
from hub.embedded.children import die_with_parent
from hub.embedded.stores import StoreAddresses
from hub.ledger import directory
from hub.ledger.database import Pool, open_pool
from hub.ledger.sealing import Sealing, read_secret
from hub.security.client import MllpBinding, Outbound
from hub.security.kafka_access import KafkaAccess
from hub.security.registration import Issued, NewClient, add_client
from hub.security.scopes import USUAL
from hub.serving import PROCESSES, topic_specs
from hub.transports.kafka import KafkaLogin
from schemas.profile import Profile
from tests.stores import hub_environment

SESSION_MS = 6_000
LAUNCHER = ("-m", "hub", "run")
Json = dict[str, Any]


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as asking:
        asking.bind(("127.0.0.1", 0))
        return int(asking.getsockname()[1])


@dataclass(slots=True)
class Stage:
    """One process of the hub, started again whenever it ends, until `stop`. `extra` is the environment of the next start only."""

    stages: str
    environment: dict[str, str]
    log: Path
    launcher: tuple[str, ...] = LAUNCHER
    extra: dict[str, str] = field(default_factory=dict)
    starts: int = 0
    process: asyncio.subprocess.Process | None = None
    _keeper: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Keep it going from now on."""
        self._keeper = asyncio.create_task(self._keep())

    async def _keep(self) -> None:
        while True:
            extra, self.extra = self.extra, {}
            with self.log.open("ab") as out:
                self.process = await asyncio.create_subprocess_exec(
                    sys.executable, *self.launcher, self.stages, env=self.environment | extra, stdin=asyncio.subprocess.DEVNULL, stdout=out, stderr=out,
                    preexec_fn=die_with_parent,
                )  # fmt: skip
            self.starts += 1
            await self.process.wait()
            await asyncio.sleep(0.1)

    async def again(self, **extra: str) -> None:
        """End it in good order and start it again at once, with `extra` in its environment."""
        await self.stop()
        self.extra = extra
        self.start()

    def kill(self) -> None:
        """SIGKILL; it is started again."""
        if self.process is not None and self.process.returncode is None:
            self.process.kill()

    async def stop(self) -> None:
        """SIGTERM, then SIGKILL after 20 seconds; it stays down."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
        if self.process is not None and self.process.returncode is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                await asyncio.wait_for(self.process.wait(), 20)
            except TimeoutError:
                self.process.kill()
                await self.process.wait()


@dataclass(slots=True)
class StandIn:
    """A stand-in's process: orders in, results out."""

    process: asyncio.subprocess.Process
    journal: Path
    port: int
    _waiting: dict[int, asyncio.Future[Json]] = field(default_factory=dict)
    _reading: asyncio.Task[None] | None = None
    _number: int = 0

    @classmethod
    async def start(cls, module: str, journal: Path, *arguments: str) -> StandIn:
        """Start `hub.demo.stand_ins.<module>` and wait until it is ready."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", f"hub.demo.stand_ins.{module}", "--journal", str(journal), *arguments, stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE, preexec_fn=die_with_parent, limit=2**22,
        )  # fmt: skip
        assert process.stdout is not None
        ready = json.loads(await asyncio.wait_for(process.stdout.readline(), 90))
        made = cls(process, journal, ready["port"])
        made._reading = asyncio.create_task(made._read())
        return made

    async def order(self, do: str, seconds: float = 300, **more: Any) -> Json:
        """Give an order and wait for its result."""
        return await asyncio.wait_for(self.begin(do, **more), seconds)

    def begin(self, do: str, **more: Any) -> asyncio.Future[Json]:
        """Give an order; its result comes later."""
        self._number += 1
        self._waiting[self._number] = result = asyncio.get_running_loop().create_future()
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"id": self._number, "do": do, **more}).encode() + b"\n")
        return result

    async def _read(self) -> None:
        assert self.process.stdout is not None
        while line := await self.process.stdout.readline():
            said = json.loads(line)
            if (waiting := self._waiting.pop(said["id"], None)) is not None and not waiting.done():
                waiting.set_result(said)

    def lines(self) -> list[Json]:
        """Its journal so far."""
        return [json.loads(line) for line in self.journal.read_text("utf-8").splitlines()]

    async def stop(self) -> None:
        """SIGTERM and wait."""
        if self.process.returncode is None:
            self.process.terminate()
            await asyncio.wait_for(self.process.wait(), 10)
        if self._reading is not None:
            self._reading.cancel()


@dataclass(slots=True)
class Running:
    """A hub on the run's stores: `stages` by name, stand-ins by name, and the ledger to look at."""

    stores: StoreAddresses
    dsn: str
    prefix: str
    folder: Path
    http: str
    mllp: str
    pool: Pool
    sealing: Sealing
    kafka: KafkaAccess
    stages: dict[str, Stage]
    stand_ins: dict[str, StandIn] = field(default_factory=dict)

    @property
    def journals(self) -> list[Path]:
        """The stand-ins' own logs."""
        return [one.journal for one in self.stand_ins.values()]

    @property
    def logs(self) -> list[Path]:
        """What the hub's processes wrote."""
        return [stage.log for stage in self.stages.values()]

    def environment(self) -> dict[str, str]:
        """What a command of the hub needs to find this one."""
        return dict(next(iter(self.stages.values())).environment)

    def start(self) -> None:
        """Every stage."""
        for stage in self.stages.values():
            stage.start()

    async def ready(self, seconds: float = 90) -> None:
        """Until the HTTP door says that it is ready."""
        async with httpx.AsyncClient(trust_env=False, timeout=2) as asking:
            for _ in range(int(seconds / 0.1)):
                with contextlib.suppress(httpx.HTTPError):
                    if (await asking.get(f"{self.http}/health/ready")).status_code == 200:
                        return
                await asyncio.sleep(0.1)
        raise TimeoutError("the HTTP door did not become ready")

    async def rows(self, query: str, *given: object) -> list[asyncpg.Record]:
        """What the ledger holds."""
        async with self.pool.acquire() as connection:
            found: list[asyncpg.Record] = await connection.fetch(query, *given)
            return found

    # --- stand-ins ---------------------------------------------------------------------------------------------------------------------

    async def gp(self, name: str = "gp-bangor") -> StandIn:
        """A GP system with its webhook."""
        port = free_port()
        self.allow(port)
        issued = await self._register(NewClient(name, "gp", USUAL["referrer"], profile=_AGREED, outbound=_webhook(port, "fhir_rest")), port)
        return await self._begin(name, "gp", issued, "--hub", self.http, "--port", str(port), "--name", name)

    async def hospital(self, name: str = "hospital-tywi", facility: str = "7A3") -> StandIn:
        """A hospital with its MLLP listener."""
        port = free_port()
        new = NewClient(
            name, "hospital", USUAL["referrer"], profile=_AGREED, mllp=MllpBinding(("127.0.0.1",), "WPAS", facility),
            outbound=Outbound("mllp", "hospital_hl7v2", host="127.0.0.1", port=port),
        )  # fmt: skip
        issued = await self._register(new, None)
        return await self._begin(name, "hospital", issued, "--hub", self.mllp, "--port", str(port), "--name", name, "--facility", facility)

    async def case_system(self, name: str = "case-management", script: str = "accept,first-contact,complete", *, kafka: bool = False) -> StandIn:
        """A case system, by webhook or on Kafka."""
        port = free_port()
        self.allow(port)
        outbound = None if kafka else _webhook(port, "case_management")
        issued = await self._register(NewClient(name, "case-management", USUAL["prescriber"], outbound=outbound, kafka=kafka), port)
        more = ("--kafka", self.stores.kafka, "--topic-prefix", self.prefix) if kafka else ()
        return await self._begin(name, "case_management", issued, "--hub", self.http, "--port", str(port), "--name", name, "--script", script, *more)

    def allow(self, port: int) -> None:
        """A receiver on loopback; before the stages start."""
        for stage in self.stages.values():
            known = stage.environment.get("HUB_WEBHOOK_ALLOW")
            stage.environment["HUB_WEBHOOK_ALLOW"] = f"{known},127.0.0.1:{port}" if known else f"127.0.0.1:{port}"

    async def _register(self, new: NewClient, port: int | None) -> Issued:
        allowed = frozenset({("127.0.0.1", port)}) if port else frozenset()
        return await add_client(self.pool, self.sealing, new, allowed=allowed, kafka=self.kafka if new.kafka else None)

    async def _begin(self, name: str, module: str, issued: Issued, *arguments: str) -> StandIn:
        path = self.folder / f"{name}.secrets.json"
        path.touch(0o600)
        # A broker without logins (a container) asks nobody for a password.
        password = issued.kafka_password if self.stores.kafka_user else None
        path.write_text(json.dumps({"key": issued.key, "webhook_secret": issued.webhook_secret, "kafka_password": password}))
        given = (*arguments, *(() if module == "hospital" else ("--secrets", str(path))))
        self.stand_ins[name] = made = await StandIn.start(module, self.folder / f"{name}.jsonl", *given)
        return made

    def key_of(self, name: str) -> str:
        """A client's API key, for a test that speaks in its name."""
        return str(json.loads((self.folder / f"{name}.secrets.json").read_text())["key"])


_AGREED = Profile(sharing_agreement=True)


def _webhook(port: int, connector: str) -> Outbound:
    return Outbound("webhook", connector, url=f"http://127.0.0.1:{port}/hook")


@asynccontextmanager
async def running(
    stores: StoreAddresses, database: str, prefix: str, folder: Path, *, processes: Sequence[str] = PROCESSES, launcher: tuple[str, ...] = LAUNCHER,
    change: Callable[[Pool], Awaitable[None]] | None = None, **settings: str,
) -> AsyncIterator[Running]:  # fmt: skip
    """A hub with its directory, topics and key, no stage started yet; everything is stopped at the end. `change` may alter the directory."""
    key_file = folder / "hub.key"
    key_file.write_text(b64encode(secrets.token_bytes(32)).decode())
    key_file.chmod(0o600)
    http, mllp = f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HUB_")} | hub_environment(stores, database, prefix)
    environment |= {"HUB_HTTP": http, "HUB_MLLP": mllp, "HUB_KEY_FILE": str(key_file), "HUB_DATA": str(folder / "data")}
    environment |= {"HUB_KAFKA_SESSION_MS": str(SESSION_MS), "HUB_CRASH_POINTS": "on", "HUB_DATABASE_CONNECTIONS": "6", **settings}
    pool = await open_pool(database, size=3)
    kafka = KafkaAccess(stores.kafka, stores.kafka_user, stores.kafka_password, prefix)
    await _prepare(pool, kafka)
    if change is not None:
        await change(pool)
    stages = {
        name: Stage(name, environment | {"HUB_INSTANCE": f"s{place}"}, folder / f"{name.replace(',', '-')}.log", launcher)
        for place, name in enumerate(processes)
    }
    sealing = Sealing.from_secret(read_secret(key_file, make=False))
    made = Running(stores, database, prefix, folder, f"http://{http}", mllp, pool, sealing, kafka, stages)
    try:
        yield made
    finally:
        await asyncio.gather(*(stage.stop() for stage in stages.values()), *(one.stop() for one in made.stand_ins.values()), return_exceptions=True)
        await pool.close()


async def _prepare(pool: Pool, kafka: KafkaAccess) -> None:
    snapshot = load_directory(None)
    await directory.store(pool, [entry.prescriber for entry in snapshot.prescribers], [entry.asset for entry in snapshot.assets])
    await kafka.ensure_topics(topic_specs([]))


async def until(condition: Callable[[], Awaitable[bool]], seconds: float, what: str) -> None:
    """Look until it is true. Raises TimeoutError saying what was waited for."""
    ends = asyncio.get_running_loop().time() + seconds
    while asyncio.get_running_loop().time() < ends:
        if await condition():
            return
        await asyncio.sleep(0.1)
    raise TimeoutError(what)


def login(hub: Running) -> KafkaLogin:
    """The hub's own way to Kafka."""
    return KafkaLogin((hub.stores.kafka,), hub.stores.kafka_user, hub.stores.kafka_password, hub.prefix)


async def command(hub: Running, *words: str) -> tuple[int, str]:
    """`hub <words>` as an operator types it: its exit code and what it said."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "hub", *words, env=hub.environment(), stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT, preexec_fn=die_with_parent,
    )  # fmt: skip
    out, _ = await asyncio.wait_for(process.communicate(), 120)
    return process.returncode or 0, out.decode()
