"""Beside the flow: the hub of the demonstration: a real `hub serve` on a data folder of its own, and a look into its record."""

from __future__ import annotations

import asyncio
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import orjson

from hub.demo.fhir_words import explanation
from hub.embedded import children
from hub.embedded.data_folder import kafka_login
from hub.embedded.run_file import RunFile, read_run_json
from hub.errors import Misconfigured, Unavailable
from hub.ledger.database import Pool, lent, open_pool
from hub.ledger.records import event_of
from hub.ledger.sealing import Sealing, read_secret
from hub.security.kafka_access import KafkaAccess
from hub.settings import Settings, environment_of_its_own
from schemas.words import Text

Say = Callable[[str], None]
_LONGEST_START = 600.0
_STOPPING = ((signal.SIGTERM, 60.0),)
_OURS = "hub: "
_DECIDED = """
SELECT e.*, r.sealing_key FROM event e JOIN referral r ON r.id = e.referral_id
WHERE r.id = $1 AND e.type IN ('referral.assigned.v1', 'referral.held.v1') ORDER BY e.version DESC LIMIT 1
"""


@dataclass(slots=True)
class RunningHub:
    """A hub that serves. `log` is where its stages write."""

    data: Path
    run: RunFile
    process: asyncio.subprocess.Process
    pool: Pool = field(repr=False)
    sealing: Sealing = field(repr=False)

    @property
    def log(self) -> Path:
        """Every stage's lines."""
        return self.data / "demo.log"

    @property
    def kafka(self) -> KafkaAccess:
        """Kafka as the hub itself may use it."""
        user, password = kafka_login(self.data) or (None, None)
        return KafkaAccess(self.run.kafka, user, password)

    async def rows(self, query: str, *arguments: Any) -> list[asyncpg.Record]:  # Any: whatever the driver takes
        """What the record holds. Raises Unavailable."""
        async with lent(self.pool) as connection:
            found: list[asyncpg.Record] = await connection.fetch(query, *arguments)
        return found

    async def value(self, query: str, *arguments: Any) -> Any:  # Any: as in `rows`
        """The first column of the first row."""
        rows = await self.rows(query, *arguments)
        return rows[0][0] if rows else None

    async def explanation(self, referral: str) -> Text | None:
        """The reasons of the last choice made for this referral, from the fact itself."""
        rows = await self.rows(_DECIDED, UUID(referral))
        return explanation(orjson.loads(event_of(rows[0], self.sealing).data)) if rows else None

    def stage(self, name: str) -> int | None:
        """The process id of the stage as it runs now."""
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(OSError, ValueError, IndexError):
                parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
                words = (folder / "cmdline").read_bytes().split(b"\0")
                if parent == self.process.pid and b"run" in words and name.encode() in words[words.index(b"run") + 1].split(b","):
                    return int(folder.name)
        return None


@asynccontextmanager
async def serving(settings: Settings, data: Path, receivers: Sequence[int], say: Say) -> AsyncIterator[RunningHub]:
    """`hub serve` on an empty data folder; `receivers` are the local ports where it may tell somebody. Raises Unavailable, Misconfigured."""
    if read_run_json(data) is not None:
        raise Misconfigured(f"A demonstration runs on {data} already: stop it first.")
    _empty(data)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "hub", "serve", env=_environment(settings, data, receivers), stdin=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE, start_new_session=True, preexec_fn=children.die_with_parent, limit=2**20,
    )  # fmt: skip
    telling = asyncio.create_task(_tell(process, data / "demo.log", say))
    try:
        run = await _until_ready(process, data)
        pool = await open_pool(run.database, size=3)
        try:
            yield RunningHub(data, run, process, pool, Sealing.from_secret(read_secret(data / "hub.key", make=False)))
        finally:
            await pool.close()
    finally:
        await children.stop(process, _STOPPING)
        await telling


def _empty(data: Path) -> None:
    shutil.rmtree(data, ignore_errors=True)
    data.mkdir(parents=True, mode=0o711)


async def _until_ready(process: asyncio.subprocess.Process, data: Path) -> RunFile:
    for _ in range(int(_LONGEST_START / 0.05)):
        if process.returncode is not None:
            raise Unavailable(f"The hub did not start; its own sentence stands above, its lines in {data / 'demo.log'}.")
        if (run := read_run_json(data)) is not None:
            return run
        await asyncio.sleep(0.05)
    raise Unavailable(f"The hub did not start within {_LONGEST_START / 60:.0f} minutes; its lines are in {data / 'demo.log'}.")


async def _tell(process: asyncio.subprocess.Process, log: Path, say: Say) -> None:
    """The hub's own sentences go to who watches, everything to the log."""
    assert process.stderr is not None
    with log.open("ab") as file:
        async for line in process.stderr:
            file.write(line)
            file.flush()
            words = line.decode(errors="replace").rstrip()
            if words.startswith(_OURS):
                say(words.removeprefix(_OURS))


def _environment(settings: Settings, data: Path, receivers: Sequence[int]) -> dict[str, str]:
    """The hub's own stores and any free ports, whatever the shell says; only the cache is shared."""
    return environment_of_its_own(
        HUB_DATA=str(data.resolve()),
        HUB_CACHE=str(settings.cache.resolve()),
        HUB_HTTP="127.0.0.1:0",
        HUB_MLLP="127.0.0.1:0",
        HUB_WEBHOOK_ALLOW=",".join(f"127.0.0.1:{port}" for port in receivers),
        HUB_MINIMUM_FREE_MB=str(settings.minimum_free_mb),
    )
