"""The directory in routing's memory follows what is committed, in the order of commits."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest

from hub.ledger import directory
from hub.routing.reads import DirectoryReader
from tests.hub.deciding.directories import asset, prescriber
from tests.hub.making import Record


async def test_an_empty_directory_has_no_mark(opened: Record) -> None:
    assert await directory.changed(opened.ledger.pool) is None


async def test_every_change_raises_the_mark_whoever_makes_it(opened: Record) -> None:
    pool = opened.ledger.pool
    await directory.store(pool, [prescriber("p1"), prescriber("p2")], [asset("a1")])
    marks = [await directory.changed(pool)]
    for statement in (
        "UPDATE prescriber SET state = 'no-capacity' WHERE id = 'p1'",
        "UPDATE asset SET places = 3",
        "DELETE FROM prescriber WHERE id = 'p2'",
        "DELETE FROM asset",
        "TRUNCATE prescriber",
    ):
        await opened.fetch(statement)
        marks.append(await directory.changed(pool))
    assert len(set(marks)) == len(marks)


async def test_a_change_that_began_earlier_and_commits_later_is_seen(opened: Record) -> None:
    """Two imports at once: the times of their rows are not in the order of their commits."""
    pool, reader = opened.ledger.pool, DirectoryReader(opened.ledger.pool)
    await directory.store(pool, [prescriber("p1"), prescriber("p2"), prescriber("p3")], [])
    assert (await reader.now()).size == 3
    slow = await asyncpg.connect(opened.dsn)
    late = slow.transaction()
    await late.start()
    assert await slow.fetchval("SELECT now()") is not None  # its rows will be of this moment
    await opened.fetch("DELETE FROM prescriber WHERE id = 'p1'")
    assert (await reader.now()).size == 2
    await slow.execute("UPDATE prescriber SET data = jsonb_set(data, '{name}', '\"Later\"'), updated_at = now() WHERE id = 'p2'")
    assert (await reader.now()).by_id["p2"].row.name != "Later", "not committed"
    await late.commit()
    await slow.close()
    assert (await reader.now()).by_id["p2"].row.name == "Later"


async def test_two_changes_at_once_are_both_counted(opened: Record) -> None:
    pool = opened.ledger.pool
    await asyncio.gather(*(directory.store(pool, [prescriber(f"p{place}")], [asset(f"a{place}")]) for place in range(8)))
    before = await directory.changed(pool)
    reader = DirectoryReader(pool)
    assert (await reader.now()).size == 16
    await directory.store(pool, [prescriber("p0", age={"min": 21, "max": None})], [])
    assert (await directory.changed(pool) or 0) > (before or 0)


@pytest.mark.parametrize("forgotten", [True, False])
async def test_what_is_forgotten_is_read_again(opened: Record, forgotten: bool) -> None:
    reader = DirectoryReader(opened.ledger.pool)
    await directory.store(opened.ledger.pool, [prescriber("p1")], [])
    first = await reader.now()
    if forgotten:
        reader.forget()
    assert (await reader.now() is first) is not forgotten
