"""In dispatch: who must be told of a fact, and by which system of theirs. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from hub.dispatch.reading import Fact, PrescriberName
from hub.ledger.changes import Locked
from hub.security.client import Client
from schemas.events import FactType
from schemas.task import Party, Role, TaskState

_SUMMARY = frozenset(
    {
        FactType.HELD, FactType.ASSIGNED, FactType.ACCEPTED, FactType.STEPPED_UP, FactType.COMPLETED, FactType.FAILED, FactType.CLOSED, FactType.CANCELLED,
        FactType.ENTERED_IN_ERROR, FactType.PERSON_DIED,
    }
)  # fmt: skip
"""What a referrer hears who wants a summary."""
_ALWAYS = frozenset({FactType.HELD, FactType.STEPPED_UP})
"""What every referrer hears, whatever it wants: a person may be in danger, and nobody else was sent anything."""


class Known(Protocol):
    """The clients as they stand now."""

    def by_id(self, client: str) -> Client | None: ...


@dataclass(frozen=True, slots=True)
class Recipient:
    """Somebody who must be told. `client` None: no system of theirs can be told; `name` is then who a person must ring. `wants` False: this
    referrer's profile says that it does not want to hear of this; whoever it referred may."""

    party: Party
    name: str
    client: Client | None
    task: TaskState
    wants: bool = True


def recipients(fact: Fact, locked: Locked, known: Known, prescribers: Mapping[str, PrescriberName]) -> Iterator[Recipient]:
    """Each recipient once. The referrer sees the coordination Task, a prescriber its own hand-over. Operations read the worklist, where the
    fact itself put an item."""
    if Party.REFERRER in fact.tells:
        yield _referrer(fact, locked, known)
    if Party.PRESCRIBER in fact.tells:
        for task in _hand_overs(fact, locked):
            yield _prescriber(task, locked, known, prescribers)


def _referrer(fact: Fact, locked: Locked, known: Known) -> Recipient:
    client = known.by_id(locked.client)
    wanted = client.profile.feedback if client is not None else None
    unwanted = fact.type not in _ALWAYS and (wanted == "none" or (wanted == "summary" and fact.type not in _SUMMARY))
    return Recipient(Party.REFERRER, locked.client, client, locked.state.coordination, not unwanted)


def _hand_overs(fact: Fact, locked: Locked) -> Iterator[TaskState]:
    """The hand-over that the fact is about; else every one that was open when it happened."""
    hand_overs = [task for task in locked.state.tasks if task.role is Role.HAND_OVER]
    about = [task for task in hand_overs if task.id == fact.task_id]
    yield from about or (task for task in hand_overs if _was_open(task, fact, locked))


def _was_open(task: TaskState, fact: Fact, locked: Locked) -> bool:
    began = locked.created.get(task.id, fact.time) <= fact.time
    return began and (task.open or task.version >= fact.version)


def _prescriber(task: TaskState, locked: Locked, known: Known, prescribers: Mapping[str, PrescriberName]) -> Recipient:
    listed = prescribers.get(task.owner or "")
    id_ = locked.task_clients.get(task.id) or (listed.client if listed else None)
    client = known.by_id(id_) if id_ else None
    return Recipient(Party.PRESCRIBER, id_ or task.owner or "operations", client, task)
