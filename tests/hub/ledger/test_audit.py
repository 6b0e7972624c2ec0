"""Who did what stands in one signed chain: whatever is done to it behind our back shows, and where."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest

from hub.ledger import audit
from hub.ledger.audit import Chained, chain, keep_chained, verify
from hub.ledger.sealing import Sealing
from tests.hub.making import Record

_WRITE = "INSERT INTO audit (actor, action, detail) SELECT 'op-' || n, 'test.done', jsonb_build_object('n', n) FROM generate_series(1, $1::int) AS n"


async def _chained(book: Record, batches: int = 2, each: int = 4) -> None:
    """So many batches, each with its own signature."""
    for _ in range(batches):
        await book.fetch(_WRITE, each)
        assert await chain(book.ledger.pool, book.ledger.sealing) == each


async def _found(book: Record) -> Chained:
    async with book.ledger.pool.acquire() as connection:
        return await verify(connection, book.ledger.sealing)


async def test_entries_are_chained_and_the_head_is_signed(book: Record) -> None:
    assert await _found(book) == Chained(0)
    assert await chain(book.ledger.pool, book.ledger.sealing) == 0, "nothing new"
    await _chained(book)
    assert await _found(book) == Chained(8)
    assert await book.value("SELECT array_agg(chained ORDER BY seq) FROM audit") == list(range(1, 9))
    assert await book.value("SELECT array_agg(chained ORDER BY chained) FROM audit WHERE signature IS NOT NULL") == [4, 8]


_REHASHED = "UPDATE audit SET actor = 'somebody' WHERE chained = 3"


@pytest.mark.parametrize(
    "tampered",
    [
        "UPDATE audit SET actor = 'somebody' WHERE chained = 3",
        "UPDATE audit SET action = 'test.undone' WHERE chained = 3",
        "UPDATE audit SET detail = '{}' WHERE chained = 3",
        "UPDATE audit SET at = at + interval '1 microsecond' WHERE chained = 3",
        "UPDATE audit SET referral_id = gen_random_uuid() WHERE chained = 3",
        "UPDATE audit SET hash = sha256(hash) WHERE chained = 3",
        "DELETE FROM audit WHERE chained = 3",
        "DELETE FROM audit WHERE chained = 1",
        "UPDATE audit SET chained = 9 - chained",  # told the other way round
        "UPDATE audit SET signature = sha256(signature) WHERE chained = 4",
        "UPDATE audit SET signature = NULL",  # nobody vouches for the head
        "DELETE FROM audit WHERE chained = 8",  # cut where nobody signed
    ],
)
async def test_tampering_shows(book: Record, tampered: str) -> None:
    await _chained(book)
    await book.fetch(tampered)
    assert (await _found(book)).broken_at is not None


async def test_a_chain_that_was_made_anew_without_the_key_shows(book: Record) -> None:
    """Whoever can write the table can hash; only the hub can sign."""
    await _chained(book)
    await book.fetch(_REHASHED)
    await book.fetch("UPDATE audit SET hash = NULL, chained = NULL, signature = NULL")
    await chain(book.ledger.pool, Sealing.from_secret(bytes(reversed(range(32)))))
    assert (await _found(book)).broken_at is not None


async def test_what_is_not_chained_yet_is_no_fault(book: Record) -> None:
    await _chained(book, batches=1)
    await book.fetch(_WRITE, 3)
    assert await _found(book) == Chained(4)


async def test_of_two_hubs_one_chains_at_a_time(book: Record) -> None:
    await book.fetch(_WRITE, 50)
    done = await asyncio.gather(*(chain(book.ledger.pool, book.ledger.sealing) for _ in range(4)))
    assert sum(done) == 50
    assert await _found(book) == Chained(50)


async def test_it_is_kept_chained_in_the_background_through_an_outage(book: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    real, tries = audit.chain, []

    async def shaky(pool: object, sealing: Sealing) -> int:
        tries.append(1)
        if len(tries) == 1:
            raise audit.Unavailable("gone")
        return await real(book.ledger.pool, sealing)

    monkeypatch.setattr(audit, "chain", shaky)
    await book.fetch(_WRITE, 2)
    keeping = asyncio.create_task(keep_chained(book.ledger.pool, book.ledger.sealing, 0.02))
    async with asyncio.timeout(10):
        while await book.value("SELECT count(*) FROM audit WHERE hash IS NULL"):  # noqa: ASYNC110  it is another task's work
            await asyncio.sleep(0.02)
    keeping.cancel()
    with suppress(asyncio.CancelledError):
        await keeping
    assert await _found(book) == Chained(2)
