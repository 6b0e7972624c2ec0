"""What crosses a connector's edge: the bytes that arrive, the facts they become, the answer, and what a recipient is sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from schemas.addressee import Addressee
from schemas.events import FactType
from schemas.fhir.person import Person
from schemas.profile import Profile
from schemas.referral import Referral
from schemas.rejection import Issue, Reason, Rejected
from schemas.words import Text

JsonObject = dict[str, Any]  # Any: FHIR JSON as parsed; every reader of it lives in schemas/fhir


@dataclass(frozen=True, slots=True)
class InboundMessage:
    """One message as it arrived. `headers` are lower-case names, None when the transport gave none; `target` is `POST /fhir/ServiceRequest`,
    `mllp`, `from.<client>` or `folder`; `path` holds the target's variable parts (`id`); `received_at` is None only in `hub translate`; `number`
    is its place, from 1, among those that came together (a file's rows), and no part of what it says."""

    body: bytes
    target: str = ""
    headers: Mapping[str, str] | None = None
    path: Mapping[str, str] = field(default_factory=dict)
    received_at: datetime | None = None
    client: str | None = None
    profile: Profile = field(default_factory=Profile)
    number: int = 1


@dataclass(frozen=True, slots=True)
class Identifier:
    """A business identifier; never shown in a log."""

    system: str
    value: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class RequestKey:
    """The sender's own id for this request (unique per client) and the journey it belongs to. `condition`: create only if this client has no
    referral under any of these identifiers yet (FHIR R4 3.1.0.8.2, conditional create)."""

    key: str
    journey: str | None = None
    condition: tuple[Identifier, ...] = ()


@dataclass(frozen=True, slots=True)
class About:
    """Whom or what a fact is about: the journey and the sender's own identifiers (contracts.md, about)."""

    correlation: str | None = None
    identifiers: tuple[Identifier, ...] = ()


@dataclass(frozen=True, slots=True)
class TaskUpdate:
    """What an update says of one of our Tasks: `if_match` is the version that the sender saw (HTTP), `sequence` the sender's own (Kafka, files)."""

    task_id: str
    if_match: int | None = None
    sequence: int | None = None
    status_reason: str | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """Which referral a referrer's later message names: our id, where the sender used it, and the version that it saw (`If-Match`)."""

    referral_id: str | None = None
    if_match: int | None = None


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that a message says happened. `bundle` is the FHIR message bundle; `referral` only for received, offered, updated and
    consent-changed; `update` only for hand-over and offer facts; `target` only for what a referrer says later of a referral, which is else
    found by `about`; `reason` the code of `MessageHeader.reason` (held, closed, merged, discharged, …). Of a message that takes a referral
    back, and not kept: `heard`, every text of it, for the screen for risk alone, and `person`, whom it names, where the bundle does not."""

    type: FactType
    bundle: JsonObject = field(repr=False)
    about: About = About()
    referral: Referral | None = field(default=None, repr=False)
    update: TaskUpdate | None = None
    reason: str | None = None
    target: Target | None = None
    heard: tuple[str, ...] = field(default=(), repr=False)
    person: Person | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Translation:
    """What a message became: facts, or ignored with a reason; always with every warning. Wrong messages raise `Rejected` instead. `asked`: a
    question about a referral that stands, which changes nothing: which one (`about`), and in the bundle whom it names."""

    facts: tuple[Fact, ...] = ()
    warnings: tuple[Issue, ...] = ()
    ignored: Reason | None = None
    asked: Fact | None = field(default=None, repr=False)


# --- what became of it, told to `answer` ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Accepted:
    """One referral or update that will be committed with this answer. `resources` are the hub's own Tasks and filler request, and the
    sender's ServiceRequest under our id; `next_step` says who will contact the person and by when, or plainly what to do now."""

    referral_id: str
    ref: str
    version: int
    fact: FactType
    next_step: Text
    held: Reason | None = None
    resources: tuple[JsonObject, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Committed:
    """The message is on durable storage (the answer is made just before the commit and sent only after it)."""

    accepted: tuple[Accepted, ...]
    warnings: tuple[Issue, ...] = ()
    ignored: Reason | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """What the sender hears. `parts` are sent in order (HTTP: one body; MLLP: one frame each, CA then AA in enhanced mode)."""

    status: int
    parts: tuple[bytes, ...] = field(default=(), repr=False)
    content_type: str = "application/fhir+json"
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Repeated:
    """The same request with the same body was answered before; `first` is that answer."""

    first: Reply


@dataclass(frozen=True, slots=True)
class Existing:
    """The request's condition is met by a referral that stands: nothing was done. Its `resources` are empty."""

    accepted: Accepted


@dataclass(frozen=True, slots=True)
class InFlight:
    """The same request is still being processed."""

    retry_after: int = 1


@dataclass(frozen=True, slots=True)
class NotStored:
    """We cannot store it now; the sender should try the same request again after `retry_after` seconds."""

    retry_after: int = 5


Outcome = Committed | Repeated | Existing | InFlight | NotStored | Rejected


# --- what a recipient is told -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing to tell one recipient. `words` say it plainly in both languages; `task` is the FHIR Task as the recipient may see it;
    `bundle` is the whole referral and only present where the recipient is entitled to it (an assignment); `identifiers` are the sender's
    own ids of the referral; `message_id` its first message's own id (HL7: MSH-10); `addressee` whom to write to where no system is told."""

    id: str
    fact: FactType
    referral_id: str
    ref: str
    version: int
    words: Text
    occurred_at: datetime
    task: JsonObject = field(repr=False)
    identifiers: tuple[Identifier, ...] = ()
    message_id: str | None = None
    journey: str | None = None
    reason: str | None = None
    contact_by: str | None = None
    prescriber: str | None = None
    bundle: JsonObject | None = field(default=None, repr=False)
    first_message: bytes | None = field(default=None, repr=False)
    addressee: Addressee | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class OutboundMessage:
    """One message for a transport. `key` is what a receiver de-duplicates by and what its answer must name (HL7: our MSH-10)."""

    transport: str
    key: str
    body: bytes = field(repr=False)
    content_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class ReceiverReply:
    """What a receiver answered: HTTP status (None over MLLP), headers, and at most 64 kB of body."""

    status: int | None
    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Delivered:
    """The receiver has it."""


@dataclass(frozen=True, slots=True)
class TryAgain:
    """Not now; `after` seconds if the receiver said so. `limit`: at most so many attempts for this kind of answer (HL7 AE: 5)."""

    after: int | None = None
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """The receiver will never take it (`disable`: its endpoint is gone, HTTP 410)."""

    reason: Reason
    disable: bool = False


Verdict = Delivered | TryAgain | Refused


class Connector(Protocol):
    """What a connector's `connector.py` may offer; `manifest.toml` says which (design.md 6). All are pure: no I/O, no clock, no randomness."""

    def identify(self, message: InboundMessage) -> RequestKey: ...
    def translate(self, message: InboundMessage) -> Translation: ...
    def answer(self, message: InboundMessage, outcome: Outcome) -> Reply: ...
    def compose(self, notice: Notice, profile: Profile) -> OutboundMessage: ...
    def judge(self, outbound: OutboundMessage, reply: ReceiverReply) -> Verdict: ...
