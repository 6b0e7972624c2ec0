"""A changed mapping is seen field by field, with values masked, before anybody relies on it."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from hub.__main__ import run
from hub.kit import shadow
from hub.kit.differences import code, differing, masked, unmapped
from hub.kit.folders import Folders

OURS = Folders.at(None).root / "pcr_dataset"
URGENT = OURS / "fixtures" / "priority_urgent.json"


def shadowed(capfd: pytest.CaptureFixture[str], against: object, *files: Path) -> tuple[int, dict[str, Any]]:
    ended = run(["connectors", "shadow", "pcr_dataset", "--against", str(against), "--json", *map(str, files)])
    out = capfd.readouterr().out
    return ended, json.loads(out) if out else {}


def test_a_changed_file_shows_the_fields_that_become_something_else(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    changed = tmp_path / "items.py"
    written = (OURS / "items.py").read_text("utf-8")
    changed.write_text(written.replace('"2": "urgent"', '"2": "asap"').replace('"F": "female"', '"F": "unknown"'), "utf-8")
    ended, found = shadowed(capfd, changed, URGENT, OURS / "fixtures" / "another_specialty_is_asked_for.json")
    assert ended == 2
    assert (found["messages"], found["changed"]) == (2, 1)
    assert found["differences"]["facts[].referral.priority"] == {"urgent → asap": 1}
    assert found["differences"]["facts[].bundle.entry[].resource.gender"] == {"text of 6 → text of 7": 1}
    assert "Prawf" not in json.dumps(found)


def test_a_file_that_changes_nothing_shows_nothing(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "items.py").write_bytes((OURS / "items.py").read_bytes())
    ended, found = shadowed(capfd, tmp_path / "items.py", URGENT)
    assert (ended, found["changed"], found["differences"]) == (0, 0, {})


def test_codes_that_become_unknown_are_counted(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "items.py").write_text((OURS / "items.py").read_text("utf-8").replace('{"1": "routine", "2": "urgent"}', '{"1": "routine"}'), "utf-8")
    _, found = shadowed(capfd, tmp_path / "items.py", URGENT)
    assert found["unmapped"] == {"unknown at ReferralDetails.ReferrerPriorityType": {"after": 1, "before": 0}}


def test_a_revision_is_the_connector_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    """In a repository of its own, in which the mapping was changed after its first commit: what differs is told from then to now."""
    root = tmp_path / "sources"
    for part in ("hub", "connectors", "schemas"):
        shutil.copytree(shadow.ROOT / part, root / part, ignore=shutil.ignore_patterns("__pycache__", "published"))
    changed = root / "connectors" / "pcr_dataset" / "items.py"
    now = changed.read_text("utf-8")
    changed.write_text(now.replace('"2": "urgent"', '"2": "stat"'), "utf-8")
    git = ["git", "-C", str(root), "-c", "user.name=t", "-c", "user.email=t@example.wales", "-c", "commit.gpgsign=false"]
    for arguments in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "as it was"]):
        subprocess.run([*git, *arguments], check=True, capture_output=True)
    changed.write_text(now, "utf-8")
    monkeypatch.setattr(shadow, "ROOT", root)
    ended, found = shadowed(capfd, "HEAD", URGENT)
    assert (ended, found["differences"]["facts[].referral.priority"]) == (2, {"stat → urgent": 1})


@pytest.mark.parametrize("against", ["no-such-revision", "--output=/tmp/x", "/nowhere/at/all.py"])
def test_what_is_neither_a_file_nor_a_revision_is_said(against: str, capfd: pytest.CaptureFixture[str]) -> None:
    ended, found = shadowed(capfd, against, URGENT)
    assert (ended, found) in ((78, {}), (64, {}))


def test_a_file_that_stands_for_none_of_the_connectors_is_said(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "other.py").write_text("", "utf-8")
    assert shadowed(capfd, tmp_path / "other.py", URGENT) == (78, {})


def test_files_or_stored_messages_but_not_both_and_not_neither() -> None:
    for arguments in ((), ("--stored", str(URGENT))):
        assert run(["connectors", "shadow", "pcr_dataset", "--against", "HEAD", *arguments]) == 64


# --- stored messages --------------------------------------------------------------------------------------------------------------------


def test_stored_messages_are_read_under_the_time_of_their_receipt_and_their_clients_configuration(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    stored = [shadow.Message(URGENT.read_bytes(), datetime(2026, 3, 2, tzinfo=UTC).isoformat(), {"service": "social-prescribing"})]
    monkeypatch.setattr(shadow, "_stored", lambda name, most: [replace(one) for one in stored][:most])
    (tmp_path / "items.py").write_text((OURS / "items.py").read_text("utf-8").replace('"2": "urgent"', '"2": "asap"'), "utf-8")
    assert run(["connectors", "shadow", "pcr_dataset", "--against", str(tmp_path / "items.py"), "--stored"]) == 2
    shown = capfd.readouterr().out
    assert "1 × urgent → asap" in shown
    assert "Prawf" not in shown


# --- masking ----------------------------------------------------------------------------------------------------------------------------

MASKED = [
    # values of closed lists are ours and are shown
    ("facts[].referral.priority", "urgent", "urgent"),
    ("[].outcome", "facts", "facts"),
    ("facts[].referral.person.nhs_number_status", "test-range", "test-range"),
    # whatever a sender wrote is not
    ("facts[].referral.person.family", "Prawf", "text of 5"),
    ("facts[].bundle.entry[].resource.name[].family", "Prawf", "text of 5"),
    ("facts[].referral.narrative[]", "Lives alone.", "text of 12"),
    ("facts[].referral.person.nhs_number", "9990000018", "text of 10"),
    ("facts[].bundle.entry[].resource", {"a": 1, "b": 2}, "dict of 2"),
    ("facts[].referral.needs", [], "list of 0"),
    ("facts[].referral.person.postcode", None, "nothing"),
]


@pytest.mark.parametrize(("path", "value", "shown"), MASKED)
def test_only_values_of_our_own_lists_are_shown(path: str, value: object, shown: str) -> None:
    assert masked(path, value) == shown


CODES = [
    ("422650009", "422650009"),  # SNOMED CT
    ("social-connection", "social-connection"),  # a code in words
    ("Z60.2", "Z60.2"),
    ("9990000018", "text of 10"),  # ten digits may be a person's number
    ("Prawf", "text of 5"),  # one word may be a name
    ("1 Stryd y Prawf", "text of 15"),
    ("", "text of 0"),
]


@pytest.mark.parametrize(("sent", "shown"), CODES)
def test_a_code_that_could_be_a_person_is_masked(sent: str, shown: str) -> None:
    assert code(sent) == shown


def test_every_place_that_differs_is_found_once_whatever_its_shape() -> None:
    before, after = {"a": [1, 2], "b": {"c": "x"}, "d": 1}, {"a": [1], "b": {"c": "y"}, "e": None}
    assert list(differing(before, after)) == [("a[]", "2 → nothing"), ("b.c", "text of 1 → text of 1"), ("d", "1 → nothing")]


def test_codes_that_no_need_has_are_named_with_their_system() -> None:
    needs = [["http://snomed.info/sct", "999999999"], ["", "Prawf"]]
    line = {"warnings": [{"reason": "code-unknown", "at": "PID[1]-15"}, {"reason": "invalid", "at": "PID[1]-7"}]}
    assert list(unmapped([line], needs)) == ["need http://snomed.info/sct|999999999", "need -|text of 5", "unknown at PID[]-"]
