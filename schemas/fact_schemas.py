"""In publishing: the JSON Schema of each fact's payload, made from the lifecycle table; of the envelope's headers, and of what clients send and are sent."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from schemas.codes.needs import CONVERSATION, needs
from schemas.events import FHIR_CONTENT, JSON_CONTENT
from schemas.events import FactType as F
from schemas.fhir.build import BUSINESS_STATUS_SYSTEM, FACT_SYSTEM, HUB, REASON_SYSTEM, TASK_CODE_SYSTEM, TASK_KIND_SYSTEM
from schemas.lifecycle import MOVES, Move
from schemas.rejection import Reason
from schemas.task import FINAL, Role, TaskStatus

Schema = dict[str, Any]  # Any: JSON Schema
DIALECT = "https://json-schema.org/draft/2020-12/schema"
BASE = f"{HUB}/schemas"

WITH_CONTENT: frozenset[F] = frozenset({F.RECEIVED, F.OFFERED, F.UPDATED, F.CONSENT_CHANGED, F.ASSIGNED})
"""Facts that carry the sender's resources whole: whoever reads them needs them."""
WITH_PERSON: frozenset[F] = frozenset({F.PERSON_CHANGED, F.PERSON_MOVED, F.PERSON_DIED})
"""Facts that say something new of a person, and carry that alone."""
WITH_REASON: frozenset[F] = frozenset({F.HELD, F.CLOSED, F.NEED_UNMET})
"""Facts that are nothing without their reason."""
PUBLISHED: tuple[F, ...] = (
    F.RECEIVED, F.OFFERED, F.UPDATED, F.HELD, F.RELEASED, F.CANCEL_REQUESTED, F.CANCELLED, F.ENTERED_IN_ERROR, F.CONSENT_CHANGED, F.PERSON_CHANGED,
    F.PERSON_MOVED, F.PERSON_DIED, F.CLOSED, F.ASSIGNED, F.ACCEPTED, F.DECLINED, F.NO_RESPONSE, F.ON_HOLD, F.RESUMED,
    F.CONTACT_ATTEMPTED, F.DID_NOT_ATTEND, F.FIRST_CONTACT, F.PLAN_AGREED, F.STEPPED_UP, F.HANDED_BACK, F.COMPLETED, F.FAILED, F.NEED_UNMET,
)  # fmt: skip
"""Every fact that these doors, routing and watch say; another one is published when somebody says it."""
_NEEDS = sorted({*needs(), CONVERSATION})
_LATER = ["Task"]
_PERSONAL = ["Task", "Patient", "Encounter", "Location", "Organization", "Practitioner", "RelatedPerson"]
_UUID: Schema = {"type": "string", "format": "uuid", "pattern": "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"}
_INSTANT: Schema = {"type": "string", "format": "date-time"}


def fact_schema(fact: F) -> Schema:
    """The payload of one fact: a FHIR R4 message Bundle, the hub's MessageHeader first, then what the lifecycle table says it is about."""
    move = MOVES[fact]
    entry: Schema = {"type": "object", "required": ["resource"], "properties": {"fullUrl": {"type": "string", "minLength": 1}}}
    resources: Schema = {"type": "object", "required": ["resourceType"], "properties": {"resourceType": _kinds(fact)}, **_if_ours()}
    contained = [_containing({"$ref": f"#/$defs/{move.about.value}"}), *(_containing(one) for one in _needed(fact))]
    bundle: Schema = {
        "type": "object",
        "required": ["resourceType", "type", "entry"],
        "additionalProperties": False,
        "properties": {
            "resourceType": {"const": "Bundle"},
            "type": {"const": "message"},
            "entry": {
                "type": "array",
                "minItems": 2,
                "prefixItems": [_with(entry, {"$ref": "#/$defs/header"})],
                "items": _with(entry, resources),
                "allOf": contained,
            },
        },
    }
    return _head(f"facts/{fact.value}.json", fact.value, _said(move)) | bundle | {"$defs": {"header": _header(fact), **_tasks(move)}}


def _kinds(fact: F) -> Schema:
    """Which resources a fact may carry beside the header: later ones carry the Tasks and ids alone (design of the payload)."""
    if fact in WITH_CONTENT:
        return {"type": "string", "description": "any FHIR R4 resource"}
    return {"enum": _PERSONAL if fact in WITH_PERSON else [*_LATER, "Communication"] if fact is F.HELD else _LATER}


