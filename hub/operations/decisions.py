"""In operations: what rests sealed and may be shown: why a choice was made (coded facts only), and the status of a stored answer."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from typing import Any

import orjson
from asyncpg import Record

from hub.ledger.sealing import NotReadable, Sealing
from hub.operations.life import DecisionRow

JsonObject = dict[str, Any]  # Any: FHIR JSON
_TAG = "decision"
_ACKNOWLEDGED = re.compile(rb"(?:^|[\r\n])MSA.([A-Z]{2})")


def decisions(sealing: Sealing, wrapped: bytes | None, events: list[Record]) -> Iterator[DecisionRow]:
    """The explanation of every assignment and hold, oldest first; nothing of an erased referral."""
    for row in events:
        if row["type"] not in ("referral.assigned.v1", "referral.held.v1"):
            continue
        try:
            payload = sealing.key(row["referral_id"], wrapped).open(f"event|{row['id']}", row["payload"])
        except NotReadable:
            continue
        resources = [entry["resource"] for entry in orjson.loads(payload).get("entry", ())]
        record = next((_opened(one) for one in resources if _is_record(one)), None)
        words = record["explanation"] if record else next((_words(one) for one in resources if one["resourceType"] == "Communication"), None)
        if words is not None:
            yield DecisionRow(row["version"], words, record)


def answered(sealing: Sealing, wrapped: bytes | None, row: Record) -> str | None:
    """How a request was answered: `201`, or the acknowledgement codes `CA AA`; None when it does not open."""
    try:
        if row["referral_id"] is None:
            stored = sealing.open(f"answer|{row['client']}|{row['key']}", row["answer"])
        else:
            stored = sealing.key(row["referral_id"], wrapped).open("answer", row["answer"])
        reply = orjson.loads(stored)
        codes = [found[1].decode() for part in reply.get("parts", ()) if (found := _ACKNOWLEDGED.search(base64.b64decode(part)))]
    except (NotReadable, ValueError):
        return None
    return " ".join(codes) if codes else str(reply.get("status")) if reply.get("status") else None


def _is_record(resource: JsonObject) -> bool:
    tags = (resource.get("meta") or {}).get("tag") or ()
    return resource.get("resourceType") == "Binary" and any(tag.get("code") == _TAG for tag in tags)


def _opened(resource: JsonObject) -> JsonObject:
    found: JsonObject = orjson.loads(base64.b64decode(resource["data"]))
    return found


def _words(communication: JsonObject) -> dict[str, str] | None:
    payload = (communication.get("payload") or [{}])[0]
    extensions = [part for one in (payload.get("_contentString") or {}).get("extension") or () for part in one.get("extension") or ()]
    welsh = next((part["valueString"] for part in extensions if part.get("url") == "content"), None)
    return {"en": payload["contentString"], "cy": welsh} if welsh and "contentString" in payload else None
