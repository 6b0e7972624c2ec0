"""The directory's own count of changes: raised in the transaction that changes it, so that no snapshot misses one that commits late."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_COUNTED = """
CREATE FUNCTION directory_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE epoch SET directory = directory + 1;
    RETURN NULL;
END $$
"""
_TRIGGER = """
CREATE TRIGGER {table}_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON {table}
FOR EACH STATEMENT EXECUTE FUNCTION directory_changed()
"""


def upgrade() -> None:
    """Count from what stands."""
    op.execute("ALTER TABLE epoch ADD COLUMN directory bigint NOT NULL DEFAULT 0")
    op.execute(_COUNTED)
    for table in ("prescriber", "asset"):
        op.execute(_TRIGGER.format(table=table))
    op.execute("UPDATE epoch SET directory = 1 WHERE EXISTS (SELECT 1 FROM prescriber) OR EXISTS (SELECT 1 FROM asset)")


def downgrade() -> None:
    """The record is never taken back; restore a backup instead."""
    raise NotImplementedError("The ledger has no way back: restore a backup.")
