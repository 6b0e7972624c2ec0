"""`hub bench translate` measures every connector over its own fixtures and says where the share goes; nothing here is timed."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest

from hub.__main__ import run
from hub.bench import translate as bench
from hub.registry import installed

pytestmark = pytest.mark.no_cover  # many runs of what other tests reach: measuring them is slow and says nothing more


def measured(capfd: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    assert run(["bench", "translate", "--seconds", "0.01", "--json", *arguments]) == 0
    found: dict[str, Any] = json.loads(capfd.readouterr().out)
    return found


def test_every_connector_that_translates_has_a_row(capfd: pytest.CaptureFixture[str]) -> None:
    found = measured(capfd)
    able = {name for name in installed().names if "translate" in installed()[name].manifest.functions}
    assert {row["connector"] for row in found["rows"]} == able
    for row in found["rows"]:
        assert row["messages"] > 0
        assert row["runs"] >= 3
        assert 0 < row["fastest_us"] <= row["median_us"]


def test_the_shares_of_a_connector_add_up(capfd: pytest.CaptureFixture[str]) -> None:
    (shares,) = measured(capfd, "fhir_rest")["costs"]
    parts = [value for name, value in shares.items() if name.endswith("_percent")]
    assert sum(parts) == pytest.approx(100, abs=0.5)
    assert shares["parse_percent"] > 0
    assert shares["check_percent"] > 0


@pytest.mark.parametrize(
    ("file", "part"),
    [
        ("/x/schemas/fhir/strict_json.py", "parse"),
        ("/x/schemas/fhir/check.py", "check"),
        ("/x/schemas/fhir/build.py", "build"),
        ("/x/connectors/fhir_rest/connector.py", "build"),
        ("/x/schemas/fhir/person.py", "read"),
        ("/x/enum.py", "other"),
    ],
)
def test_a_module_belongs_to_one_part(file: str, part: str) -> None:
    assert bench._part(file.replace("/", os.sep)) == part


def test_a_connector_that_there_is_not_is_usage(capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["bench", "translate", "nobody"]) == 64
    assert capfd.readouterr().out == ""
