"""Beside the flow: how a stand-in is told what to do: one JSON order a line on standard input, one JSON result a line on standard output."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

Order = dict[str, Any]  # Any: JSON
Carry = Callable[[Order], Awaitable[Order]]


def secrets(path: Path) -> dict[str, str]:
    """What this system was given when it was registered: `key`, `webhook_secret`, `kafka_password`, in a JSON file that only we may read."""
    found: dict[str, str] = json.loads(path.read_text("utf-8"))
    return found


def say(line: Order) -> None:
    """One line to whoever started this stand-in."""
    sys.stdout.write(json.dumps(line, ensure_ascii=False) + "\n")
    sys.stdout.flush()


async def carry_out(ready: Order, carry: Carry) -> None:
    """Say that it is ready, then carry out orders side by side until SIGTERM or the end of standard input.

    A result repeats the order's `id`; an order that fails says so in `error` (the fault's type only) and harms no other.
    """
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    say(ready)
    running: set[asyncio.Task[None]] = set()
    reading = asyncio.create_task(_read(carry, running))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait([reading, stopping], return_when=asyncio.FIRST_COMPLETED)
    for task in (reading, stopping, *running):
        task.cancel()
    await asyncio.gather(reading, stopping, *running, return_exceptions=True)


async def _read(carry: Carry, running: set[asyncio.Task[None]]) -> None:
    async for order in _orders():
        task = asyncio.create_task(_one(carry, order))
        running.add(task)
        task.add_done_callback(running.discard)


async def _one(carry: Carry, order: Order) -> None:
    try:
        result = await carry(order)
    except Exception as fault:  # noqa: BLE001  the order failed; whoever gave it is told, the stand-in goes on
        result = {"error": type(fault).__name__, "detail": str(fault)}
    say({"id": order.get("id"), "do": order.get("do"), **result})


async def _orders() -> AsyncIterator[Order]:
    reader = asyncio.StreamReader(limit=2**22)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        yield json.loads(line)
