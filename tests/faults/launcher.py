"""Runs a stage of the hub with one bug built in, to see that the checker catches it: `python -m tests.faults.launcher BUG STAGES`.

Each bug is what somebody might write one day. None of them can be switched on in the product.
"""

from __future__ import annotations

import asyncio
import functools
import sys
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import uvloop
from faststream import AckPolicy

import hub.app
import hub.consuming
import hub.ledger.commit
import hub.routing.stage
from hub.cli.run import _run
from hub.crashpoints import crash
from hub.ledger import amend, create
from hub.ledger.changes import Creation
from hub.ledger.commit import Ledger
from hub.ledger.records import event_of
from hub.settings import load
from hub.telemetry import configure
from hub.transports.kafka import close, open_producer
from schemas.events import to_record
from schemas.topics import REFERRALS

_SLOW = 0.6
_tasks: set[asyncio.Task[None]] = set()


def inbox_off() -> None:
    """Nobody writes down which events were dealt with."""
    hub.app.Ledger = functools.partial(Ledger, use_inbox=False)  # type: ignore[misc, assignment]


def offset_before_commit() -> None:
    """The handler returns at once, so that the offset is committed; the work is done a moment later."""
    whole = hub.consuming.Consumer.take

    async def take(self: hub.consuming.Consumer, records: Sequence[Any]) -> None:
        async def later() -> None:
            await asyncio.sleep(_SLOW)
            await whole(self, records)

        task = asyncio.create_task(later())
        _tasks.add(task)
        task.add_done_callback(_tasks.discard)

    hub.consuming.Consumer.take = take  # type: ignore[method-assign]


def publish_before_commit() -> None:
    """Events go to Kafka from within the transaction; whether it commits is seen later."""

    async def transaction(self: Ledger, changes: Any, point: str | None) -> Any:
        async with self.pool.acquire(timeout=2) as connection, connection.transaction():
            if isinstance(changes[0], Creation):
                outcomes = await create.write(connection, [create.prepare(change, self.sealing) for change in changes], self.sealing)
            else:
                outcomes = await amend.write(connection, changes, self.sealing)
            rows = await connection.fetch("""
                SELECT e.*, r.sealing_key FROM event e JOIN referral r ON r.id = e.referral_id JOIN outbox o ON o.event_id = e.id
                WHERE o.xmin::text = (pg_current_xact_id()::text::bigint % 4294967296)::text ORDER BY e.seq""")
            access = hub.app.access_of(load())
            producer = await open_producer(access)
            for row in rows:
                key, headers, value = to_record(event_of(row, self.sealing))
                await producer.send_and_wait(access.topic(REFERRALS.name), value, key=key, headers=headers)
            await close(producer)
            crash(point or "commit.before")
            return outcomes

    hub.ledger.commit.Ledger._transaction = transaction  # type: ignore[method-assign]


def default_acknowledgement() -> None:
    """FastStream's own default: offsets are committed by themselves every so often, whatever became of the records. A slow handler shows it."""
    hub.consuming.AckPolicy = SimpleNamespace(NACK_ON_ERROR=AckPolicy.ACK_FIRST)  # type: ignore[misc, assignment]
    settings, whole = hub.consuming.consumer_settings, hub.consuming.Consumer.take

    async def take(self: hub.consuming.Consumer, records: Sequence[Any]) -> None:
        await asyncio.sleep(_SLOW)
        await whole(self, records)

    hub.consuming.consumer_settings = lambda access: {**settings(access), "auto_commit_interval_ms": 100}  # type: ignore[assignment]
    hub.consuming.Consumer.take = take  # type: ignore[method-assign]


def unguarded_capacity() -> None:
    """Places are counted before the lock and not again under it."""
    hub.routing.stage.Routing = functools.partial(hub.routing.stage.Routing, guarded=False)  # type: ignore[misc, assignment]


BUGS: dict[str, Callable[[], None]] = {
    "inbox-off": inbox_off,
    "offset-before-commit": offset_before_commit,
    "publish-before-commit": publish_before_commit,
    "default-acknowledgement": default_acknowledgement,
    "unguarded-capacity": unguarded_capacity,
}


def main() -> None:
    """Build the bug in, then do as `hub run` does."""
    BUGS[sys.argv[1]]()
    settings = load()
    configure(settings.log_level)
    uvloop.run(_run(settings, tuple(sys.argv[2].split(","))))


if __name__ == "__main__":
    main()
