"""In the ledger: small rows that every change may add: audit entries and columns for multi-row statements."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

import orjson
from asyncpg import Connection

from hub.ledger.changes import Audit

AuditRow = tuple[str, str, UUID | None, str]


def audit_rows(entries: Iterable[tuple[Audit | None, UUID | None]]) -> list[AuditRow]:
    """Rows for `insert_audit`; who asked for no audit adds none."""
    return [(entry.actor, entry.action, referral, orjson.dumps(dict(entry.detail)).decode()) for entry, referral in entries if entry is not None]


async def insert_audit(connection: Connection, rows: Sequence[AuditRow]) -> None:
    """Add entries in the open transaction; one background writer chains and signs them later."""
    if rows:
        await connection.execute(
            "INSERT INTO audit (actor, action, referral_id, detail) SELECT * FROM unnest($1::text[], $2::text[], $3::uuid[], $4::jsonb[])",
            *columns(rows, 4),
        )


def columns(rows: Sequence[tuple[Any, ...]], width: int) -> list[list[Any]]:
    """Rows turned into the arrays that `unnest` takes. Any: whatever the driver accepts."""
    return [[row[place] for row in rows] for place in range(width)]
