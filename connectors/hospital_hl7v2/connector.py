"""At the MLLP door and on the way back: a hospital's HL7 v2. REF, ADT and agreed letters come in, ACK answers at once, RRI^I12 tells later."""

from __future__ import annotations

import re
from typing import assert_never

from connectors.hospital_hl7v2 import batches, facts
from connectors.hospital_hl7v2.answers import acknowledged
from connectors.hospital_hl7v2.persons import person_facts
from connectors.hospital_hl7v2.response import judged, response
from connectors.hospital_hl7v2.source import Source
from connectors.hospital_hl7v2.taken import Kind, kind_of, named
from schemas.events import FactType
from schemas.hl7v2 import Header, Message, read_header, split
from schemas.messages import InboundMessage, Notice, OutboundMessage, Outcome, ReceiverReply, Reply, RequestKey, Translation, Verdict
from schemas.profile import Profile
from schemas.rejection import Issue, Reason, Rejected

_LONGEST_ID = 199


# --- in ---------------------------------------------------------------------------------------------------------------------------------


def messages(content: bytes) -> tuple[bytes, ...]:
    """The messages of a file: its MLLP frames, those of its batches, or what begins at each line with MSH."""
    return batches.messages(content)


def identify(message: InboundMessage) -> RequestKey:
    """MSH-3, MSH-4 and MSH-10 are the key; there is no journey. Raises Rejected when the header cannot be read or MSH-10 is missing."""
    header = read_header(message.body)
    if not header.control_id:
        _split(message)
        raise Rejected(Reason.REQUIRED, (Issue(Reason.REQUIRED, "MSH[1]-10", "hospital.control-id"),))
    return RequestKey("|".join((*header.sender, header.control_id[:_LONGEST_ID])))


def translate(message: InboundMessage) -> Translation:
    """REF^I12 gives `received`, I13 `updated`, I14 `cancel-requested`, I15 asks how one stands; A01 to A03 and A11 to A13 `person-moved` (an
    agreed A03 `offered` too); A08, A28, A31 and A40 `person-changed`; a death `person-died`; a letter what the sender's profile says.

    What only tells is ignored by name, all else is Rejected: with every fault of the header at once, then of what it says.
    """
    header, read = read_header(message.body), _split(message)
    kind = kind_of(header, message.profile)
    faults = [*_header_faults(header), *([kind] if isinstance(kind, Issue) else ()), *_several_persons(read, kind)]
    if faults or isinstance(kind, Issue):
        raise Rejected(faults[0].reason, faults)
    today = message.received_at.date() if message.received_at else None
    return _translated(kind, Source(message.body, read, today, message.profile.dialect), header, message)


def _translated(kind: Kind, source: Source, header: Header, message: InboundMessage) -> Translation:
    match kind:
        case Kind.REFERRAL:
            return facts.received(source, message)
        case Kind.UPDATE:
            return facts.updated(source, message)
        case Kind.CANCELLATION:
            return facts.cancelled(source)
        case Kind.QUESTION:
            return facts.asked(source)
        case Kind.PERSON:
            return person_facts(source, _trigger(header, source.message), message)
        case Kind.LETTER:
            return facts.letter(source, message, FactType.RECEIVED)
        case Kind.LETTER_AGAIN:
            return facts.letter(source, message, FactType.UPDATED)
        case Kind.LETTER_WITHDRAWN:
            return facts.letter(source, message, FactType.CANCEL_REQUESTED)
        case Kind.NOTHING:
            return Translation((), (*source.message.warnings, named(header)), Reason.NOTHING_FOR_US)
        case _ as never:
            assert_never(never)


def _split(message: InboundMessage) -> Message:
    return split(message.body, message.profile.charset, "strict-ends" in message.profile.dialect)


def _trigger(header: Header, read: Message) -> str:
    """MSH-9 wins; EVN-1 counts only where MSH-9 names no event."""
    return header.trigger.upper() or read.first("EVN").component(1).upper()


def _header_faults(header: Header) -> list[Issue]:
    faults = []
    if not header.control_id:
        faults.append(Issue(Reason.REQUIRED, "MSH[1]-10", "hospital.control-id"))
    elif len(header.control_id) > _LONGEST_ID:
        faults.append(Issue(Reason.INVALID, "MSH[1]-10", "hospital.control-id-long", {"limit": str(_LONGEST_ID)}))
    if header.version and not re.match(r"2(?:\.|$)", header.version.strip()):
        faults.append(Issue(Reason.UNSUPPORTED_VERSION, "MSH[1]-12", "hospital.version"))
    return faults


def _several_persons(read: Message, kind: Kind | Issue) -> list[Issue]:
    if kind is Kind.NOTHING:
        return []
    return [Issue(Reason.STRUCTURE, pid.at(), "hospital.several-persons") for pid in read.segments("PID")[1:2]]


# --- the answer -------------------------------------------------------------------------------------------------------------------------


def answer(message: InboundMessage, outcome: Outcome) -> Reply:
    """AA; in enhanced mode CA, then AA if MSH-16 asks. AR (or what the profile says) with every fault; AE when we cannot store it now.

    The first answer again to a repeat. No parts and status 425 while it is being processed: the connection is closed without an answer.
    """
    return acknowledged(message, outcome)


# --- out --------------------------------------------------------------------------------------------------------------------------------


def compose(notice: Notice, profile: Profile) -> OutboundMessage:
    """An RRI^I12 that says plainly what happened, in the receiver's character set. Raises Rejected ENCODING when that cannot hold the words."""
    return response(notice, profile)


def judge(outbound: OutboundMessage, reply: ReceiverReply) -> Verdict:
    """AA and CA: delivered. AE and CE: again, at most five times; so too for an answer to another message or none. AR and CR: refused."""
    return judged(outbound, reply)
