"""run.json: written whole, found by others, stale when its process is gone."""

from __future__ import annotations

import json
import os
import stat
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from hub.embedded.run_file import MllpAddress, RunFile, read_run_json, remove_run_json, write_run_json

RUN = RunFile(
    pid=os.getpid(),
    started="2026-03-02T09:00:00Z",
    http="http://127.0.0.1:8080",
    mllp=MllpAddress("127.0.0.1", 2575),
    database="postgresql://hub:x@127.0.0.1:5432/hub",
    kafka="127.0.0.1:9092",
    version="0.1.0",
)


@pytest.mark.parametrize("run", [RUN, replace(RUN, mllp=None, http=None)])
def test_what_was_written_is_read_again_by_this_user_only(tmp_path: Path, run: RunFile) -> None:
    write_run_json(tmp_path, run)
    assert read_run_json(tmp_path) == run
    assert stat.S_IMODE((tmp_path / "run.json").stat().st_mode) == 0o600


def test_its_keys_are_the_agreed_ones_in_order(tmp_path: Path) -> None:
    write_run_json(tmp_path, RUN)
    found = json.loads((tmp_path / "run.json").read_text())
    assert list(found) == ["database", "http", "kafka", "mllp", "pid", "started", "version"]
    assert found["mllp"] == {"host": "127.0.0.1", "port": 2575}


def test_a_run_whose_process_is_gone_is_stale(tmp_path: Path) -> None:
    with subprocess.Popen(["/bin/true"]) as gone:
        gone.wait()
    write_run_json(tmp_path, replace(RUN, pid=gone.pid))
    assert read_run_json(tmp_path) is None


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"pid": 1}', '"text"', "null"])
def test_a_file_that_is_no_run_is_none(tmp_path: Path, content: str) -> None:
    (tmp_path / "run.json").write_text(content)
    assert read_run_json(tmp_path) is None
    remove_run_json(tmp_path)


def test_only_its_own_process_removes_it(tmp_path: Path) -> None:
    write_run_json(tmp_path, replace(RUN, pid=1))
    remove_run_json(tmp_path)
    assert (tmp_path / "run.json").exists()
    write_run_json(tmp_path, RUN)
    remove_run_json(tmp_path)
    remove_run_json(tmp_path)
    assert list(tmp_path.iterdir()) == []
