"""In the ledger: takes the locks that a batch of amendments needs, always in one order (persons, referrals, counted prescribers), and reads what stands."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from asyncpg import Connection, Record

from hub.ledger.changes import Amendment, Locked
from hub.ledger.marks import marks_of, merged_into
from hub.ledger.sealing import NotReadable, ReferralKey, Sealing
from schemas.task import ReferralState, Role, TaskState, TaskStatus

_REFERRALS = """
SELECT *, now() AS at, coalesce(deadline_at <= now(), false) AS overdue FROM referral WHERE id = ANY($1) ORDER BY id FOR UPDATE
"""
_TASKS = "SELECT * FROM task WHERE referral_id = ANY($1) ORDER BY referral_id, role, ordinal"
_COUNTED = "SELECT id, state, places FROM prescriber WHERE id = ANY($1) ORDER BY id FOR UPDATE"
_TAKEN = """
SELECT counted_id, count(*) AS taken FROM place_taken WHERE kind = 'prescriber' AND released_at IS NULL AND counted_id = ANY($1) GROUP BY counted_id
"""
_OF_PERSON = """
SELECT DISTINCT p.referral_id, p.hash FROM person_key p JOIN referral r ON r.id = p.referral_id WHERE p.hash = ANY($1) AND r.closed_at IS NULL
"""
_STOPPED = """
SELECT DISTINCT p.referral_id, p.hash FROM person_key p JOIN referral r ON r.id = p.referral_id
JOIN person_mark m ON m.hash = p.hash AND m.kind = 'died' AND m.client = $2
WHERE p.hash = ANY($1) AND r.closed_at IS NOT NULL AND r.business_status = 'closed-died'
"""


@dataclass(slots=True)
class Held:
    """What a batch holds locked. `free` counts down as places are taken within the batch (None: no limit known)."""

    referrals: dict[UUID, Locked] = field(default_factory=dict)
    keys: dict[UUID, ReferralKey | None] = field(default_factory=dict)
    last_hash: dict[UUID, bytes] = field(default_factory=dict)
    of_person: dict[bytes, set[UUID]] = field(default_factory=dict)
    stopped: dict[tuple[bytes, str], set[UUID]] = field(default_factory=dict)
    marks: dict[bytes, set[str]] = field(default_factory=dict)
    free: dict[str, int | None] = field(default_factory=dict)

    def wanted_by(self, change: Amendment) -> tuple[UUID, ...]:
        """The referrals that a change is about, by id and by person, sorted."""
        found = {id_ for person in change.person for id_ in self.of_person.get(person.value, ())}
        if change.revives and change.request is not None:
            found |= {id_ for person in change.person for id_ in self.stopped.get((person.value, change.request.client), ())}
        return tuple(sorted({*change.referrals, *found} & self.referrals.keys()))


async def lock(connection: Connection, changes: Sequence[Amendment], sealing: Sealing) -> Held:
    """Take every lock of the batch in the open transaction and read the rows behind them."""
    held = Held()
    hashes = sorted({person.value for one in changes for person in (*one.person, *(mark.person for mark in one.marks))})
    if hashes:
        await _lock_persons(connection, hashes, held)
        await _find_stopped(connection, changes, held)
    of_persons = (id_ for found in (*held.of_person.values(), *held.stopped.values()) for id_ in found)
    ids = sorted({*(id_ for one in changes for id_ in one.referrals), *of_persons})
    counted = sorted({prescriber for one in changes for prescriber in one.counted})
    rows = await connection.fetch(_REFERRALS, ids)
    tasks = await connection.fetch(_TASKS, ids)
    if counted:
        await _count(connection, counted, held)
    by_referral = _grouped(tasks)
    for row in rows:
        held.last_hash[row["id"]] = row["last_hash"]
        held.keys[row["id"]] = key = _key(sealing, row)
        held.referrals[row["id"]] = _locked(row, by_referral[row["id"]], key, held)
    return held


async def _lock_persons(connection: Connection, hashes: list[bytes], held: Held) -> None:
    """A person who was merged is looked for under the surviving number too, and carries its marks."""
    marks = await marks_of(connection, hashes)
    also = {value: merged_into((value,), marks) for value in hashes}
    open_now: dict[bytes, set[UUID]] = defaultdict(set)
    for row in await connection.fetch(_OF_PERSON, sorted({*hashes, *(one for found in also.values() for one in found)})):
        open_now[row["hash"]].add(row["referral_id"])
    for value in hashes:
        held.marks[value] = {kind for one in (value, *also[value]) for kind in marks.get(one, ())}
        held.of_person[value] = set().union(*(open_now[one] for one in (value, *also[value])))


async def _find_stopped(connection: Connection, changes: Sequence[Amendment], held: Held) -> None:
    """Referrals that a death ended which this sender had told: the sender says now that the person lives."""
    for change in changes:
        if change.revives and change.request is not None:
            client = change.request.client
            for row in await connection.fetch(_STOPPED, [person.value for person in change.person], client):
                held.stopped.setdefault((row["hash"], client), set()).add(row["referral_id"])


async def _count(connection: Connection, counted: list[str], held: Held) -> None:
    limits = {row["id"]: (row["state"], row["places"]) for row in await connection.fetch(_COUNTED, counted)}
    taken = {row["counted_id"]: row["taken"] for row in await connection.fetch(_TAKEN, counted)}
    for prescriber, (state, places) in limits.items():
        held.free[prescriber] = 0 if state == "no-capacity" else None if places is None else max(0, places - taken.get(prescriber, 0))


def _grouped(tasks: Iterable[Record]) -> dict[UUID, list[Record]]:
    grouped: dict[UUID, list[Record]] = defaultdict(list)
    for row in tasks:
        grouped[row["referral_id"]].append(row)
    return grouped


def _key(sealing: Sealing, row: Record) -> ReferralKey | None:
    try:
        return sealing.key(row["id"], row["sealing_key"])
    except NotReadable:
        return None


def _locked(row: Record, tasks: list[Record], key: ReferralKey | None, held: Held) -> Locked:
    state = ReferralState(str(row["id"]), row["version"], tuple(task_state(task) for task in sorted(tasks, key=_tree_order)))
    return Locked(
        id=row["id"], ref=row["ref"], client=row["client"], connector=row["connector"], correlation=row["correlation"], state=state,
        content_version=row["content_version"], held=row["held_reason"], clock=row["clock"], deadline_at=row["deadline_at"], overdue=row["overdue"],
        priority=row["priority"], area=row["area"], needs=tuple(row["needs"]), tried=tuple(row["tried"]),
        task_clients={str(task["id"]): task["client"] for task in tasks if task["client"]},
        created={str(task["id"]): task["created_at"] for task in tasks}, trace=row["trace"], now=row["at"],
        content=key.open("content", row["content"]) if key and row["content"] else b"",
        message=key.open("message", row["message"]) if key and row["message"] else b"", free=held.free,
    )  # fmt: skip


def _tree_order(task: Record) -> tuple[int, int]:
    return list(Role).index(Role(task["role"])), task["ordinal"]


def task_state(row: Record) -> TaskState:
    """A Task row as the lifecycle reads it."""
    return TaskState(
        str(row["id"]), Role(row["role"]), row["ordinal"], TaskStatus(row["status"]), row["business_status"], row["owner"], row["version"], row["reason"],
        tuple(TaskStatus(step) for step in row["inferred"]), row["sequence"],
    )  # fmt: skip
