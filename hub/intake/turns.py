"""In intake: one at a time for what must not happen twice at once in this process; across processes the unique index decides."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

_PATIENCE = 2.0


@dataclass(slots=True)
class Turns:
    """Which request keys and conditions are worked on now."""

    _busy: dict[tuple[str, ...], asyncio.Event] = field(default_factory=dict)

    @asynccontextmanager
    async def alone(self, client: str, *key: str) -> AsyncIterator[bool]:
        """A second one of a client's key waits a moment, then is told that it comes too early (False). Without a key nobody waits."""
        if not key:
            yield True
            return
        mine = (client, *key)
        until = asyncio.get_running_loop().time() + _PATIENCE
        while (busy := self._busy.get(mine)) is not None:
            try:
                async with asyncio.timeout_at(until):
                    await busy.wait()
            except TimeoutError:
                yield False
                return
        self._busy[mine] = done = asyncio.Event()
        try:
            yield True
        finally:
            del self._busy[mine]
            done.set()
