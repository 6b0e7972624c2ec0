"""Which tests begin first: those that run processes and take minutes, so that no worker is left alone with them at the end."""

from __future__ import annotations

from pathlib import Path

import pytest

_ROOT = Path(__file__).resolve().parent
_LONG = ("faults", "flow", "hub/demo", "http", "hub/conformance", "browser", "hub/operations", "hub/dispatch", "hub/embedded", "hub/intake", "hub/ledger")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The order within a folder stays as it is."""
    items.sort(key=_turn)


def _turn(item: pytest.Item) -> int:
    where = item.path.relative_to(_ROOT).as_posix()
    return next((turn for turn, folder in enumerate(_LONG) if where.startswith(f"{folder}/")), len(_LONG))
