"""The one write path: `commit(change)`. Changes that arrive while a commit runs are the next batch; nobody waits on a timer.

An outcome is given out only after the database said that the transaction is on disk. If a batch fails it is run again one by one,
so that one bad change harms no stranger.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import asyncpg

from hub.crashpoints import crash
from hub.errors import Unavailable
from hub.ledger import amend, create
from hub.ledger.amend import RequestRaced
from hub.ledger.changes import Amendment, Change, Creation, Outcome
from hub.ledger.database import LOST, TOO_LONG, TRY_AGAIN, Pool, outage
from hub.ledger.sealing import Sealing
from hub.telemetry import count, observe

LARGEST_BATCH = 64
MOST_BYTES = 4 * 2**20
TRIES = 5
_OUTAGES = 2
_LONGEST_WAIT = 1.0
_AGAIN: tuple[type[BaseException], ...] = (*TRY_AGAIN, RequestRaced)

Waiting = tuple[Change, "asyncio.Future[Outcome]"]


class _TooLong(Unavailable):
    """The statements took longer than they may: together too much, perhaps, where each alone is not."""


@dataclass(slots=True)
class Ledger:
    """The writing side of the record. `connections` commits run at once. `use_inbox` and `guard` are False only in the seeded-bug runs."""

    pool: Pool
    sealing: Sealing
    connections: int = 2
    notify: Callable[[], None] = lambda: None
    use_inbox: bool = True
    _queue: deque[Waiting] = field(default_factory=deque)
    _work: asyncio.Event = field(default_factory=asyncio.Event)
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)
    _writing: int = 0
    _stopped: bool = False
    _batch_seconds: float = 0.005
    batches: int = 0
    committed: int = 0

    def start(self) -> None:
        """Begin to take work."""
        self._stopped = False
        self._tasks = [asyncio.create_task(self._work_off(), name=f"commit-{place}") for place in range(self.connections)]

    async def stop(self) -> None:
        """Finish what was taken, what is being written included; refuse the rest as Unavailable."""
        while (self._queue or self._writing) and not all(task.done() for task in self._tasks):
            self._work.set()
            await asyncio.sleep(0.01)
        self._stopped = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def commit(self, change: Change) -> Outcome:
        """Write one change; when this returns it is on disk. Raises Unavailable when it cannot be stored now (nothing is written, or the
        outcome is unknown: the same request may be sent again), and whatever a bug in `decide` raises."""
        if len(self._queue) / LARGEST_BATCH / self.connections * self._batch_seconds > _LONGEST_WAIT:
            raise Unavailable("The ledger has more to write than it can within a second", retry_after=2)
        if self._stopped:
            raise Unavailable("The hub is stopping")
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._queue.append((change, future))
        self._work.set()
        return await future

    async def commit_together(self, changes: Sequence[Amendment], *, point: str | None = None) -> list[Outcome]:
        """Write amendments in one transaction, all or none: a consumer's batch. Raises as `commit` does, for the batch as a whole.
        `point`: the crash point just before this transaction's commit."""
        return await self._run(changes, point)

    async def _work_off(self) -> None:
        while True:
            while not self._queue:
                self._work.clear()
                await self._work.wait()
            batch = self._next_batch()
            started = time.perf_counter()
            self._writing += 1
            try:
                await self._commit_batch(batch)
            finally:
                self._writing -= 1
            took = time.perf_counter() - started
            self._batch_seconds += 0.1 * (took - self._batch_seconds)
            observe("hub_commit_seconds", took)
            observe("hub_commit_rows", len(batch))

    def _next_batch(self) -> list[Waiting]:
        """Up to 64 changes of one kind, and of about 4 MiB, from the head of the queue; order within a kind is kept."""
        kind = type(self._queue[0][0])
        batch: list[Waiting] = []
        size = 0
        while self._queue and len(batch) < LARGEST_BATCH and type(self._queue[0][0]) is kind:
            size += _size(self._queue[0][0])
            if batch and size > MOST_BYTES:
                break
            batch.append(self._queue.popleft())
        return batch

    async def _commit_batch(self, batch: list[Waiting]) -> None:
        try:
            _tell(batch, await self._run([change for change, _ in batch]))
        except _TooLong as fault:
            await self._commit_singly(batch, fault)
        except Unavailable as fault:
            _fail(batch, fault)
        except asyncio.CancelledError:
            _fail(batch, Unavailable("The hub is stopping"))
            raise
        except Exception as fault:  # noqa: BLE001  a bug in one change: each is tried alone, so that it harms no stranger
            if len(batch) == 1:
                _fail(batch, fault)
            else:
                count("hub_commit_singly_total")
                for one in batch:
                    await self._commit_batch([one])

    async def _commit_singly(self, batch: list[Waiting], fault: Unavailable) -> None:
        """What took too long together, one by one; after two outages the rest is not tried: then it is the database, not the batch."""
        outages = 0
        count("hub_commit_singly_total")
        try:
            for one in batch if len(batch) > 1 else ():
                if outages == _OUTAGES:
                    return
                try:
                    _tell([one], await self._run([one[0]]))
                except Unavailable as again:
                    outages += 1
                    _fail([one], again)
                except Exception as bug:  # noqa: BLE001  one change's bug is its own
                    _fail([one], bug)
        finally:
            _fail(batch, fault)

    async def _run(self, changes: Sequence[Change], point: str | None = None) -> list[Outcome]:
        """One transaction, tried again on deadlock or serialization failure, at most five times."""
        for attempt in range(1, TRIES + 1):
            try:
                outcomes = await self._transaction(changes, point)
            except _AGAIN:
                if attempt == TRIES or (len(changes) > 1 and attempt > 1):
                    raise
                await asyncio.sleep(0.005 * attempt)
            except TOO_LONG as fault:
                raise _TooLong(f"PostgreSQL does not answer in time ({type(fault).__name__})") from None
            except LOST as fault:
                raise outage(fault) from None
            else:
                self.batches += 1
                self.committed += len(changes)
                crash("commit.after")
                self.notify()
                return outcomes
        raise AssertionError("unreachable")

    async def _transaction(self, changes: Sequence[Change], point: str | None) -> list[Outcome]:
        async with _lent(self.pool) as connection:
            if isinstance(changes[0], Creation):
                return await self._create(connection, changes)
            async with connection.transaction():
                outcomes = await amend.write(
                    connection, [change for change in changes if isinstance(change, Amendment)], self.sealing, use_inbox=self.use_inbox
                )
                crash(point or "commit.before")
                return outcomes

    async def _create(self, connection: asyncpg.Connection, changes: Sequence[Change]) -> list[Outcome]:
        """New referrals are one statement, which is a transaction of its own."""
        prepared = [create.prepare(change, self.sealing) for change in changes if isinstance(change, Creation)]
        crash("commit.before")
        return await create.write(connection, prepared, self.sealing)


@asynccontextmanager
async def _lent(pool: Pool) -> AsyncIterator[asyncpg.Connection]:
    """A connection. Raises Unavailable when none is free soon, which says nothing of the batch."""
    try:
        connection = await pool.acquire(timeout=2)
    except LOST as fault:
        raise outage(fault) from None
    try:
        yield connection
    finally:
        await pool.release(connection)


def _size(change: Change) -> int:
    """About how many bytes a new referral puts into its statement; what an amendment writes is known only under the lock."""
    if not isinstance(change, Creation):
        return 0
    return sum(len(one.content) + len(one.message) + sum(len(event.payload) for event in one.events) for one in change.referrals)


def _tell(batch: list[Waiting], outcomes: list[Outcome]) -> None:
    for (_, future), outcome in zip(batch, outcomes, strict=True):
        if not future.done():
            future.set_result(outcome)


def _fail(batch: list[Waiting], fault: Exception) -> None:
    for _, future in batch:
        if not future.done():
            future.set_exception(fault)
