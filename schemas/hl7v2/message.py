"""An HL7 v2 message once it is split: what connectors read from. Every part is frozen, and an absent part reads as empty."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from schemas.hl7v2 import escapes
from schemas.hl7v2.separators import Separators
from schemas.rejection import Issue

NULL = '""'


@dataclass(frozen=True, slots=True)
class Encoding:
    """What is needed to read a field's characters: the message's separators and the character set of its hexadecimal escapes."""

    separators: Separators
    charset: str = "utf-8"

    def words(self, raw: str) -> str:
        """The words of a raw part; the explicit null `""` reads as empty."""
        return "" if raw == NULL else escapes.decode(raw, self.separators, self.charset)


def _component(raw: str, encoding: Encoding, number: int, sub: int | None) -> str:
    parts = raw.split(encoding.separators.component, number)
    if number > len(parts):
        return ""
    subs = parts[number - 1].split(encoding.separators.subcomponent)
    wanted = 1 if sub is None else sub
    return encoding.words(subs[wanted - 1]).strip() if wanted <= len(subs) else ""


@dataclass(frozen=True, slots=True)
class Repetition:
    """One repetition of a field; components count from 1."""

    raw: str
    at: str
    encoding: Encoding

    @property
    def is_null(self) -> bool:
        """`""`: the sender deletes what was there (chapter 2.5.3); not the same as saying nothing."""
        return self.raw == NULL

    @property
    def components(self) -> tuple[str, ...]:
        """Every component's words, subcomponents and all."""
        return tuple(self.encoding.words(part) for part in self.raw.split(self.encoding.separators.component))

    def component(self, number: int, sub: int | None = None) -> str:
        """The words of one component, or of its subcomponent; without `sub` its first one where there are several. Empty when absent."""
        return _component(self.raw, self.encoding, number, sub)

    @property
    def text(self) -> str:
        """The whole repetition as text, as in NTE-3: component marks that stand in it unescaped are characters like any other."""
        return self.encoding.words(self.raw)


@dataclass(frozen=True, slots=True)
class Field:
    """One field; reading a component reads its first repetition's."""

    raw: str
    at: str
    encoding: Encoding

    @property
    def is_null(self) -> bool:
        """`""`: delete; distinct from empty, which leaves what was there."""
        return self.raw == NULL

    @property
    def is_empty(self) -> bool:
        """Nothing was said. Never true of a null."""
        return not self.raw.strip()

    @property
    def repetitions(self) -> tuple[Repetition, ...]:
        """The repetitions that say something, each with its own place (`PID[1]-3[2]`); empty ones are left out and still counted."""
        parts = self.raw.split(self.encoding.separators.repetition)
        return tuple(Repetition(part, f"{self.at}[{place}]", self.encoding) for place, part in enumerate(parts, 1) if part)

    def component(self, number: int = 1, sub: int | None = None) -> str:
        """The words of one component of the first repetition; empty when absent."""
        return _component(self.raw.split(self.encoding.separators.repetition, 1)[0], self.encoding, number, sub)

    @property
    def text(self) -> str:
        """The whole field as text (NTE-3, OBX-5 of FT and TX); repetitions stand on lines of their own."""
        return "\n".join(self.encoding.words(part) for part in self.raw.split(self.encoding.separators.repetition))


@dataclass(frozen=True, slots=True)
class Segment:
    """One segment; `ordinal` counts the segments of its name from 1; `place` is its place in the message, from 1."""

    name: str
    ordinal: int
    place: int
    raw: tuple[str, ...]
    encoding: Encoding

    def at(self, number: int | None = None, repetition: int | None = None, component: int | None = None) -> str:
        """Where a part is: `PID[1]-3[2].1`."""
        where = f"{self.name}[{self.ordinal}]" + (f"-{number}" if number else "")
        return where + (f"[{repetition}]" if repetition else "") + (f".{component}" if component else "")

    def field(self, number: int) -> Field:
        """A field by its number in the standard (MSH-1 is the separator itself); absent ones are empty."""
        raw = self.raw[number - 1] if 0 < number <= len(self.raw) else ""
        return Field(raw, self.at(number), self.encoding)

    def component(self, number: int, component: int = 1, sub: int | None = None) -> str:
        """The words of one component of a field's first repetition; empty when absent."""
        raw = self.raw[number - 1] if 0 < number <= len(self.raw) else ""
        return _component(raw.split(self.encoding.separators.repetition, 1)[0], self.encoding, component, sub) if raw else ""


@dataclass(frozen=True, slots=True)
class Message:
    """A split message: its segments in order, how it was read, and what was odd about it."""

    encoding: Encoding
    all: tuple[Segment, ...]
    warnings: tuple[Issue, ...] = ()

    @property
    def header(self) -> Segment:
        """MSH."""
        return self.all[0]

    def segments(self, *names: str) -> tuple[Segment, ...]:
        """The segments of these names, in message order."""
        return tuple(segment for segment in self.all if segment.name in names)

    def first(self, name: str) -> Segment:
        """The first segment of this name, or an empty one: reading it gives nothing."""
        return next(iter(self.segments(name)), Segment(name, 1, 0, (), self.encoding))

    def has(self, names: Iterable[str] | str) -> bool:
        """Whether any segment of these names is there."""
        wanted = {names} if isinstance(names, str) else set(names)
        return any(segment.name in wanted for segment in self.all)
