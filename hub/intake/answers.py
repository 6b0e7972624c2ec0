"""In intake: what a sender is told at first (who will contact the person and by when, or plainly that nothing was sent), and stored replies."""

from __future__ import annotations

import base64

import orjson

from hub.deciding.policy import Policy
from schemas.messages import Reply
from schemas.rejection import Reason
from schemas.task import TaskStatus
from schemas.words import Text, keys, text


def searching(minutes: int) -> Text:
    """The referral is on its way: by when its sender hears who contacts the person."""
    return text("answer.searching", minutes=str(minutes))


def practical(minutes: int) -> Text:
    """A same-day need: the referral goes on, and the sender is told what to do for tonight."""
    return text("answer.practical", minutes=str(minutes))


def held(reason: Reason, policy: Policy) -> Text:
    """Nothing was sent; why, who looks and how soon, and what to do now."""
    key = f"answer.held.{reason}" if f"answer.held.{reason}" in keys() else "answer.held"
    return text(key, reason=text(f"reason.{reason}"), minutes=str(policy.rules.alert_minutes))


def no_agreement(policy: Policy, *, tonight: bool) -> Text:
    """Nothing was sent, because neither the person nor the sender's organisation agreed to it; who looks and how soon, and what to do:
    with a same-day need also for `tonight`."""
    return text("answer.held.no-agreement-tonight" if tonight else "answer.held.no-agreement", minutes=str(policy.rules.alert_minutes))


def looked_at(reason: Reason, done: Text, policy: Policy) -> Text:
    """A risk in what a referrer says later, where whoever has the referral has it still or it is over: what to do now, then what was done."""
    key = f"answer.looked-at.{reason}" if f"answer.looked-at.{reason}" in keys() else "answer.looked-at"
    return text(key, reason=text(f"reason.{reason}"), done=done, minutes=str(policy.rules.alert_minutes))


def updated() -> Text:
    """An update was taken."""
    return text("answer.updated")


def later(what: str) -> Text:
    """A referrer's later message was taken: `changed`, `cancelled`, `cancel-requested` or `entered-in-error`."""
    return text(f"answer.{what}")


def stands(status: TaskStatus, held: str | None) -> Text:
    """How the referral stands, to a sender that asked; of one that waits for a human at the hub, why."""
    if held is not None:
        return text("answer.stands.held", reason=text(f"reason.{held}"))
    return text("answer.stands", status=text(f"status.{status}"))


def exists() -> Text:
    """There is such a referral already, as the request asked to look for."""
    return text("answer.exists")


def freeze(reply: Reply) -> bytes:
    """A reply as it is stored, so that the same request hears the same bytes again."""
    parts = [base64.b64encode(part).decode() for part in reply.parts]
    return orjson.dumps({"status": reply.status, "parts": parts, "content_type": reply.content_type, "headers": reply.headers})


def thaw(stored: bytes) -> Reply:
    """The reply that `freeze` stored."""
    said = orjson.loads(stored)
    headers = tuple((name, value) for name, value in said["headers"])
    return Reply(said["status"], tuple(base64.b64decode(part) for part in said["parts"]), said["content_type"], headers)
