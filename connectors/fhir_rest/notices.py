"""On the way out from plain FHIR: what a referrer is told of its referral by signed webhook, and what its system's answer means."""

from __future__ import annotations

from schemas.messages import Notice, OutboundMessage, ReceiverReply, Verdict
from schemas.profile import Profile
from schemas.webhook import bare_task, judged, webhook

_TOLD = """resourceType id meta identifier basedOn partOf status statusReason businessStatus intent priority code focus authoredOn
lastModified owner restriction"""
_TASK_ELEMENTS = frozenset(_TOLD.split())
_MOST_IDENTIFIERS = 20


def compose(notice: Notice, profile: Profile) -> OutboundMessage:  # noqa: ARG001  (the referrer's words go out in both languages)
    """What the referrer is told, under 20 kB: ids, words and the coordination Task without the person. Standard Webhooks, to be signed."""
    data = {
        "referral": notice.ref,
        "id": notice.referral_id,
        "version": notice.version,
        "correlation": notice.journey,
        "reason": notice.reason,
        "prescriber": notice.prescriber,
        "contact_by": notice.contact_by,
        "text": {"en": notice.words.en, "cy": notice.words.cy},
        "identifiers": [{"system": one.system, "value": one.value} for one in notice.identifiers[:_MOST_IDENTIFIERS]],
        "task": bare_task(notice.task, _TASK_ELEMENTS),
    }
    made = webhook(notice, data)
    return made if len(made.body) < 20_000 else webhook(notice, data | {"identifiers": [], "task": bare_task(notice.task, frozenset({"id", "status"}))})


def judge(outbound: OutboundMessage, reply: ReceiverReply) -> Verdict:  # noqa: ARG001  (an HTTP answer speaks for itself)
    """What the referrer's system answered means."""
    return judged(reply)
