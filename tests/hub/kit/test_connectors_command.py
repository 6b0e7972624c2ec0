"""`hub connectors`: a folder that works at once, and a check that sees each thing that a connector must not do."""

from __future__ import annotations

import json
import secrets
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from hub.__main__ import run

pytestmark = pytest.mark.no_cover  # many runs of what other tests reach: measuring them is slow and says nothing more

Made = Callable[..., Path]


@pytest.fixture
def made(tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Made:
    """Begins a connector in a folder of its own, which is a package under a name of its own; gives the connector's folder."""
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.setattr(sys, "path", list(sys.path))

    def begin(direction: str = "in", name: str = "demo_sender") -> Path:
        root = tmp_path / f"made_{secrets.token_hex(4)}"
        root.mkdir()
        assert run(["connectors", "new", name, "--direction", direction, "--folder", str(root)]) == 0
        capfd.readouterr()
        return root / name

    return begin


def check(folder: Path, *more: str) -> int:
    """The exit code of checking it as a new process would: nothing of it is kept from before."""
    for name in [name for name in sys.modules if name.startswith(folder.parent.name)]:
        del sys.modules[name]
    return run(["connectors", "check", folder.name, "--folder", str(folder.parent), *more])


@pytest.mark.parametrize("direction", ["in", "out", "both"])
def test_a_new_connector_passes_its_checks_at_once(made: Made, direction: str, capfd: pytest.CaptureFixture[str]) -> None:
    folder = made(direction)
    assert check(folder) == 0
    shown = capfd.readouterr().out
    assert f"demo_sender ({direction})" in shown
    assert "0 fault(s)" in shown
    assert "not yet" in shown, "a score card that is all done at once is not honest"


def test_a_new_connector_holds_a_manifest_code_a_page_and_a_fixture_pair(made: Made) -> None:
    names = {str(path.relative_to(folder)) for folder in [made()] for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts}
    assert names == {"__init__.py", "manifest.toml", "connector.py", "README.md", "fixtures/a_referral.json", "fixtures/a_referral.expected.json"}


def test_what_a_new_connector_reads_is_a_referral_that_asks_for_social_prescribing(made: Made) -> None:
    (line,) = json.loads((made() / "fixtures" / "a_referral.expected.json").read_text("utf-8"))
    (fact,) = line["facts"]
    assert (fact["type"], fact["referral"]["service"]["state"]) == ("referral.received.v1", "social-prescribing")
    assert line["warnings"] == [{"at": "headers", "reason": "headers-not-checked"}]


def test_nothing_that_is_there_is_written_over(made: Made) -> None:
    folder = made()
    before = (folder / "connector.py").read_text("utf-8")
    assert run(["connectors", "new", folder.name, "--folder", str(folder.parent)]) == 78
    assert (folder / "connector.py").read_text("utf-8") == before


@pytest.mark.parametrize(
    "arguments", [["new", "Wrong-Name"], ["new", "ok_name", "--direction", "sideways"], ["check", "nobody_known"], ["golden", "nobody_known"]]
)
def test_a_name_or_direction_that_cannot_be_is_usage(arguments: list[str], tmp_path: Path) -> None:
    assert run(["connectors", *arguments, "--folder", str(tmp_path)]) == 64


def _change(path: Path, old: str, new: str) -> None:
    written = path.read_text("utf-8")
    assert old in written
    path.write_text(written.replace(old, new), "utf-8")


_TRANSLATE = "    body = parse(message.body)\n"
# what is done to a sound connector, and the words by which its fault is named
SPOILT = [
    ("a clock", "connector.py", "from __future__ import annotations\n", "from __future__ import annotations\n\nimport time\n", "imports time"),
    ("the day of today", "connector.py", _TRANSLATE, _TRANSLATE + "    from datetime import date\n    date.today()\n", "calls today"),
    ("files", "connector.py", _TRANSLATE, _TRANSLATE + "    open('/dev/null')\n", "calls open"),
    ("chance", "connector.py", _TRANSLATE, _TRANSLATE + "    import random\n", "imports random"),
    ("another's folder", "connector.py", _TRANSLATE, _TRANSLATE + "    import connectors.fhir_rest.rules\n", "imports connectors.fhir_rest.rules"),
    ("the hub", "connector.py", _TRANSLATE, _TRANSLATE + "    from hub import errors\n", "imports hub"),
    ("a page that says nothing", "README.md", "Demo sender: what it sends and is told, and what becomes of it here.", "Demo.", "README.md"),
    ("a golden file that is not so", "fixtures/a_referral.expected.json", '"routine"', '"urgent"', "first at $[0].facts[0].referral.priority"),
    ("a fact that the manifest does not name", "manifest.toml", "referral.received.v1", "referral.updated.v1", "not among the manifest's emits"),
    ("a function that is missing", "manifest.toml", '"answer"', '"answer", "judge", "compose"', "do not fit"),
    ("a bug", "connector.py", _TRANSLATE, _TRANSLATE + "    body['person']['never']\n", "a bug, KeyError"),
    ("a value said back", "connector.py", 'Issue(Reason.REQUIRED, place)', 'Issue(Reason.REQUIRED, str(body))', "says an input value"),
    ("a kind of body that its own door refuses", "manifest.toml", '["application/json"]', '["text/plain"]', "identify refuses it"),
    ("FHIR that is none", "connector.py", '"status": "active"', '"status": "lively"', "a_referral.json"),
]  # fmt: skip


@pytest.mark.parametrize(("why", "file", "old", "new", "named"), SPOILT, ids=[row[0] for row in SPOILT])
def test_a_fault_is_named_and_the_exit_code_says_so(made: Made, why: str, file: str, old: str, new: str, named: str, capfd: pytest.CaptureFixture[str]) -> None:
    folder = made()
    _change(folder / file, old, new)
    assert check(folder) == 2
    assert named in capfd.readouterr().out, why


def test_a_golden_file_that_is_missing_is_a_fault_until_it_is_made(made: Made, capfd: pytest.CaptureFixture[str]) -> None:
    folder = made()
    (folder / "fixtures" / "another.json").write_bytes((folder / "fixtures" / "a_referral.json").read_bytes().replace(b"A-0001", b"A-0002"))
    assert check(folder) == 2
    assert "another.expected.json is missing" in capfd.readouterr().out
    assert run(["connectors", "golden", folder.name, "--folder", str(folder.parent)]) == 0
    assert check(folder) == 0
    (folder / "fixtures" / "another.json").unlink()
    assert check(folder) == 2
    assert "a golden file without its message" in capfd.readouterr().out


def test_all_of_a_folder_are_checked_and_one_broken_manifest_hides_no_other(made: Made, capfd: pytest.CaptureFixture[str]) -> None:
    folder = made()
    (folder.parent / "broken_one").mkdir()
    (folder.parent / "broken_one" / "manifest.toml").write_text("name = 7", "utf-8")
    assert run(["connectors", "check", "--folder", str(folder.parent), "--json"]) == 2
    lines = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    assert [(line["connector"], len(line["faults"])) for line in lines] == [("broken_one", 1), ("demo_sender", 0)]
    assert all(list(line) == sorted(line) for line in lines)


def test_every_connector_that_ships_passes(capfd: pytest.CaptureFixture[str]) -> None:
    run(["connectors", "check", "--json"])
    faults = {line["connector"]: line["faults"] for line in map(json.loads, capfd.readouterr().out.splitlines())}
    assert {name: found for name, found in faults.items() if found} == {}
