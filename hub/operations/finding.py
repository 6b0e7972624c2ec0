"""In operations: what somebody typed (a reference, an id, a sender's request key, MSH-10, a refusal's id) and what it means in the ledger."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from asyncpg import Connection

from schemas.identifiers import ReferralRef

MOST = 20
_BY_ID = """
SELECT id FROM referral WHERE id = $1
UNION SELECT referral_id FROM task WHERE id = $1
UNION SELECT referral_id FROM event WHERE id = $1
UNION SELECT referral_id FROM delivery WHERE id = $1
UNION SELECT referral_id FROM worklist_item WHERE id = $1
UNION SELECT referral_id FROM dead_letter WHERE id = $1 AND referral_id IS NOT NULL
"""
_BY_REF = "SELECT id FROM referral WHERE ref = $1"
_BY_KEY = """
SELECT DISTINCT r.id, r.created_at FROM referral r JOIN request q ON q.referral_id = r.id
WHERE q.key = ANY($1) OR q.message_id = ANY($1) OR split_part(q.key, '|', 3) = ANY($1)
UNION SELECT r.id, r.created_at FROM referral r WHERE r.correlation = ANY($1)
ORDER BY created_at DESC LIMIT 20
"""
_REFUSED = "SELECT id FROM refusal WHERE key = ANY($1) OR split_part(key, '|', 3) = ANY($1) OR id = $2 ORDER BY created_at DESC LIMIT 20"
_REQUESTED = """
SELECT client, key FROM request WHERE (key = ANY($1) OR message_id = ANY($1) OR split_part(key, '|', 3) = ANY($1)) AND referral_id IS NULL
ORDER BY created_at DESC LIMIT 20
"""


@dataclass(frozen=True, slots=True)
class Found:
    """What it means: referrals, refusals, and requests that made no referral (updates, persons' events, ignored messages), newest first."""

    referrals: tuple[UUID, ...] = ()
    refusals: tuple[UUID, ...] = ()
    requests: tuple[tuple[str, str], ...] = ()

    @property
    def nothing(self) -> bool:
        """Whether it means nothing here."""
        return not (self.referrals or self.refusals or self.requests)


async def find(connection: Connection, typed: str) -> Found:
    """Everything that it may mean; at most 20 of each kind. A hospital's key is MSH-3, MSH-4 and MSH-10; people type MSH-10 alone."""
    wanted, id_ = typed.strip(), _uuid(typed)
    key = [wanted, *([str(id_)] if id_ else [])]
    referrals = {row["id"]: None for row in await connection.fetch(_BY_ID, id_)} if id_ else {}
    if (ref := ReferralRef.read(wanted)) is not None:
        referrals |= {row["id"]: None for row in await connection.fetch(_BY_REF, ref.value)}
    referrals |= {row["id"]: None for row in await connection.fetch(_BY_KEY, key)}
    refusals = tuple(row["id"] for row in await connection.fetch(_REFUSED, key, id_))
    requests = tuple((row["client"], row["key"]) for row in await connection.fetch(_REQUESTED, key))
    return Found(tuple(referrals)[:MOST], refusals, requests)


async def referral_called(connection: Connection, typed: str) -> UUID | None:
    """The referral of that reference or id; None when there is none."""
    if (ref := ReferralRef.read(typed)) is not None:
        found: UUID | None = await connection.fetchval(_BY_REF, ref.value)
        return found
    id_ = _uuid(typed)
    known: UUID | None = await connection.fetchval("SELECT id FROM referral WHERE id = $1", id_) if id_ else None
    return known


def _uuid(typed: str) -> UUID | None:
    try:
        return UUID(typed.strip())
    except ValueError:
        return None
