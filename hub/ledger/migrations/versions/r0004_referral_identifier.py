"""By what a sender finds its referral again: keyed hashes of its own identifiers, and the journey that it named."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Referrals that stand already are found by journey and by id; their identifiers rest sealed and are not opened for this."""
    op.execute(
        "CREATE TABLE referral_identifier (client text NOT NULL, hash bytea NOT NULL, referral_id uuid NOT NULL REFERENCES referral (id),"
        " PRIMARY KEY (client, hash, referral_id))"
    )
    op.execute("CREATE INDEX referral_identifier_referral ON referral_identifier (referral_id)")
    op.execute("CREATE INDEX referral_journey ON referral (client, correlation) WHERE correlation IS NOT NULL")


def downgrade() -> None:
    """The record is never taken back; restore a backup instead."""
    raise NotImplementedError("The ledger has no way back: restore a backup.")
