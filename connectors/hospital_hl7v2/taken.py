"""Within translating a hospital's message: what a message is to this door: a referral, a change, a person's event, nothing for us, or refused by name."""

from __future__ import annotations

import re
from enum import Enum

from schemas.hl7v2 import Header
from schemas.profile import Profile
from schemas.rejection import Issue, Reason

LETTERS = "letters"
"""The dialect of a sender whose letters (MDM^T02) are referrals."""
REFUSE_OTHERS = "refuse-others"
"""The dialect of a sender that wants to hear that a message is not for us, where others hear AA."""

# Message codes (HL7 v2 table 0076) that tell of something: nothing is asked of us, so they are acknowledged and ignored, by name.
_TELL = frozenset(["BAR", "CCU", "CSU", "DFT", "MDM", "MFN", "OPU", "ORU", "OSU", "OUL", "PEX", "PPR", "RAS", "RDS", "REL", "SIU", "TBR", "UDM", "VXU"])
# Those that ask something of the receiver, or answer what we never asked: acknowledged they would be believed done, so they are refused, by name.
_ASK = frozenset(["ACK", "OMG", "OML", "OMP", "ORM", "ORR", "PGL", "PIN", "QBP", "QCN", "QRY", "RDE", "RQA", "RQI", "RQP", "RPI", "RSP", "SRM", "SRR"])


class Kind(Enum):
    """What is made of a message."""

    REFERRAL = "referral"
    UPDATE = "update"
    CANCELLATION = "cancellation"
    PERSON = "person"
    LETTER = "letter"
    LETTER_AGAIN = "letter-again"
    LETTER_WITHDRAWN = "letter-withdrawn"
    QUESTION = "question"
    NOTHING = "nothing"


_REF = {"I12": Kind.REFERRAL, "I13": Kind.UPDATE, "I14": Kind.CANCELLATION, "I15": Kind.QUESTION}
_MDM = {"T02": Kind.LETTER, "T08": Kind.LETTER_AGAIN, "T10": Kind.LETTER_AGAIN, "T11": Kind.LETTER_WITHDRAWN}


def kind_of(header: Header, profile: Profile) -> Kind | Issue:
    """What the message is, or why it is refused."""
    code, trigger = header.code.upper(), header.trigger.upper()
    if not code:
        return Issue(Reason.REQUIRED, "MSH[1]-9", "hospital.no-type")
    if code == "REF":
        return _REF.get(trigger) or Issue(Reason.UNSUPPORTED_TYPE, "MSH[1]-9", "hospital.type-unknown")
    if code == "ADT" and re.fullmatch(r"(?:A\d\d)?", trigger, re.ASCII):
        return Kind.PERSON
    if code == "RRI":
        return Issue(Reason.UNSUPPORTED_TYPE, "MSH[1]-9", "hospital.response-not-asked")
    if code == "MDM" and LETTERS in profile.dialect:
        return _MDM.get(trigger, Kind.NOTHING)
    if code in _TELL and REFUSE_OTHERS not in profile.dialect:
        return Kind.NOTHING
    if code in _TELL | _ASK:
        return Issue(Reason.UNSUPPORTED_TYPE, "MSH[1]-9", "hospital.type", {"type": code})
    return Issue(Reason.UNSUPPORTED_TYPE, "MSH[1]-9", "hospital.type-unknown")


def named(header: Header) -> Issue:
    """That a message was taken and nothing done, by its type's name; only for types that are listed here."""
    return Issue(Reason.NOTHING_FOR_US, "MSH[1]-9", "hospital.ignored", {"type": header.code.upper()})
