"""The committed schemas are what the models say today, and each compiles."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from schemas.fhir.generate import CODES, GENERATED, main
from schemas.fhir.resource_types import RESOURCE_TYPES
from schemas.fhir.validators import validator_of


def test_the_committed_schemas_are_what_would_be_generated_now(tmp_path: Path) -> None:
    (tmp_path / "NoLongerUsed.json").write_text("{}")
    main(tmp_path)
    made = {path.stem: path.read_text("utf-8") for path in tmp_path.glob("*.json")}
    assert {path.stem for path in GENERATED.glob("*.json")} == set(made) == RESOURCE_TYPES | {"datatypes"}
    for name, text in made.items():
        assert (GENERATED / f"{name}.json").read_text("utf-8") == text, f"run python -m schemas.fhir.generate ({name})"


@pytest.mark.parametrize("kind", sorted(RESOURCE_TYPES))
def test_each_schema_compiles_and_refuses_an_element_that_is_not_there(kind: str) -> None:
    assert not validator_of(kind).is_valid({"resourceType": kind, "thisIsNoElement": 1})


def test_no_code_list_is_cut_short() -> None:
    for path in GENERATED.glob("*.json"):
        text = path.read_text("utf-8")
        assert '"+"' not in text
        assert '"etc."' not in text


def test_each_correction_of_a_code_list_is_used() -> None:
    text = json.dumps([json.loads(path.read_text("utf-8")) for path in GENERATED.glob("*.json")])
    for element, codes in CODES.items():
        if codes:
            assert json.dumps(codes.split())[1:-1] in text, element
