"""Read before decisions: the whole directory at one moment, immutable, and indexed so that a decision looks only at who might fit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from hub.directory.entry import Entry, entry_of
from hub.directory.rows import ASSETS, PRESCRIBERS, FaultyDirectory, read_rows
from schemas.directory import Asset, Prescriber

__all__ = ["DirectorySnapshot", "FaultyDirectory", "from_rows", "load_directory", "snapshot"]
Index = Mapping[str, tuple[Entry, ...]]


@dataclass(frozen=True, slots=True)
class DirectorySnapshot:
    """Entries are ordered by id, bytewise. The indexes are by health board; assets' also by need."""

    prescribers: tuple[Entry, ...]
    assets: tuple[Entry, ...]
    prescribers_by_board: Index
    assets_by_board_and_need: Index
    everywhere: tuple[Entry, ...]
    by_id: Mapping[str, Entry]

    @property
    def size(self) -> int:
        """How many rows there are."""
        return len(self.prescribers) + len(self.assets)


def snapshot(prescribers: Iterable[Prescriber], assets: Iterable[Asset]) -> DirectorySnapshot:
    """The snapshot of these rows. Ids are taken to be unique per kind, as `read_rows` makes sure."""
    first = tuple(sorted((entry_of(row) for row in prescribers), key=lambda entry: entry.id.encode()))
    second = tuple(sorted((entry_of(row) for row in assets), key=lambda entry: entry.id.encode()))
    return DirectorySnapshot(
        prescribers=first,
        assets=second,
        prescribers_by_board=_indexed((board, entry) for entry in first for board in entry.boards),
        assets_by_board_and_need=_indexed((f"{board}/{need}", entry) for entry in second for board in entry.boards for need in entry.needs),
        everywhere=tuple(entry for entry in second if not entry.authorities),
        by_id={entry.id: entry for entry in (*second, *first)},
    )


def _indexed(pairs: Iterable[tuple[str, Entry]]) -> Index:
    found: dict[str, list[Entry]] = {}
    for key, entry in pairs:
        found.setdefault(key, []).append(entry)
    return {key: tuple(entries) for key, entries in found.items()}


def load_directory(folder: Path | None = None) -> DirectorySnapshot:
    """The directory in a folder's `prescribers.jsonl` and `assets.jsonl`; without a folder the demonstration's.

    Raises FaultyDirectory with every fault of both files, OSError when a file is not there or cannot be read.
    """
    base: Traversable = folder or files("hub.demo.directory")
    bodies = {name: base.joinpath(name).read_bytes() for name in (PRESCRIBERS, ASSETS)}
    return snapshot(*read_rows(bodies[PRESCRIBERS], bodies[ASSETS]))


def from_rows(prescribers: Iterable[Mapping[str, Any]], assets: Iterable[Mapping[str, Any]]) -> DirectorySnapshot:  # Any: JSON as stored
    """The directory as it stands in the database. Raises pydantic's ValidationError: what is stored was checked, so that is a bug."""
    return snapshot([Prescriber.model_validate(row) for row in prescribers], [Asset.model_validate(row) for row in assets])
