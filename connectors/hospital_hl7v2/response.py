"""Within telling a hospital: what became of its referral, as RRI^I12 (HL7 v2 chapter 11.3.2), and what its acknowledgement means."""

from __future__ import annotations

import hashlib

from schemas.events import FactType
from schemas.fhir.build import REFERENCE_SYSTEM
from schemas.hl7v2 import Header, Message, Segment, build, dates, read_header, segment, split
from schemas.hl7v2.build import Part, Raw
from schemas.hl7v2.charset import encode
from schemas.messages import Accepted, Delivered, InboundMessage, Notice, OutboundMessage, ReceiverReply, Refused, TryAgain, Verdict
from schemas.profile import Profile
from schemas.rejection import Reason, Rejected

CONTENT_TYPE = "x-application/hl7-v2+er7"
ATTEMPTS = 5
_UTF8 = "UNICODE UTF-8"

# Task.status → RF1-1, table 0283 (accepted, pending, rejected).
_STATUS = {"accepted": "A", "in-progress": "A", "on-hold": "A", "completed": "A", "requested": "P"}


def response(notice: Notice, profile: Profile) -> OutboundMessage:
    """The RRI^I12 to the sender of `notice.first_message`: its own numbers and its own PID back, and the words as NTE.

    MSH-10 is made from the notice's id, so that sending it again is the same message. Raises Rejected ENCODING.
    """
    first = notice.first_message or b""
    header = read_header(first)
    read = _first_message(first, profile)
    key = hashlib.sha256(notice.id.encode()).hexdigest()[:20].upper()
    charset = profile.charset or _UTF8
    mark = header.separators
    lines = [
        _msh(notice, header, key, charset),
        segment("MSA", "AA", Raw(header.control_id) if header.control_id else notice.message_id, separators=mark),
        segment("RF1", *_rf1(notice, read), separators=mark),
        segment("PRD", "RT", notice.prescriber or "Referral hub", separators=mark),
        segment("PID", *_pid(read), separators=mark),
        *(segment("NTE", str(number), None, said, separators=mark) for number, said in enumerate(_words(notice, profile), 1)),
    ]
    body = encode(build(lines), charset, "transliterate" in profile.dialect)
    return OutboundMessage("mllp", key, body, CONTENT_TYPE)


def state(question: InboundMessage, found: Accepted) -> bytes:
    """The RRI^I15 that answers a REF^I15: how the referral stands now. In UTF-8 where the agreed character set cannot hold the words."""
    key, at = hashlib.sha256(question.body).hexdigest(), question.received_at
    if at is None:
        raise ValueError("a message at a door has a time")
    told = (found.referral_id, found.ref, found.version, found.next_step, at, found.resources[0])
    notice = Notice(key, found.fact, *told, first_message=question.body)
    try:
        return response(notice, question.profile).body
    except Rejected:
        return response(notice, question.profile.model_copy(update={"charset": None})).body


def _first_message(first: bytes, profile: Profile) -> Message | None:
    try:
        return split(first, profile.charset)
    except Rejected:
        return None


def _msh(notice: Notice, header: Header, key: str, charset: str) -> str:
    ours, theirs = header.receiver if any(header.receiver) else ("SPHUB", "SPHUB"), header.sender
    version, trigger = Raw(header.version or "2.4"), "I15" if header.trigger.upper() == "I15" else "I12"
    fields: list[Part] = [*map(Raw, (*ours, *theirs)), dates.stamp(notice.occurred_at), None, ("RRI", trigger, "RRI_I12"), key]
    return segment("MSH", *fields, Raw(header.processing or "P"), version, *(None,) * 5, charset, separators=header.separators)


def _rf1(notice: Notice, read: Message | None) -> list[Part]:
    """Status, and in RF1-6 the sender's own number as it wrote it, in RF1-11 ours."""
    theirs: Part = _raw(read.first("RF1"), 6) if read and not read.first("RF1").field(6).is_empty else None
    if theirs is None and notice.identifiers:
        theirs = notice.identifiers[0].value
    status = "R" if notice.fact in (FactType.CLOSED, FactType.CANCELLED) else _STATUS.get(str(notice.task.get("status")), "R")
    return [status, _raw(read.first("RF1"), 2) if read else None, None, None, None, theirs, None, None, None, None, (notice.ref, REFERENCE_SYSTEM)]


def _pid(read: Message | None) -> list[Part]:
    """PID-1, 3, 5, 7 and 8 as the sender wrote them: enough to know whom it is about, and nothing that it did not send."""
    if read is None or not read.has("PID"):
        return ["1"]
    pid = read.first("PID")
    return ["1", None, *(_raw(pid, number) if number in (3, 5, 7, 8) else None for number in range(3, 9))]


def _raw(written: Segment, number: int) -> Raw:
    return Raw(written.field(number).raw)


def _words(notice: Notice, profile: Profile) -> tuple[str, ...]:
    """One text in the receiver's language; both, Welsh first, where it has none."""
    if profile.language is None:
        return (notice.words.cy, notice.words.en)
    return (notice.words.in_language(profile.language),)


def judged(outbound: OutboundMessage, reply: ReceiverReply) -> Verdict:
    """What MSA-1 means, if MSA-2 names our message."""
    try:
        msa = split(reply.body).first("MSA")
    except Rejected:
        return TryAgain(limit=ATTEMPTS)
    if msa.component(2) != outbound.key:
        return TryAgain(limit=ATTEMPTS)
    match msa.component(1).upper():
        case "AA" | "CA":
            return Delivered()
        case "AR" | "CR":
            return Refused(Reason.DELIVERY_REFUSED)
        case _:
            return TryAgain(limit=ATTEMPTS)
