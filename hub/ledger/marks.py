"""In the ledger: what stays known of a person under a keyed hash: that they died, or into whom they were merged; read under the person's lock."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeAlias

from asyncpg import Connection

Marks: TypeAlias = Mapping[bytes, Mapping[str, bytes | None]]
"""Kinds of marks, and where they point, by person hash."""
_FURTHEST = 8


async def marks_of(connection: Connection, hashes: Iterable[bytes]) -> Marks:
    """Locks these persons, then whoever they were merged into, and reads their marks, in the open transaction.

    The second locks come after the first, whatever their order: two that cross are a deadlock, which PostgreSQL ends and the commit tries again.
    """
    found: dict[bytes, dict[str, bytes | None]] = {}
    seen: set[bytes] = set()
    wanted = set(hashes)
    for _ in range(_FURTHEST):
        if not wanted:
            break
        for row in await connection.fetch("SELECT hash, kind, points_to FROM marks_of($1)", sorted(wanted)):
            found.setdefault(row["hash"], {})[row["kind"]] = row["points_to"]
        seen |= wanted
        wanted = {to for marks in found.values() if (to := marks.get("merged")) is not None} - seen
    return found


def merged_into(hashes: Iterable[bytes], marks: Marks) -> list[bytes]:
    """Whoever these persons were merged into, step by step, without themselves; sorted."""
    own = set(hashes)
    found: set[bytes] = set()
    wanted = own
    while wanted:
        wanted = {to for value in wanted if (to := marks.get(value, {}).get("merged")) is not None} - found
        found |= wanted
    return sorted(found - own)
