"""Beside the flow: `hub run STAGE`."""

from __future__ import annotations

import asyncio
import gc
import signal
from typing import Annotated

import typer
import uvloop

from hub.app import STAGES, opened, run_stages
from hub.settings import Settings, load
from hub.telemetry import configure


def command(stages: Annotated[str, typer.Argument(help=f"One stage, or several with commas between: {', '.join(STAGES)}.")]) -> None:
    """Run stages in this process until it is told to stop. HUB_DATABASE, HUB_KAFKA and HUB_KEY_FILE say where everything is."""
    wanted = tuple(dict.fromkeys(stages.split(",")))
    if not set(wanted) <= set(STAGES):
        raise typer.BadParameter(f"a stage is one of {', '.join(STAGES)}")
    settings = load()
    configure(settings.log_level)
    uvloop.run(_run(settings, wanted))


async def _run(settings: Settings, stages: tuple[str, ...]) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with opened(settings) as hub:
        _settle_memory()
        await run_stages(hub, stages, stop)


def _settle_memory() -> None:
    """What was loaded at start lives as long as the process: the collector need not walk it at every turn."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
