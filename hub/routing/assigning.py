"""In routing: turns a decision into the effects on one locked referral: assigned, held, or nobody found; and what is missing. Pure."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson

from hub.deciding.decision import Assign, Decision, Hold
from hub.ledger.changes import Effects, Locked
from hub.recording import Recorder, filler_id, patient_reference, request_reference, task_id
from schemas.codes.needs import CONVERSATION
from schemas.events import FactType
from schemas.fhir import build
from schemas.lifecycle import Update
from schemas.rejection import Reason
from schemas.task import Party, Role, TaskState, TaskStatus
from schemas.words import Text

JsonObject = dict[str, Any]  # Any: FHIR JSON
DECISION = "https://hub.example.wales/CodeSystem/content#decision"


@dataclass(frozen=True, slots=True)
class Routed:
    """What routing did with one referral, for its log line."""

    outcome: str
    prescriber: str | None = None
    reason: str | None = None


def tried(locked: Locked) -> frozenset[str]:
    """Prescribers who were asked and will not have it: they declined, kept silent or handed it back."""
    return frozenset(task.owner for task in locked.state.tasks if task.role is Role.HAND_OVER and not task.open and task.owner)


def assign(locked: Locked, recorder: Recorder, decision: Assign, prescriber: str, client: str | None, bundle: JsonObject) -> Effects:
    """The hand-over to `prescriber` (whose place is taken with it), and a `need.unmet` for each need without an asset."""
    ordinal = 1 + sum(task.role is Role.HAND_OVER for task in locked.state.tasks)
    task = TaskState(task_id(locked.id, Role.HAND_OVER, ordinal), Role.HAND_OVER, ordinal, TaskStatus.REQUESTED, "matched", prescriber)
    resources = [_explained(locked, task, decision.record.explanation), *_proposed(locked, decision.assets), _record(task, decision), *_sent(bundle)]
    recorder.apply(Update(FactType.ASSIGNED, Party.HUB, new_task=task), resources=resources)
    _unmet(recorder, decision)
    clients: Mapping[str, str] = {task.id: client} if client else {}
    return recorder.effects(take=(prescriber, UUID(task.id)), task_clients=clients, result=Routed("assign", prescriber))


def hold(recorder: Recorder, decision: Decision, reason: Reason) -> Effects:
    """Nobody is chosen: a human looks, the referrer is told, and what is missing is recorded."""
    recorder.apply(Update(FactType.HELD, Party.HUB, reason=reason.value), resources=[_explanation(decision.record.explanation)])
    if not isinstance(decision, Hold):
        _unmet(recorder, decision)
    return recorder.effects(result=Routed("hold" if isinstance(decision, Hold) else "no-prescriber", reason=reason.value))


def _unmet(recorder: Recorder, decision: Decision) -> None:
    missing = decision.record.unmet or ((CONVERSATION,) if not isinstance(decision, Assign) else ())
    for need in missing:
        recorder.apply(Update(FactType.NEED_UNMET, Party.HUB, reason=need))


def _explained(locked: Locked, task: TaskState, words: Text) -> JsonObject:
    about = {"about": [{"reference": f"Task/{task.id}"}], "subject": {"reference": patient_reference(locked.id)}}
    return {**_explanation(words), **about, "basedOn": [{"reference": request_reference(locked.id)}]}


def _explanation(words: Text) -> JsonObject:
    """Why, in both languages (FHIR R4 Communication; no names, coded facts only)."""
    return {
        "resourceType": "Communication",
        "status": "completed",
        "payload": [build.bilingual("contentString", words)],
    }


def _proposed(locked: Locked, assets: tuple[str, ...]) -> list[JsonObject]:
    """Assets are advice to the prescriber: named by id, no group knows of the person."""
    if not assets:
        return []
    services = [{"identifier": {"system": "https://hub.example.wales/Id/asset", "value": asset}} for asset in assets]
    request = {"reference": f"ServiceRequest/{filler_id(locked.id)}"}
    return [
        {
            "resourceType": "CarePlan", "status": "draft", "intent": "proposal", "subject": {"reference": patient_reference(locked.id)},
            "basedOn": [request], "activity": [{"detail": {"status": "not-started", "performer": [service]}} for service in services],
        }
    ]  # fmt: skip


def _record(task: TaskState, decision: Decision) -> JsonObject:
    """The decision record: candidates, contributions, exclusions and the policy's hash; enough to explain, to answer "why not", to replay."""
    body = orjson.dumps({"task": task.id, **decision.contract()}, option=orjson.OPT_SORT_KEYS)
    tag = {"tag": [{"system": DECISION.partition("#")[0], "code": DECISION.partition("#")[2]}]}
    return {"resourceType": "Binary", "meta": tag, "contentType": "application/json", "data": base64.b64encode(body).decode()}


def _sent(bundle: JsonObject) -> list[JsonObject]:
    """The sender's resources, as the assigned worker is entitled to them."""
    return [entry["resource"] for entry in bundle.get("entry", ())[1:]]
