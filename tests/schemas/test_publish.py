"""What is published is what the code says: made again it is the same, every example validates, every counter-example does not."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs
import orjson
import pytest

from hub.publishing.__main__ import everything
from hub.publishing.examples import ID, counter_examples, examples, facts
from hub.registry import installed
from hub.telemetry import current_trace
from schemas.events import FactType as F
from schemas.events import from_record, to_record
from schemas.fact_schemas import PUBLISHED, WITH_CONTENT, WITH_PERSON, WITH_REASON
from schemas.fhir.check import check
from schemas.lifecycle import MOVES, WITHOUT_TASK
from schemas.publish import FOLDER, published, write

ROOT = FOLDER.parents[1]
SCHEMAS = sorted(name.removesuffix(".json") for name in published() if name not in ("asset.json", "prescriber.json"))


@cache
def _validator(name: str) -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator(json.loads(published()[f"{name}.json"]), validate_formats=True)


def _on_disk() -> Iterator[str]:
    for path in sorted(FOLDER.rglob("*")):
        if path.is_file():
            yield path.relative_to(FOLDER).as_posix()


def test_the_committed_files_are_what_the_code_says_now() -> None:
    """Otherwise: `python -m hub.publishing`, and read what changed: others rely on it."""
    made = everything()
    assert sorted(made) == list(_on_disk())
    assert [name for name, words in made.items() if (FOLDER / name).read_text("utf-8") != words] == []


def test_what_is_written_is_what_was_made(tmp_path: Path) -> None:
    write(published(), tmp_path)
    assert {path.relative_to(tmp_path).as_posix(): path.read_text("utf-8") for path in tmp_path.rglob("*.json")} == published()


def test_made_twice_it_is_the_same() -> None:
    assert everything() == everything()
    assert current_trace() is None, "nothing of this process goes into it"


@pytest.mark.parametrize("name", sorted(name for name in published()))
def test_each_schema_is_a_schema_with_an_address_of_its_own(name: str) -> None:
    schema = json.loads(published()[name])
    assert jsonschema_rs.meta.is_valid(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["$id"] == f"https://hub.example.wales/schemas/{name}"
    assert schema["description"]


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_example_of_each_schema_validates_and_the_counter_example_does_not(name: str) -> None:
    example = json.loads((FOLDER / "examples" / f"{name}.json").read_text("utf-8"))
    wrong = json.loads((FOLDER / "examples" / f"{name}.wrong.json").read_text("utf-8"))
    validator = _validator(name)
    assert [str(error.message)[:200] for error in validator.iter_errors(example)] == []
    assert not validator.is_valid(wrong)
    assert example != wrong


def test_every_schema_has_its_examples() -> None:
    assert sorted(examples()) == sorted(counter_examples()) == SCHEMAS


@pytest.mark.parametrize("fact", PUBLISHED)
def test_the_example_of_each_fact_is_sound_fhir(fact: F) -> None:
    assert check(orjson.loads(facts()[fact].payload)) == ()


# --- which facts ----------------------------------------------------------------------------------------------------------------------------


def test_every_fact_that_anything_says_is_published() -> None:
    emitted = {F(one) for entry in (installed()[name] for name in installed().names) for one in entry.manifest.emits}
    assert emitted <= set(PUBLISHED)
    said = {member for path in sorted((ROOT / "hub").rglob("*.py")) if "publishing" not in path.parts for member in _applied(path)}
    assert said >= {F.ASSIGNED, F.HELD, F.CLOSED, F.NO_RESPONSE, F.NEED_UNMET, F.CANCELLED}, "the look-out finds what is there"
    assert said <= set(PUBLISHED)


def _applied(path: Path) -> Iterator[F]:
    for name in re.findall(r"\bUpdate\(\s*FactType\.([A-Z_]+)", path.read_text("utf-8")):
        yield F[name]


def test_a_fact_without_a_task_is_published_only_when_somebody_says_it() -> None:
    assert not set(PUBLISHED) & WITHOUT_TASK
    assert set(PUBLISHED) >= WITH_CONTENT | WITH_PERSON | WITH_REASON


# --- each rule of a fact's schema, broken ----------------------------------------------------------------------------------------------------


def _hub_tasks(bundle: dict[str, Any]) -> list[dict[str, Any]]:
    return [entry["resource"] for entry in bundle["entry"] if entry["resource"]["resourceType"] == "Task"]


def _about(fact: F, bundle: dict[str, Any]) -> dict[str, Any]:
    return next(task for task in _hub_tasks(bundle) if task["code"]["coding"][1]["code"] == MOVES[fact].about.value)


def _other_status(fact: F, bundle: dict[str, Any]) -> None:
    _about(fact, bundle)["status"] = "draft"


def _other_business(fact: F, bundle: dict[str, Any]) -> None:
    _about(fact, bundle)["businessStatus"]["coding"][0]["system"] = "https://elsewhere.example"


BREAKS: dict[str, Callable[[F, dict[str, Any]], object]] = {
    "another fact in the header": lambda _, one: one["entry"][0]["resource"]["eventCoding"].update(code="referral.unheard-of.v1"),
    "no header": lambda _, one: one["entry"].pop(0),
    "no source": lambda _, one: one["entry"][0]["resource"].pop("source"),
    "a status that no Task of ours has": _other_status,
    "a business status of another system": _other_business,
    "a name in a Task": lambda fact, one: _about(fact, one).update({"description": "Person Prawf"}),
    "a display of the person": lambda fact, one: _about(fact, one).update({"for": {"display": "Person Prawf"}}),
    "a Task without a version": lambda fact, one: _about(fact, one)["meta"].pop("versionId"),
    "no bundle": lambda _, one: one.update(resourceType="Parameters"),
    "a batch": lambda _, one: one.update(type="batch"),
    "something beside the bundle's own": lambda _, one: one.update(timestamp="2026-03-02T09:30:00Z"),
}


@pytest.mark.parametrize("why", BREAKS)
def test_a_broken_fact_does_not_validate(why: str) -> None:
    for fact, event in facts().items():
        bundle = orjson.loads(event.payload)
        BREAKS[why](fact, bundle)
        assert not _validator(f"facts/{fact.value}").is_valid(bundle), fact


@pytest.mark.parametrize("fact", sorted(set(PUBLISHED) - WITH_CONTENT - WITH_PERSON))
def test_a_later_fact_may_not_carry_the_person(fact: F) -> None:
    bundle = orjson.loads(facts()[fact].payload)
    bundle["entry"].append({"fullUrl": "Patient/1", "resource": {"resourceType": "Patient", "id": "1"}})
    assert not _validator(f"facts/{fact.value}").is_valid(bundle)
    assert b"Prawf" not in facts()[fact].payload


@pytest.mark.parametrize("fact", sorted(WITH_REASON))
def test_some_facts_are_nothing_without_their_reason(fact: F) -> None:
    bundle = orjson.loads(facts()[fact].payload)
    del bundle["entry"][0]["resource"]["reason"]
    assert not _validator(f"facts/{fact.value}").is_valid(bundle)


@pytest.mark.parametrize("kind", ["Communication", "Binary", "ServiceRequest"])
def test_an_assignment_says_why_and_carries_the_referral(kind: str) -> None:
    bundle = orjson.loads(facts()[F.ASSIGNED].payload)
    bundle["entry"] = [entry for entry in bundle["entry"] if entry["resource"]["resourceType"] != kind]
    assert not _validator(f"facts/{F.ASSIGNED.value}").is_valid(bundle)


# --- the other schemas -----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fact", PUBLISHED)
def test_the_thin_copy_of_every_fact_validates(fact: F) -> None:
    assert _validator("referral-status").is_valid(orjson.loads(facts()[fact].thin))


@pytest.mark.parametrize(
    "change",
    [
        {"fact": "person-died"},  # a death is `closed`
        {"fact": "stepped-up"},  # a risk is `clinical`
        {"area": "SA1 1AA"},  # a postcode is no area
        {"needs": ["company in the evenings"]},  # words are no code
        {"person": "9990000018"},
        {"version": 0},
        {"referral": "GP-0001"},
    ],
)
def test_the_open_topic_is_closed(change: dict[str, Any]) -> None:
    assert not _validator("referral-status").is_valid(examples()["referral-status"] | change)


def test_the_headers_are_those_of_the_record_and_come_back_as_the_event() -> None:
    said = examples()["headers"]
    event = from_record(str(ID).encode(), [(name, value.encode()) for name, value in said.items()], b"{}")
    assert {name: value.decode() for name, value in to_record(event)[1]} == said
    for name in ("ce_id", "ce_type", "ce_sequence", "ce_time", "content-type"):
        without = copy.deepcopy(said)
        del without[name]
        assert not _validator("headers").is_valid(without), name


def test_only_an_assignment_carries_the_referral_to_a_client() -> None:
    told = examples()["to-client"]
    assert told["data"]["bundle"]["resourceType"] == "Bundle"
    assert not _validator("to-client").is_valid(told | {"type": F.ACCEPTED.value})
    assert _validator("to-client").is_valid(told | {"type": F.ACCEPTED.value, "data": told["data"] | {"bundle": None}})


def test_an_example_names_nobody_real() -> None:
    """Test-range NHS numbers and the name Prawf (Welsh: test) alone."""
    for name in _on_disk():
        words = (FOLDER / name).read_text("utf-8")
        if name.startswith("examples/"):
            assert set(re.findall(r"\b[49]\d{9}\b", words)) <= {"9990000018"}, name
            assert set(re.findall(r'"family": "([^"]+)"', words)) <= {"Prawf", "PRAWF"}, name
