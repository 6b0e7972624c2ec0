"""In the ledger: the table of clients. Keys rest as keyed hashes, secrets sealed; every change is audited in the same transaction."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import asyncpg

from hub.ledger.database import Pool, lent
from hub.ledger.sealing import NotReadable, Sealing

KEY_DAYS = 365
"""A key is good for so long and no longer."""
_PURPOSE = "client-secrets"
_COLUMNS = """id, name, organisation_type, scopes, profile, key_hash, key_expires_at, outbound, outbound_secret, mllp, kafka"""


class ClientExists(Exception):  # noqa: N818
    """A client of that id stands already, perhaps revoked: an id is never given twice, since it is the author of what was sent."""


@dataclass(frozen=True, slots=True)
class ClientRow:
    """One row as it rests, opened. `profile`, `outbound` and `mllp` are the objects that the columns hold."""

    id: str
    name: str
    organisation_type: str
    scopes: tuple[str, ...]
    profile: dict[str, Any]  # Any: JSON, checked by whoever makes a Client of it
    outbound: dict[str, Any] | None
    mllp: dict[str, Any] | None
    kafka: bool
    key_hash: bytes | None = field(repr=False)
    key_expires_at: datetime | None = None
    secrets: tuple[str, ...] = field(default=(), repr=False)


async def read_clients(pool: Pool, sealing: Sealing) -> tuple[ClientRow, ...]:
    """Every client that is not revoked, by id. Raises Unavailable."""
    async with lent(pool) as connection:
        rows = await connection.fetch(f"SELECT {_COLUMNS} FROM client WHERE revoked_at IS NULL ORDER BY id")  # noqa: S608  our own column names
    return tuple(_row(row, sealing) for row in rows)


async def list_clients(pool: Pool) -> list[asyncpg.Record]:
    """What a person may see of every client, revoked ones too: id, name, organisation_type, scopes, profile, outbound, mllp, kafka and times."""
    async with lent(pool) as connection:
        found: list[asyncpg.Record] = await connection.fetch(
            """SELECT id, name, organisation_type, scopes, profile, outbound, mllp, kafka, created_at, last_used_at, key_expires_at, revoked_at
               FROM client ORDER BY id"""
        )
    return found


async def insert_client(pool: Pool, sealing: Sealing, row: ClientRow, actor: str) -> datetime:
    """Write a new client; the time at which its key ends. Raises ClientExists and Unavailable."""
    async with lent(pool) as connection, connection.transaction():
        ends: datetime | None = await connection.fetchval(
            """INSERT INTO client (id, name, organisation_type, scopes, profile, key_hash, key_expires_at, outbound, outbound_secret, mllp, kafka)
               VALUES ($1, $2, $3, $4, $5::jsonb, $6, now() + make_interval(days => $7), $8::jsonb, $9, $10::jsonb, $11)
               ON CONFLICT (id) DO NOTHING RETURNING key_expires_at""",
            row.id, row.name, row.organisation_type, list(row.scopes), json.dumps(row.profile), row.key_hash, KEY_DAYS,
            _json(row.outbound), _sealed(sealing, row), _json(row.mllp), row.kafka,
        )  # fmt: skip
        if ends is None:
            raise ClientExists(row.id)
        await _audit(connection, actor, "client.added", row.id, {"scopes": " ".join(row.scopes)})
    return ends


async def replace_key(pool: Pool, sealing: Sealing, row: ClientRow, actor: str) -> datetime | None:
    """Give a client the key and secrets of `row`; the time at which the key ends, None when there is no such client. Raises Unavailable."""
    async with lent(pool) as connection, connection.transaction():
        ends: datetime | None = await connection.fetchval(
            """UPDATE client SET key_hash = $2, key_expires_at = now() + make_interval(days => $3), outbound_secret = $4
               WHERE id = $1 AND revoked_at IS NULL RETURNING key_expires_at""",
            row.id, row.key_hash, KEY_DAYS, _sealed(sealing, row),
        )  # fmt: skip
        if ends is not None:
            await _audit(connection, actor, "client.renewed", row.id, {})
    return ends


async def replace_agreement(pool: Pool, client: str, agreed: bool, actor: str) -> bool:
    """Record in a client's profile whether its organisation agreed that its referrals go to the prescriber service; whether there is such a
    client. Raises Unavailable."""
    async with lent(pool) as connection, connection.transaction():
        done = await connection.fetchval(
            """UPDATE client SET profile = profile || jsonb_build_object('sharing_agreement', $2::boolean)
               WHERE id = $1 AND revoked_at IS NULL RETURNING true""",
            client, agreed,
        )  # fmt: skip
        if done:
            await _audit(connection, actor, "client.agreed" if agreed else "client.agreement-ended", client, {})
    return bool(done)


async def revoke_client(pool: Pool, client: str, actor: str) -> bool:
    """Its key and secrets are gone; whether there was such a client, not yet revoked. Raises Unavailable."""
    async with lent(pool) as connection, connection.transaction():
        done = await connection.fetchval(
            """UPDATE client SET revoked_at = now(), key_hash = NULL, outbound_secret = NULL, kafka = false
               WHERE id = $1 AND revoked_at IS NULL RETURNING true""",
            client,
        )
        if done:
            await _audit(connection, actor, "client.revoked", client, {})
    return bool(done)


async def note_used(pool: Pool, clients: Collection[str]) -> None:
    """These clients were heard from. Raises Unavailable."""
    async with lent(pool) as connection:
        await connection.execute("UPDATE client SET last_used_at = now() WHERE id = ANY($1::text[])", sorted(clients))


async def _audit(connection: asyncpg.Connection, actor: str, action: str, client: str, detail: dict[str, str]) -> None:
    await connection.execute(
        "INSERT INTO audit (actor, action, detail) VALUES ($1, $2, $3::jsonb)", actor, action, json.dumps({"client": client, **detail}, sort_keys=True)
    )


def _sealed(sealing: Sealing, row: ClientRow) -> bytes | None:
    return sealing.seal(f"{_PURPOSE}|{row.id}", json.dumps(list(row.secrets)).encode()) if row.secrets else None


def _opened(sealing: Sealing, row: asyncpg.Record) -> tuple[str, ...]:
    """The secrets; none when they were sealed with another hub's key (its webhook then cannot be signed, and so is not sent)."""
    if row["outbound_secret"] is None:
        return ()
    try:
        return tuple(json.loads(sealing.open(f"{_PURPOSE}|{row['id']}", row["outbound_secret"])))
    except NotReadable:
        return ()


def _row(row: asyncpg.Record, sealing: Sealing) -> ClientRow:
    return ClientRow(
        row["id"], row["name"], row["organisation_type"], tuple(row["scopes"]), _parsed(row["profile"]) or {}, _parsed(row["outbound"]),
        _parsed(row["mllp"]), row["kafka"], row["key_hash"], row["key_expires_at"], _opened(sealing, row),
    )  # fmt: skip


def _json(value: dict[str, Any] | None) -> str | None:  # Any: as in ClientRow
    return None if value is None else json.dumps(value)


def _parsed(value: str | None) -> Any:  # Any: as in ClientRow
    return None if value is None else json.loads(value)
