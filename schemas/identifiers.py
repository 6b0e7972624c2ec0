"""Read at the edge and carried through the whole flow: the identifiers, checked when made and masked when shown.

`str()` and `repr()` of an identifier are for logs and never tell a person's value; `.value` is the value.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import ClassVar
from uuid import UUID, uuid5

from stdnum.gb import nhs

_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_READ_AS = str.maketrans({"O": "0", "I": "1", "L": "1", "-": None})

_OUTWARD = r"GIR|[A-PR-UWYZ](?:[0-9]{1,2}|[A-HK-Y][0-9][0-9ABEHMNPRV-Y]?|[0-9][A-HJKPSTUW])"
_POSTCODE = re.compile(rf"({_OUTWARD})([0-9][ABD-HJLNP-UW-Z]{{2}})")
_OUTCODE = re.compile(_OUTWARD)
_PSEUDO = re.compile(r"(ZZ99)([0-9][A-Z]{2})")
_ODS = re.compile(r"[A-Z0-9]{3,10}")


class NhsNumberStatus(StrEnum):
    """How far an NHS number may be trusted; the words of the published shapes."""

    VERIFIED_FORMAT = "verified-format"
    FAILED_CHECK = "failed-check"
    TEST_RANGE = "test-range"
    ABSENT = "absent"
    CONFLICTING = "conflicting"


@dataclass(frozen=True, slots=True, repr=False)
class Identifier:
    """One identifier; equal to another of its kind with the same value. Making it raises ValueError, which never holds the value."""

    value: str

    def masked(self) -> str:
        """What a log line or an operator's table may show."""
        return "***"

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.masked()})"

    def __str__(self) -> str:
        return self.masked()


@dataclass(frozen=True, slots=True, repr=False)
class NhsNumber(Identifier):
    """Ten ASCII digits; whether they pass the check is `status`, because a failing number is kept and not refused."""

    def __post_init__(self) -> None:
        if not (len(self.value) == 10 and self.value.isascii() and self.value.isdigit()):
            raise ValueError("an NHS number is ten digits")

    @classmethod
    def read(cls, sent: str) -> NhsNumber | None:
        """The number as sent, white space removed; None when that is not ten ASCII digits."""
        try:
            return cls("".join(sent.split()))
        except ValueError:
            return None

    @property
    def status(self) -> NhsNumberStatus:
        """`failed-check` when mod 11 fails or one digit stands ten times; else `test-range` from 9; else `verified-format`."""
        if len(set(self.value)) == 1 or nhs.checksum(self.value) != 0:
            return NhsNumberStatus.FAILED_CHECK
        return NhsNumberStatus.TEST_RANGE if self.value.startswith("9") else NhsNumberStatus.VERIFIED_FORMAT

    @property
    def usable(self) -> bool:
        """Whether a person may be recognised by it."""
        return self.status is not NhsNumberStatus.FAILED_CHECK


@dataclass(frozen=True, slots=True)
class NhsNumberReading:
    """What all the NHS numbers of one message together say."""

    number: NhsNumber | None
    status: NhsNumberStatus
    malformed: int = 0
    """How many were given that are not ten ASCII digits: each is worth a warning."""


def read_nhs_numbers(sent: Iterable[str]) -> NhsNumberReading:
    """One number however often repeated is that number; two different ones conflict and give none; blanks count as not given."""
    given = [text for text in sent if text.strip()]
    read = [NhsNumber.read(text) for text in given]
    numbers = {number for number in read if number is not None}
    malformed = read.count(None)
    if not numbers:
        return NhsNumberReading(None, NhsNumberStatus.ABSENT, malformed)
    if len(numbers) > 1:
        return NhsNumberReading(None, NhsNumberStatus.CONFLICTING, malformed)
    (number,) = numbers
    return NhsNumberReading(number, number.status, malformed)


@dataclass(frozen=True, slots=True, repr=False)
class OdsCode(Identifier):
    """An organisation's or site's code: three to ten capital letters and digits: `7A4`, `W95295`, `7A4BV`. Public, so not masked."""

    def __post_init__(self) -> None:
        if not _ODS.fullmatch(self.value):
            raise ValueError("an ODS code is three to ten capital letters and digits")

    @classmethod
    def read(cls, sent: str) -> OdsCode | None:
        """The code in capitals, outer white space removed; None when it is not one."""
        try:
            return cls(sent.strip().upper() if sent.isascii() else "")
        except ValueError:
            return None

    def masked(self) -> str:
        """The code itself."""
        return self.value


