"""At every door: who may come in, from memory; read again from the ledger every two seconds, so that a revoked client is out within five."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from pydantic import ValidationError

from hub.errors import Unavailable
from hub.ledger.clients import ClientRow, note_used, read_clients
from hub.ledger.database import Pool
from hub.ledger.sealing import Sealing
from hub.security.client import Client, MllpBinding, Outbound
from hub.security.keys import key_hash, owner
from hub.security.scopes import Scope
from hub.telemetry import LogEvent, log
from schemas.profile import Profile

REFRESH_SECONDS = 2.0
_NOTE_EVERY = 30
"""Refreshes between two notes of who was heard from."""


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(slots=True)
class Clients:
    """Every client that is not revoked. `load` it, then keep `run` going; looking up waits for nothing."""

    pool: Pool
    sealing: Sealing
    clock: Callable[[], datetime] = _now
    _rows: dict[str, ClientRow] = field(default_factory=dict)
    _clients: dict[str, Client] = field(default_factory=dict)
    _used: set[str] = field(default_factory=set)

    async def load(self) -> None:
        """Read the clients as they stand now. Raises Unavailable."""
        rows = {row.id: row for row in await read_clients(self.pool, self.sealing)}
        self._clients = {id_: made for id_, row in rows.items() if (made := self._made(row)) is not None}
        self._rows = rows

    async def run(self) -> None:
        """Read them again every two seconds until cancelled; while the ledger does not answer, nothing can be stored either."""
        turn = 0
        while True:
            await asyncio.sleep(REFRESH_SECONDS)
            turn += 1
            with contextlib.suppress(Unavailable):
                await self.load()
                if turn % _NOTE_EVERY == 0:
                    await self.note_used()

    async def note_used(self) -> None:
        """Write down who was heard from since the last time; also to be called once at the end. Raises Unavailable."""
        used, self._used = self._used, set()
        if used:
            await note_used(self.pool, used)

    def by_key(self, presented: str) -> Client | None:
        """The client whose key this is. A wrong key costs as much time as a right one."""
        digest = key_hash(self.sealing, presented[:200])
        client = self._clients.get(owner(presented) or "")
        if not (client or _NOBODY).has_key(digest, self.clock()) or client is None:
            return None
        self._used.add(client.id)
        return client

    def by_mllp(self, peer: str, application: str, facility: str, names: frozenset[str] | None = None) -> Client | None:
        """The client bound to this address and to these namespace ids of MSH-3 and MSH-4; all three must agree, and on a line with TLS the
        certificate too (`names`: by which it can be named)."""
        for client in self._clients.values():
            bound = client.mllp
            if bound and (bound.sending_application, bound.sending_facility) == (application, facility) and bound.covers(peer) and bound.shows(names):
                self._used.add(client.id)
                return client
        return None

    def knows_address(self, peer: str) -> bool:
        """Whether any client may speak MLLP from there; if not, the connection need not be listened to."""
        return any(client.mllp is not None and client.mllp.covers(peer) for client in self._clients.values())

    def by_id(self, client: str) -> Client | None:
        """The client, unless it is unknown or revoked."""
        return self._clients.get(client)

    def all(self) -> tuple[Client, ...]:
        """Every client, by id."""
        return tuple(self._clients.values())

    def _made(self, row: ClientRow) -> Client | None:
        """The client of this row, made anew only when the row changed. One that makes no sense is left out, so that it cannot do harm."""
        if self._rows.get(row.id) == row and row.id in self._clients:
            return self._clients[row.id]
        try:
            return client_of(row)
        except (ValidationError, ValueError, TypeError) as fault:
            if self._rows.get(row.id) != row:
                log(LogEvent.CLIENT_REFUSED, "error", fault, client=row.id)
            return None


def client_of(row: ClientRow) -> Client:
    """The client that a row says. Raises ValueError, TypeError or ValidationError when it says none."""
    return Client(
        id=row.id,
        name=row.name,
        organisation_type=row.organisation_type,
        scopes=frozenset(Scope(scope) for scope in row.scopes),
        profile=Profile(**row.profile),
        outbound=Outbound(**row.outbound) if row.outbound else None,
        mllp=MllpBinding(**{**row.mllp, **{name: tuple(row.mllp.get(name, ())) for name in ("addresses", "certificates")}}) if row.mllp else None,
        kafka=row.kafka,
        key_hash=row.key_hash,
        key_expires_at=row.key_expires_at,
        secrets=row.secrets,
    )


_NOBODY = Client("nobody", "nobody", "other", frozenset(), key_hash=b"\0" * 32, key_expires_at=datetime(1970, 1, 1, tzinfo=UTC))
