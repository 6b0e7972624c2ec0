"""In the ledger: what a stage may ask for. A `Creation` makes referrals; an `Amendment` changes those that stand, under their locks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from schemas.events import FactType
from schemas.rejection import Reason
from schemas.task import Clock, Party, ReferralState


@dataclass(frozen=True, slots=True)
class RequestRow:
    """The sender's request that this change answers: unique per client and key. `answer` is the stored reply, sealed at rest."""

    client: str
    key: str
    body_hash: bytes
    answer: bytes = field(repr=False)
    message_id: str | None = None


@dataclass(frozen=True, slots=True)
class PersonHash:
    """A keyed hash by which a person is found again: `nhs`, `local` or `name`; never the identifier itself."""

    kind: str
    value: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class NewEvent:
    """One fact to record. `payload` is the FHIR message bundle (sealed at rest), `thin` canonical JSON without personal content."""

    id: UUID
    type: FactType
    version: int
    subject: str
    source: str
    payload: bytes = field(repr=False)
    thin: str
    tells: frozenset[Party] = frozenset()
    reason: str | None = None
    task_id: UUID | None = None
    correlation: str | None = None
    causation: str | None = None


@dataclass(frozen=True, slots=True)
class Waiting:
    """Who must act next, who that is by name (a prescriber's id, `operations`), for what, and within how many seconds."""

    awaits: Party
    owner: str
    clock: Clock
    seconds: int


class Leave(StrEnum):
    """Leave it as it is."""

    AS_IS = "as-is"


@dataclass(frozen=True, slots=True)
class NewItem:
    """Something a person must look at. `alert_seconds`: an alarm sounds if nobody has by then."""

    kind: str
    reason: str
    alert_seconds: int | None = None