@dataclass(frozen=True, slots=True, repr=False)
class Postcode(Identifier):
    """A full postcode in its usual form, `CF10 1AA`; the form is checked, not that it is in use. Masked to its letters."""

    NO_FIXED_ABODE: ClassVar[str] = "ZZ99 3VZ"
    WALES_NOT_SPECIFIED: ClassVar[str] = "ZZ99 3GZ"

    def __post_init__(self) -> None:
        outward, _, inward = self.value.partition(" ")
        if not _match_postcode(outward + inward) or f"{outward} {inward}" != self.value:
            raise ValueError("not the form of a postcode")

    @classmethod
    def read(cls, sent: str) -> Postcode | None:
        """The postcode in capitals with one space; None when it is not one. Only ASCII letters and digits count."""
        compact = _compact(sent)
        return cls(f"{compact[:-3]} {compact[-3:]}") if _match_postcode(compact) else None

    @property
    def outcode(self) -> str:
        """The district: what stands before the space."""
        return self.value.partition(" ")[0]

    @property
    def pseudo(self) -> bool:
        """Whether it stands for no place: the NHS codes ZZ99, such as no fixed abode."""
        return self.outcode == "ZZ99"

    def masked(self) -> str:
        """The letters at the start, which name a large area."""
        return self.value[: 2 if self.value[1].isalpha() else 1] + "***"


def read_outcode(sent: str) -> str | None:
    """A district given alone, such as `cf10`, in capitals; None when it is not the form of one."""
    compact = _compact(sent)
    return compact if _OUTCODE.fullmatch(compact) else None


def _compact(sent: str) -> str:
    return "".join(sent.split()).upper() if sent.isascii() else ""


def _match_postcode(compact: str) -> bool:
    return bool(_POSTCODE.fullmatch(compact) or _PSEUDO.fullmatch(compact))


@dataclass(frozen=True, slots=True, repr=False)
class ReferralRef(Identifier):
    """A referral's short reference for people: eleven characters of Crockford base32 made from its id, and one check character."""

    def __post_init__(self) -> None:
        if len(self.value) != 12 or any(c not in _CROCKFORD for c in self.value) or _check_character(self.value[:-1]) != self.value[-1]:
            raise ValueError("not a referral reference")

    @classmethod
    def of(cls, referral_id: UUID) -> ReferralRef:
        """The reference of a referral: the same id always gives the same one (55 bits of its SHA-256)."""
        number = int.from_bytes(hashlib.sha256(referral_id.bytes).digest()[:7]) >> 1
        body = "".join(_CROCKFORD[(number >> shift) & 31] for shift in range(50, -1, -5))
        return cls(body + _check_character(body))

    @classmethod
    def read(cls, typed: str) -> ReferralRef | None:
        """A reference as a person typed it: any case, spaces or hyphens, O for 0 and I or L for 1; None when its check fails."""
        try:
            return cls("".join(typed.split()).upper().translate(_READ_AS))
        except ValueError:
            return None

    @property
    def spoken(self) -> str:
        """In three groups of four, as it is read out and printed."""
        return "-".join(self.value[start : start + 4] for start in (0, 4, 8))

    def masked(self) -> str:
        """Its first group."""
        return f"{self.value[:4]}-****-****"


def _check_character(body: str) -> str:
    """Luhn's sum in base 32: finds every single wrong character and almost every swap of neighbours."""
    total = 0
    for place, character in enumerate(reversed(body)):
        total += sum(divmod(_CROCKFORD.index(character) * (2 - place % 2), 32))
    return _CROCKFORD[-total % 32]


@lru_cache(maxsize=8192)
def referral_scoped_id(referral_id: UUID, role: str, ordinal: int) -> UUID:
    """The id of a thing that belongs to one referral: UUIDv5 of referral id, role (such as `coordination`) and ordinal (from 1)."""
    return uuid5(referral_id, f"{role}/{ordinal}")
