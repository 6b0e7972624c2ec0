"""Beside the flow, in the kit: the connectors of a folder one by one, so that another's broken manifest hinders nobody who works on theirs."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from hub.errors import Misconfigured
from hub.registry import Registered
from schemas.manifest import WrongManifest, read_manifest


@dataclass(frozen=True, slots=True)
class Folders:
    """A folder of connectors, each a folder with a `manifest.toml`; by default those that ship with the hub."""

    root: Path
    package: str = "connectors"

    @classmethod
    def at(cls, folder: Path | None) -> Folders:
        """The given folder, which becomes importable under its own name; None means the hub's own."""
        if folder is None:
            return cls(Path(__file__).resolve().parents[2] / "connectors")
        root = folder.resolve()
        if str(root.parent) not in sys.path:
            sys.path.insert(0, str(root.parent))
        return cls(root, root.name)

    @property
    def names(self) -> tuple[str, ...]:
        """Every connector's name, in order."""
        return tuple(sorted(one.parent.name for one in self.root.glob("*/manifest.toml")))

    def __getitem__(self, name: str) -> Registered:
        """One connector. Raises Misconfigured, saying what is wrong with its manifest."""
        try:
            return Registered(read_manifest((self.root / name / "manifest.toml").read_text("utf-8"), name), self.package)
        except (WrongManifest, OSError, UnicodeDecodeError) as fault:
            raise Misconfigured(f"{name}: {fault}" if isinstance(fault, WrongManifest) else f"{name}: its manifest cannot be read") from None
