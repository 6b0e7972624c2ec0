"""What the errors of PostgreSQL mean to a caller: wait and try again, or do not start; never a bug, and never a wrong answer."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import asyncpg
import pytest

from hub.errors import Misconfigured, Unavailable
from hub.ledger import commit
from hub.ledger.changes import Amendment, Done
from hub.ledger.database import LOST, connect, lent, open_pool
from schemas.events import FactType
from schemas.task import Party
from tests.hub.ledger.test_amendment import UPDATED, said
from tests.hub.making import Record, creation


@pytest.mark.parametrize("open_", [open_pool, connect])
async def test_no_database_at_the_address_is_unavailable(open_) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(Unavailable):
        await open_("postgresql://nobody@127.0.0.1:1/nothing")


@pytest.mark.parametrize("setting", ["fsync", "synchronous_commit", "full_page_writes"])
async def test_a_database_that_may_forget_is_not_started_on(database: str, monkeypatch: pytest.MonkeyPatch, setting: str) -> None:
    """`fsync` is the server's; what it shows is played, what is done about it is real."""
    real = asyncpg.Connection.fetchval

    async def shown(self, query, *arguments, **more):  # type: ignore[no-untyped-def]
        return "off" if query == f"SHOW {setting}" else await real(self, query, *arguments, **more)

    monkeypatch.setattr(asyncpg.Connection, "fetchval", shown)
    with pytest.raises(Misconfigured, match=setting):
        await open_pool(database, size=1)


@pytest.mark.parametrize(
    "fault",
    [
        asyncpg.ConnectionDoesNotExistError("gone"),
        asyncpg.InterfaceError("connection is closed"),
        asyncpg.CannotConnectNowError("starting up"),
        asyncpg.AdminShutdownError("stopping"),
        asyncpg.CrashShutdownError("crashed"),
        asyncpg.QueryCanceledError("statement timeout"),
        asyncpg.LockNotAvailableError("lock timeout"),  # somebody else holds the row too long
        asyncpg.IdleInTransactionSessionTimeoutError("idle"),
        asyncpg.TooManyConnectionsError("too many"),
        asyncpg.DiskFullError("disk full"),
        asyncpg.OutOfMemoryError("memory"),
        asyncpg.ReadOnlySQLTransactionError("standby"),
        ConnectionResetError(),
        TimeoutError(),
    ],
    ids=lambda fault: type(fault).__name__,
)
async def test_an_outage_is_told_to_each_who_waits_as_unavailable(book: Record, monkeypatch: pytest.MonkeyPatch, fault: Exception) -> None:
    assert isinstance(fault, LOST)
    id_ = await book.create()

    async def write(*_: object, **__: object) -> None:
        raise fault

    with monkeypatch.context() as broken:
        broken.setattr(commit.amend, "write", write)
        outcomes = await asyncio.gather(*(book.ledger.commit(Amendment(UPDATED, (id_,))) for _ in range(3)), return_exceptions=True)
    assert all(isinstance(outcome, Unavailable) for outcome in outcomes)
    assert isinstance(await book.ledger.commit(Amendment(UPDATED, (id_,))), Done), "and the next is stored"
    with pytest.raises(Unavailable):
        async with lent(book.ledger.pool):
            raise fault


async def test_a_row_that_somebody_holds_is_waited_for_and_then_unavailable(book: Record) -> None:
    """The real thing: a lock that is not let go within the lock time-out."""
    id_ = await book.create()
    other = await connect(book.dsn)
    async with other.transaction():
        await other.execute("SELECT 1 FROM referral WHERE id = $1 FOR UPDATE", id_)
        with pytest.raises(Unavailable):
            await book.ledger.commit(Amendment(UPDATED, (id_,)))
    await other.close()
    assert isinstance(await book.ledger.commit(Amendment(UPDATED, (id_,))), Done)


async def test_connections_that_are_cut_are_replaced(book: Record) -> None:
    id_ = await book.create()
    await _cut(book)
    outcomes = []
    for _ in range(8):
        with suppress(Unavailable):
            outcomes.append(await book.ledger.commit(Amendment(UPDATED, (id_,))))
    assert outcomes, "within a few tries it is stored again"
    assert await book.value("SELECT version FROM referral") == 1 + len(outcomes)


async def _cut(book: Record) -> None:
    """End every other connection to this database, as a restart would."""
    connection = await connect(book.dsn)
    await connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
    await connection.close()


async def test_more_than_can_be_written_in_a_second_is_told_to_come_later(book: Record) -> None:
    book.ledger._batch_seconds = 60.0
    await book.ledger.stop()
    book.ledger._queue.extend([(creation(book.ledger.sealing), asyncio.get_running_loop().create_future())] * 10)
    with pytest.raises(Unavailable, match="more to write"):
        await book.ledger.commit(creation(book.ledger.sealing))
    book.ledger._queue.clear()


async def test_stopping_writes_what_was_taken(book: Record) -> None:
    ids = [await book.create() for _ in range(4)]
    waiting = [asyncio.create_task(book.ledger.commit(Amendment(said(FactType.UPDATED, Party.REFERRER), (id_,)))) for id_ in ids]
    await asyncio.sleep(0)
    await book.ledger.stop()
    outcomes = await asyncio.gather(*waiting, return_exceptions=True)
    stored = sum(isinstance(outcome, Done) for outcome in outcomes)
    assert all(isinstance(outcome, Done | Unavailable) for outcome in outcomes)
    assert await book.value("SELECT count(*) FROM event WHERE version = 2") == stored == 4
    with pytest.raises(Unavailable, match="stopping"):
        await book.ledger.commit(Amendment(UPDATED, (ids[0],)))


async def test_a_connection_that_is_cut_in_silence_is_noticed(book: Record) -> None:
    """A firewall that forgets, a machine that loses its power: no packet says so."""
    async with book.ledger.pool.acquire() as connection:
        if await connection.fetchval("SELECT inet_server_addr() IS NOT NULL"):
            assert [await connection.fetchval(f"SHOW {name}") for name in ("tcp_keepalives_idle", "tcp_keepalives_interval", "tcp_keepalives_count")] == [
                "10", "5", "3",
            ]  # fmt: skip
            assert await connection.fetchval("SHOW tcp_user_timeout") in ("20000", "20s")
