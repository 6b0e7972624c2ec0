"""One PostgreSQL and one Kafka for all workers of a run: the process that hands out the tests starts them and tells each worker where they are."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import asdict
from typing import Any

import pytest

from hub.embedded.stores import StoreAddresses
from tests.stores import given, hear, source

_TOLD = "stores"


class Held:
    """The stores, held open by a thread of their own until `close`."""

    def __init__(self) -> None:
        self.addresses: StoreAddresses | None = None
        self._known, self._enough = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._hold()), name="stores")

    def open(self) -> StoreAddresses:
        """Both answer when it returns; what stops them is raised here."""
        self._thread.start()
        self._known.wait()
        if self.addresses is None:
            self._thread.join()
            raise pytest.UsageError("The stores of the run did not start: what the embedded stores or Docker said stands above.")
        return self.addresses

    def close(self) -> None:
        self._enough.set()
        self._thread.join()

    async def _hold(self) -> None:
        try:
            async with source() as self.addresses:
                self._known.set()
                await asyncio.to_thread(self._enough.wait)
        finally:
            self._known.set()


_held = Held()


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:  # Any: a worker as pytest-xdist describes it
    """Before a worker starts: it is told the addresses, unless the environment tells it already."""
    if given() is None:
        node.workerinput[_TOLD] = asdict(_held.addresses or _held.open())


def pytest_configure(config: pytest.Config) -> None:
    """In a worker: what it was told is what `stores` gives."""
    told = getattr(config, "workerinput", {}).get(_TOLD)
    if told:
        hear(StoreAddresses(**told))


def pytest_unconfigure(config: pytest.Config) -> None:
    """After the last test of the last worker."""
    if not hasattr(config, "workerinput") and _held.addresses is not None:
        _held.close()
