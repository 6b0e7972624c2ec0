"""What `hub translate` says of a fixture, without the words: the words have tests of their own. `hub connectors golden NAME` writes what is
missing; read it before you keep it."""

from __future__ import annotations

from pathlib import Path

from hub.kit import fixtures as kit
from hub.kit.folders import Folders

CONNECTORS = Path(__file__).resolve().parents[2] / "connectors"


def golden_of(fixture: Path) -> Path:
    """`accepted.json` → `accepted.expected.json`."""
    return kit.Fixture(fixture).golden


def fixtures() -> list[Path]:
    """Every message file of every connector's fixtures; `<condition>.given.json` says what else is known of one (headers, profile)."""
    return [one.path for folder in sorted(CONNECTORS.glob("*")) for one in kit.fixtures_of(folder)]


def translated(fixture: Path) -> bytes:
    """The lines as bytes, sorted and indented by nobody: one list, without file names and texts."""
    return kit.translated(Folders.at(None)[fixture.parent.parent.name], kit.Fixture(fixture))
