"""The first thing read of an HL7 v2 text, and the first written: which characters separate its parts (MSH-1 and MSH-2)."""

from __future__ import annotations

from dataclasses import dataclass

from schemas.rejection import Issue, Reason, Rejected


@dataclass(frozen=True, slots=True)
class Separators:
    """The delimiters of one message (HL7 v2 chapter 2.5.4); `truncation` exists from version 2.7 on."""

    field: str = "|"
    component: str = "^"
    repetition: str = "~"
    escape: str = "\\"
    subcomponent: str = "&"
    truncation: str | None = None

    @property
    def encoding(self) -> str:
        """MSH-2 as it is written."""
        return self.component + self.repetition + self.escape + self.subcomponent + (self.truncation or "")


STANDARD = Separators()


def read_separators(line: str) -> Separators:
    """The delimiters that the MSH line declares. Raises Rejected SEPARATORS when they are missing, doubled, or not plain punctuation."""
    if len(line) < 5:
        raise _rejected("MSH[1]-1", "hl7v2.separators-missing")
    mark = line[3]
    declared = line[4:].split(mark, 1)[0] if is_usable(mark) else ""
    if not is_usable(mark) or not 4 <= len(declared) <= 5 or not all(map(is_usable, declared)):
        raise _rejected("MSH[1]-1" if not is_usable(mark) else "MSH[1]-2", "hl7v2.separators-unusable")
    if len(set(mark + declared)) != 1 + len(declared):
        raise _rejected("MSH[1]-2", "hl7v2.separators-doubled")
    return Separators(mark, *declared)


def is_usable(character: str) -> bool:
    """Whether a character may separate: visible ASCII that is no letter and no digit."""
    return "!" <= character <= "~" and not character.isalnum()


def _rejected(at: str, detail: str) -> Rejected:
    return Rejected(Reason.SEPARATORS, (Issue(Reason.SEPARATORS, at, detail),))
