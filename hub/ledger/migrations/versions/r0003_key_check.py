"""Which key the record is sealed under, so that a hub with another key does not start; and the way a recipient's line is found."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """The first hub that starts writes its mark."""
    op.execute("ALTER TABLE epoch ADD COLUMN key_check bytea")
    op.execute("CREATE INDEX delivery_recipient ON delivery (transport, recipient, next_attempt_at) WHERE state = 'pending'")


def downgrade() -> None:
    """The record is never taken back; restore a backup instead."""
    raise NotImplementedError("The ledger has no way back: restore a backup.")
