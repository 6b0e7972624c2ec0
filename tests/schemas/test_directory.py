"""The published shapes of the directory."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema_rs
import pytest

import schemas.directory
from schemas.directory import published

FOLDER = Path(schemas.directory.__file__).parent / "published"
LEAST = {
    "id": "p1", "name": "Synthetic", "areas": ["W06000015"], "needs": [], "languages": ["cy"], "sources": ["gp"], "age": {"min": 18, "max": None},
    "capacity": {"state": "waitlist", "places": None}, "valid_to": None, "verified_on": "2026-03-02",
}  # fmt: skip
MORE = {**LEAST, "needs": ["food"], "places": [{"postcode": "CF10", "latitude": 51.5, "longitude": -3.2}], "cost": "free", "tier": "offer"}


@pytest.mark.parametrize("name", sorted(published()))
def test_the_committed_schema_is_what_the_model_says(name: str) -> None:
    assert (FOLDER / name).read_text("utf-8") == published()[name]


@pytest.mark.parametrize(("name", "row"), [("prescriber.json", LEAST), ("asset.json", MORE)])
def test_the_schema_takes_the_least_row_and_refuses_one_without_each_of_its_fields(name: str, row: dict[str, object]) -> None:
    schema = jsonschema_rs.validator_for(json.loads(published()[name]))
    assert schema.is_valid(row)
    for field in row:
        assert not schema.is_valid({key: value for key, value in row.items() if key != field}), field


@pytest.mark.parametrize("changed", [{"needs": ["happiness"]}, {"areas": ["E06000001"]}, {"areas": []}, {"other": 1}, {"age": {"min": -1}}])
def test_the_schema_refuses_what_the_model_refuses(changed: dict[str, object]) -> None:
    assert not jsonschema_rs.validator_for(json.loads(published()["prescriber.json"])).is_valid({**LEAST, **changed})
