"""The skip wall: no test may skip but those that need a Docker engine, and those only where none answers. A skip that nobody counted is a
test that nobody runs."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

NEEDS_DOCKER = frozenset({"tests/hub/embedded/test_containers.py::test_containers_give_both_addresses"})
_skipped: list[str] = []


def wrongly(skipped: Iterable[str]) -> list[str]:
    """Those that had no right to, and one of the Docker tests that skipped more than once."""
    seen = list(skipped)
    return [one for one in seen if one not in NEEDS_DOCKER or seen.count(one) > 1]


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Note who skipped; an expected failure is no skip."""
    if report.skipped and not hasattr(report, "wasxfail"):
        _skipped.append(report.nodeid)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """The run fails when a test skipped that may not."""
    if hasattr(session.config, "workerinput"):
        return
    found = wrongly(_skipped)
    if found:
        session.config.get_terminal_writer().line(f"skipped without the right to: {', '.join(found)}", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
