"""Within translating a hospital's message: every text of it, wherever it stands, for the screens of risk and of need."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator

from connectors.hospital_hl7v2.answered import readings, says_no, without_denial
from connectors.hospital_hl7v2.findings import is_text
from schemas.hl7v2 import Field, Message, Repetition, Segment

# Fields that hold who somebody is, where they live and how to reach them, and segments that are about the message itself: nothing is said there.
_WHO_AND_WHERE: dict[str, tuple[int, ...]] = {
    "PID": (*range(2, 8), 9, 11, 12, 13, 14, 18, 19, 20, 21, 23),
    "PD1": (3, 4),
    "PRD": (2, 3, 4, 5, 6, 7, 10),
    "CTD": (2, 3, 4, 5, 6, 7),
    "NK1": (2, 4, 5, 6, 10, 12, 13, 26, 30, 31, 32, 33),
    "GT1": (2, 3, 4, 5, 6, 7, 12, 16, 17, 18, 19, 21, 45, 46, 51),
    "IN1": (2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 16, 19, 36, 44),
    "PV1": (3, 6, 7, 8, 9, 11, 17, 19, 42, 43, 50, 52),
    "PV2": (1, 13, 23),
    "OBR": (2, 3, 10, 16, 17, 28, 32, 33, 34, 35),
    "ORC": (2, 3, 4, 10, 11, 12, 13, 14, 17, 18, 19, 21, 22, 23, 24),
    "OBX": (2, 3, 5, 15, 16, 23, 24, 25),
    "DG1": (16,),
    "PR1": (8, 11, 12),
    "ROL": (4, 11, 12),
    "RF1": (6, 11),
    "NTE": (5,),
    "TXA": (5, 9, 10, 11, 12, 13, 14, 15, 16, 22, 23),
}
_ABOUT_THE_MESSAGE = frozenset({"MSH", "MSA", "EVN", "SFT", "UAC", "MRG", "FHS", "BHS", "BTS", "FTS", "DSC"})
_LONGEST = 100_000  # characters of one document


def heard(message: Message) -> tuple[str, ...]:
    """Every text in message order, each once: components one by one, a segment that nobody knows included.

    Of an OBX, what it asks is heard together with its answer, and not at all when the answer is a plain no.
    """
    found = (said for segment in message.all if segment.name not in _ABOUT_THE_MESSAGE for said in _of_segment(segment))
    return tuple(dict.fromkeys(said for said in found if any(map(str.isalpha, said))))


def _of_segment(segment: Segment) -> Iterator[str]:
    skipped = _WHO_AND_WHERE.get(segment.name, ())
    for number in range(1, len(segment.raw) + 1):
        if number not in skipped:
            yield from _parts(segment.field(number))
    if segment.name == "OBX":
        yield from _finding(segment)


def _parts(field: Field) -> Iterator[str]:
    for one in field.repetitions:
        if not one.is_null:
            yield from _texts(one)
    if len(field.repetitions) > 1:
        yield field.text.strip()


def _texts(one: Repetition) -> Iterator[str]:
    parts = [said for part in one.components if (said := part.strip())]
    yield from parts
    if len(parts) > 1:
        yield " ".join(parts)


def _finding(obx: Segment) -> Iterator[str]:
    """`question: answer` for each answer, and each answer for itself; a denial that is itself denied is what it denied."""
    asked = list(dict.fromkeys(said for one in obx.field(3).repetitions for said in readings(one)))
    question = " ".join(asked)
    answers = [said for one in obx.field(5).repetitions for said in _answer(obx, one)]
    if not _is_document(obx):
        yield from _parts(obx.field(5))
    if says_no(obx):
        yield without_denial(question)
        return
    yield from (f"{question}: {answer}" for answer in answers)
    if not answers and not any(said.endswith("?") for said in asked):
        yield question


def _answer(obx: Segment, one: Repetition) -> list[str]:
    if one.is_null:
        return []
    if _is_document(obx):
        return [said] if (said := document_words(one)) else []
    return [one.text.strip()] if is_text(obx) else [" ".join(readings(one))]


def documents(message: Message) -> list[tuple[int, str]]:
    """The words of every document of plain text (OBX of ED or RP), each with its place in the message."""
    found = [(obx.place, document_words(one)) for obx in message.segments("OBX") if _is_document(obx) for one in obx.field(5).repetitions]
    return [(place, said) for place, said in found if said]


def _is_document(obx: Segment) -> bool:
    return obx.component(2).upper() in ("ED", "RP")


def document_words(one: Repetition) -> str:
    """The words of a document of plain text (ED: source, type, subtype, encoding, data); empty for any other."""
    kind, encoding, data = " ".join((one.component(2), one.component(3))).casefold(), one.component(4).casefold(), one.component(5)
    if not any(named in kind for named in ("text", "plain", "txt")):
        return ""
    if encoding != "base64":
        return data[:_LONGEST]
    try:
        return base64.b64decode(data, validate=True).decode("utf-8", "replace")[:_LONGEST]
    except (binascii.Error, ValueError):
        return ""
