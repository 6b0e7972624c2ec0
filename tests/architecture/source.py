"""Beside the flow: reads the project's own source for the guards: which modules there are and what their text is made of."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
OURS = ("hub", "connectors", "schemas")
_SKIPPED = {"__pycache__", ".venv", "node_modules"}


@dataclass(frozen=True)
class Module:
    """One Python file: its path as seen from the root, and its syntax tree."""

    path: str
    tree: ast.Module

    @property
    def name(self) -> str:
        """Its dotted name."""
        return self.path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")

    @cached_property
    def docstrings(self) -> frozenset[int]:
        """The ids of the nodes that are docstrings."""
        found = set()
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and node.body:
                first = node.body[0]
                if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
                    found.add(id(first.value))
        return frozenset(found)

    @cached_property
    def from_telemetry(self) -> frozenset[str]:
        """The names that it has from hub.telemetry."""
        ours = (node for node in ast.walk(self.tree) if isinstance(node, ast.ImportFrom) and node.module == "hub.telemetry")
        return frozenset(alias.asname or alias.name for node in ours for alias in node.names)

    def under(self, *folders: str) -> bool:
        """Whether it lies in one of the folders, or is one of the files."""
        return any(self.path == folder or self.path.startswith(folder.rstrip("/") + "/") for folder in folders)


def modules(root: Path, *folders: str) -> Iterator[Module]:
    """Every Python file in the folders (all of ours when none is named), in order of path."""
    for folder in folders or OURS:
        for path in sorted((root / folder).rglob("*.py")):
            if not _SKIPPED & set(path.parts):
                yield _read(path.relative_to(root).as_posix(), path.read_text(encoding="utf-8"))


@cache
def _read(path: str, text: str) -> Module:
    """Read once, however many guards look."""
    return Module(path, ast.parse(text))


def lines(node: ast.AST) -> set[int]:
    """The lines on which a node stands."""
    return set(range(node.lineno, (node.end_lineno or node.lineno) + 1))  # type: ignore[attr-defined]


def called(node: ast.Call) -> str:
    """What a call names, dotted: `datetime.now`, `open`; the last part alone where it is called on an expression."""
    parts: list[str] = []
    at: ast.expr = node.func
    while isinstance(at, ast.Attribute):
        parts.append(at.attr)
        at = at.value
    if isinstance(at, ast.Name):
        parts.append(at.id)
    return ".".join(reversed(parts))
