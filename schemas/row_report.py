"""Said back at a door that takes tables: what became of one row of a file, as a line for programs and a row for people. No input value is in it."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

from schemas.fhir.strict_json import dump
from schemas.rejection import Issue
from schemas.words import Text, text

Became = Literal["taken", "held", "changed", "known", "nothing", "refused", "postponed"]
"""`taken` a new referral; `held` one that a person at the hub looks at first; `changed` a referral that stands; `known` came before, nothing
was done; `nothing` holds nothing; `refused` must be corrected; `postponed` must be sent again."""
BECAME: tuple[Became, ...] = get_args(Became)
MOST_ISSUES = 20
NDJSON = "application/x-ndjson"


@dataclass(frozen=True, slots=True)
class Said:
    """One issue as it is told: its code, where it is, its words."""

    reason: str
    at: str
    text: Text

    @classmethod
    def of(cls, issue: Issue) -> Said:
        """The issue's own words."""
        return cls(issue.reason.value, issue.at, issue.text)


@dataclass(frozen=True, slots=True)
class RowReport:
    """What became of one row. `row` is its number as the file's reader counts, 0 for the file as a whole; `reference` the referral's own."""

    row: int
    became: Became
    text: Text
    reference: str | None = None
    faults: tuple[Said, ...] = field(default=())
    warnings: tuple[Said, ...] = field(default=())

    def line(self) -> bytes:
        """One JSON object, keys sorted, a line end after it."""
        issues = {"faults": [_json(one) for one in self.faults[:MOST_ISSUES]], "warnings": [_json(one) for one in self.warnings[:MOST_ISSUES]]}
        return dump({"row": self.row, "outcome": self.became, "reference": self.reference, "text": self.text.as_dict(), **issues}, sort=True) + b"\n"


def _json(one: Said) -> Mapping[str, object]:
    return {"reason": one.reason, "at": one.at, "text": one.text.as_dict()}


def read_line(line: bytes) -> RowReport | None:
    """The report that `line` wrote; None for anything else, such as a line that broke off."""
    try:
        found = json.loads(line)
        if found["outcome"] not in BECAME:
            return None
        issues = ([Said(one["reason"], one["at"], Text(**one["text"])) for one in found[name]] for name in ("faults", "warnings"))
        return RowReport(int(found["row"]), found["outcome"], Text(**found["text"]), found["reference"], *map(tuple, issues))
    except (ValueError, KeyError, TypeError):
        return None


def counted(reports: Iterable[RowReport]) -> Mapping[Became, int]:
    """How many rows became what."""
    found = Counter(one.became for one in reports)
    return {became: found[became] for became in BECAME if found[became]}


def is_whole(reports: Sequence[RowReport]) -> bool:
    """Whether nothing needs to be corrected or sent again."""
    return not any(one.became in ("refused", "postponed") for one in reports)


def summary(reports: Sequence[RowReport]) -> RowReport:
    """The file's own line: how many rows were taken, and what is to be done about the others."""
    numbers = counted(reports)
    wrong = numbers.get("refused", 0) + numbers.get("postponed", 0)
    key = "batch.file.whole" if not wrong else "batch.file.partly" if wrong < len(reports) else "batch.file.nothing"
    became: Became = "refused" if numbers.get("refused") else "postponed" if wrong else "taken"
    return RowReport(0, became, text(key, rows=str(len(reports)), good=str(len(reports) - wrong), wrong=str(wrong), held=str(numbers.get("held", 0))))


_HEADINGS = ("row / rhes", "outcome / canlyniad", "reference / cyfeirnod", "fault / diffyg", "English", "Cymraeg")


def as_csv(reports: Sequence[RowReport]) -> bytes:
    """The reports as a table for a spreadsheet (UTF-8 with its mark, CRLF): a line for the file and each row, one for each fault and warning."""
    made = io.StringIO(newline="")
    writer = csv.writer(made)
    writer.writerow(_HEADINGS)
    for one in reports:
        writer.writerow((one.row or "", one.became, one.reference or "", "", one.text.en, one.text.cy))
        writer.writerows((one.row or "", "", "", f"{said.at} ({said.reason})", said.text.en, said.text.cy) for said in _told(one))
    return b"\xef\xbb\xbf" + made.getvalue().encode()


def _told(one: RowReport) -> Iterator[Said]:
    yield from one.faults[:MOST_ISSUES]
    yield from one.warnings[:MOST_ISSUES]
