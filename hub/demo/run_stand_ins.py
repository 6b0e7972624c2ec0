"""Beside the flow: starts the stand-ins as processes, makes them known to the hub as its clients, gives them orders and reads their journals."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hub.demo.run_hub import RunningHub
from hub.embedded import children
from hub.embedded.data_folder import write_private
from hub.errors import Unavailable
from hub.security.client import MllpBinding, Outbound
from hub.security.registration import NewClient, add_client
from hub.security.scopes import USUAL
from hub.web.own_client import FORM_CLIENT

Json = dict[str, Any]  # Any: JSON
_STOPPING = ((signal.SIGTERM, 5.0),)
BARS, HOUSING = "bars-gp", "housing"
_KNOWN_AFTER = 2.5
"""Seconds after which every running stage has read a new client."""


@dataclass(slots=True)
class StandIn:
    """One outside system as a process. Everything known of it comes from its journal and its results."""

    name: str
    journal: Path
    process: asyncio.subprocess.Process
    lines: list[Json] = field(default_factory=list)
    _read: int = 0
    _orders: int = 0
    _results: dict[int, asyncio.Future[Json]] = field(default_factory=dict)

    async def ask(self, do: str, **order: Any) -> Json:  # Any: JSON values
        """Give an order; its result. Raises Unavailable when the stand-in has ended."""
        self._orders += 1
        number = self._orders
        result = self._results[number] = asyncio.get_running_loop().create_future()
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"do": do, "id": number, **order}).encode() + b"\n")
        await self.process.stdin.drain()
        return await asyncio.wait_for(result, 120)

    async def until(self, fits: Callable[[Json], bool], seconds: float = 30.0, after: int = 0) -> Json | None:
        """The first line of the journal that fits, from the `after`-th on; None when none came in time."""
        end = time.monotonic() + seconds
        while True:
            self.refresh()
            found = next((line for line in self.lines[after:] if fits(line)), None)
            if found is not None or time.monotonic() > end:
                return found
            await asyncio.sleep(0.03)

    async def told(self, referral: str, fact: str, seconds: float = 30.0) -> Json | None:
        """The message about this referral that tells this fact (`accepted`)."""
        return await self.until(lambda line: line["what"] == "told" and line.get("referral") == referral and line["type"] == f"referral.{fact}.v1", seconds)

    def refresh(self) -> None:
        """Read what the journal holds by now."""
        with self.journal.open("rb") as file:
            file.seek(self._read)
            *whole, rest = file.read().split(b"\n")
            self._read = file.tell() - len(rest)
        self.lines += [json.loads(line) for line in whole if line]

    async def listen(self) -> None:
        """Take results until its output ends."""
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            said = json.loads(line)
            waiting = self._results.pop(said.get("id") or 0, None)
            if waiting is not None and not waiting.done():
                waiting.set_result(said)
        for waiting in self._results.values():
            if not waiting.done():
                waiting.set_exception(Unavailable(f"The stand-in {self.name} ended."))


@dataclass(frozen=True, slots=True)
class StandIns:
    """The outside systems, and who is at the form's page: anybody, and an officer of a housing association."""

    gp: StandIn
    hospital: StandIn
    cases: StandIn
    bars: StandIn
    form: StandIn
    housing: StandIn

    def all(self) -> tuple[StandIn, ...]:
        """Each of them."""
        return (self.gp, self.hospital, self.cases, self.bars, self.form, self.housing)


@dataclass(frozen=True, slots=True)
class Ports:
    """Where each stand-in is told."""

    gp: int
    hospital: int
    cases: int
    bars: int


@asynccontextmanager
async def stand_ins(hub: RunningHub, ports: Ports, script: str) -> AsyncIterator[StandIns]:
    """All of them, registered and running; `script` is what the case system does with each assignment."""
    await _register(hub, ports)
    http, mllp = hub.run.http or "", hub.run.mllp
    assert mllp is not None
    started: list[StandIn] = []
    listening: list[asyncio.Task[None]] = []
    try:
        for name, module, where, more in (
            ("gp", "gp", http, ("--port", str(ports.gp), *_secrets(hub, "gp"))),
            ("hospital", "hospital", f"{mllp.host}:{mllp.port}", ("--port", str(ports.hospital))),
            ("case-management", "case_management", http, ("--port", str(ports.cases), *_secrets(hub, "case-management"), "--script", script, "--pause", "0.3")),
            (BARS, "bars", http, ("--port", str(ports.bars), *_secrets(hub, BARS))),
            (FORM_CLIENT, "visitor", http, ()),
            (HOUSING, "visitor", http, ()),
        ):
            started.append(await _start(hub, name, module, where, more))
            listening.append(asyncio.create_task(started[-1].listen()))
        await asyncio.sleep(_KNOWN_AFTER)
        yield StandIns(*started)
    finally:
        await asyncio.gather(*(children.stop(one.process, _STOPPING) for one in started))
        await asyncio.gather(*listening)


def _secrets(hub: RunningHub, client: str) -> tuple[str, str]:
    return "--secrets", str(hub.data / f"{client}.secrets.json")


def journals(data: Path) -> Path:
    """The folder of the stand-ins' own logs."""
    return data / "journals"


async def _register(hub: RunningHub, ports: Ports) -> None:
    referrer, prescriber = USUAL["referrer"], USUAL["prescriber"]
    new = (
        NewClient("gp", "gp", referrer, "Demonstration practice", outbound=Outbound("webhook", "fhir_rest", url=f"http://127.0.0.1:{ports.gp}/told")),
        NewClient(
            "hospital", "hospital", referrer, "Demonstration hospital", outbound=Outbound("mllp", "hospital_hl7v2", host="127.0.0.1", port=ports.hospital),
            mllp=MllpBinding(("127.0.0.1/32",), "WPAS", "7A3"),
        ),
        NewClient(
            "case-management", "case-management", prescriber, "Demonstration case system", kafka=True,
            outbound=Outbound("webhook", "case_management", url=f"http://127.0.0.1:{ports.cases}/told"),
        ),
        NewClient(BARS, "gp", referrer, "Demonstration practice on BaRS", outbound=Outbound("webhook", "bars", url=f"http://127.0.0.1:{ports.bars}/told")),
        NewClient(HOUSING, "housing", referrer, "Demonstration housing association"),
    )  # fmt: skip
    allowed = frozenset({("127.0.0.1", port) for port in (ports.gp, ports.cases, ports.bars)})
    for one in new:
        issued = await add_client(hub.pool, hub.sealing, one, allowed=allowed, kafka=hub.kafka)
        secrets = {"key": issued.key, "webhook_secret": issued.webhook_secret, "kafka_password": issued.kafka_password}
        write_private(hub.data / f"{one.id}.secrets.json", json.dumps(secrets))


async def _start(hub: RunningHub, name: str, module: str, where: str, more: Sequence[str]) -> StandIn:
    """Raises Unavailable when it does not say that it is ready."""
    journal = journals(hub.data) / f"{name}.jsonl"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", f"hub.demo.stand_ins.{module}", "--hub", where, "--journal", str(journal), "--name", name, *more,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, start_new_session=True, preexec_fn=children.die_with_parent, limit=2**22,
    )  # fmt: skip
    assert process.stdout is not None
    line = await asyncio.wait_for(process.stdout.readline(), 30)
    if not line:
        raise Unavailable(f"The stand-in {name} does not start.")
    return StandIn(name, journal, process)
