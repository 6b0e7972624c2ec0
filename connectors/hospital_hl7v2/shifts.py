"""Within translating a hospital's message: fields that stand one too early or too late, by their types. They are said, and never read from there."""

from __future__ import annotations

from collections.abc import Iterator

from schemas.hl7v2 import Message, Segment, dates
from schemas.identifiers import NhsNumber, Postcode
from schemas.rejection import Issue, Reason


def shifted(message: Message) -> tuple[Issue, ...]:
    """A warning for each field of PID, DG1 and NTE that plainly holds what belongs beside it, where the right field is empty."""
    diagnoses = (dg1 for dg1 in message.segments("DG1") if dg1.field(3).is_empty and dg1.field(4).is_empty)
    comments = [nte for nte in message.segments("NTE") if nte.field(3).is_empty]
    return (
        *_of_person(message.first("PID")),
        *(_said(dg1, 2) for dg1 in diagnoses if dg1.component(2) and dg1.component(2, 2)),
        *(_said(nte, number) for nte in comments for number in (2, 4) if " " in nte.component(number)),
    )


def _of_person(pid: Segment) -> Iterator[Issue]:
    if pid.field(11).is_empty:
        yield from (_said(pid, number) for number in (10, 12) if Postcode.read(pid.component(number, 5)))
    if pid.field(7).is_empty:
        yield from (_said(pid, number) for number in (6, 8) if dates.is_timestamp(pid.component(number)))
    social, own = NhsNumber.read(pid.component(19)), {"".join(one.component(1).split()) for one in pid.field(3).repetitions}
    if social and social.usable and social.value not in own:  # the American social security number's field
        yield _said(pid, 19)


def _said(segment: Segment, number: int) -> Issue:
    return Issue(Reason.FIELD_SHIFTED, segment.at(number))