def _needed(fact: F) -> Iterable[Schema]:
    if fact in (F.RECEIVED, F.OFFERED):
        yield _resource("ServiceRequest", intent={"const": "filler-order"}, basedOn={"type": "array", "minItems": 1})
    if fact in WITH_CONTENT:
        yield _resource("ServiceRequest", intent={"not": {"const": "filler-order"}})
    if fact is F.ASSIGNED:
        yield _resource("Communication", payload={"type": "array", "minItems": 1})
        yield _resource("Binary", contentType={"const": JSON_CONTENT}, data={"type": "string"})


def _resource(kind: str, **properties: Schema) -> Schema:
    return {"type": "object", "required": ["resourceType", *properties], "properties": {"resourceType": {"const": kind}, **properties}}


def _containing(resource: Schema) -> Schema:
    return {"contains": {"type": "object", "required": ["resource"], "properties": {"resource": resource}}}


def _with(entry: Schema, resource: Schema) -> Schema:
    return {**entry, "properties": {**entry["properties"], "resource": resource}}


def _if_ours() -> Schema:
    """A Task of ours (by its kind) has our shape; a referrer's own Task is its own affair."""
    kind = {"contains": {"type": "object", "required": ["system"], "properties": {"system": {"const": TASK_KIND_SYSTEM}}}}
    code = {"type": "object", "required": ["coding"], "properties": {"coding": {"type": "array", **kind}}}
    ours = {"required": ["code"], "properties": {"resourceType": {"const": "Task"}, "code": code}}
    return {"if": ours, "then": {"$ref": "#/$defs/task"}}


def _header(fact: F) -> Schema:
    reasons = {"enum": _NEEDS} if fact is F.NEED_UNMET else {"type": "string", "pattern": "^[a-z0-9-]+$"}
    if fact in (F.HELD, F.CLOSED):
        reasons = {"enum": sorted(one.value for one in Reason)}
    references = {"type": "array", "items": _object(reference={"type": "string", "minLength": 1})}
    optional = {"reason": _coded(REASON_SYSTEM, reasons), "focus": references, "id": {"type": "string"}}
    made = _object(
        resourceType={"const": "MessageHeader"},
        eventCoding=_object(system={"const": FACT_SYSTEM}, code={"const": fact.value}),
        source=_object(endpoint={"type": "string", "pattern": "^urn:hub:connector:"}),
    )
    made["properties"] |= optional
    return made | {"required": [*made["required"], *(["reason"] if fact in WITH_REASON else [])]}


def _tasks(move: Move) -> Schema:
    """`task`: any Task of ours; and the one that the fact is about, as the table says it stands after it."""
    about: Schema = {"code": _coded(TASK_KIND_SYSTEM, {"const": move.about.value}, more=True)}
    if move.status is not None:
        about["status"] = {"const": move.status.value}
    elif move.fact is F.CLOSED:
        about["status"] = {"enum": sorted(one.value for one in FINAL)}
    if move.business is not None:
        about["businessStatus"] = _coded(BUSINESS_STATUS_SYSTEM, {"const": move.business})
    about_this = {"type": "object", "required": ["resourceType", *about], "properties": {"resourceType": {"const": "Task"}, **about}}
    return {"task": hub_task(), move.about.value: about_this}


def hub_task() -> Schema:
    """One of the hub's Tasks: closed, so that nothing of a person can stand in it."""
    reference = _object(reference={"type": "string", "pattern": "^[A-Z][A-Za-z]+/[0-9a-f-]{36}$"})
    party = _object(identifier=_object(system={"type": "string", "pattern": f"^{HUB}/Id/"}, value={"type": "string", "minLength": 1}))
    words = {"text": {"type": "string"}, "_text": {"type": "object"}}
    reason = _coded(REASON_SYSTEM, {"enum": sorted(one.value for one in Reason)})
    made = _object(
        resourceType={"const": "Task"},
        id=_UUID,
        meta=_object(versionId={"type": "string", "pattern": "^[1-9][0-9]*$"}, lastUpdated=_INSTANT),
        identifier={"type": "array", "minItems": 1, "items": _object(system={"type": "string"}, value={"type": "string"})},
        status={"enum": [one.value for one in TaskStatus]},
        businessStatus=_coded(BUSINESS_STATUS_SYSTEM, {"type": "string"}),
        intent={"const": "order"},
        code=_object(coding={"type": "array", "prefixItems": [_code(TASK_CODE_SYSTEM, {"const": "fulfill"}), _code(TASK_KIND_SYSTEM, {"enum": [*Role]})]}),
        focus=reference,
        authoredOn=_INSTANT,
        lastModified=_INSTANT,
    )
    whole = {"type": "array", "maxItems": 1, "items": {"anyOf": [reference, _referrers_task()]}}
    made["properties"] |= {
        "for": reference, "partOf": whole, "basedOn": {"type": "array", "items": reference},
        "statusReason": reason | {"properties": {**reason["properties"], **words}}, "priority": {"enum": ["routine", "urgent", "asap", "stat"]},
        "requester": party, "owner": party, "restriction": _object(period=_object(end=_INSTANT)), "output": {"type": "array"},
    }  # fmt: skip
    return made


