"""Databases for tests: each test has one to itself, empty but for what a migration leaves; it is emptied and used again, for dropping one waits
for a checkpoint of the whole server."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from urllib.parse import urlsplit, urlunsplit

import asyncpg

# Whatever a test could alter and a fresh database has not: columns, indexes, constraints, triggers, functions, the revision.
_SHAPE = """
    SELECT md5(string_agg(line, E'\\n' ORDER BY line)) FROM (
        SELECT attrelid::regclass || attname || format_type(atttypid, atttypmod) || attnotnull::text AS line
            FROM pg_attribute JOIN pg_class c ON c.oid = attrelid WHERE relnamespace = 'public'::regnamespace AND attnum > 0
        UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'
        UNION ALL SELECT conrelid::regclass || pg_get_constraintdef(oid) FROM pg_constraint WHERE connamespace = 'public'::regnamespace
        UNION ALL SELECT pg_get_triggerdef(oid) || tgenabled::text FROM pg_trigger WHERE NOT tgisinternal
        UNION ALL SELECT pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace = 'public'::regnamespace
        UNION ALL SELECT setconfig::text FROM pg_db_role_setting JOIN pg_database d ON d.oid = setdatabase WHERE datname = current_database()
        UNION ALL SELECT version_num FROM alembic_version
    ) AS shape
"""
_ALONE = """
    SELECT count(*) FROM (SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()) AS ended
"""
# Rows are deleted, not truncated: that would make some hundred files anew. Triggers and foreign keys stand aside meanwhile.
_AS_MIGRATED = """
    DO $$ DECLARE one text; BEGIN
        SET LOCAL session_replication_role = replica;
        FOR one IN SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND relname <> 'alembic_version' LOOP
            EXECUTE format('DELETE FROM %I', one);
        END LOOP;
        PERFORM setval(format('%I.%I', schemaname, sequencename)::regclass, start_value, false) FROM pg_sequences WHERE last_value IS NOT NULL;
        INSERT INTO epoch DEFAULT VALUES;
    END $$
"""


@dataclass(slots=True)
class Databases:
    """Those of one server, copied from a migrated template; `shape` is the template's own."""

    server: str
    template: str
    shape: str = ""
    _free: list[str] = field(default_factory=list)

    async def take(self) -> str:
        """The name of one that nobody uses."""
        if self._free:
            return self._free.pop()
        name = f"t_{secrets.token_hex(6)}"
        await execute(self.server, f'CREATE DATABASE "{name}" TEMPLATE "{self.template}"')
        return name

    async def give_back(self, name: str) -> None:
        """It is emptied for the next one; where a test changed more than rows it is dropped."""
        if await self._emptied(name):
            self._free.append(name)
        else:
            await self._drop(name)

    async def close(self) -> None:
        """Those that are left are dropped."""
        while self._free:
            await self._drop(self._free.pop())

    async def _drop(self, name: str) -> None:
        await execute(self.server, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    async def _emptied(self, name: str) -> bool:
        try:
            connection = await asyncpg.connect(at(self.server, name), timeout=10, command_timeout=30)
        except asyncpg.InvalidCatalogNameError:
            return False
        try:
            await connection.execute(_ALONE)
            self.shape = self.shape or await self._shape_of_template()
            if await connection.fetchval(_SHAPE) != self.shape:
                return False
            await connection.execute(_AS_MIGRATED)
            return True
        finally:
            await connection.close()

    async def _shape_of_template(self) -> str:
        connection = await asyncpg.connect(at(self.server, self.template), timeout=10)
        try:
            return str(await connection.fetchval(_SHAPE))
        finally:
            await connection.close()


def at(dsn: str, name: str) -> str:
    """The same server, another database."""
    return urlunsplit(urlsplit(dsn)._replace(path=f"/{name}"))


async def execute(dsn: str, statement: str) -> None:
    """One statement on a connection of its own."""
    connection = await asyncpg.connect(dsn, timeout=10)
    try:
        await connection.execute(statement, timeout=60)
    finally:
        await connection.close()
