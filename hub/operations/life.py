"""In operations: the whole life of one referral, or of what never became one, as the ledger has it; masked: ids, codes and times."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from hub.operations.showing import iso, reference

JsonObject = dict[str, Any]  # Any: JSON as a program reads it


@dataclass(frozen=True, slots=True)
class Request:
    """What a sender asked, and how it was answered: an HTTP status, or the acknowledgement codes."""

    client: str
    key: str | None
    at: datetime
    answered: str | None


@dataclass(frozen=True, slots=True)
class Refused:
    """A message that was refused, with every reason and where it was found."""

    id: UUID
    client: str
    connector: str
    key: str | None
    at: datetime
    reason: str
    issues: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class FactRow:
    """One fact in its order. `read_by`: stages and when each had dealt with it; `waits`: it is not on Kafka yet."""

    version: int
    id: UUID
    type: str
    at: datetime
    stage: str
    connector: str | None
    reason: str | None
    tells: tuple[str, ...]
    waits: bool
    read_by: Mapping[str, datetime]

    @property
    def fact(self) -> str:
        """Its bare name."""
        return self.type.split(".")[1]


@dataclass(frozen=True, slots=True)
class TaskRow:
    """One Task as it stands."""

    id: UUID
    role: str
    ordinal: int
    status: str
    business: str
    owner: str | None
    client: str | None
    version: int
    reason: str | None
    inferred: tuple[str, ...]
    changed_at: datetime


@dataclass(frozen=True, slots=True)
class DecisionRow:
    """Why: the explanation, and with an assignment the whole record as the match command publishes it."""

    version: int
    explanation: Mapping[str, str]
    record: JsonObject | None


@dataclass(frozen=True, slots=True)
class DeliveryRow:
    """One message owed to one recipient, and what became of it."""

    id: UUID
    fact: str
    recipient: str
    party: str
    transport: str
    state: str
    attempts: int
    outcome: str | None
    made_at: datetime
    finished_at: datetime | None
    next_at: datetime | None


@dataclass(frozen=True, slots=True)
class ItemRow:
    """One item of the worklist. `noted`: somebody left words with it."""

    id: UUID
    kind: str
    reason: str
    opened_at: datetime
    alert_at: datetime | None
    closed_at: datetime | None
    closed_by: str | None
    noted: bool


@dataclass(frozen=True, slots=True)
class LetterRow:
    """One dead letter of the referral, and how many events wait behind it."""

    id: UUID
    stage: str
    reason: str
    detail: str
    attempts: int
    state: str
    at: datetime
    parked: int


@dataclass(frozen=True, slots=True)
class AuditRow:
    """Who did what."""

    at: datetime
    actor: str
    action: str
    detail: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Head:
    """The referral as it stands."""

    id: UUID
    client: str
    connector: str
    journey: str | None
    status: str
    business: str
    version: int
    priority: str
    area: str | None
    needs: tuple[str, ...]
    awaits: str | None
    owner: str | None
    clock: str | None
    deadline_at: datetime | None
    held: str | None
    received_at: datetime
    closed_at: datetime | None
    trace: str | None
    erased: bool
    chain_sound: bool

    @property
    def ref(self) -> str:
        """Its reference as it is read out."""
        return reference(self.id)


@dataclass(frozen=True, slots=True)
class Life:
    """Everything of one referral, each part in the order in which it happened."""

    head: Head
    requests: tuple[Request, ...]
    facts: tuple[FactRow, ...]
    tasks: tuple[TaskRow, ...]
    decisions: tuple[DecisionRow, ...]
    deliveries: tuple[DeliveryRow, ...]
    worklist: tuple[ItemRow, ...]
    dead_letters: tuple[LetterRow, ...]
    audit: tuple[AuditRow, ...]

    def as_dict(self) -> JsonObject:
        """For programs: every key present, times in RFC 3339."""
        made: JsonObject = _plain(asdict(self))
        made["head"]["ref"] = self.head.ref
        return made


def plain(row: Request | Refused) -> JsonObject:
    """One row for programs."""
    made: JsonObject = _plain(asdict(row))
    return made


def _plain(value: Any) -> Any:  # Any: what asdict gives, and JSON
    if isinstance(value, Mapping):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, datetime):
        return iso(value)
    return str(value) if isinstance(value, UUID) else value
