"""Readers over FHIR JSON: references, identifiers, dates."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.fhir.read import Message, codings, fhir_date, fhir_instant, identifiers, is_system, ods_code

BUNDLE: dict[str, Any] = {
    "resourceType": "Bundle",
    "entry": [
        {
            "fullUrl": "urn:uuid:a",
            "resource": {
                "resourceType": "ServiceRequest",
                "contained": [
                    {"resourceType": "Patient", "id": "p"},
                    {"resourceType": "PractitionerRole", "id": "r", "organization": {"reference": "#o"}},
                    {"resourceType": "Organization", "id": "o"},
                ],
            },
        },
        {"fullUrl": "https://example.wales/fhir/Patient/p2", "resource": {"resourceType": "Patient", "id": "p2"}},
        {"fullUrl": "urn:uuid:c", "resource": {"resourceType": "Patient", "id": "p3"}},
        {"fullUrl": "https://example.wales/fhir/Location/l", "resource": {"resourceType": "Location"}},
        {"resource": "not an object"},
        "not an entry",
    ],
}


@pytest.mark.parametrize(
    ("reference", "path"),
    [
        ("#p", "ServiceRequest.contained[0]"),
        ("#nobody", None),
        ("#", None),
        ("urn:uuid:c", "Bundle.entry[2].resource"),
        ("urn:uuid:nobody", None),
        ("Patient/p2", "Patient"),  # relative, by id
        ("Patient/p2/_history/3", "Patient"),  # a version of it
        ("https://example.wales/fhir/Patient/p2", "Patient"),
        ("Location/l", "Location"),  # relative, by the end of the fullUrl (R4 2.36.4.1)
        ("Patient/nobody", None),
        ("Group/p2", None),  # another type
        (5, None),
        (None, None),
    ],
)
def test_a_reference_is_followed_within_the_message(reference: object, path: str | None) -> None:
    message = Message(BUNDLE)
    found = message.follow({"reference": reference}, message.first("ServiceRequest"))
    assert (found.path if found else None) == path


def test_contained_resources_see_each_other() -> None:
    message = Message(BUNDLE)
    role = message.first("PractitionerRole")
    assert role is not None
    found = message.follow(role.resource["organization"], role)
    assert found is not None
    assert found.path == "ServiceRequest.contained[2]"


def test_the_first_of_a_type_is_named_by_its_type_and_others_by_their_entry() -> None:
    assert [one.path for one in Message(BUNDLE).of_type("Patient")] == [
        "ServiceRequest.contained[0]",
        "Patient",
        "Bundle.entry[2].resource",
    ]


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        ("1950", "1950"),
        ("1950-03", "1950-03"),
        ("1950-03-01", "1950-03-01"),
        ("1950-03-01T10:00:00Z", "1950-03-01"),
        ("2000-02-29", "2000-02-29"),
        ("1900-02-29", None),
        ("1900-02-30", None),
        ("1950-13", None),
        ("0000", None),
        ("01/03/1950", None),
        ("", None),
        (None, None),
        ("1950-3-1", None),
        ("19500301", None),
        ("１９５０", None),
    ],
)
def test_dates(sent: str | None, read: str | None) -> None:
    assert fhir_date(sent) == read


def test_instants() -> None:
    assert fhir_instant("2025-02-19T09:14:12.8360738Z") is not None, "seven digits of a second are sent by real systems"
    assert fhir_instant("2026-03-02T09:00:00+01:00") == fhir_instant("2026-03-02T08:00:00Z")
    assert fhir_instant("2026-03-02T09:00:00") is None
    assert fhir_instant("2026-03-02") is None
    assert fhir_instant("2026-02-30T09:00:00Z") is None


def test_codings_and_identifiers_say_where_they_stand() -> None:
    resource = {
        "code": {"coding": [{"code": " a ", "system": "s"}, {"display": "no code"}]},
        "identifier": [{"value": " v "}, {"value": ""}, 5],
    }
    assert [(one.code, one.at) for one in codings(resource, "code", "X")] == [("a", "X.code.coding[0]")]
    assert [(one.value, one.system, one.at) for one in identifiers(resource, "X")] == [("v", "", "X.identifier[0].value")]
    assert "v" not in repr(next(identifiers(resource, "X"))).split("at=")[0].replace("value", "").replace("Identified", "")


def test_systems_are_compared_without_case_scheme_and_slash() -> None:
    assert is_system("HTTP://fhir.nhs.uk/id/ODS-organization-code/", "https://fhir.nhs.uk/Id/ods-organization-code")
    assert (
        ods_code({"identifier": [{"system": "x", "value": "1"}, {"system": "http://fhir.nhs.uk/id/ods-site-code", "value": "7A4BV"}]})
        == "7A4BV"
    )
    assert ods_code({}) is None
