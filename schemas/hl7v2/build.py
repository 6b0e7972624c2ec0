"""Where words become a hospital's text: segments written with their escapes, in the receiver's separators."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from schemas.hl7v2 import escapes
from schemas.hl7v2.separators import STANDARD, Separators

Part = str | Sequence[str] | None  # words, or the words of each component; None and "" are empty


def segment(name: str, *fields: Part, separators: Separators = STANDARD) -> str:
    """One segment, without its end: words are escaped, a sequence becomes components, empty fields at the end are left out.

    For MSH the fields begin with MSH-3; its first two are written from `separators`.
    """
    written = [_field(part, separators) for part in fields]
    while written and not written[-1]:
        written.pop()
    head = [name, separators.encoding] if name == "MSH" else [name]
    return separators.field.join([*head, *written])


def build(segments: Iterable[str]) -> str:
    """A message: each segment ended by CR (HL7 v2 chapter 2.6)."""
    return "".join(f"{line}\r" for line in segments)


def repeated(repetitions: Iterable[Part], separators: Separators = STANDARD) -> Raw:
    """A field of several repetitions, ready for `segment`."""
    return Raw(separators.repetition.join(_field(part, separators) for part in repetitions))


class Raw(str):
    """A field that is already written in the message's separators, and is not escaped again."""

    __slots__ = ()


def _field(part: Part, separators: Separators) -> str:
    if part is None:
        return ""
    if isinstance(part, Raw):
        return part
    if isinstance(part, str):
        return escapes.encode(part, separators)
    return separators.component.join("" if not each else escapes.encode(each, separators) for each in part).rstrip(separators.component)
