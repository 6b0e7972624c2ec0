"""In the ledger: rows as they go to Kafka: an event of the record as an Event, a row of the outbox as the records that it stands for."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC

import asyncpg
import orjson

from hub.ledger.sealing import NotReadable, Sealing
from schemas.events import JSON_CONTENT, Event, FactType, event_id_on, to_record
from schemas.topics import REFERRALS, STATUS

_NOT_THIN = frozenset({"ce_correlationid", "ce_causationid", "ce_traceparent"})
Record = tuple[str, bytes, list[tuple[str, bytes]], bytes]
"""Topic, key, headers and value."""


def records_of(row: asyncpg.Record, sealing: Sealing) -> list[Record]:
    """What an outbox row (with its event, delivery and the referral's `sealing_key`) stands for: one record on a client's topic, or the full
    event and its thin copy."""
    event = event_of(row, sealing)
    if row["topic"] is not None:
        return [(row["topic"], *to_record(_copy(event, row["topic"], _body(row, sealing), row["content_type"])))]
    thin = _copy(event, STATUS.name, row["thin"].encode(), JSON_CONTENT)
    return [(REFERRALS.name, *to_record(event)), (STATUS.name, *_plain(to_record(thin), event.type, row["thin"]))]


def event_of(row: asyncpg.Record, sealing: Sealing) -> Event:
    """The event that a row of `event` (with the referral's `sealing_key`) holds; of an erased referral only its thin part."""
    try:
        data, content = sealing.key(row["referral_id"], row["sealing_key"]).open(f"event|{row['id']}", row["payload"]), None
    except NotReadable:
        data, content = row["thin"].encode(), JSON_CONTENT
    event = Event(
        id=row["id"], type=FactType(row["type"]), key=str(row["referral_id"]), subject=row["subject"], time=row["time"].astimezone(UTC), source=row["source"],
        sequence=row["version"], correlation=row["correlation"], causation=row["causation"], trace=row["trace"], data=data,
    )  # fmt: skip
    return replace(event, content_type=content) if content else event


def _body(row: asyncpg.Record, sealing: Sealing) -> bytes:
    """What a client is told; of an erased referral, or of bytes that do not open, an empty object: one row never stops the others."""
    try:
        return sealing.key(row["referral_id"], row["sealing_key"]).open(f"delivery|{row['delivery_id']}", row["body"] or b"")
    except NotReadable:
        return b"{}"


def _copy(event: Event, topic: str, data: bytes, content_type: str) -> Event:
    return replace(event, id=event_id_on(topic, event.id), content_type=content_type, data=data)


def _plain(record: tuple[bytes, list[tuple[str, bytes]], bytes], fact: FactType, thin: str) -> tuple[bytes, list[tuple[str, bytes]], bytes]:
    """The thin copy's headers say no more than its body: its type is the fact that may be shown; it names no journey."""
    key, headers, value = record
    said = orjson.loads(thin)["fact"]
    shown = fact.value if said == fact.fact else FactType.CLOSED.value if said == FactType.CLOSED.fact else "referral.status.v1"
    keep = [(name, shown.encode() if name == "ce_type" else held) for name, held in headers if name not in _NOT_THIN]
    return key, keep, value
