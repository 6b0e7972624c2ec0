"""`hub translate` keeps the shape that other people's scripts read: keys, order, exit codes, and nothing else on stdout."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from hub.__main__ import run
from hub.cli import translate
from hub.registry import Registered
from schemas.rejection import Reason
from tests.connectors.awkward import GUID, body
from tests.connectors.golden import CONNECTORS

KEYS = {"connector", "file", "message", "outcome", "facts", "warnings", "ignored", "rejected"}
SOUND = body("ServiceRequest", code={"text": "Social prescribing"})
TIME = ("--received-at", "2026-03-02T09:00:00Z")


@pytest.fixture
def sound(tmp_path: Path) -> str:
    (tmp_path / "sound.json").write_bytes(SOUND)
    return str(tmp_path / "sound.json")


@pytest.fixture
def wrong(tmp_path: Path) -> str:
    (tmp_path / "wrong.json").write_bytes(body("ServiceRequest", status="draft"))
    return str(tmp_path / "wrong.json")


Shown = tuple[int, list[dict[str, Any]], str]


def shown(capture: pytest.CaptureFixture[bytes], *arguments: str) -> Shown:
    """Exit code, the lines of stdout, and stderr."""
    code = run(["translate", *arguments])
    out, err = capture.readouterr()
    return code, [json.loads(line) for line in out.splitlines()], err.decode()


def test_a_line_has_every_key_and_a_fact_every_part(capsysbinary: pytest.CaptureFixture[bytes], sound: str) -> None:
    code, lines, err = shown(capsysbinary, "fhir_rest", sound, *TIME)
    assert (code, len(lines), err) == (0, 1, "")
    assert set(lines[0]) == KEYS
    assert set(lines[0]["facts"][0]) == {"type", "about", "referral", "triage", "bundle"}
    assert lines[0]["facts"][0]["triage"] == {"result": "clear", "reasons": []}
    assert lines[0]["facts"][0]["about"] == {"correlation": None, "identifiers": []}


def test_keys_are_sorted_and_the_same_input_gives_the_same_bytes(capsysbinary: pytest.CaptureFixture[bytes], sound: str) -> None:
    run(["translate", "fhir_rest", sound, *TIME])
    once = capsysbinary.readouterr().out
    run(["translate", "fhir_rest", sound, *TIME])
    assert capsysbinary.readouterr().out == once
    assert once == json.dumps(json.loads(once), sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def test_many_files_are_many_lines_in_order_and_one_rejected_makes_it_2(
    capsysbinary: pytest.CaptureFixture[bytes], sound: str, wrong: str
) -> None:
    code, lines, _ = shown(capsysbinary, "fhir_rest", sound, wrong, sound, *TIME)
    assert code == 2
    assert [(line["file"], line["outcome"]) for line in lines] == [(sound, "facts"), (wrong, "rejected"), (sound, "facts")]
    assert lines[1]["rejected"]["issues"][0]["at"] == "ServiceRequest.status"
    assert set(lines[1]["rejected"]["issues"][0]["text"]) == {"en", "cy"}


def test_what_could_not_be_checked_is_warned_about_once(capsysbinary: pytest.CaptureFixture[bytes], sound: str) -> None:
    _, lines, _ = shown(capsysbinary, "fhir_rest", sound)
    reasons = [warning["reason"] for warning in lines[0]["warnings"]]
    assert sorted(reasons) == ["headers-not-checked", "time-not-given"]
    _, lines, _ = shown(capsysbinary, "fhir_rest", sound, *TIME, "--header", f"X-Request-Id={GUID}", "--header", "Content-Type=application/json")
    assert lines[0]["warnings"] == []


def test_headers_are_checked_when_given_and_one_given_twice_is_two(capsysbinary: pytest.CaptureFixture[bytes], sound: str) -> None:
    twice = ("--header", f"X-Request-Id={GUID}") * 2
    code, lines, _ = shown(capsysbinary, "fhir_rest", sound, *TIME, *twice)
    assert code == 2
    assert {issue["at"] for issue in lines[0]["rejected"]["issues"]} == {"X-Request-Id", "Content-Type"}


def test_standard_input_is_a_file(capsysbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(SOUND)))
    code, lines, _ = shown(capsysbinary, "fhir_rest", "-", *TIME)
    assert (code, lines[0]["file"], lines[0]["outcome"]) == (0, "-", "facts")


def test_an_ignored_message_says_why(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    code, lines, _ = shown(capsysbinary, "case_management", str(CONNECTORS / "case_management/fixtures/received_says_nothing_new.json"))
    assert (code, lines[0]["outcome"], lines[0]["ignored"]["reason"]) == (0, "ignored", Reason.NOTHING_FOR_US.value)
    assert lines[0]["facts"] == []


@pytest.mark.parametrize("written", ['{"organisation_type": "gp"}', 'organisation_type = "gp"'])
def test_a_profile_may_be_json_or_toml(capsysbinary: pytest.CaptureFixture[bytes], tmp_path: Path, sound: str, written: str) -> None:
    (tmp_path / "profile").write_text(written)
    _, lines, _ = shown(capsysbinary, "fhir_rest", sound, *TIME, "--profile", str(tmp_path / "profile"))
    assert lines[0]["facts"][0]["referral"]["source"] == "gp"


USAGE: list[tuple[str, list[str]]] = [
    ("no connector of that name", ["gwdihw", "SOUND"]),
    ("no file", ["fhir_rest"]),
    ("a file that is not there", ["fhir_rest", "SOUND", "/nowhere/at/all.json"]),
    ("a folder", ["fhir_rest", "/"]),
    ("a header without a value", ["fhir_rest", "SOUND", "--header", "X-Request-Id"]),
    ("a header with a line end", ["fhir_rest", "SOUND", "--header", "A=b\nC: d"]),
    ("a time without an offset", ["fhir_rest", "SOUND", "--received-at", "2026-03-02T09:00:00"]),
    ("no time at all", ["fhir_rest", "SOUND", "--received-at", "tomorrow"]),
    ("a profile that is not there", ["fhir_rest", "SOUND", "--profile", "/nowhere"]),
    ("a profile that is no profile", ["fhir_rest", "SOUND", "--profile", "SOUND"]),
    ("an option that does not exist", ["fhir_rest", "SOUND", "--colour"]),
]


@pytest.mark.parametrize(("what", "arguments"), USAGE, ids=[what for what, _ in USAGE])
def test_wrong_usage_is_64_with_a_plain_sentence_and_nothing_on_stdout(
    capsysbinary: pytest.CaptureFixture[bytes], sound: str, what: str, arguments: list[str]
) -> None:
    code, lines, err = shown(capsysbinary, *(sound if one == "SOUND" else one for one in arguments))
    assert (code, lines) == (64, []), what
    assert err.strip()
    assert "Traceback" not in err


def test_a_bug_of_ours_is_70_without_a_word_of_the_message_and_other_files_go_on(
    capsysbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch, sound: str, wrong: str
) -> None:
    split = Registered.messages

    def broken(registered: Registered, content: bytes) -> tuple[bytes, ...]:
        if content == SOUND:
            raise KeyError("9990000018")
        return split(registered, content)

    monkeypatch.setattr(Registered, "messages", broken)
    code, lines, err = shown(capsysbinary, "fhir_rest", sound, wrong)
    assert code == 70
    assert [line["file"] for line in lines] == [wrong]
    assert "KeyError" in err
    assert "9990000018" not in err


def test_numbers_keep_the_text_they_were_written_in(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    run(["translate", "fhir_rest", str(CONNECTORS / "fhir_rest/fixtures/decimal_keeps_its_text.json"), *TIME])
    assert b'"value":1.10}' in capsysbinary.readouterr().out


def test_it_runs_as_a_command_and_needs_no_store() -> None:
    asked = [sys.executable, "-m", "hub", "translate", "fhir_rest", "-"]
    done = subprocess.run(asked, input=b"{}", capture_output=True, timeout=60, cwd=CONNECTORS.parent, check=False)
    assert done.returncode == 2
    assert json.loads(done.stdout)["rejected"]["reason"] == "required"
    assert done.stderr == b""


def test_a_file_larger_than_any_message_is_not_read_to_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(translate, "LARGEST_FILE", 10)
    (tmp_path / "large").write_bytes(b"x" * 100)
    assert len(translate._content(str(tmp_path / "large"))) == 11
