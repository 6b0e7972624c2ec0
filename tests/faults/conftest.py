"""What a fault run shows at its end: one table of everything that was done to the hub and what was found."""

from __future__ import annotations

import pytest

ROWS: list[tuple[str, str]] = []


@pytest.fixture
def shown() -> list[tuple[str, str]]:
    """Rows (what was done, what was found) for the table at the end."""
    return ROWS


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not ROWS:
        return
    wide = max(len(what) for what, _ in ROWS)
    terminalreporter.section("faults")
    for what, found in ROWS:
        terminalreporter.line(f"{what:<{wide}}  {found}")
