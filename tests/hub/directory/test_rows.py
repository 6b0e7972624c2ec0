"""What becomes of a directory's lines: rows, or every fault with its file and row."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from hub.directory.rows import ASSETS, PRESCRIBERS, FaultyDirectory, read_rows
from hub.directory.snapshot import from_rows, load_directory

Row = dict[str, object]
PRESCRIBER: Row = {
    "id": "p1", "name": "Synthetic team", "areas": ["W06000015"], "needs": [], "languages": ["cy", "en"], "sources": [],
    "age": {"min": 18, "max": None}, "capacity": {"state": "capacity", "places": 10}, "valid_to": None, "verified_on": "2026-10-01",
}  # fmt: skip
ASSET: Row = {**PRESCRIBER, "id": "a1", "needs": ["food"], "places": [], "cost": "free", "tier": "offer"}


def lines(*rows: object) -> bytes:
    return "\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows).encode()


def without(row: Row, field: str) -> Row:
    return {name: value for name, value in row.items() if name != field}


def test_the_least_that_the_published_shape_asks_for_is_enough() -> None:
    prescribers, assets = read_rows(lines(PRESCRIBER), lines(ASSET))
    assert ([row.id for row in prescribers], [row.id for row in assets]) == (["p1"], ["a1"])


@pytest.mark.parametrize(
    "written",
    [
        lambda row: b"\xef\xbb\xbf" + lines(row),  # a byte order mark
        lambda row: lines(row, "", row | {"id": "p2"}) + b"\n\n",  # blank lines
        lambda row: lines(row).replace(b"\n", b"\r\n") + b"\r\n",  # Windows line ends
    ],
)
def test_the_odd_ends_of_a_file_are_read(written: Callable[[Row], bytes]) -> None:
    assert read_rows(written(PRESCRIBER), b"")[0][0].id == "p1"


FAULTS: list[tuple[object, str, str]] = [
    ("{", "not-json", "row 1, "),
    ('["p1"]', "structure", "row 1, "),
    ('{"id": "p1", "id": "p2"}', "duplicate-key", "row 1, "),
    (without(PRESCRIBER, "areas"), "required", "row 1, areas"),
    (without(PRESCRIBER, "capacity"), "required", "row 1, capacity"),
    ({**PRESCRIBER, "capacity": {"state": "full", "places": 1}}, "invalid", "row 1, capacity.state"),
    ({**PRESCRIBER, "capacity": {"state": "capacity", "places": -1}}, "invalid", "row 1, capacity.places"),
    ({**PRESCRIBER, "capacity": {"state": "capacity"}}, "required", "row 1, capacity.places"),
    ({**PRESCRIBER, "areas": []}, "invalid", "row 1, areas"),  # nobody would ever be sent there
    ({**PRESCRIBER, "areas": ["E06000001"]}, "invalid", "row 1, areas.0"),
    ({**PRESCRIBER, "needs": ["happiness"]}, "invalid", "row 1, needs.0"),
    ({**PRESCRIBER, "languages": ["welsh"]}, "invalid", "row 1, languages.0"),
    ({**PRESCRIBER, "sources": ["vet"]}, "invalid", "row 1, sources.0"),
    ({**PRESCRIBER, "age": {"min": 30, "max": 20}}, "invalid", "row 1, age"),
    ({**PRESCRIBER, "valid_to": "2026-02-30"}, "invalid", "row 1, valid_to"),
    ({**PRESCRIBER, "id": "a b"}, "invalid", "row 1, id"),
    ({**PRESCRIBER, "capcity": 1}, "structure", "row 1, capcity"),  # a misspelling is not silence
    ({**PRESCRIBER, "Robert'); DROP": 1}, "structure", "row 1, ?"),  # not repeated
]


@pytest.mark.parametrize(("row", "reason", "at"), FAULTS)
def test_each_fault_is_named_with_its_file_row_and_field(row: object, reason: str, at: str) -> None:
    with pytest.raises(FaultyDirectory) as caught:
        read_rows(lines(row), b"")
    (fault,) = caught.value.faults
    assert (fault.file, fault.row, fault.rejected.reason.value) == (PRESCRIBERS, 1, reason)
    assert fault.rejected.issues[0].at.startswith(at)
    assert all(issue.text.en != issue.text.cy for issue in fault.rejected.issues)


def test_every_fault_of_both_files_is_told_at_once() -> None:
    with pytest.raises(FaultyDirectory) as caught:
        read_rows(lines(PRESCRIBER, "{", {**PRESCRIBER, "id": "p2", "areas": [], "needs": ["x"]}), lines({**ASSET, "cost": "cheap"}))
    assert [(fault.file, fault.row, len(fault.rejected.issues)) for fault in caught.value.faults] == [(PRESCRIBERS, 2, 1), (PRESCRIBERS, 3, 2), (ASSETS, 1, 1)]


def test_an_id_stands_once_in_the_whole_directory() -> None:
    with pytest.raises(FaultyDirectory) as caught:
        read_rows(lines(PRESCRIBER, PRESCRIBER), lines({**ASSET, "id": "p1"}))
    assert [(fault.file, fault.row, fault.rejected.issues[0].detail) for fault in caught.value.faults] == [
        (PRESCRIBERS, 2, "directory.id-twice"),
        (ASSETS, 1, "directory.id-twice"),
    ]


def test_a_folder_without_the_files_is_not_an_empty_directory(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="prescribers"):
        load_directory(tmp_path)


def test_a_folder_is_read_and_ordered_by_id(tmp_path: Path) -> None:
    (tmp_path / PRESCRIBERS).write_bytes(lines(PRESCRIBER | {"id": "b"}, PRESCRIBER | {"id": "a"}, PRESCRIBER | {"id": "B"}))
    (tmp_path / ASSETS).write_bytes(lines(ASSET))
    assert [entry.id for entry in load_directory(tmp_path).prescribers] == ["B", "a", "b"]


def test_rows_of_the_database_make_the_same_snapshot() -> None:
    prescribers, assets = read_rows(lines(PRESCRIBER), lines(ASSET))
    again = from_rows([row.model_dump(mode="json") for row in prescribers], [row.model_dump(mode="json") for row in assets])
    assert again == from_rows([PRESCRIBER], [ASSET])
