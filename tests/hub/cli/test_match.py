"""`hub match`: lines in, decisions out, and what its exit codes mean."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hub.__main__ import run
from hub.demo.directory import generate
from tests.hub.deciding.referrals import referral

Line = dict[str, object]


def line(fact: Line | None = None, **person: object) -> Line:
    """A line of `hub translate` with one received referral."""
    stated: dict[str, object] = {"postcode": "LL55 1AA", "language_spoken": "cy", **person}
    received = {
        "type": "referral.received.v1", "about": {"correlation": None, "identifiers": []},
        "referral": referral(needs=("loneliness",), **stated).contract(),  # type: ignore[arg-type]
        "triage": {"result": "clear", "reasons": []}, "bundle": {"resourceType": "Bundle", "type": "message"},
    }  # fmt: skip
    facts = [{**received, **(fact or {})}]
    return {"connector": "fhir_rest", "file": "x", "message": 1, "outcome": "facts", "facts": facts, "warnings": [], "ignored": None, "rejected": None}


@pytest.fixture
def matched(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> object:
    """Runs the command over lines that are put in one file; gives its exit code, what it printed, and what it said on stderr."""

    def ran(*lines: object, more: tuple[str, ...] = ("--now", "2026-11-02T09:00:00Z")) -> tuple[int, list[Line], bytes]:
        path = tmp_path / "in.jsonl"
        path.write_bytes(b"\n".join(each if isinstance(each, bytes) else json.dumps(each).encode() for each in lines))
        code = run(["match", str(path), *more])
        out, err = capfdbinary.readouterr()
        return code, [json.loads(each) for each in out.splitlines()], err

    return ran


@pytest.mark.parametrize("what", ["assign"])
def test_a_referral_is_assigned_from_the_demonstrations_directory(matched, what: str) -> None:  # type: ignore[no-untyped-def]
    code, (found,), err = matched(line())
    assert (code, found["outcome"], found["now"], err) == (0, what, "2026-11-02T09:00:00Z", b"")
    assert list(found) == sorted(found)
    assert found["chosen"]["prescriber"] is not None


def test_several_lines_give_as_many_answers_in_order_and_the_same_bytes_twice(matched) -> None:  # type: ignore[no-untyped-def]
    rows = (line(), b"", line(postcode=None), line(deceased=True))
    code, found, _ = matched(*rows)
    assert (code, [each["outcome"] for each in found]) == (0, ["assign", "no-prescriber", "hold"])
    assert matched(*rows)[1] == found


def test_what_triage_held_is_held_and_the_service_is_left_to_the_first_triage(matched) -> None:  # type: ignore[no-untyped-def]
    held = line({"triage": {"result": "hold", "reasons": ["wrong-service"]}})
    passed = line({"referral": referral(service="unstated", postcode="LL55 1AA").contract()})  # its profile said so
    risk = line({"referral": referral(postcode="LL55 1AA", narrative=("suicidal",)).contract(), "triage": None})
    _, found, _ = matched(held, passed, risk)
    assert [(each["outcome"], [one["code"] for one in each["reasons"]]) for each in found] == [
        ("hold", ["wrong-service"]),
        ("assign", []),
        ("hold", ["crisis"]),
    ]


WRONG: list[tuple[object, str, str]] = [
    (b"", "not-json", ""),
    (b"{", "not-json", "line 1"),
    (b"[]", "structure", ""),
    ({}, "structure", "facts"),
    ({"facts": None}, "structure", "facts"),
    ({"facts": [1]}, "structure", "facts"),
    ({"facts": []}, "no-referral", "facts"),
    ({"facts": [{"type": "referral.person-died.v1"}]}, "no-referral", "facts"),
    ({"facts": [*line()["facts"], *line()["facts"]]}, "no-referral", "facts"),  # type: ignore[misc]
    (line({"referral": None}), "structure", "facts[0].referral"),
    (line({"referral": {"source": "vet"}}), "structure", "facts[0].referral.source"),
    (line({"triage": {"result": "maybe", "reasons": []}}), "structure", "facts[0].triage"),
    (line({"triage": {"result": "hold", "reasons": ["because"]}}), "structure", "facts[0].triage"),
    (line({"triage": 5}), "structure", "facts[0].triage"),
]


@pytest.mark.parametrize(("row", "reason", "at"), WRONG)
def test_a_line_that_cannot_be_used_is_rejected_by_name_and_the_others_are_answered(matched, row: object, reason: str, at: str) -> None:  # type: ignore[no-untyped-def]
    rows = (row, line()) if row else (row,)
    code, found, _ = matched(*rows)
    assert (code, set(found[0])) == (2, {"file", "row", "rejected"})
    assert (found[0]["row"], found[0]["rejected"]["reason"]) == (1, reason)
    issue = found[0]["rejected"]["issues"][0]
    assert issue["at"].startswith(at)
    assert set(issue["text"]) == {"en", "cy"}
    assert [each["outcome"] for each in found[1:]] == (["assign"] if row else [])


USAGE: list[tuple[str, ...]] = [
    ("match",),
    ("match", "no-such-file"),
    ("match", "IN", "--now", "yesterday"),
    ("match", "IN", "--directory", "no-such-folder"),
    ("match", "IN", "--policy", "no-such-policy"),
    ("match", "IN", "--places", "no-such-folder"),
    ("match", "IN", "--bogus"),
]


@pytest.mark.parametrize("arguments", USAGE)
def test_wrong_usage_prints_nothing_and_is_64(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes], arguments: tuple[str, ...]) -> None:
    path = tmp_path / "in.jsonl"
    path.write_text(json.dumps(line()))
    assert run([str(path) if each == "IN" else each for each in arguments]) == 64
    out, err = capfdbinary.readouterr()
    assert (out, err != b"") == (b"", True)


def test_without_now_the_referrals_own_time_counts_and_without_either_it_is_wrong_usage(matched) -> None:  # type: ignore[no-untyped-def]
    code, (found,), _ = matched(line(), more=())
    assert (code, found["now"]) == (0, "2026-11-02T00:00:00Z")
    silent = line({"referral": {**referral().contract(), "authored_on": None}})
    code, none, err = matched(line(), silent, more=())
    assert (code, none) == (64, [])
    assert b"row 2" in err


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("2026", "2026-01-01T00:00:00Z"),
        ("2026-03", "2026-03-01T00:00:00Z"),
        ("2026-03-02T09:00:00+02:00", "2026-03-02T07:00:00Z"),
        ("2026-03-02T09:00:00.5Z", "2026-03-02T09:00:00.500000Z"),
    ],
)
def test_a_partial_time_is_its_first_moment(matched, written: str, read: str) -> None:  # type: ignore[no-untyped-def]
    _, (found,), _ = matched(line({"referral": {**referral().contract(), "authored_on": written}}), more=())
    assert found["now"] == read


def test_a_directory_of_ones_own_is_used_and_its_faults_are_named(matched, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    own = tmp_path / "own"
    own.mkdir()
    rows = generate.prescribers()
    (own / "prescribers.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    (own / "assets.jsonl").write_text("")
    code, (found,), _ = matched(line(), more=("--directory", str(own), "--now", "2026-11-02"))
    assert (code, found["unmet"], found["excluded_total"] + len(found["candidates"])) == (0, ["loneliness"], len(rows))
    (own / "prescribers.jsonl").write_text(json.dumps({**rows[0], "needs": ["x"]}) + "\n{")
    code, faults, _ = matched(line(), more=("--directory", str(own)))
    assert (code, [(each["file"], each["row"]) for each in faults]) == (2, [(str(own / "prescribers.jsonl"), 1), (str(own / "prescribers.jsonl"), 2)])


def test_all_shows_everybody_who_was_left_out(matched) -> None:  # type: ignore[no-untyped-def]
    _, (few,), _ = matched(line())
    _, (every,), _ = matched(line(), more=("--now", "2026-11-02", "--all"))
    assert len(few["excluded"]) < len(every["excluded"]) == every["excluded_total"] == few["excluded_total"]
    assert [each["id"] for each in every["candidates"]] == [each["id"] for each in few["candidates"]]
