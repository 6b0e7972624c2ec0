"""In routing: what it reads before it decides: the referrals' contents, and the directory as one snapshot that follows changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from hub.content import referral_of
from hub.directory.snapshot import DirectorySnapshot, from_rows
from hub.ledger import directory
from hub.ledger.database import Pool, lent
from hub.ledger.sealing import NotReadable, Sealing
from hub.telemetry import LogEvent, log
from schemas.referral import Referral

_CONTENTS = "SELECT id, client, content, content_version, sealing_key FROM referral WHERE id = ANY($1) AND closed_at IS NULL AND held_reason IS NULL"


@dataclass(frozen=True, slots=True)
class Content:
    """What decide() reads of one referral, at one version of its content."""

    client: str
    version: int
    referral: Referral = field(repr=False)


async def contents(pool: Pool, sealing: Sealing, ids: Sequence[UUID]) -> dict[UUID, Content]:
    """The contents of those of these referrals that are open, not held and not erased. Raises Unavailable."""
    async with lent(pool) as connection:
        rows = await connection.fetch(_CONTENTS, list(set(ids)))
    found: dict[UUID, Content] = {}
    for row in rows:
        try:
            opened = sealing.key(row["id"], row["sealing_key"]).open("content", row["content"])
        except NotReadable:
            continue
        found[row["id"]] = Content(row["client"], row["content_version"], referral_of(opened))
    return found


@dataclass(slots=True)
class DirectoryReader:
    """The directory in memory, read again when it has changed."""

    pool: Pool
    _mark: int | None = None
    _snapshot: DirectorySnapshot | None = None

    async def now(self) -> DirectorySnapshot:
        """The directory as it stands. Raises Unavailable."""
        mark = await directory.changed(self.pool)
        if self._snapshot is None or mark != self._mark:
            self._snapshot = from_rows(*await directory.read(self.pool))
            self._mark = mark
            log(LogEvent.SNAPSHOT_LOADED, stage="routing", rows=self._snapshot.size)
        return self._snapshot

    def forget(self) -> None:
        """What was found under the lock differs from it: read it again."""
        self._snapshot = None
