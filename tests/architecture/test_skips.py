"""The skip wall has been seen to fall."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.skips import NEEDS_DOCKER, wrongly


@pytest.mark.parametrize(
    ("skipped", "wrong"),
    [
        ([], 0),
        (list(NEEDS_DOCKER), 0),  # no engine here
        (["tests/hub/test_settings.py::test_x"], 1),  # nobody else may
        ([*NEEDS_DOCKER, *NEEDS_DOCKER], 2),  # and once is enough
    ],
)
def test_only_a_docker_test_may_skip_and_only_once(skipped: list[str], wrong: int) -> None:
    assert len(wrongly(skipped)) == wrong


def test_a_run_with_a_skipped_test_fails(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text("from tests.skips import pytest_runtest_logreport, pytest_sessionfinish  # noqa: F401\n")
    (tmp_path / "test_planted.py").write_text("import pytest\n\n\ndef test_planted():\n    pytest.skip('no reason')\n")
    root = Path(__file__).resolve().parents[2]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(tmp_path), "-c", str(tmp_path / "none.ini"), str(tmp_path)]
    (tmp_path / "none.ini").write_text("[pytest]\n")
    done = subprocess.run(command, capture_output=True, text=True, cwd=root, check=False, timeout=60)
    assert done.returncode == 1
    assert "skipped without the right to" in done.stdout + done.stderr
