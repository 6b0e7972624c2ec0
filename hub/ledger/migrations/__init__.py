"""Alembic revisions of the ledger, plain SQL, run at start."""
