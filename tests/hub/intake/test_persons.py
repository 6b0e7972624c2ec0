"""How a person is found again: by keyed hashes that meet whatever way a number or a name was written, and never by what was written."""

from __future__ import annotations

import pytest

from hub.intake.persons import hashes_of, hashes_of_identifiers
from hub.ledger.sealing import Sealing
from schemas.fhir.person import Person
from schemas.messages import Identifier

SEALING = Sealing.from_secret(bytes(range(32)))
NHS = "https://fhir.nhs.uk/Id/nhs-number"


def person(**more: object) -> Person:
    return Person.model_validate({name: None for name, field in Person.model_fields.items() if field.is_required()} | {"given": ()} | more)


def kinds(of: Person) -> list[str]:
    return sorted(one.kind for one in hashes_of(of, SEALING))


@pytest.mark.parametrize(
    ("identifiers", "kind"),
    [
        ([(NHS, "9990000026")], "nhs"),
        ([(NHS, "999 000 0026")], "nhs"),  # as people write it
        ([(NHS, "9990000025")], None),  # fails its check: it finds nobody, least of all a stranger
        ([(NHS, "٩٩٩٠٠٠٠٠٢٦")], None),  # digits of another script
        ([("urn:hl7v2:WPAS:108:PI", "8888888")], "local"),
        ([("", "8888888")], None),  # a number of nobody's
        ([("urn:x", "  ")], None),
    ],
)
def test_a_number_finds_a_person_when_it_says_whose_it_is(identifiers: list[tuple[str, str]], kind: str | None) -> None:
    found = hashes_of_identifiers((Identifier(*one) for one in identifiers), SEALING)
    assert [one.kind for one in found] == ([kind] if kind else [])


def test_a_number_in_a_referral_and_in_a_hospital_message_meet() -> None:
    of_person = {one.value for one in hashes_of(person(nhs_number="9990000026"), SEALING)}
    of_event = {one.value for one in hashes_of_identifiers([Identifier(NHS, "999 000 0026")], SEALING)}
    assert of_event <= of_person


@pytest.mark.parametrize(
    ("family", "given", "meets"),
    [
        ("Prawf", "Siân", True),
        ("PRAWF", "SIAN", True),  # a hospital that writes no accents
        ("Pr'awf", "Si ân", True),
        ("Prawf", "Siâni", False),
        ("Arall", "Siân", False),
    ],
)
def test_a_name_with_a_birth_date_meets_in_another_spelling(family: str, given: str, meets: bool) -> None:
    one = {each.value for each in hashes_of(person(family="Prawf", given=("Siân",), birth_date="1950-01-01"), SEALING)}
    two = {each.value for each in hashes_of(person(family=family, given=(given,), birth_date="1950-01-01"), SEALING)}
    assert bool(one & two) == meets


@pytest.mark.parametrize(
    "more",
    [{}, {"family": "Prawf"}, {"family": "Prawf", "given": ("Non",)}, {"family": "Prawf", "given": ("Non",), "birth_date": "1950"}],
)
def test_a_name_alone_finds_nobody(more: dict[str, object]) -> None:
    assert kinds(person(**more)) == []


def test_no_hash_shows_what_it_was_made_of() -> None:
    found = hashes_of(person(nhs_number="9990000026", family="Prawf", given=("Non",), birth_date="1950-01-01"), SEALING)
    assert {len(one.value) for one in found} == {32}
    assert "9990000026" not in repr(found)
    assert list(found) == sorted(found, key=lambda one: one.value), "sorted, as locks are taken"
