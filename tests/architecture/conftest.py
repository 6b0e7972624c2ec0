"""Beside the flow: how a guard is shown a violation."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

Plant = Callable[[dict[str, str]], Path]


@pytest.fixture
def plant(tmp_path: Path) -> Plant:
    """Writes files (path → text) into an empty tree that has our three packages, and gives its root."""

    def planted(files: dict[str, str]) -> Path:
        for path, text in {"hub/__init__.py": "", "connectors/__init__.py": "", "schemas/__init__.py": "", **files}.items():
            at = tmp_path / path
            at.parent.mkdir(parents=True, exist_ok=True)
            at.write_text(text, encoding="utf-8")
        return tmp_path

    return planted
