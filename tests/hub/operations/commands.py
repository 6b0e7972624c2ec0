"""Runs `hub …` in this process against a test's own stores, as a person types it, and keeps what it printed."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import io
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from hub.__main__ import run
from hub.embedded.stores import StoreAddresses
from tests.hub.making import SECRET
from tests.stores import hub_environment


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended, and what it wrote."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[dict[str, Any]]:  # Any: JSON
        """Its output as JSON, a line each."""
        return [orjson.loads(line) for line in self.out.splitlines()]


@dataclass(frozen=True, slots=True)
class Commands:
    """The settings with which each command runs."""

    environment: dict[str, str]

    async def __call__(self, *arguments: str) -> Ended:
        """Run one command in a thread (it has a loop of its own), its environment and output its own."""
        return await asyncio.to_thread(self._run, arguments)

    def _run(self, arguments: tuple[str, ...]) -> Ended:
        out, err = io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True), io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True)
        with _environment(self.environment), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = run(arguments)
        return Ended(code, _text(out), _text(err))


def commands(stores: StoreAddresses, database: str, topic_prefix: str, folder: Path, **more: str) -> Commands:
    """Commands that mean the hub on these stores, with the key of `tests.hub.making`."""
    key = folder / "hub.key"
    key.write_bytes(base64.b64encode(SECRET))
    told = hub_environment(stores, database, topic_prefix)
    return Commands({**told, "HUB_DATA": str(folder), "HUB_KEY_FILE": str(key), **more})


@contextlib.contextmanager
def _environment(told: dict[str, str]) -> Iterator[None]:
    before = {name: value for name, value in os.environ.items() if name.startswith("HUB_") and not name.startswith("HUB_TEST_")}
    for name in before:
        del os.environ[name]
    os.environ.update(told)
    try:
        yield
    finally:
        for name in told:
            os.environ.pop(name, None)
        os.environ.update(before)


def _text(stream: io.TextIOWrapper) -> str:
    sys.stdout.flush()
    buffer = stream.buffer
    assert isinstance(buffer, io.BytesIO)
    return buffer.getvalue().decode()
