"""At the way out: what a webhook's body says (Standard Webhooks 1.0) and what the receiver's HTTP answer means."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from schemas.fhir.strict_json import JsonObject, dump
from schemas.messages import Delivered, Notice, OutboundMessage, ReceiverReply, Refused, TryAgain, Verdict
from schemas.rejection import Reason

LONGEST_WAIT = 86_400
"""Seconds; a receiver that asks for a longer pause is asked again after a day."""
_LATER = frozenset({429, 502, 503, 504})


def webhook(notice: Notice, data: Mapping[str, object]) -> OutboundMessage:
    """The message `{"type", "timestamp", "data"}`, to be signed by the transport; the key is the notice's id, the same at every attempt."""
    moment = notice.occurred_at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    body = dump({"type": notice.fact.value, "timestamp": moment, "data": dict(data)})
    return OutboundMessage("webhook", notice.id, body)


def bare_task(task: JsonObject, elements: frozenset[str]) -> JsonObject:
    """The Task with no more than the named elements: whatever else it holds stays here."""
    return {name: value for name, value in task.items() if name in elements}


def judged(reply: ReceiverReply) -> Verdict:
    """What a status means: 2xx it has it, whatever the body says; 410 its endpoint is gone; 3xx, 408, 5xx and no answer again; 429, 502,
    503, 504 after the pause that it asked for; any other 4xx is refused for good. Redirects are never followed, so they are failures."""
    status = reply.status
    if status is None or status < 200 or 300 <= status < 400 or status == 408:
        return TryAgain()
    if status < 300:
        return Delivered()
    if status == 410:
        return Refused(Reason.DELIVERY_REFUSED, disable=True)
    if status in _LATER:
        return TryAgain(after=retry_after(reply.headers))
    return TryAgain() if status >= 500 else Refused(Reason.DELIVERY_REFUSED)


def retry_after(headers: Mapping[str, str]) -> int | None:
    """Seconds, from a number or from a date (counted from the answer's own Date header); at most a day; None when it says nothing usable."""
    named = {name.lower(): value.strip() for name, value in headers.items()}
    said = named.get("retry-after", "")[:64]
    if said.isascii() and said.isdigit():
        return min(int(said), LONGEST_WAIT)
    until, now = _moment(said), _moment(named.get("date", "")[:64])
    if until is None or now is None or until < now:
        return None
    return min(int((until - now).total_seconds()), LONGEST_WAIT)


def _moment(said: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(said)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)
