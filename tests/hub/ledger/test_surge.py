"""Large referrals at once, on the real PostgreSQL: batches end by size too, what took too long together is tried alone, and our bugs are no outages."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import asyncpg
import pytest

from hub.errors import Unavailable
from hub.ledger import commit
from hub.ledger.changes import Done, Outcome
from hub.ledger.database import LOST, lent
from tests.hub.making import Record, creation, service_request


async def test_a_batch_ends_at_its_size_too(book: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sixty-four referrals of a megabyte in one statement take longer than a statement may."""
    monkeypatch.setattr(commit, "MOST_BYTES", 40_000)
    seen: list[int] = []
    real = commit.create.write

    async def write(connection, batch, sealing):  # type: ignore[no-untyped-def]
        seen.append(len(batch))
        return await real(connection, batch, sealing)

    monkeypatch.setattr(commit.create, "write", write)
    large = [creation(book.ledger.sealing, body=service_request(note=[{"text": "x" * 8_000}])) for _ in range(12)]
    outcomes = await asyncio.gather(*(book.ledger.commit(one) for one in large))
    assert all(isinstance(outcome, Done) for outcome in outcomes)
    assert max(seen) <= 2, "each is about 25 kB with its message, content and first fact"
    assert await book.value("SELECT count(*) FROM referral") == 12


async def test_one_that_is_larger_than_a_batch_is_a_batch(book: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commit, "MOST_BYTES", 10)
    assert isinstance(await book.ledger.commit(creation(book.ledger.sealing)), Done)


@pytest.mark.parametrize("fault", [TimeoutError(), asyncpg.QueryCanceledError("statement timeout")], ids=["ours", "the-servers"])
async def test_what_takes_too_long_together_is_tried_alone(book: Record, monkeypatch: pytest.MonkeyPatch, fault: Exception) -> None:
    _fail_when(monkeypatch, fault, lambda batch: len(batch) > 1)
    outcomes = await asyncio.gather(*(book.ledger.commit(creation(book.ledger.sealing)) for _ in range(8)))
    assert all(isinstance(outcome, Done) for outcome in outcomes)


async def test_a_database_that_hangs_is_not_asked_once_for_each_that_waits(book: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = _fail_when(monkeypatch, TimeoutError(), lambda _: True)
    outcomes = await asyncio.gather(*(book.ledger.commit(creation(book.ledger.sealing)) for _ in range(20)), return_exceptions=True)
    assert all(isinstance(outcome, Unavailable) for outcome in outcomes)
    assert len(runs) <= 2 * 4, "each batch once, then two of it alone"


def _fail_when(monkeypatch: pytest.MonkeyPatch, fault: Exception, when) -> list[int]:  # type: ignore[no-untyped-def]
    real, runs = commit.create.write, []

    async def write(connection, batch, sealing) -> Sequence[Outcome]:  # type: ignore[no-untyped-def]
        runs.append(len(batch))
        if when(batch):
            raise fault
        return await real(connection, batch, sealing)

    monkeypatch.setattr(commit.create, "write", write)
    return runs


@pytest.mark.parametrize(
    "fault",
    [
        asyncpg.UndefinedFileError("could not open file"),  # 58P01: a disk fault
        asyncpg.PostgresSystemError("system error"),
        asyncpg.InternalServerError("invalid page in block"),
        asyncpg.DatabaseDroppedError("dropped"),
        asyncpg.InvalidCatalogNameError("no such database"),
    ],
    ids=lambda fault: type(fault).__name__,
)
async def test_a_fault_of_the_server_is_an_outage_and_no_bug(book: Record, fault: Exception) -> None:
    assert isinstance(fault, LOST)
    with pytest.raises(Unavailable):
        async with lent(book.ledger.pool):
            raise fault


@pytest.mark.parametrize(
    ("query", "arguments"),
    [
        ("SELECT $1::int", ("a word",)),  # the driver cannot send it
        ("SELECT $1::int", (2**40,)),
        ("SELECT $1::int, $2::int", (1,)),  # one too few
    ],
)
async def test_an_argument_that_cannot_be_sent_is_our_bug_and_no_outage(book: Record, query: str, arguments: tuple[object, ...]) -> None:
    with pytest.raises((asyncpg.InterfaceError, asyncpg.DataError)):
        async with lent(book.ledger.pool) as connection:
            await connection.fetchval(query, *arguments)


async def test_our_bug_in_one_change_is_told_to_it_alone(book: Record) -> None:
    good, bad = creation(book.ledger.sealing), creation(book.ledger.sealing)
    broken = replace(bad, referrals=tuple(replace(one, priority=7) for one in bad.referrals))  # type: ignore[type-var]
    outcomes = await asyncio.gather(book.ledger.commit(good), book.ledger.commit(broken), return_exceptions=True)
    assert isinstance(outcomes[0], Done)
    assert isinstance(outcomes[1], asyncpg.DataError)
