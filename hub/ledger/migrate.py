"""Before anything runs: brings the database to this version's tables (alembic, plain SQL, one transaction: all or nothing)."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine

from hub.errors import Misconfigured, Unavailable
from hub.ledger.database import LOST

_FOLDER = Path(__file__).parent / "migrations"


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_FOLDER))
    config.attributes["connection"] = connection
    return config


def latest() -> str:
    """The newest revision that this version of the hub knows."""
    return ScriptDirectory.from_config(_config()).get_current_head() or ""


async def upgrade(dsn: str, revision: str = "head") -> None:
    """Bring the database at `dsn` to `revision`; one upgrade at a time in a process. Raises Misconfigured when a newer hub has been here,
    Unavailable when the database does not answer."""
    engine = create_async_engine(dsn.replace("postgresql://", "postgresql+asyncpg://", 1).replace("postgres://", "postgresql+asyncpg://", 1))
    try:
        async with engine.connect() as connection:
            await connection.run_sync(_upgrade, revision)
            await connection.commit()
    except LOST as fault:
        raise Unavailable(f"PostgreSQL does not answer ({type(fault).__name__}); is it running, and is HUB_DATABASE right?") from None
    except DBAPIError as fault:
        if fault.connection_invalidated:
            raise Unavailable("PostgreSQL went away during the upgrade; nothing was changed") from None
        raise
    finally:
        await engine.dispose()


def _upgrade(connection: Connection, revision: str) -> None:
    known = {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}
    if connection.execute(text("SELECT to_regclass('alembic_version')")).scalar() is not None:
        found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
        if found is not None and found not in known:
            raise Misconfigured(f"The database was made by a newer hub (revision {found}); start that version, or restore a backup made before it ran.")
    try:
        command.upgrade(_config(connection), revision)
    except CommandError as fault:
        raise Misconfigured(f"The database cannot be brought to this version: {fault}") from None


