"""In operations: one fact on Kafka as a masked line: times, ids that are ours and codes from closed lists; nothing that a sender wrote."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from hub.operations.showing import Language, clock, iso, known, reference
from schemas.codes.needs import needs
from schemas.events import Event
from schemas.rejection import Reason
from schemas.task import Role, TaskStatus
from schemas.words import keys, text

JsonObject = dict[str, Any]  # Any: FHIR JSON, read with suspicion
STAGES = frozenset({"intake", "routing", "dispatch", "watch", "operations"})
_OWNER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_OWNER_SYSTEM = re.compile(r"https://hub\.example\.wales/Id/(prescriber|asset)")


@dataclass(frozen=True, slots=True)
class FactLine:
    """One line. `stage` is who made the fact; `role`, `status` and `business` are the Task's that it is about; `owner` a prescriber's id."""

    time: datetime
    referral: UUID
    fact: str
    type: str
    version: int
    stage: str
    role: str | None = None
    status: str | None = None
    business: str | None = None
    owner: str | None = None
    reason: str | None = None

    @property
    def ref(self) -> str:
        """The referral's reference."""
        return reference(self.referral)

    def cells(self, language: Language) -> tuple[str, ...]:
        """Time, reference, the fact in plain words, the Task's status (its code, then in words how it stands), owner, reason."""
        stands = known("business", self.business, language) if self.business else known("status", self.status, language)
        return (
            clock(self.time), self.ref, known("fact", self.fact, language), f"{self.status}: {stands}" if self.status else "–", self.owner or "–",
            reason_words(self.reason, language),
        )  # fmt: skip

    def as_dict(self) -> JsonObject:
        """The same for programs."""
        words = text(f"fact.{self.fact}").as_dict()
        task = {"role": self.role, "status": self.status, "businessStatus": self.business} if self.role else None
        return {
            "fact": self.type, "owner": self.owner, "reason": self.reason, "ref": self.ref, "referral": str(self.referral), "stage": self.stage, "task": task,
            "time": iso(self.time), "version": self.version, "words": words,
        }  # fmt: skip


def fact_line(event: Event) -> FactLine | None:
    """The line of one event, whatever its payload is; None where it is of no referral."""
    try:
        referral = UUID(event.key)
    except ValueError:
        return None
    try:
        said = _said(event)
    except (AttributeError, TypeError):
        said = {}
    role, status, business = said.get("role"), said.get("status"), said.get("business")
    return FactLine(
        event.time, referral, event.type.fact, event.type.value, event.sequence, stage_of(event.source),
        role=role if role in set(Role) else None,
        status=status if status in set(TaskStatus) else None,
        business=business if f"business.{business}" in keys() else None,
        owner=said.get("owner"),
        reason=closed(said.get("reason")),
    )  # fmt: skip


def stage_of(source: str) -> str:
    """Who made a fact, from the event's source: connectors speak for intake."""
    first = source.strip("/").split("/")[0]
    return "intake" if first == "connectors" else first if first in STAGES else "other"


def closed(code: object) -> str | None:
    """A code if it stands on one of our closed lists (reasons, moves, needs), else `other`; None for none."""
    if not code:
        return None
    found = str(code)
    listed = found in set(Reason) or f"moved.{found}" in keys() or found in needs()
    return found if listed else "other"


def reason_words(code: str | None, language: Language) -> str:
    """A listed code in words."""
    for prefix in ("reason", "moved", "need"):
        if code is not None and f"{prefix}.{code}" in keys():
            return text(f"{prefix}.{code}").in_language(language)
    return code or "–"


def _said(event: Event) -> dict[str, Any]:  # Any: checked by `fact_line` before it is shown
    """Role, status, business status and owner of the Task that the fact is about, and the header's reason; whatever the payload is."""
    try:
        body = orjson.loads(event.data)
    except orjson.JSONDecodeError:
        return {}
    if not isinstance(body, dict):
        return {}
    if body.get("resourceType") != "Bundle":
        return _thin(body)
    resources = [entry["resource"] for entry in body.get("entry") or () if isinstance(entry, dict) and isinstance(entry.get("resource"), dict)]
    header: JsonObject = next((one for one in resources if one.get("resourceType") == "MessageHeader"), {})
    ours = [one for one in resources if one.get("resourceType") == "Task" and _is_ours(one, event)]
    reason = _code(header.get("reason"))
    return {**_task(ours[0]), "reason": reason} if ours else {"reason": reason}


def _thin(body: JsonObject) -> dict[str, Any]:  # Any: as in `_said`
    task = body.get("task")
    return {"role": task.get("role"), "status": task.get("status"), "business": task.get("businessStatus")} if isinstance(task, dict) else {}


def _is_ours(task: JsonObject, event: Event) -> bool:
    """The Task that the event's subject names; of a referral just received, the one that is about it."""
    focus = task.get("focus")
    about = focus.get("reference") if isinstance(focus, dict) else None
    return event.subject in (f"Task/{task.get('id')}", about)


def _task(task: JsonObject) -> dict[str, Any]:  # Any: as in `_said`
    kinds = {"coordination", "hand-over", "offer"}
    codes = [one.get("code") for one in (task.get("code") or {}).get("coding") or ()]
    identifier = (task.get("owner") or {}).get("identifier") or {}
    owner = str(identifier.get("value") or "") if _OWNER_SYSTEM.fullmatch(str(identifier.get("system") or "")) else ""
    return {
        "role": next((code for code in codes if code in kinds), None), "status": task.get("status"), "business": _code(task.get("businessStatus")),
        "owner": owner if _OWNER.fullmatch(owner) else None,
    }  # fmt: skip


def _code(concept: object) -> str | None:
    coding = concept.get("coding") if isinstance(concept, dict) else None
    found = coding[0].get("code") if isinstance(coding, list) and coding and isinstance(coding[0], dict) else None
    return str(found) if found else None
