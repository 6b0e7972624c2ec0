"""Every fixture of every connector becomes what its golden file says, and twice the same bytes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.connectors.golden import CONNECTORS, fixtures, golden_of, translated


@pytest.mark.parametrize("fixture", fixtures(), ids=lambda one: str(one.relative_to(CONNECTORS)))
def test_a_fixture_becomes_what_its_golden_file_says(fixture: Path) -> None:
    once = translated(fixture)
    assert json.loads(once) == json.loads(golden_of(fixture).read_text("utf-8"))
    assert translated(fixture) == once


def test_no_golden_file_is_without_its_fixture() -> None:
    expected = {golden_of(one) for one in fixtures()}
    assert set(CONNECTORS.glob("*/fixtures/*.expected.json")) == expected


def test_every_connector_that_translates_has_fixtures() -> None:
    folders = {one.parent.name for one in CONNECTORS.glob("*/manifest.toml") if '"translate"' in one.read_text("utf-8")}
    assert folders == {one.parent.parent.name for one in fixtures()}
