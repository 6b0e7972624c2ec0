"""Where a decision is asked for on the command line: the one received referral in a line that `hub translate` gave."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from hub.deciding.triage import Result, Triage
from schemas.events import FactType
from schemas.fhir.strict_json import Caps, parse
from schemas.referral import Referral
from schemas.rejection import Issue, Reason, Rejected

_CAPS = Caps(body=16 * 1_048_576, depth=80, keys=200_000, items=200_000)
_FIELD = re.compile(r"[a-z_]{1,40}")


@dataclass(frozen=True, slots=True)
class ReceivedReferral:
    """The referral and what triage found when it was translated (None: the line does not say)."""

    referral: Referral
    triage: Triage | None


def read_line(line: bytes) -> ReceivedReferral:
    """The referral of one line. Raises Rejected: not JSON, no such line, not exactly one received referral, not the published shape."""
    written = parse(line, _CAPS)
    facts = written.get("facts")
    if not isinstance(facts, list) or not all(isinstance(fact, dict) for fact in facts):
        raise _rejected(Reason.STRUCTURE, "facts", "match.not-a-line")
    received = [(index, fact) for index, fact in enumerate(facts) if fact.get("type") == FactType.RECEIVED.value]
    if len(received) != 1:
        raise _rejected(Reason.NO_REFERRAL, "facts", "match.not-one-referral")
    ((index, fact),) = received
    return ReceivedReferral(_referral(fact.get("referral"), f"facts[{index}].referral"), _triage(fact.get("triage"), f"facts[{index}].triage"))


def _referral(written: Any, at: str) -> Referral:  # Any: JSON as read
    if not isinstance(written, dict):
        raise _rejected(Reason.STRUCTURE, at, "match.not-a-referral")
    try:
        return Referral.model_validate(written)
    except ValidationError as fault:
        faults = fault.errors(include_url=False, include_input=False, include_context=False)
        places = (".".join(str(part) if isinstance(part, int) or _FIELD.fullmatch(part) else "?" for part in one["loc"]) for one in faults)
        raise Rejected(Reason.STRUCTURE, [Issue(Reason.STRUCTURE, f"{at}.{place}", "match.not-a-referral") for place in places]) from None


def _triage(written: Any, at: str) -> Triage | None:  # Any: JSON as read
    if written is None:
        return None
    try:
        return Triage(Result(written["result"]), tuple(Reason(code) for code in written["reasons"]))
    except (KeyError, TypeError, ValueError):
        raise _rejected(Reason.STRUCTURE, at, "match.not-a-line") from None


def _rejected(reason: Reason, at: str, detail: str) -> Rejected:
    return Rejected(reason, (Issue(reason, at, detail),))
