"""`hub serve` looks after its own stores: PostgreSQL or Kafka killed under load comes back by itself, and senders hear nothing worse than 503."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from hub.demo.stand_ins import persons
from hub.embedded.children import die_with_parent
from hub.settings import load

pytestmark = pytest.mark.faults


@dataclass(frozen=True, slots=True)
class Served:
    """A `hub serve` on its own stores, and a practice's key."""

    data: Path
    http: str
    key: str


@asynccontextmanager
async def _served(data: Path) -> AsyncIterator[Served]:
    own = {"HUB_DATA": str(data), "HUB_CACHE": str(load().cache), "HUB_HTTP": "127.0.0.1:0", "HUB_MLLP": "127.0.0.1:0"}
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HUB_")} | own
    with (data.parent / "serve.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "hub", "serve", env=environment, stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=die_with_parent
        )
    try:
        run = data / "run.json"
        for _ in range(900):
            if run.exists() or process.returncode is not None:
                break
            await asyncio.sleep(0.1)
        where = json.loads(run.read_text())
        adding = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "hub", "clients", "add", "gp-bangor", "--type", "gp", env=environment, stdout=asyncio.subprocess.PIPE
        )
        said, _ = await asyncio.wait_for(adding.communicate(), 60)
        yield Served(data, where["http"], json.loads(said)["key"])
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
            await asyncio.wait_for(process.wait(), 60)


async def test_a_killed_store_of_hub_serve_is_started_again(tmp_path: Path, shown: list[tuple[str, str]]) -> None:
    async with _served(tmp_path / "data") as hub:
        await _until_known(hub)
        during_postgres = await _post_while(hub, hub.data / "postgres" / "postmaster.pid", 25)
        during_kafka = await _post_while(hub, hub.data / "kafka" / "kafka.pid", 15)
    statuses = [status for _, status in during_postgres]
    assert set(statuses) <= {201, 503}
    assert statuses[-1] == 201
    assert {status for _, status in during_kafka} == {201}
    gone = [at for at, status in during_postgres if status == 503]
    words = f"{len(gone)} answers 503 over {(gone[-1] - gone[0]) if gone else 0:.1f} s, then 201 again"
    shown.append(("hub serve: its PostgreSQL, then its Kafka killed", f"{words}; with Kafka gone only 201"))


async def _until_known(hub: Served) -> None:
    for number in range(50):
        if await _post(hub, 10_000 + number) == 201:
            return
        await asyncio.sleep(0.1)
    raise TimeoutError("the new client is not known")


async def _post_while(hub: Served, pid_file: Path, seconds: float) -> list[tuple[float, int]]:
    """Kill the store and post ten times a second; (when, status) of each. A 503 must say when to come again."""
    _kill(pid_file)
    ends, found = time.monotonic() + seconds, []
    while time.monotonic() < ends:
        found.append((time.monotonic(), await _post(hub, len(found) + int(ends))))
        await asyncio.sleep(0.1)
    return found


def _kill(pid_file: Path) -> None:
    os.kill(int(pid_file.read_text().split()[0]), signal.SIGKILL)


async def _post(hub: Served, number: int) -> int:
    body = persons.as_bytes(persons.service_request(persons.person(31, number), f"serve-{number}"))
    headers = {"Authorization": f"Bearer {hub.key}", "X-Request-Id": str(uuid.uuid4()), "Content-Type": "application/fhir+json"}
    async with httpx.AsyncClient(base_url=hub.http, trust_env=False, timeout=10) as sending:
        reply = await sending.post("/fhir/ServiceRequest", content=body, headers=headers)
    assert reply.status_code != 503 or reply.headers["retry-after"]
    return reply.status_code
