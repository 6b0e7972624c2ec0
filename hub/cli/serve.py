"""Beside the flow: `hub serve`."""

from __future__ import annotations

import asyncio
import signal
import sys

from hub.serving import Serving
from hub.settings import Settings, load
from hub.telemetry import configure


def command() -> None:
    """Run the whole hub on this machine until Ctrl-C: PostgreSQL and Kafka (its own unless HUB_DATABASE and HUB_KAFKA are set) and every stage."""
    settings = load()
    configure(settings.log_level)
    asyncio.run(_serve(settings))


async def _serve(settings: Settings) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await Serving(settings, _say).run(stop)


def _say(sentence: str) -> None:
    print(f"hub: {sentence}", file=sys.stderr, flush=True)
