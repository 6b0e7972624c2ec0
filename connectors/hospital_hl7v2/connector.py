"""At the MLLP door and on the way back: a hospital's HL7 v2. REF^I12 and ADT come in, ACK answers at once, RRI^I12 tells later."""

from __future__ import annotations

import re

from connectors.hospital_hl7v2.answers import acknowledged
from connectors.hospital_hl7v2.facts import person_facts, referral_facts
from connectors.hospital_hl7v2.response import judged, response
from connectors.hospital_hl7v2.source import Source
from schemas.hl7v2 import Header, Message, read_header, split
from schemas.messages import InboundMessage, Notice, OutboundMessage, Outcome, ReceiverReply, Reply, RequestKey, Translation, Verdict
from schemas.profile import Profile
from schemas.rejection import Issue, Reason, Rejected

# Message codes that hospitals send and this door does not take, so that the answer can name them (HL7 v2 table 0076).
_NAMED = frozenset(["ACK", "BAR", "DFT", "MDM", "MFN", "OMG", "OML", "ORM", "ORR", "ORU", "OSU", "QBP", "QRY", "RDE", "RRI", "RSP", "SIU", "SRM", "VXU"])
_REFERRAL_EVENTS = {"I13": "I13", "I14": "I14", "I15": "I15"}
_LONGEST_ID = 199


# --- in ---------------------------------------------------------------------------------------------------------------------------------


def messages(content: bytes) -> tuple[bytes, ...]:
    """The messages of a file: its MLLP frames, else what begins at each line with MSH; a batch stays whole, to be refused by name."""
    if b"\x0b" in content and (frames := re.findall(rb"\x0b([^\x1c\x0b]*)\x1c", content)):
        return tuple(frames)
    plain = content.removeprefix(b"\xef\xbb\xbf").lstrip(b"\r\n")
    if not plain.startswith(b"MSH"):
        return (content,)
    return tuple(re.split(rb"(?<=[\r\n])(?=MSH[^\w\s])", plain))


def identify(message: InboundMessage) -> RequestKey:
    """MSH-3, MSH-4 and MSH-10 are the key; there is no journey. Raises Rejected when the header cannot be read or MSH-10 is missing."""
    header = read_header(message.body)
    if not header.control_id:
        _split(message)
        raise Rejected(Reason.REQUIRED, (Issue(Reason.REQUIRED, "MSH[1]-10", "hospital.control-id"),))
    return RequestKey("|".join((*header.sender, header.control_id[:_LONGEST_ID])))


def translate(message: InboundMessage) -> Translation:
    """REF^I12 gives `received`; A01 to A03 and A11 to A13 `person-moved`; A08, A31 and A40 `person-changed`; a death `person-died`.

    Other ADT events are ignored by name, all else is Rejected: with every fault of the header at once, then of what it says.
    """
    header, read = read_header(message.body), _split(message)
    faults = [*_header_faults(header), *_several_persons(read)]
    if faults:
        raise Rejected(faults[0].reason, faults)
    today = message.received_at.date() if message.received_at else None
    source = Source(message.body, read, today)
    if header.code == "REF":
        return referral_facts(source, message)
    return person_facts(source, _trigger(header, read), message)


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
    if unknown := _type_fault(header):
        faults.append(unknown)
    return faults


def _type_fault(header: Header) -> Issue | None:
    code, trigger = header.code.upper(), header.trigger.upper()
    if not code:
        return Issue(Reason.REQUIRED, "MSH[1]-9", "hospital.no-type")
    if (code == "REF" and trigger == "I12") or (code == "ADT" and re.fullmatch(r"(?:A\d\d)?", trigger, re.ASCII)):
        return None
    if code == "REF" and trigger in _REFERRAL_EVENTS:
        return Issue(Reason.UNSUPPORTED_TYPE, "MSH[1]-9.2", "hospital.event", {"event": f"REF^{trigger}"})
    if code in _NAMED:
        return Issue(Reason.UNSUPPORTED_TYPE, "MSH[1]-9", "hospital.type", {"type": code})
    return Issue(Reason.UNSUPPORTED_TYPE, "MSH[1]-9", "hospital.type-unknown")


def _several_persons(read: Message) -> list[Issue]:
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
