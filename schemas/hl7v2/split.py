"""Where a hospital's bytes become something to read: an HL7 v2 message split at its separators, bounded before anything is built."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from schemas.hl7v2 import charset, escapes
from schemas.hl7v2.header import read_header
from schemas.hl7v2.message import Encoding, Message, Segment
from schemas.hl7v2.separators import Separators, read_separators
from schemas.rejection import Issue, Reason, Rejected


@dataclass(frozen=True, slots=True)
class Caps:
    """What one message may hold at most; more is refused before it is split further (each check is one count over the text)."""

    size: int = 1024 * 1024
    segments: int = 500
    fields: int = 200
    repetitions: int = 50
    components: int = 100
    warnings: int = 20


DEFAULT_CAPS = Caps()
_BOM = b"\xef\xbb\xbf"
_NAME = re.compile(r"[A-Z][A-Z0-9]{2}")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\x80-\x9f]")
_TEXT_SEGMENTS = ("NTE", "OBX")  # only here may a line without a segment name be the rest of a text that held a line break


def split(body: bytes, agreed_charset: str | None = None, strict_ends: bool = False, caps: Caps = DEFAULT_CAPS) -> Message:
    """The message in `body`: one MSH and what follows it, ended by CR (LF and CRLF are taken too, with a warning; refused when `strict_ends`).

    Raises Rejected: TOO_LARGE, STRUCTURE, UNSUPPORTED_BATCH (FHS, BHS, a second MSH), SEPARATORS, ENCODING.
    """
    if len(body) > caps.size:
        raise _too_large("message", "bytes", caps.size)
    trimmed = body.removeprefix(_BOM).strip(b"\r\n")
    _one_message(trimmed)
    if trimmed.count(b"\r") + trimmed.count(b"\n") > 4 * caps.segments:  # CRLF, and as many blank lines
        raise _too_large("message", "segments", caps.segments)
    decoded = charset.decode(trimmed, read_header(trimmed).charset, agreed_charset)
    text, odd = _one_line_end(decoded.text, strict_ends)
    lines = [line for line in text.split("\r") if line.strip()]
    if len(lines) > caps.segments:
        raise _too_large("message", "segments", caps.segments)
    encoding = Encoding(read_separators(lines[0]), decoded.charset)
    segments = tuple(_segments(lines, encoding, caps))
    warnings = [*decoded.warnings, *odd, *_continued(lines, encoding.separators), *_escape_warnings(segments, encoding.separators)]
    return Message(encoding, segments, tuple(warnings[: caps.warnings]))


def _one_message(body: bytes) -> None:
    if body[:3] in (b"FHS", b"BHS"):
        raise Rejected(Reason.UNSUPPORTED_BATCH, (Issue(Reason.UNSUPPORTED_BATCH, f"{body[:3].decode()}[1]"),))
    if not body.startswith(b"MSH"):
        detail = "hl7v2.not-hl7" if body.strip() else "hl7v2.empty"
        raise Rejected(Reason.STRUCTURE, (Issue(Reason.STRUCTURE, "MSH[1]", detail),))


def _one_line_end(text: str, strict: bool) -> tuple[str, list[Issue]]:
    """The text with CR alone at the end of segments and no control characters; what was changed, as warnings."""
    odd = []
    if "\n" in text:
        issue = Issue(Reason.SEGMENT_ENDS, "message")
        if strict:
            raise Rejected(Reason.STRUCTURE, (Issue(Reason.STRUCTURE, "message", "hl7v2.segment-ends-strict"),))
        odd.append(issue)
        text = re.sub(r"\n(?=[A-Z][A-Z0-9]{2}(?:[!-/:-@\[-`{-~]|[\r\n]|$))", "\r", text.replace("\r\n", "\r"))
    if _CONTROL.search(text):
        odd.append(Issue(Reason.ELEMENT_REMOVED, "message", "hl7v2.control-characters"))
        text = _CONTROL.sub("", text)
    return text, odd


def _segments(lines: list[str], encoding: Encoding, caps: Caps) -> Iterator[Segment]:
    seen: Counter[str] = Counter()
    for place, line in enumerate(_joined(lines, encoding.separators), 1):
        name = line[:3]
        seen[name] += 1
        if name == "MSH" and seen[name] > 1:
            raise Rejected(Reason.UNSUPPORTED_BATCH, (Issue(Reason.UNSUPPORTED_BATCH, "MSH[2]"),))
        where = f"{name}[{seen[name]}]"
        _within(line, where, encoding.separators, caps)
        parts = line.split(encoding.separators.field)
        raw = (encoding.separators.field, *parts[1:]) if name == "MSH" else tuple(parts[1:])
        yield Segment(name, seen[name], place, raw, encoding)


def _joined(lines: list[str], separators: Separators) -> list[str]:
    """The segments, each whole: a line that begins no segment continues the text before it. Raises Rejected STRUCTURE elsewhere."""
    whole: list[list[str]] = []
    for number, line in enumerate(lines, 1):
        if _begins_segment(line, separators):
            whole.append([line])
        elif whole and whole[-1][0][:3] in _TEXT_SEGMENTS:
            whole[-1].append(line)
        else:
            raise Rejected(Reason.STRUCTURE, (Issue(Reason.STRUCTURE, f"segment {number}", "hl7v2.no-segment-name"),))
    return ["\n".join(parts) for parts in whole]


def _continued(lines: list[str], separators: Separators) -> list[Issue]:
    broken = any(not _begins_segment(line, separators) for line in lines)
    return [Issue(Reason.SEGMENT_ENDS, "message", "hl7v2.text-continued")] if broken else []


def _begins_segment(line: str, separators: Separators) -> bool:
    return bool(_NAME.match(line)) and (len(line) == 3 or line[3] == separators.field)


def _within(line: str, where: str, separators: Separators, caps: Caps) -> None:
    """Raises Rejected TOO_LARGE naming the first part that holds too many."""
    if line.count(separators.field) > caps.fields:
        raise _too_large(where, "fields", caps.fields)
    if line.count(separators.repetition) < caps.repetitions and line.count(separators.component) < caps.components:
        return
    for number, field in enumerate(line.split(separators.field)):
        if field.count(separators.repetition) >= caps.repetitions:
            raise _too_large(f"{where}-{number}", "repetitions", caps.repetitions)
        if any(part.count(separators.component) >= caps.components for part in field.split(separators.repetition)):
            raise _too_large(f"{where}-{number}", "components", caps.components)


def _escape_warnings(segments: tuple[Segment, ...], separators: Separators) -> Iterator[Issue]:
    for segment in segments[1:]:
        for number, raw in enumerate(segment.raw, 1):
            if escapes.unfinished(raw, separators):
                yield Issue(Reason.ESCAPE_UNTERMINATED, segment.at(number))


def _too_large(where: str, part: str, limit: int) -> Rejected:
    return Rejected(Reason.TOO_LARGE, (Issue(Reason.TOO_LARGE, where, f"hl7v2.too-many-{part}", {"limit": str(limit)}),))