@dataclass(frozen=True, slots=True)
class NewDelivery:
    """One message owed to one recipient. `topic` deliveries go through the outbox to `to.<recipient>`, others wait for a courier."""

    id: UUID
    event_id: UUID
    fact: FactType
    recipient: str
    party: Party
    connector: str
    transport: str
    message_key: str
    content_type: str
    sequence: int
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Audit:
    """Who did what; never an identifier or words of a person."""

    actor: str
    action: str
    detail: Mapping[str, str | int | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NewReferral:
    """One referral to record, whole: its state after its first facts, its events in order, whom it waits for. `named` are the keyed hashes of
    the sender's own identifiers of it, by which that sender finds it again."""

    id: UUID
    ref: str
    client: str
    connector: str
    correlation: str | None
    state: ReferralState
    events: tuple[NewEvent, ...]
    waiting: Waiting
    priority: str
    area: str | None
    needs: tuple[str, ...]
    content: bytes = field(repr=False)
    message: bytes = field(repr=False)
    person: tuple[PersonHash, ...]
    held: Reason | None = None
    items: tuple[NewItem, ...] = ()
    trace: str | None = None
    named: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Creation:
    """One request that makes referrals, all or none. `if_marked` makes it anew when the person carries marks (`died`) that the sender
    did not know of; it gets the kinds of marks and must hold what it makes."""

    request: RequestRow
    referrals: tuple[NewReferral, ...]
    audit: Audit
    if_marked: Callable[[frozenset[str]], Creation]


@dataclass(frozen=True, slots=True)
class Locked:
    """One referral as it stands under its lock. `content` is what a decision reads (opened); `free` the places left at each counted
    prescriber (None: not counted); `now` the database's time; `beside` the contents of the other referrals of the same person that the same
    change is about."""

    id: UUID
    ref: str
    client: str
    connector: str
    correlation: str | None
    state: ReferralState
    content_version: int
    held: str | None
    clock: str | None
    deadline_at: datetime | None
    overdue: bool
    priority: str
    area: str | None
    needs: tuple[str, ...]
    tried: tuple[str, ...]
    task_clients: Mapping[str, str]
    created: Mapping[str, datetime]
    trace: str | None
    now: datetime
    content: bytes = field(repr=False)
    message: bytes = field(repr=False)
    free: Mapping[str, int | None] = field(default_factory=dict)
    marks: frozenset[str] = frozenset()
    beside: tuple[bytes, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Traits:
    """What stands of a referral in the open, as its content says it now: ids, codes and an area, nothing of the person."""

    priority: str
    area: str | None
    needs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Effects:
    """What a decision under the lock wants written of one referral. `result` goes back to whoever asked; `unsure`: it may be about another
    person, so that no mark may be left of it."""

    state: ReferralState
    events: tuple[NewEvent, ...] = ()
    waiting: Waiting | Leave | None = Leave.AS_IS
    held: Reason | Leave | None = Leave.AS_IS
    take: tuple[str, UUID] | None = None
    release: tuple[UUID, ...] = ()
    task_clients: Mapping[str, str] = field(default_factory=dict)
    tried: tuple[str, ...] = ()
    deliveries: tuple[NewDelivery, ...] = ()
    cancel_deliveries: bool = False
    items: tuple[NewItem, ...] = ()
    close_items: bool = False
    content: bytes | None = field(default=None, repr=False)
    traits: Traits | None = None
    person: tuple[PersonHash, ...] = ()
    unsure: bool = False
    result: Any = None  # Any: belongs to the stage that asked, the ledger only carries it


@dataclass(frozen=True, slots=True)
class NoEffect:
    """Nothing is to be written of this referral. `keep_request` False leaves the request key free for a corrected resend."""

    result: Any = None  # Any: as in Effects
    keep_request: bool = True


Decision = Effects | NoEffect


@dataclass(frozen=True, slots=True)
class Consumed:
    """The event whose effect this is: written to the inbox in the same transaction, so that a repeat does nothing."""

    stage: str
    event_id: UUID


@dataclass(frozen=True, slots=True)
class Mark:
    """What stays known of a person: `died`, or `merged` into another hash (`points_to`), under which the person is looked for too."""

    person: PersonHash
    kind: str
    points_to: bytes | None = None


@dataclass(frozen=True, slots=True)
class Answered:
    """A request whose answer is made once the decisions are known; None when nothing shall be kept of it."""

    client: str
    key: str
    body_hash: bytes
    answer: Callable[[tuple[Decision, ...]], bytes | None]
    message_id: str | None = None


@dataclass(frozen=True, slots=True)
class Amendment:
    """A change to referrals that stand: `referrals` by id, and with `person` every open referral of that person. `decide` is called once
    for each under its lock and must be pure; `counted` are the prescribers whose places it may take. `marks` are set unless a decision is
    `unsure`; `lifts` are taken away if this client set them; `revives`: also those of its referrals that such a mark of death had stopped."""

    decide: Callable[[Locked], Decision]
    referrals: tuple[UUID, ...] = ()
    person: tuple[PersonHash, ...] = ()
    counted: tuple[str, ...] = ()
    consumed: Consumed | None = None
    request: Answered | None = None
    marks: tuple[Mark, ...] = ()
    lifts: tuple[Mark, ...] = ()
    revives: bool = False
    audit: Audit | None = None


Change = Creation | Amendment


@dataclass(frozen=True, slots=True)
class Done:
    """Written, and on disk."""

    decisions: tuple[Decision, ...] = ()
    referrals: tuple[UUID, ...] = ()
    answer: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class RepeatedRequest:
    """The same request with the same body stands already: `answer` is what was said then."""

    answer: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class KeyReused:
    """The same request key stands with another body."""


@dataclass(frozen=True, slots=True)
class RepeatedEvent:
    """The inbox has this event already."""


@dataclass(frozen=True, slots=True)
class Erased:
    """The same request with the same body stands already, but what it asked for was erased since, and what was answered with it."""


Outcome = Done | RepeatedRequest | KeyReused | Erased | RepeatedEvent
