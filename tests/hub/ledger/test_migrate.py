"""The database is brought to this version's tables, all or nothing, with data in it or without; a newer one is left alone."""

from __future__ import annotations

import asyncio
import secrets
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio

from hub.errors import Misconfigured, Unavailable
from hub.ledger import migrate
from hub.ledger.database import open_pool
from hub.ledger.migrate import latest, upgrade
from hub.ledger.verify import verify
from tests.databases import at
from tests.hub.making import record
from tests.stores import StoreAddresses

_ROOT = Path(migrate.__file__).parents[2]
_ENV = (Path(migrate.__file__).parent / "migrations" / "env.py").read_text("utf-8")
_FIRST = (Path(migrate.__file__).parent / "migrations" / "versions" / "r0001_ledger.py").read_text("utf-8")
_SECOND = """
from alembic import op
revision, down_revision, branch_labels, depends_on = "9002", "{before}", None, None
def upgrade():
    op.execute("ALTER TABLE referral ADD COLUMN surgery text NOT NULL DEFAULT 'unknown'")
    op.execute("UPDATE referral SET surgery = client")
    {then}
"""


@pytest_asyncio.fixture(loop_scope="session")
async def empty(stores: StoreAddresses) -> AsyncIterator[str]:
    """The dsn of a database in which there is nothing."""
    name = f"e_{secrets.token_hex(6)}"
    connection = await asyncpg.connect(stores.database)
    await connection.execute(f'CREATE DATABASE "{name}"')
    yield at(stores.database, name)
    await connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
    await connection.close()


async def _value(dsn: str, query: str) -> object:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


def _versions(folder: Path, then: str) -> Path:
    """A folder of revisions: ours, and one more that adds a column and then does `then`."""
    (folder / "versions").mkdir(parents=True)
    (folder / "env.py").write_text(_ENV, "utf-8")
    for one in sorted((Path(migrate.__file__).parent / "migrations" / "versions").glob("r*.py")):
        (folder / "versions" / one.name).write_text(one.read_text("utf-8"), "utf-8")
    (folder / "versions" / "r9002_surgery.py").write_text(_SECOND.format(then=then, before=latest()), "utf-8")
    return folder


async def test_an_empty_database_gets_every_table_and_again_nothing_changes(empty: str) -> None:
    await upgrade(empty)
    assert await _value(empty, "SELECT version_num FROM alembic_version") == latest()
    tables = await _value(empty, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
    await upgrade(empty)
    assert await _value(empty, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == tables
    assert await _value(empty, "SELECT kafka FROM epoch") == 1


async def test_two_hubs_that_start_at_once_do_not_both_migrate(empty: str) -> None:
    told = "import asyncio, sys; from hub.ledger.migrate import upgrade; asyncio.run(upgrade(sys.argv[1]))"
    hubs = [await asyncio.create_subprocess_exec(sys.executable, "-c", told, empty, cwd=_ROOT) for _ in range(2)]
    assert [await asyncio.wait_for(hub.wait(), 60) for hub in hubs] == [0, 0]
    assert await _value(empty, "SELECT version_num FROM alembic_version") == latest()


async def test_a_database_with_referrals_in_it_is_upgraded_and_they_stand(empty: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    await upgrade(empty, "0001")
    async with record(empty) as book:
        await book.fetch("CREATE TABLE referral_identifier (client text, hash bytea, referral_id uuid)")  # today's writer asks for it; then it was not there
        ids = [await book.create() for _ in range(3)]
        await book.fetch("DROP TABLE referral_identifier")
    monkeypatch.setattr(migrate, "_FOLDER", _versions(tmp_path / "migrations", "pass"))
    await upgrade(empty)
    assert await _value(empty, "SELECT count(*) FROM referral WHERE surgery = client") == 3
    pool = await open_pool(empty, size=1)
    async with pool.acquire() as connection:
        assert await verify(connection) == []
        assert {row["id"] for row in await connection.fetch("SELECT id FROM referral")} == set(ids)
    await pool.close()


@pytest.mark.parametrize(
    "then",
    [
        'raise RuntimeError("a bug in a revision")',
        'op.execute("SELECT 1/0")',
        'op.get_bind().exec_driver_sql("SELECT pg_terminate_backend(pg_backend_pid())")',  # the process or the database dies half-way
    ],
)
async def test_an_upgrade_that_breaks_off_half_way_leaves_the_old_tables(empty: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, then: str) -> None:
    await upgrade(empty)
    async with record(empty) as book:
        await book.create()
    before = await _columns(empty)
    monkeypatch.setattr(migrate, "_FOLDER", _versions(tmp_path / "migrations", then))
    with pytest.raises(Exception):  # noqa: B017  whichever: what matters is what stands afterwards
        await upgrade(empty)
    assert await _columns(empty) == before
    monkeypatch.undo()
    assert await _value(empty, "SELECT version_num FROM alembic_version") == latest()
    async with record(empty) as book:
        await book.create()
    monkeypatch.setattr(migrate, "_FOLDER", _versions(tmp_path / "mended", "pass"))
    await upgrade(empty)
    assert await _value(empty, "SELECT count(*) FROM referral WHERE surgery = client") == 2


async def _columns(dsn: str) -> object:
    names = "string_agg(table_name || '.' || column_name, ' ' ORDER BY table_name, column_name)"
    return await _value(dsn, f"SELECT {names} FROM information_schema.columns WHERE table_schema = 'public'")


async def test_a_database_of_a_newer_hub_is_left_alone(empty: str) -> None:
    await upgrade(empty)
    await _value(empty, "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(Misconfigured, match="newer hub"):
        await upgrade(empty)


async def test_a_database_that_does_not_answer_is_waited_for(empty: str) -> None:
    with pytest.raises(Unavailable):
        await upgrade("postgresql://nobody@127.0.0.1:1/nothing")


def test_there_is_no_way_back() -> None:
    assert "no way back" in _FIRST
