"""What a hospital's system hears at once: MSH, MSA and one ERR for each fault (HL7 v2 chapter 2.9 and 2.15)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

from schemas.hl7v2.build import Raw, build, segment
from schemas.hl7v2.header import Header
from schemas.hl7v2.separators import Separators
from schemas.rejection import Issue, Reason

Code = Literal["AA", "AE", "AR", "CA", "CE", "CR"]
MAX_ERRORS = 20
CHARSET = "UNICODE UTF-8"

# Table 0357; a reason without a row is 207, "application internal error", the standard's own catch-all.
_ERRORS: dict[Reason, tuple[str, str]] = {
    Reason.STRUCTURE: ("100", "Segment sequence error"),
    Reason.FRAME: ("100", "Segment sequence error"),
    Reason.SEPARATORS: ("102", "Data type error"),
    Reason.ENCODING: ("102", "Data type error"),
    Reason.INVALID: ("102", "Data type error"),
    Reason.REQUIRED: ("101", "Required field missing"),
    Reason.NO_IDENTITY: ("101", "Required field missing"),
    Reason.CODE_UNKNOWN: ("103", "Table value not found"),
    Reason.UNSUPPORTED_TYPE: ("200", "Unsupported message type"),
    Reason.UNSUPPORTED_BATCH: ("200", "Unsupported message type"),
    Reason.UNSUPPORTED_VERSION: ("203", "Unsupported version id"),
    Reason.NOT_FOUND: ("204", "Unknown key identifier"),
    Reason.KEY_REUSED: ("205", "Duplicate key identifier"),
}
_OTHER = ("207", "Application internal error")
_PLACE = re.compile(r"([A-Z][A-Z0-9]{2})\[(\d+)\](?:-(\d+))?(?:\[(\d+)\])?(?:\.(\d+))?")


def acknowledge(header: Header, code: Code, issues: Sequence[Issue] = (), *, control_id: str, time: str, sentence: str | None = None) -> str:
    """The acknowledgement of the message that `header` belongs to: sender and receiver swapped, MSH-11 and MSA-2 as they came, MSH-18 UTF-8.

    `control_id` is ours (MSH-10), `time` our MSH-7. MSA-3 is `sentence`, else the first issue's words; each issue (at most 20) has an
    ERR, an error for AE, AR, CE and CR, else a warning. Never raises for any header.
    """
    mark = header.separators
    said = sentence or (issues[0].text.en if issues and code not in ("AA", "CA") else None)
    severity = "W" if code in ("AA", "CA") else "E"
    version = header.version.split(mark.component)[0]
    return build(
        [
            _msh(header, control_id, time),
            segment("MSA", code, Raw(header.control_id), said, separators=mark),
            *(_err(issue, severity, version, mark) for issue in issues[:MAX_ERRORS]),
        ]
    )


def acknowledged_type(header: Header) -> tuple[str, ...]:
    """MSH-9 of the answer: `ACK^A03^ACK`; a trigger that is not plain letters and digits is left out."""
    trigger = header.trigger
    return ("ACK", trigger, "ACK") if re.fullmatch(r"[A-Z0-9]{3}", trigger) else ("ACK",)


def _msh(header: Header, control_id: str, time: str) -> str:
    ours, theirs = header.receiver, header.sender
    version = header.version or "2.4"
    fields = [*map(Raw, (*ours, *theirs)), time, None, acknowledged_type(header), control_id, Raw(header.processing or "P"), Raw(version)]
    return segment("MSH", *fields, *(None,) * 5, CHARSET, separators=header.separators)


def _err(issue: Issue, severity: str, version: str, mark: Separators) -> str:
    """ERR in the form of 2.5 and later (location, code, severity, words); before that ERR-1 holds location and code, as 2.4 has it."""
    number, name = _ERRORS.get(issue.reason, _OTHER)
    if severity == "W" and issue.reason not in _ERRORS:
        number, name = "0", "Message accepted"
    words = issue.text
    place = _place(issue.at)
    old = mark.component.join([*_first(place, 3), mark.subcomponent.join((number, name, "HL70357"))]) if version < "2.5" else ""
    return segment(
        "ERR",
        Raw(old),
        place,
        (number, name, "HL70357"),
        severity,
        (str(issue.reason),),
        None,
        None,
        f"{words.en} / {words.cy}",
        separators=mark,
    )


def _place(where: str) -> tuple[str, ...]:
    """`PID[1]-3[2].1` as an ERL: segment, its number, field, repetition, component; nothing where it is not a place in a segment."""
    found = _PLACE.fullmatch(where)
    return tuple(part or "" for part in found.groups()) if found else ()


def _first(parts: tuple[str, ...], count: int) -> list[str]:
    return [*parts[:count], *[""] * (count - len(parts[:count]))]
