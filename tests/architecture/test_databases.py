"""Beside the flow: a test's database is as a migration left it, whatever the test before did to its own."""

from __future__ import annotations

import asyncpg
import pytest

from tests.databases import Databases, at


async def _do(databases: Databases, name: str, statement: str) -> None:
    connection = await asyncpg.connect(at(databases.server, name))
    await connection.execute(statement)
    await connection.close()


async def test_one_that_was_used_is_empty_again(databases: Databases) -> None:
    name = await databases.take()
    left = await asyncpg.connect(at(databases.server, name))  # a connection that a test forgot
    await left.execute("UPDATE epoch SET kafka = 7")
    await databases.give_back(name)
    with pytest.raises((asyncpg.PostgresError, OSError, asyncpg.InterfaceError)):
        await left.fetchval("SELECT 1")
    again = await databases.take()
    assert again == name
    fresh = await asyncpg.connect(at(databases.server, again))
    assert await fresh.fetchval("SELECT kafka FROM epoch") == 1
    await fresh.close()
    await databases.give_back(again)


@pytest.mark.parametrize(
    "altered",
    [
        "ALTER TABLE referral ADD COLUMN surgery text",
        "DROP TABLE referral_identifier",
        "CREATE TABLE more (id int)",
        "CREATE INDEX more ON referral (id)",
        "ALTER TABLE epoch DROP CONSTRAINT epoch_only_row_check",
        "UPDATE alembic_version SET version_num = 'r9999'",
    ],
)
async def test_one_whose_tables_were_changed_is_not_used_again(databases: Databases, altered: str) -> None:
    name = await databases.take()
    await _do(databases, name, altered)
    await databases.give_back(name)
    other = await databases.take()
    assert other != name
    await databases.give_back(other)


async def test_one_that_is_gone_is_no_fault(databases: Databases) -> None:
    await databases.give_back("t_never_was")
