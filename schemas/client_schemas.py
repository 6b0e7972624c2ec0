"""In publishing: the JSON Schemas of what goes on a client's own topics: assignments and later news out, updates of its Tasks in."""

from __future__ import annotations

from typing import Any

from schemas.events import FactType as F
from schemas.fact_schemas import BASE, DIALECT, PUBLISHED, hub_task
from schemas.fhir.build import BUSINESS_STATUS_SYSTEM, REASON_SYSTEM
from schemas.lifecycle import MOVES
from schemas.rejection import Reason

Schema = dict[str, Any]  # Any: JSON Schema
OWNER_MAY_SAY = ("received", "accepted", "rejected", "in-progress", "on-hold", "completed", "failed", "cancelled")
"""Statuses that the owner of a hand-over sets; `received` is acknowledged and ignored."""
_UUID: Schema = {"type": "string", "format": "uuid"}
_TEXT: Schema = {"type": ["string", "null"]}


def to_client_schema() -> Schema:
    """What a case system is told on `to.<client>`: the same JSON as by webhook. `bundle` is the referral itself, with an assignment only."""
    data: Schema = {
        "referral": {"type": "string", "pattern": "^[0-9A-HJKMNP-TV-Z]{12}$"},
        "id": _UUID,
        "version": {"type": "integer", "minimum": 1},
        "correlation": _TEXT,
        "reason": _TEXT,
        "contact_by": _TEXT,
        "text": _closed({"en": {"type": "string"}, "cy": {"type": "string"}}),
        "task": {"$ref": "#/$defs/task"},
        "read": {"type": "string", "pattern": "^/fhir/Task/"},
        "bundle": {"type": ["object", "null"], "properties": {"resourceType": {"const": "Bundle"}}},
    }
    told = sorted(fact.value for fact in PUBLISHED)
    body = _closed({"type": {"enum": told}, "timestamp": {"type": "string", "format": "date-time"}, "data": _closed(data)})
    only_assigned = {
        "if": {"properties": {"type": {"not": {"const": F.ASSIGNED.value}}}},
        "then": {"properties": {"data": {"properties": {"bundle": {"type": "null"}}}}},
    }
    return _head("to-client.json", to_client_schema.__doc__ or "") | body | only_assigned | {"$defs": {"task": hub_task()}}


def to_referrer_schema() -> Schema:
    """What a referrer is told on `to.<client>` or by webhook: ids, words in both languages, and its Task without the person; below 20 kB."""
    task = hub_task()
    shown = {name: one for name, one in task["properties"].items() if name not in ("for", "basedOn", "output")}
    bare = task | {"required": ["id", "status"], "properties": shown}
    identifier = _closed({"system": {"type": "string"}, "value": {"type": "string"}})
    data: Schema = {
        "referral": {"type": "string", "pattern": "^[0-9A-HJKMNP-TV-Z]{12}$"},
        "id": _UUID,
        "version": {"type": "integer", "minimum": 1},
        **dict.fromkeys(("correlation", "reason", "prescriber", "contact_by"), _TEXT),
        "text": _closed({"en": {"type": "string"}, "cy": {"type": "string"}}),
        "identifiers": {"type": "array", "items": identifier},
        "task": {"$ref": "#/$defs/task"},
    }
    body = _closed({"type": {"enum": sorted(fact.value for fact in PUBLISHED)}, "timestamp": {"type": "string", "format": "date-time"}, "data": _closed(data)})
    return _head("to-referrer.json", to_referrer_schema.__doc__ or "") | body | {"$defs": {"task": bare}}


def from_client_schema() -> Schema:
    """What a case system says on `from.<client>`: a FHIR R4 Task with the id of its hand-over. Whatever else the Task holds is left out with a
    warning or kept in the message as sent; nothing of the person is carried on."""
    business = sorted({move.business for move in MOVES.values() if move.business} | {"what-matters-conversation"})
    return _head("from-client.json", from_client_schema.__doc__ or "") | {
        "type": "object",
        "required": ["resourceType", "id", "status", "intent"],
        "properties": {
            "resourceType": {"const": "Task"},
            "id": _UUID,
            "status": {"enum": list(OWNER_MAY_SAY)},
            "intent": {"type": "string"},
            "businessStatus": _coding_in(BUSINESS_STATUS_SYSTEM, business),
            "statusReason": _coding_in(REASON_SYSTEM, sorted(one.value for one in Reason)),
        },
    }


def from_client_headers_schema() -> Schema:
    """What a record on `from.<client>` must say of itself: its own id, and the sender's own counter for that Task."""
    return _head("from-client-headers.json", from_client_headers_schema.__doc__ or "") | {
        "type": "object",
        "required": ["ce_id", "ce_sequence"],
        "properties": {
            "ce_id": {"type": "string", "minLength": 1, "maxLength": 128},
            "ce_sequence": {"type": "string", "pattern": "^[0-9]{1,18}$"},
            "ce_correlationid": {"type": "string"},
        },
    }


def _coding_in(system: str, codes: list[str]) -> Schema:
    """A concept; a coding of our system is of our list, one of another system is the sender's own matter."""
    ours = {"if": {"required": ["system"], "properties": {"system": {"const": system}}}, "then": {"properties": {"code": {"enum": codes}}}}
    return {"type": "object", "properties": {"coding": {"type": "array", "items": {"type": "object", **ours}}}}


def _closed(properties: Schema) -> Schema:
    return {"type": "object", "required": [*properties], "additionalProperties": False, "properties": properties}


def _head(name: str, description: str) -> Schema:
    return {"$schema": DIALECT, "$id": f"{BASE}/{name}", "title": name.removesuffix(".json"), "description": " ".join(description.split())}