def _referrers_task() -> Schema:
    """The referrer's own Task, of which our coordination Task is part: by its address or by its identifier."""
    named = {"type": "object", "required": ["value"]}
    said = {"reference": {"type": "string", "pattern": "^https?://"}, "type": {"const": "Task"}, "identifier": named}
    return {"type": "object", "required": ["type"], "additionalProperties": False, "properties": said}


def _object(**properties: Schema) -> Schema:
    """Closed, and everything in it required."""
    return {"type": "object", "required": [*properties], "additionalProperties": False, "properties": properties}


def _code(system: str, code: Schema) -> Schema:
    return _object(system={"const": system}, code=code)


def _coded(system: str, code: Schema, *, more: bool = False) -> Schema:
    """A CodeableConcept with one coding of ours (`more`: among others)."""
    coding = {"type": "array", "contains": _code(system, code)} if more else {"type": "array", "minItems": 1, "maxItems": 1, "items": _code(system, code)}
    return {"type": "object", "required": ["coding"], "properties": {"coding": coding}, **({} if more else {"additionalProperties": False})}


def _said(move: Move) -> str:
    causes, tells = (", ".join(sorted(one.value for one in parties)) or "nobody" for parties in (move.causes, move.tells))
    status = "its status stays" if move.status is None and not move.ends_all else f"it is then {move.status.value if move.status else 'final'}"
    return f"About the {move.about.value} Task: {status}. Caused by: {causes}. Told: {tells}."


def _head(path: str, title: str, description: str) -> Schema:
    return {"$schema": DIALECT, "$id": f"{BASE}/{path}", "title": title, "description": description}


def status_schema() -> Schema:
    """The thin JSON on `referral-status`: closed. Crisis, safeguarding and death appear only as `clinical` or `closed`."""
    facts = sorted({*(one.fact for one in MOVES if one not in (F.PERSON_DIED, F.STEPPED_UP)), "clinical"})
    business = sorted({"clinical", *(move.business for move in MOVES.values() if move.business)} - {"stepped-up", "closed-died"})
    task = _object(businessStatus={"enum": business}, id=_UUID, role={"enum": [*Role]}, status={"enum": [*TaskStatus]})
    made = _object(
        area={"type": ["string", "null"], "pattern": "^[EWSN][0-9]{8}$"},
        fact={"enum": facts},
        needs={"type": "array", "uniqueItems": True, "items": {"enum": _NEEDS}},
        referral=_UUID,
        task=task,
        version={"type": "integer", "minimum": 1},
    )
    return _head("referral-status.json", "referral-status", "One step of one referral, for dashboards: ids, Task status, area, need codes.") | made


def headers_schema() -> Schema:
    """The headers of every record of ours: CloudEvents 1.0 in Kafka's binary content mode; text, and nothing of a person."""
    text: Schema = {"type": "string", "maxLength": 256}
    made = _object(
        ce_specversion={"const": "1.0"},
        ce_id=_UUID,
        ce_source=text,
        ce_type={"type": "string", "pattern": r"^(referral|need|directory)\.[a-z-]+\.v[0-9]+$"},
        ce_time=_INSTANT,
        ce_subject={"type": "string", "pattern": "^[A-Z][A-Za-z]+/[0-9a-f-]{36}$"},
        ce_sequence={"type": "string", "pattern": "^[1-9][0-9]*$"},
    )
    made["required"].append("content-type")
    made["properties"] |= {
        "content-type": {"enum": [FHIR_CONTENT, JSON_CONTENT]}, "ce_correlationid": text, "ce_causationid": text,
        "ce_traceparent": {"type": "string", "pattern": "^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$"},
    }  # fmt: skip
    return _head("headers.json", "headers", headers_schema.__doc__ or "") | made
