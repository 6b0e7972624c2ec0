"""In intake: the few look-ups that a message needs before its change can be asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from hub.ledger.database import Pool, lent
from hub.ledger.marks import marks_of, merged_into
from schemas.messages import Target


async def referral_of_task(pool: Pool, task: UUID, client: str) -> UUID | None:
    """The referral of a Task that this client owns; None when there is none, or it is another's. Raises Unavailable."""
    async with lent(pool) as connection:
        found: UUID | None = await connection.fetchval("SELECT referral_id FROM task WHERE id = $1 AND client = $2", task, client)
    return found


@dataclass(frozen=True, slots=True)
class Standing:
    """A referral as its own sender may know it."""

    id: UUID
    ref: str
    content_version: int


_NAMED = """
SELECT DISTINCT r.id, r.ref, r.content_version FROM referral_identifier n JOIN referral r ON r.id = n.referral_id WHERE n.client = $1 AND n.hash = ANY($2)
"""
_SAID_OF = """
SELECT r.id, r.closed_at IS NULL AS open, n.named, r.correlation IS NOT NULL AND r.correlation = $3 AS on_journey
FROM referral r, LATERAL (
    SELECT EXISTS (SELECT 1 FROM referral_identifier n WHERE n.referral_id = r.id AND n.client = $1 AND n.hash = ANY($4)) AS named
) n
WHERE r.client = $1 AND CASE
    WHEN $2::uuid IS NOT NULL THEN r.id = $2
    ELSE r.id IN (
        SELECT j.id FROM referral j WHERE j.client = $1 AND j.correlation = $3::text UNION
        SELECT i.referral_id FROM referral_identifier i WHERE i.client = $1 AND i.hash = ANY($4)
    )
END
"""
_OFFERED = """
SELECT EXISTS (
    SELECT 1 FROM referral_identifier n JOIN referral r ON r.id = n.referral_id
    WHERE n.client = $1 AND n.hash = ANY($2) AND (r.closed_at IS NULL OR r.status NOT IN ('cancelled', 'entered-in-error'))
) OR EXISTS (
    SELECT 1 FROM person_key p JOIN referral r ON r.id = p.referral_id AND r.client = $1 AND r.closed_at IS NULL
    JOIN event e ON e.referral_id = r.id AND e.version = 1 AND e.type = 'referral.offered.v1' WHERE p.hash = ANY($3) AND p.kind <> 'name'
)
"""


async def referrals_named(pool: Pool, client: str, names: Sequence[bytes]) -> list[Standing]:
    """This client's referrals under any of these identifiers, open or not. Raises Unavailable."""
    async with lent(pool) as connection:
        rows = await connection.fetch(_NAMED, client, list(names))
    return [Standing(row["id"], row["ref"], row["content_version"]) for row in rows]


async def offered_before(pool: Pool, client: str, names: Sequence[bytes], person: Sequence[bytes]) -> bool:
    """Whether this client offered that already: under one of these identifiers, and it stands or came to its end (one that was taken back was
    no offer); or, of an offer without any, the same person, and it stands. Raises Unavailable."""
    async with lent(pool) as connection:
        found: bool = await connection.fetchval(_OFFERED, client, list(names), list(person))
    return found


async def marks_on(pool: Pool, hashes: Sequence[bytes]) -> frozenset[str]:
    """What is known from elsewhere (`died`) of the person with these hashes, or whom they were merged into. Raises Unavailable."""
    if not hashes:
        return frozenset()
    async with lent(pool) as connection:
        marks = await marks_of(connection, hashes)
    return frozenset(kind for value in (*hashes, *merged_into(hashes, marks)) for kind in marks.get(value, ())) - {"merged"}


@dataclass(frozen=True, slots=True)
class Meant:
    """A referral that a later message may mean; `named`: by the sender's own identifier."""

    id: UUID
    named: bool


async def referrals_said_of(pool: Pool, client: str, target: Target, journey: str | None, names: Sequence[bytes]) -> tuple[Meant, ...]:
    """This client's referrals that a later message may mean: by our id; else by the journey and the sender's own identifiers. Where these agree
    they say together which; where they lead to different referrals all of them may be meant. Of several those that are still open.
    Raises Unavailable."""
    if target.referral_id is not None and (wanted := _uuid(target.referral_id)) is None:
        return ()
    async with lent(pool) as connection:
        rows = await connection.fetch(_SAID_OF, client, wanted if target.referral_id is not None else None, journey, list(names))
    found = [row for row in rows if row["named"] and row["on_journey"]] or rows
    still_open = [row for row in found if row["open"]]
    return tuple(sorted((Meant(row["id"], row["named"]) for row in (still_open or found)), key=lambda one: one.id))


def _uuid(typed: str) -> UUID | None:
    try:
        return UUID(typed)
    except ValueError:
        return None
