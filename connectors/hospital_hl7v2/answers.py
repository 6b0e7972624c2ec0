"""Within answering a hospital: which acknowledgements are due, and what each says (HL7 v2 chapter 2.9, original and enhanced mode)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import assert_never

from connectors.hospital_hl7v2.response import state
from schemas.hl7v2 import Header, acknowledge, dates, read_header
from schemas.hl7v2.acknowledge import Code
from schemas.messages import Committed, Existing, InboundMessage, InFlight, NotStored, Outcome, Repeated, Reply
from schemas.rejection import Issue, Reason, Rejected
from schemas.words import Text, text

CONTENT_TYPE = "x-application/hl7-v2+er7"
_GOOD, _BAD = ("AL", "SU"), ("AL", "ER")  # table 0155: always, on success; always, on error


def acknowledged(message: InboundMessage, outcome: Outcome) -> Reply:
    """The frames that a hospital hears, in order; none where its header asks for none."""
    header = read_header(message.body)
    match outcome:
        case Repeated(first):
            return first
        case Committed():
            return _reply(200, _accepted(message, header, outcome))
        case Existing(stands):
            return _reply(200, _accepted(message, header, Committed((stands,))))
        case Rejected():
            return _reply(400, _refused(message, header, outcome))
        case NotStored():
            issue = Issue(Reason.STORE_UNAVAILABLE, "message")
            return _reply(503, _failed(message, header, "AE", "CE", (issue,), text("hospital.not-stored").en))
        case InFlight():
            return Reply(425, (), CONTENT_TYPE)
        case _ as never:
            assert_never(never)


def _accepted(message: InboundMessage, header: Header, outcome: Committed) -> list[bytes]:
    """Stored. Warnings stand in the application's acknowledgement; the commit's only says that it is safe."""
    if not header.is_enhanced:
        return [_done(message, header, outcome)]
    parts = [_written(message, header, "CA")] if header.accept_acknowledgement.upper() in _GOOD else []
    if header.application_acknowledgement.upper() in _GOOD:
        parts.append(_done(message, header, outcome))
    return parts


def _done(message: InboundMessage, header: Header, outcome: Committed) -> bytes:
    """The application's acknowledgement; to a question the RRI that answers it (HL7 v2 chapter 11.3.4)."""
    if header.trigger.upper() == "I15" and outcome.accepted:
        return state(message, outcome.accepted[0])
    return _written(message, header, "AA", outcome.warnings)


def _refused(message: InboundMessage, header: Header, fault: Rejected) -> list[bytes]:
    """Wrong, with every fault. In enhanced mode the first answer already refuses (CR): a sender that stops at CA must not think us content."""
    softly = message.profile.content_fault == "AE"
    return _failed(message, header, "AE" if softly else "AR", "CE" if softly else "CR", fault.issues, _plainly(fault).en)


def _plainly(fault: Rejected) -> Text:
    """What a person reads first (MSA-3): one sentence without a field or a code; those stand in the ERRs."""
    if fault.reason is Reason.WRONG_SERVICE:
        return text("rest.wrong-service")
    is_plain = len(fault.issues) == 1 and fault.issues[0].detail is None  # a reason's own words are plain
    return fault.issues[0].text if is_plain else text("hospital.refused")


def _failed(message: InboundMessage, header: Header, code: Code, commit: Code, issues: Sequence[Issue], said: str | None) -> list[bytes]:
    if header.is_enhanced and header.accept_acknowledgement.upper() in _BAD:
        return [_written(message, header, commit, issues, said)]
    if header.is_enhanced and header.application_acknowledgement.upper() not in _BAD:
        return []
    return [_written(message, header, code, issues, said)]


def _written(message: InboundMessage, header: Header, code: Code, issues: Sequence[Issue] = (), said: str | None = None) -> bytes:
    """One acknowledgement; its MSH-10 is made from the message and the code, so that a repeat of it is the same bytes."""
    control_id = code + hashlib.sha256(code.encode() + message.body).hexdigest()[:16].upper()
    time = dates.stamp(message.received_at) if message.received_at else header.sent
    return acknowledge(header, code, issues, control_id=control_id, time=time, sentence=said).encode()


def _reply(status: int, parts: list[bytes]) -> Reply:
    return Reply(status, tuple(parts), CONTENT_TYPE)
