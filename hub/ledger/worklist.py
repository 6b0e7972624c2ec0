"""In the ledger: what waits for a person. Facts put items here and close them; who dealt with one, and the note they left (sealed), is written here."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from asyncpg import Connection, Record

from hub.ledger.changes import Audit
from hub.ledger.rows import audit_rows, insert_audit
from hub.ledger.sealing import NotReadable, Sealing

_ITEMS = """
SELECT w.*, r.ref, r.client, r.priority, r.area, r.needs, r.deadline_at, r.sealing_key, d.recipient, now() AS now
FROM worklist_item w JOIN referral r ON r.id = w.referral_id LEFT JOIN delivery d ON d.id = w.id
"""
_OPEN = f"{_ITEMS} WHERE w.closed_at IS NULL ORDER BY w.alert_at NULLS LAST, w.opened_at"
_CALLED = f"{_ITEMS} WHERE w.id::text LIKE $1 || '%' ORDER BY w.id LIMIT 2"
_OF_REFERRAL = f"{_ITEMS} WHERE r.ref = $1 AND w.closed_at IS NULL ORDER BY w.opened_at LIMIT 2"
_SIGN = "UPDATE worklist_item SET closed_by = $2, note = $3 WHERE id = $1 AND closed_at IS NULL RETURNING id"
_UNSIGN = "UPDATE worklist_item SET closed_by = NULL, note = NULL WHERE id = $1 AND closed_at IS NULL"
_CLOSE = "UPDATE worklist_item SET closed_at = now(), closed_by = $2, note = $3 WHERE id = $1 AND closed_at IS NULL RETURNING referral_id"
_TOLD = """
UPDATE delivery SET outcome = 'told by hand', finished_at = coalesce(finished_at, now()), state = CASE state WHEN 'pending' THEN 'refused' ELSE state END
WHERE id = $1 AND (state IN ('refused', 'exhausted') OR (state = 'pending' AND transport = 'letter'))
"""
_WORDS = "SELECT recipient, fact, body FROM delivery WHERE id = $1"


@dataclass(frozen=True, slots=True)
class Item:
    """One item with what is known of its referral; no person's data. `now` is the database's time; `note` rests sealed; `recipient` is whom a
    `tell-by-hand` is for: a client's or prescriber's id, `person` or `professional`."""

    id: UUID
    referral_id: UUID
    ref: str
    kind: str
    reason: str
    opened_at: datetime
    alert_at: datetime | None
    closed_at: datetime | None
    client: str
    priority: str
    area: str | None
    needs: tuple[str, ...]
    deadline_at: datetime | None
    now: datetime
    note: str | None = field(default=None, repr=False)
    sealing_key: bytes | None = field(default=None, repr=False)
    recipient: str | None = None


@dataclass(frozen=True, slots=True)
class ToTell:
    """The message behind a `tell-by-hand`: to whom, of which fact, and what was composed for them."""

    recipient: str
    fact: str
    body: bytes = field(repr=False)


async def open_items(connection: Connection) -> list[Item]:
    """Every open item, the next alarm first."""
    return [_item(row) for row in await connection.fetch(_OPEN)]


async def called(connection: Connection, typed: str) -> list[Item]:
    """The item whose id begins like that, else the open ones of the referral of that reference (12 characters); two where it is not clear which."""
    wanted = typed.strip().lower()
    found = await connection.fetch(_CALLED, wanted) if wanted and set(wanted) <= set("0123456789abcdef-") else []
    return [_item(row) for row in found or await connection.fetch(_OF_REFERRAL, typed)]


async def sign(connection: Connection, sealing: Sealing, item: Item, by: str, note: str | None) -> bool:
    """Say who deals with an item before the fact that closes it is committed (which keeps the name); whether it was open."""
    return await connection.fetchval(_SIGN, item.id, by, _sealed(sealing, item, note)) is not None


async def unsign(connection: Connection, item: Item) -> None:
    """The fact was not committed: nobody deals with it after all."""
    await connection.execute(_UNSIGN, item.id)


async def close(connection: Connection, sealing: Sealing, item: Item, by: str, note: str | None, audit: Audit) -> bool:
    """Dealt with, and audited; the referral stays as it is. Whether it was open."""
    async with connection.transaction():
        done = await connection.fetchval(_CLOSE, item.id, by, _sealed(sealing, item, note)) is not None
        if done and item.kind == "tell-by-hand":
            await connection.execute(_TOLD, item.id)
        if done:
            await insert_audit(connection, audit_rows([(audit, item.referral_id)]))
    return done


async def to_tell(connection: Connection, sealing: Sealing, item: Item) -> ToTell | None:
    """What is to be told by hand; None where the item is of another kind."""
    row = await connection.fetchrow(_WORDS, item.id)
    if row is None:
        return None
    try:
        body = sealing.key(item.referral_id, item.sealing_key).open(f"delivery|{item.id}", row["body"]) if row["body"] else b""
    except NotReadable:
        body = b""
    return ToTell(row["recipient"], row["fact"], body)


def note_of(sealing: Sealing, item: Item) -> str | None:
    """The note that was left; None where there is none or it does not open."""
    if item.note is None:
        return None
    try:
        return sealing.key(item.referral_id, item.sealing_key).open(f"note|{item.id}", base64.b64decode(item.note)).decode()
    except (NotReadable, ValueError):
        return None


def _sealed(sealing: Sealing, item: Item, note: str | None) -> str | None:
    """Free text may name somebody: it rests as the referral does. Nothing is kept of an erased referral."""
    if not note or item.sealing_key is None:
        return None
    return base64.b64encode(sealing.key(item.referral_id, item.sealing_key).seal(f"note|{item.id}", note.encode())).decode()


def _item(row: Record) -> Item:
    return Item(
        row["id"], row["referral_id"], row["ref"], row["kind"], row["reason"], row["opened_at"], row["alert_at"], row["closed_at"], row["client"],
        row["priority"], row["area"], tuple(row["needs"]), row["deadline_at"], row["now"], row["note"], row["sealing_key"],
        row["recipient"],
    )  # fmt: skip
