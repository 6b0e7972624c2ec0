"""How the person may be told: what was said to be safe is honoured, and silence is a no."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.fhir.contact import (
    AUDIO,
    BRAILLE,
    EMAIL,
    FORMATS,
    LARGE_PRINT,
    LETTER,
    METHODS,
    PREFERENCE,
    SAFE,
    SAFE_LETTER,
    SMS,
    TELEPHONE,
    read_contact,
    read_referrer_contact,
)

EMAIL_ADDRESS = "gwen.test@example.org"
HOME = ("1 Test Street", "Aberdare", "CF44 7RH")


def answered(safe: bool | None, url: str = SAFE) -> dict[str, Any]:
    return {} if safe is None else {"extension": [{"url": url, "valueBoolean": safe}]}


def person(
    *, email: str = EMAIL_ADDRESS, mail_safe: bool | None = True, home_safe: bool | None = True, methods: tuple[str, ...] = (), formats: tuple[str, ...] = ()
) -> dict[str, Any]:
    chosen = [("PreferredContactMethod", METHODS, code) for code in methods] + [("PreferredWrittenCommunicationFormat", FORMATS, code) for code in formats]
    return {
        "resourceType": "Patient",
        "name": [{"family": "Test", "given": ["Gwen"]}],
        "telecom": [{"system": "email", "value": email, **answered(mail_safe)}, {"system": "phone", "value": "01632960001", **answered(True)}],
        "address": [{"line": ["1 Test Street"], "city": "Aberdare", "postalCode": "CF44 7RH", **answered(home_safe, SAFE_LETTER)}],
        "extension": [
            {"url": PREFERENCE, "extension": [{"url": name, "valueCodeableConcept": {"coding": [{"system": system, "code": code}]}}]}
            for name, system, code in chosen
        ],
    }


def bundle(patient: dict[str, Any], *others: dict[str, Any], requester: str | None = None) -> dict[str, Any]:
    request: dict[str, Any] = {"resourceType": "ServiceRequest", "subject": {"reference": "urn:uuid:p"}}
    if requester:
        request["requester"] = {"reference": requester}
    rest = [{"fullUrl": f"urn:uuid:{place}", "resource": one} for place, one in enumerate(others)]
    return {"resourceType": "Bundle", "type": "message", "entry": [{"resource": request}, {"fullUrl": "urn:uuid:p", "resource": patient}, *rest]}


@pytest.mark.parametrize(
    ("said", "ways"),
    [
        ({}, ("mail", "letter")),  # no wish: e-mail first, it is quicker
        ({"methods": (LETTER,)}, ("letter", "mail")),  # the wish goes first
        ({"methods": (EMAIL,), "mail_safe": False}, ("letter",)),  # somebody else reads that e-mail
        ({"methods": (LETTER,), "home_safe": False}, ("mail",)),  # not safe to write home: never a letter
        ({"home_safe": None}, ("mail",)),  # nobody asked whether home is safe: silence is a no
        ({"mail_safe": None}, ("letter",)),  # an e-mail of which nobody said that it is safe came from elsewhere, such as a hospital: never used
        ({"mail_safe": False, "home_safe": False}, ()),
        ({"methods": (TELEPHONE,)}, ()),  # asked to be rung
        ({"methods": (SMS, EMAIL)}, ("mail", "letter")),  # text messages are not ours to send, e-mail is
        ({"formats": (BRAILLE,)}, ("mail",)),  # a letter on paper would say nothing
        ({"formats": (AUDIO,), "mail_safe": False}, ()),
        ({"formats": (LARGE_PRINT,), "mail_safe": False}, ("letter",)),
        ({"email": "gwen@example.org\r\nBcc: other@example.org", "home_safe": False}, ()),  # a header of somebody's making
        ({"email": "gwen test", "home_safe": False}, ()),
        ({"email": "a" * 260 + "@example.org", "home_safe": False}, ()),
    ],
)
def test_only_what_was_asked_for_and_is_safe_is_used(said: dict[str, Any], ways: tuple[str, ...]) -> None:
    assert read_contact(bundle(person(**said))).ways == ways


def test_the_address_is_whole_and_what_is_unsafe_is_not_even_held() -> None:
    assert read_contact(bundle(person())).address == HOME
    hidden = read_contact(bundle(person(mail_safe=False, home_safe=False)))
    assert (hidden.email, hidden.address) == (None, ())


def test_two_answers_that_differ_are_a_no() -> None:
    patient = person(home_safe=False)
    patient["telecom"][0]["extension"].append({"url": SAFE, "valueBoolean": False})
    assert read_contact(bundle(patient)).ways == ()


def test_the_written_language_counts_not_the_spoken_one() -> None:
    mode = {"url": "type", "valueCoding": {"system": "http://terminology.hl7.org/CodeSystem/v3-LanguageAbilityMode", "code": "RWR"}}
    proficiency = [{"url": "http://hl7.org/fhir/StructureDefinition/patient-proficiency", "extension": [mode]}]
    written = {"language": {"coding": [{"system": "urn:ietf:bcp:47", "code": "cy"}]}, "extension": proficiency}
    spoken = {"language": {"coding": [{"system": "urn:ietf:bcp:47", "code": "en"}]}, "preferred": True}
    assert read_contact(bundle(person() | {"communication": [written, spoken]})).language == "cy"
    assert read_contact(bundle(person() | {"communication": [spoken]})).language is None


@pytest.mark.parametrize(
    ("requester", "asker", "email"),
    [
        (None, "person", None),
        ("urn:uuid:p", "person", None),
        ("urn:uuid:0", "relative", None),  # their own e-mail is not a way to tell them of somebody else
        ("urn:uuid:1", "professional", "officer@housing.example.org"),  # by way of the role's practitioner
        ("urn:uuid:2", "professional", "officer@housing.example.org"),
        ("urn:uuid:3", "professional", None),
    ],
)
def test_who_asked_and_the_work_email_of_a_professional(requester: str | None, asker: str, email: str | None) -> None:
    relative = {"resourceType": "RelatedPerson", "telecom": [{"system": "email", "value": "sib@example.org"}]}
    role = {"resourceType": "PractitionerRole", "practitioner": {"reference": "urn:uuid:2"}, "organization": {"reference": "urn:uuid:3"}}
    officer = {"resourceType": "Practitioner", "telecom": [{"system": "email", "value": "officer@housing.example.org"}]}
    found = read_referrer_contact(bundle(person(), relative, role, officer, {"resourceType": "Organization"}, requester=requester))
    assert (found.asker, found.email) == (asker, email)


@pytest.mark.parametrize("awkward", [{}, {"entry": "x"}, {"entry": [{"resource": {"resourceType": "ServiceRequest", "subject": 5}}]}])
def test_what_is_no_referral_has_no_way(awkward: dict[str, Any]) -> None:
    assert read_contact(awkward).ways == ()
    assert read_referrer_contact(awkward).asker == "person"


def test_an_address_that_would_print_over_the_letter_is_left_to_a_person() -> None:
    patient = person(mail_safe=False) | {"address": [{"line": ["word " * 400], "postalCode": "CF44 7RH", **answered(True, SAFE_LETTER)}]}
    assert read_contact(bundle(patient)).ways == ()


@pytest.mark.parametrize(
    ("lines", "postcode", "written"),
    [
        (["No fixed abode"], "ZZ99 3VZ", ()),  # nobody can post anything there
        (["c/o The Day Centre", "2 Test Street"], "ZZ99 3VZ", ("c/o The Day Centre", "2 Test Street")),  # no home, but a place for letters
        (["1 Test Street\r\nBcc: x"], "CF44 7RH", ("1 Test Street Bcc: x", "CF44 7RH")),  # a line is a line
        ([], "CF44 7RH", ()),  # a postcode alone is no address
        (list("abcdefgh"), "CF44 7RH", ("a", "b", "c", "d", "e, f, g, h", "CF44 7RH")),  # as many lines as a window shows
    ],
)
def test_an_address_is_one_that_a_letter_reaches(lines: list[str], postcode: str, written: tuple[str, ...]) -> None:
    patient = person() | {"address": [{"line": lines, "postalCode": postcode, **answered(True, SAFE_LETTER)}]}
    assert read_contact(bundle(patient)).address == written
