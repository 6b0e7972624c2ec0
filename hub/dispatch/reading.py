"""In dispatch: what the ledger says of the facts that came by, read before the referral is locked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from asyncpg import Record

from hub.ledger.database import Pool, lent
from hub.ledger.sealing import NotReadable, Sealing
from schemas.events import FactType
from schemas.task import Party
from schemas.words import Text

_FACTS = """
SELECT e.id, e.referral_id, e.version, e.type, e.source, e.time, e.reason, e.task_id, e.tells,
       CASE WHEN e.type = 'referral.assigned.v1' THEN e.payload END AS payload, r.sealing_key,
       (SELECT q.message_id FROM request q WHERE q.referral_id = e.referral_id LIMIT 1) AS message_id
FROM event e JOIN referral r ON r.id = e.referral_id WHERE e.id = ANY($1)
"""
_PRESCRIBERS = """
SELECT DISTINCT p.id, p.client, p.data->>'name' AS name, p.data->>'name_cy' AS name_cy
FROM task t JOIN prescriber p ON p.id = t.owner WHERE t.role = 'hand-over' AND t.referral_id = ANY($1)
"""


@dataclass(frozen=True, slots=True)
class Fact:
    """One recorded fact: `task_id` is the Task it is about, `tells` who must hear of it, `payload` the assignment's own content,
    `at_the_door` whether its sender heard of it in the answer to the message that caused it."""

    id: UUID
    referral_id: UUID
    version: int
    type: FactType
    time: datetime
    tells: frozenset[Party]
    reason: str | None = None
    task_id: str | None = None
    message_id: str | None = None
    at_the_door: bool = False
    payload: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class PrescriberName:
    """A prescriber as others are told of it, and the client system it works with, if any."""

    id: str
    name: Text
    client: str | None = None


async def read_facts(pool: Pool, sealing: Sealing, events: Sequence[UUID]) -> Mapping[UUID, Fact]:
    """The facts by event id; one that the ledger does not have is missing. Raises Unavailable."""
    async with lent(pool) as connection:
        rows = await connection.fetch(_FACTS, list(events))
    return {row["id"]: _fact(row, sealing) for row in rows}


async def read_prescribers(pool: Pool, referrals: Sequence[UUID]) -> Mapping[str, PrescriberName]:
    """Every prescriber who was asked for one of these referrals, by id. Raises Unavailable."""
    async with lent(pool) as connection:
        rows = await connection.fetch(_PRESCRIBERS, list(referrals))
    return {row["id"]: PrescriberName(row["id"], _named(row), row["client"]) for row in rows}


def _named(row: Record) -> Text:
    name = row["name"] or row["id"]
    return Text(en=name, cy=row["name_cy"] or name)


def _fact(row: Record, sealing: Sealing) -> Fact:
    payload = b""
    if row["payload"] is not None:
        try:
            payload = sealing.key(row["referral_id"], row["sealing_key"]).open(f"event|{row['id']}", row["payload"])
        except NotReadable:
            payload = b""
    return Fact(
        row["id"], row["referral_id"], row["version"], FactType(row["type"]), row["time"], frozenset(Party(one) for one in row["tells"]), row["reason"],
        str(row["task_id"]) if row["task_id"] else None, row["message_id"], row["source"].startswith("/connectors/"), payload,
    )  # fmt: skip
