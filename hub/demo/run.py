"""Beside the flow: `hub demo`: sets a real hub up, tells the story, and reckons up from what the outside systems themselves logged."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from hub.demo import checker
from hub.demo.files import tell_files
from hub.demo.run_hub import RunningHub, serving
from hub.demo.run_stand_ins import Ports, StandIns, journals, stand_ins
from hub.demo.screen import Screen
from hub.demo.story import WHOLE_WAY, Story
from hub.embedded.data_folder import kafka_login
from hub.settings import Settings
from hub.transports.kafka import KafkaLogin

_AT_REST = 60.0


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked for: other people's files, a message lost on purpose, to go on running afterwards."""

    folder: Path | None = None
    drop_webhook: bool = False
    keep: bool = False


async def demonstrate(settings: Settings, asked: Asked, screen: Screen) -> bool:
    """Whether everything that should be seen was seen. Raises Unavailable and Misconfigured, each a sentence that says what to do."""
    data = settings.data / "demo"
    async with _everything(settings, data, screen) as (hub, they):
        story = Story(hub, they, screen, drop=asked.drop_webhook)
        if asked.folder is not None:
            await tell_files(hub, screen, asked.folder)
        else:
            await story.tell()
            await _reckon(hub, they, screen)
        _next(screen, data, await hub.value("SELECT ref FROM referral ORDER BY created_at LIMIT 1"))
        if asked.keep:
            screen.say("demo.running")
            await _interrupted()
    return not screen.failed


@asynccontextmanager
async def _everything(settings: Settings, data: Path, screen: Screen) -> AsyncIterator[tuple[RunningHub, StandIns]]:
    screen.step("demo.setup")
    ports = Ports(*_free_ports(4))
    async with serving(settings, data, (ports.gp, ports.cases, ports.bars), screen.note) as hub, stand_ins(hub, ports, ",".join(WHOLE_WAY)) as they:
        screen.say("demo.setup.clients")
        yield hub, they


async def _reckon(hub: RunningHub, they: StandIns, screen: Screen) -> None:
    """The table, from the stand-ins' own logs, the record and Kafka."""
    screen.step("demo.check")
    await checker.settled(hub.pool, _AT_REST)
    user, password = kafka_login(hub.data) or (None, None)
    findings = await checker.examine(hub.pool, KafkaLogin((hub.run.kafka,), user, password), sorted(journals(hub.data).glob("*.jsonl")))
    for one in they.all():
        one.refresh()
    lines = [line for one in they.all() for line in one.lines]
    referrals = await hub.value("SELECT count(*) FROM referral")
    sent, told = (sum(line["what"] in what for line in lines) for what in (("send", "update"), ("told",)))
    screen.say("demo.check.done", referrals=str(referrals), sent=str(sent), told=str(told))
    for finding in findings:
        screen.row(finding.found, screen.words(finding.words), "; ".join(finding.examples))
    screen.verdict(checker.sound(findings), screen.words(checker.verdict(findings)))


def _next(screen: Screen, data: Path, ref: str | None) -> None:
    screen.step("demo.next")
    here = f"HUB_DATA={data} .venv/bin/hub"
    screen.commands(
        [
            (f"{here} serve", "demo.next.serve"),
            (f"{here} trace {ref or 'REF'}", "demo.next.trace"),
            (f"{here} worklist list", "demo.next.worklist"),
            (f"{here} letters list", "demo.next.letters"),
            (f"{here} check", "demo.next.check"),
            (".venv/bin/hub demo FOLDER", "demo.next.files"),
        ]
    )


def _free_ports(count: int) -> list[int]:
    """Ports that nobody listened on a moment ago, all different."""
    held = [socket.socket() for _ in range(count)]
    for one in held:
        one.bind(("127.0.0.1", 0))
    ports = [int(one.getsockname()[1]) for one in held]
    for one in held:
        one.close()
    return ports


async def _interrupted() -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await stop.wait()
