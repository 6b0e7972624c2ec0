"""In the ledger: wakes relays and couriers after a commit. Only a hint: both also look by themselves, so that nothing hangs on it."""

from __future__ import annotations

import asyncio

from hub.errors import Unavailable
from hub.ledger.database import LOST, connect

CHANNEL = "outbox"
_COALESCE_SECONDS = 0.015
_LOST: tuple[type[BaseException], ...] = (Unavailable, *LOST)


class Notifier:
    """Tells relays, after a commit and outside it, that there is something to send; many calls become one `NOTIFY`."""

    def __init__(self, dsn: str) -> None:
        self._dsn, self._wanted = dsn, asyncio.Event()

    def __call__(self) -> None:
        """Something was committed by this process."""
        self._wanted.set()

    async def run(self) -> None:
        """Send until cancelled; a lost connection is opened again (relays also poll, so that nothing hangs on this)."""
        while True:
            try:
                connection = await connect(self._dsn)
                while True:
                    await self._wanted.wait()
                    await asyncio.sleep(_COALESCE_SECONDS)
                    self._wanted.clear()
                    await connection.execute(f"NOTIFY {CHANNEL}")
            except _LOST:
                await asyncio.sleep(1)
