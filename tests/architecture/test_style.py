"""Beside the flow: the linter and the type checker, with the project's own settings, refuse what they are there to refuse."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.source import ROOT

_DOC = '"""Beside the flow: an example."""\n\nfrom __future__ import annotations\n\n'

# where it would stand, the code, the rule that refuses it
REFUSED = (
    ("hub/intake/door.py", "import json\n", "F401"),  # imported for nothing
    ("hub/intake/door.py", "print('x')\n", "T201"),  # stdout belongs to the commands' answers
    ("hub/intake/door.py", "from datetime import datetime\n\nX = datetime.now()\n", "DTZ005"),  # a time without a zone
    ("hub/intake/door.py", "try:\n    X = 1\nexcept Exception:\n    X = 2\n", "BLE001"),  # caught without a name
    ("hub/intake/door.py", "import pickle\n\nX = pickle.loads(b'')\n", "S301"),  # an object made of somebody's bytes
    ("hub/intake/door.py", "import yaml\n\nX = yaml.load('')\n", "S506"),
    ("hub/intake/door.py", "X = eval('1')\n", "S307"),
    ("hub/intake/door.py", "import time\n\n\nasync def f() -> None:\n    time.sleep(1)\n", "ASYNC251"),  # every other message waits too
    ("hub/intake/door.py", "def f(x: list[int] = []) -> None: ...\n", "B006"),  # an argument shared by all calls
    ("hub/intake/door.py", "def f(table: str) -> str:\n    return f'select 1 from {table} where x = 1'\n", "S608"),  # SQL made of values
    ("hub/intake/door.py", "class badName: ...\n", "N801"),
    ("connectors/bars/connector.py", "X = '" + "x" * 170 + "'\n", "E501"),
)


@pytest.mark.parametrize(("path", "code", "rule"), REFUSED)
def test_the_linter_refuses(path: str, code: str, rule: str) -> None:
    ruff = Path(sys.executable).with_name("ruff")
    command = [str(ruff), "check", "--no-cache", "--output-format=concise", "--stdin-filename", path, "-"]
    ended = subprocess.run(command, cwd=ROOT, input=_DOC + code, capture_output=True, text=True, check=False, timeout=60)
    assert ended.returncode == 1
    assert f" {rule} " in ended.stdout


def test_the_type_checker_refuses_what_is_unannotated_unmatched_or_unreachable(tmp_path: Path) -> None:
    (tmp_path / "example.py").write_text(
        _DOC
        + "from typing import Literal, assert_never\n\n"
        + "def bare(x):\n    return x\n\n"
        + "def generic(x: list) -> None: ...\n\n"
        + "def unmatched(x: Literal['a', 'b']) -> int:\n    match x:\n        case 'a':\n            return 1\n    assert_never(x)\n\n"
        + "def unreachable(x: int) -> int:\n    if isinstance(x, int):\n        return 1\n    return 2\n"
    )
    command = [sys.executable, "-m", "mypy", "--config-file", str(ROOT / "pyproject.toml"), "--cache-dir=cache", "example.py"]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120)
    assert ended.returncode == 1
    for kind in ("no-untyped-def", "type-arg", "arg-type", "unreachable"):
        assert f"[{kind}]" in ended.stdout
