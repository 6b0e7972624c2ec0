"""What is said on Kafka: the closed list of facts and the CloudEvents envelope that carries each (CloudEvents 1.0, Kafka binding 3.2)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from uuid import UUID, uuid5

from cloudevents.core.base import BaseCloudEvent
from cloudevents.core.bindings.kafka import KafkaMessage, from_binary, to_binary
from cloudevents.core.exceptions import CloudEventValidationError
from cloudevents.core.formats.base import Format
from cloudevents.core.v1.event import CloudEvent

FHIR_CONTENT = "application/fhir+json; fhirVersion=4.0"
JSON_CONTENT = "application/json"
_MUST_SAY = frozenset({"ce_specversion", "ce_id", "ce_source", "ce_type", "ce_time", "ce_sequence"})  # the library makes up an id where there is none
_NAMESPACE = UUID("6f0f3b5e-2a0b-5b7e-9d0c-7a1c5d5f4e21")


class FactType(StrEnum):
    """Everything that can have happened, past tense; the CloudEvents type. Adding one changes the language: schema, example, test, README row."""

    RECEIVED = "referral.received.v1"
    UPDATED = "referral.updated.v1"
    HELD = "referral.held.v1"
    RELEASED = "referral.released.v1"
    CANCEL_REQUESTED = "referral.cancel-requested.v1"
    CANCELLED = "referral.cancelled.v1"
    ENTERED_IN_ERROR = "referral.entered-in-error.v1"
    CONSENT_CHANGED = "referral.consent-changed.v1"
    PERSON_CHANGED = "referral.person-changed.v1"
    PERSON_MOVED = "referral.person-moved.v1"
    PERSON_DIED = "referral.person-died.v1"
    DUPLICATE_LINKED = "referral.duplicate-linked.v1"
    CLOSED = "referral.closed.v1"
    OFFERED = "referral.offered.v1"
    ASSIGNED = "referral.assigned.v1"
    ACCEPTED = "referral.accepted.v1"
    DECLINED = "referral.declined.v1"
    NO_RESPONSE = "referral.no-response.v1"
    ON_HOLD = "referral.on-hold.v1"
    RESUMED = "referral.resumed.v1"
    CONTACT_ATTEMPTED = "referral.contact-attempted.v1"
    FIRST_CONTACT = "referral.first-contact.v1"
    PLAN_AGREED = "referral.plan-agreed.v1"
    STEPPED_UP = "referral.stepped-up.v1"
    HANDED_BACK = "referral.handed-back.v1"
    COMPLETED = "referral.completed.v1"
    FAILED = "referral.failed.v1"
    ASSET_PROPOSED = "referral.asset-proposed.v1"
    ASSET_ACCEPTED = "referral.asset-accepted.v1"
    ASSET_DECLINED = "referral.asset-declined.v1"
    ATTENDED = "referral.attended.v1"
    DID_NOT_ATTEND = "referral.did-not-attend.v1"
    ASSET_FINISHED = "referral.asset-finished.v1"
    OUTCOME_RECORDED = "referral.outcome-recorded.v1"
    NEED_UNMET = "need.unmet.v1"
    NEED_GAP = "need.gap.v1"
    ASSET_LISTED = "directory.asset-listed.v1"
    ASSET_WITHDRAWN = "directory.asset-withdrawn.v1"
    PRESCRIBER_LISTED = "directory.prescriber-listed.v1"
    CAPACITY_CHANGED = "directory.capacity-changed.v1"

    @property
    def fact(self) -> str:
        """The bare name: `received`, `no-response`, `unmet`."""
        return self.value.split(".")[1]


def event_id(cause: str, ordinal: int | str = 0) -> UUID:
    """The id of the `ordinal`-th event of one cause, so that a repeat of the cause has the same ids (design.md 4, Envelope)."""
    return uuid5(_NAMESPACE, f"{cause}#{ordinal}")


def event_id_on(topic: str, event: UUID) -> UUID:
    """The id of the copy of an event on another topic than `referrals`."""
    return uuid5(event, topic)


@dataclass(frozen=True, slots=True)
class Event:
    """One event as it stands on a topic. `key` is the referral id (or the area, for `directory`); `sequence` the referral's version;
    `trace` the W3C traceparent of the journey (CloudEvents distributed tracing extension)."""

    id: UUID
    type: FactType
    key: str
    subject: str
    time: datetime
    source: str
    sequence: int
    correlation: str | None = None
    causation: str | None = None
    trace: str | None = None
    content_type: str = FHIR_CONTENT
    data: bytes = field(default=b"", repr=False)


class _Raw(Format):
    """Bytes in, bytes out: what we send is what was stored."""

    def write_data(self, data: object, datacontenttype: str | None) -> bytes:  # noqa: ARG002
        return bytes(data) if isinstance(data, bytes | bytearray | memoryview) else b""

    def read_data(self, body: bytes, datacontenttype: str | None) -> bytes:  # noqa: ARG002
        return body

    def read(self, event_factory: object, data: str | bytes) -> BaseCloudEvent:
        raise NotImplementedError("structured mode is not used")

    def write(self, event: BaseCloudEvent) -> bytes:
        raise NotImplementedError("structured mode is not used")

    def get_content_type(self) -> str:
        return FHIR_CONTENT


_RAW = _Raw()


def to_record(event: Event) -> tuple[bytes, list[tuple[str, bytes]], bytes]:
    """Key, headers (text only) and value of the Kafka record that carries `event` (binary content mode)."""
    attributes = {
        "specversion": "1.0",
        "id": str(event.id),
        "source": event.source,
        "type": event.type.value,
        "time": event.time.astimezone(UTC),
        "subject": event.subject,
        "sequence": str(event.sequence),
        "datacontenttype": event.content_type,
    }
    if event.correlation is not None:
        attributes["correlationid"] = event.correlation
    if event.causation is not None:
        attributes["causationid"] = event.causation
    if event.trace is not None:
        attributes["traceparent"] = event.trace
    message = to_binary(CloudEvent(attributes, event.data), _RAW)
    return event.key.encode(), list(message.headers.items()), message.value


class NotAnEvent(Exception):  # noqa: N818
    """A record that carries no event of ours: poison. Its message names the fault, never what the record held."""


def from_record(key: bytes | None, headers: Iterable[tuple[str, bytes]], value: bytes | None) -> Event:
    """The event that a Kafka record carries. Raises `NotAnEvent` for anything else, whatever its bytes are."""
    if key is None or value is None:
        raise NotAnEvent("no key or no value")
    named = dict(headers)
    if missing := sorted(_MUST_SAY - named.keys()):
        raise NotAnEvent("headers missing: " + ", ".join(missing))
    try:
        found = from_binary(KafkaMessage(headers=named, key=None, value=value), _RAW)
        return Event(
            id=UUID(found.get_id()),
            type=FactType(found.get_type()),
            key=key.decode("utf-8"),
            subject=found.get_subject() or "",
            time=found.get_time() or datetime.fromtimestamp(0, UTC),
            source=found.get_source(),
            sequence=int(found.get_extension("sequence")),
            correlation=found.get_extension("correlationid"),
            causation=found.get_extension("causationid"),
            trace=found.get_extension("traceparent"),
            content_type=found.get_datacontenttype() or FHIR_CONTENT,
            data=value,
        )
    except CloudEventValidationError as fault:
        raise NotAnEvent("headers: " + ", ".join(sorted(fault.errors))) from None
    except (ValueError, TypeError, KeyError, AttributeError) as fault:
        raise NotAnEvent(f"headers: {type(fault).__name__}") from None
