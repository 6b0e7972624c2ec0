"""At the directory's door: lines of JSON become prescribers and assets, or every fault is named with its file and row."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from schemas.directory import Asset, Prescriber
from schemas.fhir.strict_json import parse
from schemas.rejection import Issue, Reason, Rejected

PRESCRIBERS, ASSETS = "prescribers.jsonl", "assets.jsonl"
_Row = TypeVar("_Row", Prescriber, Asset)
_FIELD = re.compile(r"[a-z_]{1,40}")


@dataclass(frozen=True, slots=True)
class Fault:
    """One row that cannot be used: its file, its number from 1, and what is wrong with it."""

    file: str
    row: int
    rejected: Rejected


class FaultyDirectory(Exception):  # noqa: N818  (what is wrong is the directory)
    """A directory that must not be used, with every fault. Give a corrected one; nothing was taken from this one."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("; ".join(f"{fault.file} row {fault.row}: {fault.rejected}" for fault in self.faults[:20]))


def read_rows(prescribers: bytes, assets: bytes) -> tuple[list[Prescriber], list[Asset]]:
    """The rows of both files; an id stands once in the two together. Raises FaultyDirectory."""
    faults: list[Fault] = []
    seen: set[str] = set()
    found = list(_read(PRESCRIBERS, prescribers, Prescriber, seen, faults)), list(_read(ASSETS, assets, Asset, seen, faults))
    if faults:
        raise FaultyDirectory(faults)
    return found


def _read(file: str, body: bytes, model: type[_Row], seen: set[str], faults: list[Fault]) -> Iterator[_Row]:
    for number, line in enumerate(body.removeprefix(b"\xef\xbb\xbf").split(b"\n"), start=1):
        if not line.strip():
            continue
        try:
            row = model.model_validate(parse(line))
            if row.id in seen:
                raise Rejected(Reason.DUPLICATE, (Issue(Reason.DUPLICATE, "id", "directory.id-twice"),))
            seen.add(row.id)
            yield row
        except ValidationError as fault:
            faults.append(Fault(file, number, _rejected(number, [_issue(each) for each in fault.errors(include_url=False, include_input=False)])))
        except Rejected as fault:
            faults.append(Fault(file, number, _rejected(number, fault.issues)))


def _rejected(number: int, issues: Iterable[Issue]) -> Rejected:
    placed = [Issue(issue.reason, f"row {number}, {issue.at}" if issue.at else f"row {number}", issue.detail, issue.params) for issue in issues]
    return Rejected(placed[0].reason, placed)


def _issue(fault: ErrorDetails) -> Issue:
    """A fault of the model, placed by the names of fields; a name that is not a plausible one is not repeated."""
    at = ".".join(str(part) if isinstance(part, int) or _FIELD.fullmatch(part) else "?" for part in fault["loc"])
    match fault["type"]:
        case "missing":
            return Issue(Reason.REQUIRED, at)
        case "extra_forbidden":
            return Issue(Reason.STRUCTURE, at, "directory.unknown-field")
        case _:
            return Issue(Reason.INVALID, at)
