"""In translating a case system's Task: which fact of the hand-over table its status, business status and reason say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from schemas.events import FactType
from schemas.fhir.build import BUSINESS_STATUS_SYSTEM, REASON_SYSTEM
from schemas.fhir.read import codings, is_system, objects, string
from schemas.fhir.strict_json import JsonObject
from schemas.lifecycle import MOVES
from schemas.rejection import Issue, Reason, Rejected

BY_STATUS: Mapping[str, FactType] = {
    "accepted": FactType.ACCEPTED,
    "rejected": FactType.DECLINED,
    "in-progress": FactType.FIRST_CONTACT,
    "on-hold": FactType.ON_HOLD,
    "completed": FactType.COMPLETED,
    "failed": FactType.FAILED,
}
"""What a status alone says."""

BY_BOTH: Mapping[tuple[str, str], FactType] = {
    ("in-progress", "contact-attempted"): FactType.CONTACT_ATTEMPTED,
    ("in-progress", "did-not-attend"): FactType.DID_NOT_ATTEND,
    ("in-progress", "first-contact"): FactType.FIRST_CONTACT,
    ("in-progress", "what-matters-conversation"): FactType.FIRST_CONTACT,
    ("in-progress", "plan-agreed"): FactType.PLAN_AGREED,
    ("in-progress", "resumed"): FactType.RESUMED,
    ("in-progress", "on-hold"): FactType.RESUMED,
    ("failed", "handed-back"): FactType.HANDED_BACK,
    ("cancelled", "cancel-requested"): FactType.CANCELLED,
    ("cancelled", "closed-cancelled"): FactType.CANCELLED,
    ("accepted", "stepped-up"): FactType.STEPPED_UP,
    ("in-progress", "stepped-up"): FactType.STEPPED_UP,
    ("on-hold", "stepped-up"): FactType.STEPPED_UP,
}
"""What a status and a business status say together; `in-progress` from a Task that still says on-hold takes it up again."""

PERSON_DIED = frozenset({Reason.DIED.value, Reason.DECEASED.value})
NEEDS_A_HUMAN = frozenset(one.value for one in (Reason.CRISIS, Reason.SAFEGUARDING, Reason.DOMESTIC_ABUSE, Reason.CLINICAL))
_GIVING_UP = frozenset({FactType.DECLINED, FactType.HANDED_BACK, FactType.FAILED})
REASON_EXPECTED = frozenset({"rejected", "on-hold", "failed"})
_KNOWN_BUSINESS = frozenset(move.business for move in MOVES.values() if move.business) | {business for _, business in BY_BOTH}
_NOT_THE_OWNERS = frozenset({"draft", "requested", "ready"})


@dataclass(frozen=True, slots=True)
class Update:
    """What a Task says happened; `fact` None when it says nothing that the hub waits for (`received`). `reason` is a code of the closed list."""

    fact: FactType | None
    reason: str | None = None
    warnings: tuple[Issue, ...] = ()


def read_update(task: JsonObject) -> Update:
    """Raises Rejected when the status is one that the owner of a hand-over does not set; a status that FHIR does not know is left to the
    structure check."""
    status = task.get("status")
    if not isinstance(status, str) or status == "received":
        return Update(None)
    business, warnings = _business(task)
    reason, of_reason = _reason(task, status)
    fact = BY_BOTH.get((status, business or "")) or BY_STATUS.get(status)
    if status == "cancelled" and fact is None and reason == Reason.CANCELLED_BY_REFERRER.value:
        fact = FactType.CANCELLED
    if fact is None and (refused := _refused(status)):
        raise Rejected(refused.reason, (refused,))
    fact, of_risk = _safely(fact, reason)
    return Update(fact, reason, (*warnings, *of_reason, *of_risk))


def _safely(fact: FactType | None, reason: str | None) -> tuple[FactType | None, tuple[Issue, ...]]:
    """Giving a referral up sends it to the next prescriber; not when the person has died, nor when the reason is a risk."""
    if fact not in _GIVING_UP or reason is None:
        return fact, ()
    if reason in PERSON_DIED:
        return FactType.FAILED, ()
    if reason in NEEDS_A_HUMAN:
        return FactType.STEPPED_UP, (Issue(Reason(reason), "Task.statusReason", "case.stepped-up"),)
    return fact, ()


def _refused(status: str) -> Issue | None:
    """Said of a status that FHIR knows; no other is repeated."""
    if status == "cancelled":
        return Issue(Reason.ILLEGAL_TRANSITION, "Task.status", "case.cancelled")
    if status == "entered-in-error":
        return Issue(Reason.NOT_PERMITTED, "Task.status", "case.entered-in-error")
    if status in _NOT_THE_OWNERS:
        return Issue(Reason.ILLEGAL_TRANSITION, "Task.status", "case.status", {"status": status})
    return None


def _business(task: JsonObject) -> tuple[str | None, list[Issue]]:
    """The hub's business status; a coding of another system is the sender's own matter, an unknown code of ours is warned about."""
    ours = [one for one in codings(task, "businessStatus", "Task") if not one.system or is_system(one.system, BUSINESS_STATUS_SYSTEM)]
    known = next((one.code for one in ours if one.code in _KNOWN_BUSINESS), None)
    if known is None and ours:
        return None, [Issue(Reason.CODE_UNKNOWN, ours[0].at, "case.business-status")]
    return known, []


_CODES = frozenset(reason.value for reason in Reason)


def _reason(task: JsonObject, status: str) -> tuple[str | None, list[Issue]]:
    """The reason's code, of the hub's closed list. A reason in words alone is a reason, but stays in the message as sent."""
    sent = list(codings(task, "statusReason", "Task"))
    known = next((one.code for one in sent if one.code in _CODES and (not one.system or is_system(one.system, REASON_SYSTEM))), None)
    if known is None and sent:
        return None, [Issue(Reason.CODE_UNKNOWN, sent[0].at)]
    in_words = any(string(one, "text") for one in objects(task.get("statusReason")))
    if known is None and not in_words and status in REASON_EXPECTED:
        return None, [Issue(Reason.STATUS_REASON_MISSING, "Task.statusReason", "case.status-reason", {"status": status})]
    return known, []
