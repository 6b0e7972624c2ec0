"""`hub reasons`: every reason once, in order, with what it does and where it is used."""

from __future__ import annotations

import json
from pathlib import Path

from typer.testing import CliRunner

from hub.cli import reasons
from schemas.rejection import EFFECTS, Reason

ROOT = Path(reasons.__file__).parents[2]


def test_every_reason_has_one_line_in_the_order_of_codes_and_two_runs_are_the_same() -> None:
    first, second = (CliRunner().invoke(reasons.app, ["--json"]) for _ in range(2))
    assert first.exit_code == 0
    assert first.stdout_bytes == second.stdout_bytes
    rows = [json.loads(line) for line in first.stdout.splitlines()]
    assert [row["code"] for row in rows] == sorted(reason.value for reason in Reason)
    for row in rows:
        assert list(row) == ["code", "effect", "text", "used"]
        assert row["effect"] == EFFECTS[Reason(row["code"])].value
        assert row["text"]["cy"] != row["text"]["en"]


def test_where_a_reason_is_used_is_read_from_the_code() -> None:
    used = reasons.where_used()
    assert "hub/places" in used[Reason.REQUIRED]  # the loader names missing columns so
    assert used[Reason.REQUIRED] == sorted(used[Reason.REQUIRED])
    for place in {place for places in used.values() for place in places}:
        assert (ROOT / place).exists()
    assert "schemas/rejection.py" not in {place for places in used.values() for place in places}  # the list itself is no use of it


def test_without_json_a_person_reads_both_languages() -> None:
    said = CliRunner().invoke(reasons.app, []).stdout
    assert "It does not serve the area where the person lives." in said
    assert "Nid yw'n gwasanaethu'r ardal" in said
