"""Run by alembic at start: one transaction for all revisions, under a lock, so that two hubs starting at once do not both migrate."""

from alembic import context
from sqlalchemy import text

_LOCK = 7_000_001  # the advisory lock of migrations


def _run() -> None:
    connection = context.config.attributes["connection"]
    context.configure(connection=connection, transaction_per_migration=False)
    with context.begin_transaction():
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        context.run_migrations()


_run()
