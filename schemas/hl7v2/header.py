"""Read before anything else, and when nothing else can be read: the parts of MSH that an answer needs. Never refuses a byte."""

from __future__ import annotations

import re
from dataclasses import dataclass

from schemas.hl7v2 import escapes
from schemas.hl7v2.separators import STANDARD, Separators, is_usable, read_separators
from schemas.rejection import Rejected

_HEAD = 16 * 1024
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_LINE_END = re.compile(r"[\r\n]")


@dataclass(frozen=True, slots=True)
class Header:
    """MSH as it stands in the message, undecoded (an answer repeats it exactly). Every part is empty when it could not be read.

    `sender` is MSH-3 and MSH-4, `receiver` MSH-5 and MSH-6.
    """

    separators: Separators = STANDARD
    sender: tuple[str, str] = ("", "")
    receiver: tuple[str, str] = ("", "")
    sent: str = ""
    message_type: str = ""
    control_id: str = ""
    processing: str = ""
    version: str = ""
    accept_acknowledgement: str = ""
    application_acknowledgement: str = ""
    charset: str = ""

    @property
    def code(self) -> str:
        """MSH-9.1, the message code: `REF`, `ADT`."""
        return self._type(0)

    @property
    def trigger(self) -> str:
        """MSH-9.2, the trigger event: `I12`, `A03`."""
        return self._type(1)

    @property
    def is_enhanced(self) -> bool:
        """Whether the sender asks for enhanced acknowledgement: MSH-15 or MSH-16 is valued (chapter 2.9.3)."""
        return bool(self.accept_acknowledgement or self.application_acknowledgement)

    def _type(self, place: int) -> str:
        parts = self.message_type.split(self.separators.component)
        return parts[place].strip() if place < len(parts) else ""


def read_header(body: bytes) -> Header:
    """What of MSH can be read of these bytes, bounded to the first 16 kB; an empty header when they do not begin with one."""
    line = _first_line(body)
    if not line.startswith("MSH") or len(line) < 5 or not is_usable(line[3]):
        return Header()
    fields = [line[3], *line[4:].split(line[3])] + [""] * 20
    try:
        separators = read_separators(line)
    except Rejected:
        separators, fields = STANDARD, [field if line[3] == "|" else escapes.encode(field) for field in fields]
    return Header(
        separators,
        (fields[2], fields[3]),
        (fields[4], fields[5]),
        _said(fields[6]),
        _said(fields[8]),
        _said(fields[9]),
        _said(fields[10]),
        _said(fields[11]),
        _said(fields[14]),
        _said(fields[15]),
        _said(fields[17].split(separators.repetition)[0]),
    )


def _said(field: str) -> str:
    """A field without outer blanks; the explicit null says nothing here."""
    return "" if field.strip() == '""' else field.strip()


def _first_line(body: bytes) -> str:
    text = body[:_HEAD].removeprefix(b"\xef\xbb\xbf").lstrip(b"\r\n").decode("utf-8", "replace")
    return _CONTROL.sub("", _LINE_END.split(text, maxsplit=1)[0])
