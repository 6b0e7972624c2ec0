"""The form: what a person fills in is a sound FHIR message, what is missing is named by its field, and nothing unsafe is passed on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.self_referral import connector
from connectors.self_referral.fields import FIELDS, LARGEST, NEEDS_BY_GROUP, OWN_WORDS
from hub.deciding.policy import load_policy
from hub.deciding.triage import triage
from schemas.codes.needs import needs
from schemas.events import FactType
from schemas.fhir.check import check, unresolved_references
from schemas.messages import Accepted, Committed, InboundMessage, InFlight, NotStored, Repeated, Reply, Translation
from schemas.profile import Profile
from schemas.rejection import Issue, Reason, Rejected
from schemas.words import text
from tests.connectors.golden import CONNECTORS

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
ID = "6f1c1a52-3f0d-4a53-9c57-1d2f0a6b7c99"
LEAST = {"request": ID, "family": "Prawf", "phone": "01792 000000", "consent": "yes"}
FIXTURES = sorted((CONNECTORS / "self_referral" / "fixtures").glob("*.txt"))


def sent(fields: dict[str, Any] | None = None, *, profile: Profile | None = None, **more: Any) -> InboundMessage:  # Any: a value or several
    """The least that can be sent, with these fields changed; None takes one away."""
    filled = {name: value for name, value in {**LEAST, **(fields or {}), **more}.items() if value is not None}
    headers = {"content-type": "application/x-www-form-urlencoded"}
    return InboundMessage(urlencode(filled, doseq=True).encode(), "POST /refer", headers, received_at=NOW, client="form", profile=profile or Profile())


def translated(**fields: Any) -> Translation:  # Any: as in `sent`
    return connector.translate(sent(fields))


def of_type(made: Translation, kind: str) -> list[dict[str, Any]]:
    """The resources of one type, in order."""
    found = (entry["resource"] for entry in made.facts[0].bundle["entry"])
    return [one for one in found if one["resourceType"] == kind]


def said(made: Translation) -> list[tuple[str, str]]:
    return [(one.reason.value, one.at) for one in made.warnings]


def faults(**fields: Any) -> list[str]:  # Any: as in `sent`
    with pytest.raises(Rejected) as raised:
        translated(**fields)
    return [one.at for one in raised.value.issues]


# --- a sound message --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fixture", FIXTURES, ids=lambda one: one.stem)
def test_what_is_made_of_a_fixture_is_sound_fhir_with_every_reference_resolved(fixture: Any) -> None:
    message = InboundMessage(fixture.read_bytes(), received_at=NOW)
    try:
        bundle = connector.translate(message).facts[0].bundle
    except Rejected:
        return
    assert [fault.path for fault in check(bundle)] == []
    assert [fault.path for fault in unresolved_references(bundle)] == []


def test_every_field_together_is_sound_fhir_and_every_option_is_taken() -> None:
    for way in ("myself", "someone-else", "professional", "call-handler"):
        everything = {name: list(field.options) if field.many else field.options[0] if field.options else "1" for name, field in FIELDS.items()}
        everything |= {"request": ID, "way": way, "birth_year": "1948", "paper_year": "2026", "email": "non@example.com", "nhs_number": "9990000026"}
        made = translated(**everything)
        assert [fault.path for fault in check(made.facts[0].bundle)] == []
        assert "code-unknown" not in [reason for reason, at in said(made) if at != "language_other"]


def test_every_need_that_the_form_asks_for_is_one_of_the_hubs_and_each_but_once() -> None:
    asked = [code for group in NEEDS_BY_GROUP.values() for code in group]
    assert sorted(asked) == sorted(needs())


def test_ticking_every_need_is_no_risk() -> None:
    made = translated(need=list(FIELDS["need"].options))
    assert made.facts[0].referral is not None
    assert triage(made.facts[0].referral, load_policy()).contract() == {"result": "clear", "reasons": []}


def test_own_words_are_kept_exactly_whatever_they_are_written_in() -> None:
    words = "Bûm yn ŵyr 🎶\n\n  \u200f\u05e9\u05dc\u05d5\u05dd\u200b  \u0000done"
    referral = translated(matters=words.replace("\n", "\r\n")).facts[0].referral
    assert referral is not None
    assert referral.narrative == (words.replace("\u0000", ""),)


@pytest.mark.parametrize(
    ("field", "words"),
    [
        ("matters", "I want to kill myself"),  # where one would write it
        ("contact_notes", "do not ring, I want to kill myself"),  # and where one might
        ("access_notes", "I want to kill myself"),
        ("matters", "Rwyf eisiau lladd fy hun"),
    ],
)
def test_words_of_crisis_are_heard_in_every_box(field: str, words: str) -> None:
    referral = translated(**{field: words}).facts[0].referral
    assert referral is not None
    assert triage(referral, load_policy()).contract()["result"] == "hold"


AGES = [
    # way, date of birth (day, month, year), whether a human looks before anything goes on
    ("myself", ("3", "3", "2010"), True),  # sixteen tomorrow
    ("myself", ("2", "3", "2010"), False),  # sixteen today
    ("myself", ("", "", "2010"), True),  # perhaps still fifteen
    ("myself", ("", "3", "2009"), False),
    ("myself", ("", "", ""), False),
    ("call-handler", ("1", "1", "2014"), True),
    ("someone-else", ("1", "1", "2014"), False),  # an adult asks for them, and has agreed with them
    ("professional", ("1", "1", "2014"), False),
]


@pytest.mark.parametrize(("way", "born", "held"), AGES)
def test_a_child_who_asks_alone_is_read_by_a_human_first(way: str, born: tuple[str, str, str], held: bool) -> None:
    parts = {f"birth_{part}": value for part, value in zip(("day", "month", "year"), born, strict=True)}
    made = translated(way=way, helper_name="Alex", share="yes", **parts)
    referral = made.facts[0].referral
    assert referral is not None
    assert triage(referral, load_policy()).reasons == ((Reason.CHILD_ALONE,) if held else ())
    assert referral.consent.direct_care is (None if held else True)


# --- who and how ------------------------------------------------------------------------------------------------------------------------

MISSING: list[tuple[dict[str, Any], list[str]]] = [
    ({"family": None}, ["family"]),
    ({"family": "  "}, ["family"]),
    ({"phone": None}, ["contact"]),  # nobody could be reached
    ({"phone": None, "email": "a@example.com"}, ["contact"]),  # nobody said that it is safe
    ({"phone": None, "email": "a@example.com", "email_safe": "no"}, ["contact"]),
    ({"phone": None, "address": "1 Test Road", "letter_safe": "no"}, ["contact"]),
    ({"phone": None, "address": "1 Test Road"}, ["contact"]),
    ({"phone": None, "no_fixed_address": "yes"}, ["contact"]),
    ({"phone": None, "contact_notes": "Not after five"}, ["contact"]),  # says when, not where
    ({"consent": None}, ["consent"]),
    ({"consent": "no"}, ["consent"]),
    ({"way": "someone-else"}, ["helper_name"]),  # who filled it in is somebody else
    ({"way": "professional", "phone": None}, ["helper_name", "contact"]),
    ({"family": None, "phone": None, "consent": None}, ["family", "contact", "consent"]),  # all at once, in the order of the page
]


@pytest.mark.parametrize(("fields", "at"), MISSING)
def test_what_must_be_filled_in_is_named_by_its_field_all_of_it_at_once(fields: dict[str, Any], at: list[str]) -> None:
    assert faults(**fields) == at


ENOUGH: list[dict[str, Any]] = [
    {},  # a name and a phone
    {"phone": None, "email": "a@example.com", "email_safe": "yes"},
    {"phone": None, "address": "1 Test Road", "letter_safe": "yes"},  # no phone and no e-mail
    {"phone": None, "way": "someone-else", "helper_name": "Alex", "helper_phone": "1", "no_fixed_address": "yes"},  # through whoever helps
    {"phone": None, "no_fixed_address": "yes", "contact_notes": "At the day centre on Mondays"},  # no phone, no e-mail, no address: they can be found
    {"phone": None, "contact_by": "visit", "contact_notes": "At the library on Mondays", "birth_year": "1960"},
]


@pytest.mark.parametrize("fields", ENOUGH)
def test_a_name_and_one_safe_way_to_reach_the_person_is_enough(fields: dict[str, Any]) -> None:
    assert [fact.type for fact in translated(**fields).facts] == [FactType.RECEIVED]


def test_an_email_address_that_is_not_safe_is_nowhere_in_what_is_passed_on() -> None:
    for answer in ("no", None):
        made = translated(email="mair@example.com", email_safe=answer, contact_by=["email", "phone"])
        assert "mair@example.com" not in json.dumps(made.facts[0].bundle)
        assert [one["system"] for one in of_type(made, "Patient")[0]["telecom"]] == ["phone"]
        assert methods(made) == ["3"]


def test_what_is_safe_stands_beside_the_telephone_and_the_address() -> None:
    made = translated(phone_message="no", address="1 Test Road", letter_safe="no", contact_by="letter")
    patient = of_type(made, "Patient")[0]
    assert [one["valueBoolean"] for one in patient["telecom"][0]["extension"]] == [False]
    assert [one["valueBoolean"] for one in patient["address"][0]["extension"]] == [False]
    assert [one["code"]["coding"][0]["code"] for one in of_type(made, "Flag")] == ["sensitive-address"]
    assert methods(made) == []


def methods(made: Translation) -> list[str]:
    extensions = [one for one in of_type(made, "Patient")[0].get("extension", []) if one["url"].endswith("ContactPreference")]
    parts = [part for one in extensions for part in one["extension"] if part["url"] == "PreferredContactMethod"]
    return [part["valueCodeableConcept"]["coding"][0]["code"] for part in parts]


@pytest.mark.parametrize(
    ("way", "kind"), [("myself", "Patient"), ("call-handler", "Patient"), ("someone-else", "RelatedPerson"), ("professional", "PractitionerRole")]
)
def test_who_asks_depends_on_the_way(way: str, kind: str) -> None:
    made = translated(way=way, helper_name="Alex Prawf", helper_role="Neighbour")
    by_url = {entry["fullUrl"]: entry["resource"]["resourceType"] for entry in made.facts[0].bundle["entry"]}
    assert by_url[of_type(made, "ServiceRequest")[0]["requester"]["reference"]] == kind


@pytest.mark.parametrize("source", ["housing", "local-authority", "third-sector", "police", "fire", "education", "gp", "hospital", "other"])
def test_any_organisations_link_says_where_it_comes_from_and_is_for_us(source: Any) -> None:
    message = sent(way="professional", helper_name="Jo", profile=Profile(organisation_type=source, organisation="A1B2C"))
    referral = connector.translate(message).facts[0].referral
    assert referral is not None
    assert (referral.source.value, referral.referrer.ods) == (source, "A1B2C")
    assert triage(referral, load_policy()).contract()["result"] == "clear"


SHARE = [("yes", True), ("no", False), ("ask", None), (None, None)]  # "ask me first" is not a yes, and not a no


@pytest.mark.parametrize(("answer", "read"), SHARE)
def test_community_groups_are_told_of_nobody_who_did_not_say_so(answer: str | None, read: bool | None) -> None:
    referral = translated(share=answer).facts[0].referral
    assert referral is not None
    assert (referral.consent.direct_care, referral.consent.share_with_community, referral.consent.unclear) == (True, read, False)


def test_the_version_and_language_of_the_words_agreed_to_are_kept() -> None:
    made = translated(consent_version="2026-11", page_language="cy")
    assert of_type(made, "Consent")[0]["policy"][0]["uri"].endswith("/consent/2026-11/cy")
    made = translated(consent_version="<script>")
    assert of_type(made, "Consent")[0]["policy"][0]["uri"].endswith("/consent/unknown/en")


# --- what cannot be used as typed -------------------------------------------------------------------------------------------------------

ODD: list[tuple[dict[str, Any], tuple[str, str]]] = [
    ({"birth_day": "31", "birth_month": "2", "birth_year": "1950"}, ("date-impossible", "birth")),
    ({"birth_day": "3"}, ("date-impossible", "birth")),
    ({"birth_year": "48"}, ("date-impossible", "birth")),  # which century is nobody's to guess
    ({"birth_year": "2031"}, ("date-in-future", "birth")),
    ({"birth_day": "१७", "birth_month": "5", "birth_year": "1948"}, ("date-impossible", "birth")),
    ({"nhs_number": "12345"}, ("nhs-number-format", "nhs_number")),
    ({"nhs_number": "1234567890"}, ("nhs-number-failed-check", "nhs_number")),
    ({"postcode": "nowhere"}, ("area-uncertain", "postcode")),
    ({"email": "nobody", "email_safe": "yes"}, ("rule-not-met", "email")),
    ({"email": "non@@example.org", "email_safe": "yes"}, ("rule-not-met", "email")),
    ({"email": "non@example", "email_safe": "yes"}, ("rule-not-met", "email")),
    ({"phone": "0770 090 001"}, ("rule-not-met", "phone")),  # a figure is missing: nobody could ring
    ({"phone": "ask at reception"}, ("rule-not-met", "phone")),
    ({"way": "someone-else", "helper_name": "Jo", "helper_phone": "0770"}, ("rule-not-met", "helper_phone")),
    ({"way": "someone-else", "helper_name": "Jo", "helper_email": "jo"}, ("rule-not-met", "helper_email")),
    ({"level": "very"}, ("code-unknown", "level")),
    ({"need": "a-need-that-is-none"}, ("code-unknown", "need")),
    ({"language_spoken": "other", "language_other": "Gwdihwaidd"}, ("code-unknown", "language_other")),
    ({"favourite_colour": "blue"}, ("unknown-element", "form")),
    ({"way": "professional", "helper_name": "Jo", "paper_year": "x"}, ("date-impossible", "paper")),
]


@pytest.mark.parametrize(("fields", "warning"), ODD)
def test_one_odd_field_refuses_nobody(fields: dict[str, Any], warning: tuple[str, str]) -> None:
    assert warning in said(translated(**fields))


@pytest.mark.parametrize("phone", ["01248 000000", "+44 7700 900001", "(01248) 000000 ext 2", "01248 000000 or 07700 900001", "0169 772 0000"])
def test_a_telephone_number_that_can_be_rung_is_no_odd_one(phone: str) -> None:
    assert ("rule-not-met", "phone") not in said(translated(phone=phone))


DATES = [("17", "5", "1948", "1948-05-17"), ("", "", "1948", "1948"), ("", "05", "1948", "1948-05"), ("1", "Mai", "1948", "1948-05-01")]
DATES += [("1", "march", "1948", "1948-03-01"), ("9", "Rhagfyr", "1948", "1948-12-09"), ("9", "Maw", "1948", "1948-03-09")]


@pytest.mark.parametrize(("day", "month", "year", "read"), DATES)
def test_a_date_may_be_partial_and_its_month_a_word_of_either_language(day: str, month: str, year: str, read: str) -> None:
    assert of_type(translated(birth_day=day, birth_month=month, birth_year=year), "Patient")[0]["birthDate"] == read


@pytest.mark.parametrize(("typed", "code"), [("Pwyleg", "pl"), ("polish", "pl"), ("pl", "pl"), ("BRITISH SIGN LANGUAGE", "bfi")])
def test_a_language_may_be_named_in_either_language(typed: str, code: str) -> None:
    referral = translated(language_spoken="other", language_other=typed).facts[0].referral
    assert referral is not None
    assert referral.person.language_spoken == code


# --- bounds -----------------------------------------------------------------------------------------------------------------------------

_BEYOND = OWN_WORDS + 1
BOUNDS: list[tuple[bytes, str, str]] = [
    (b"request=" + ID.encode() + b"&a=" + b"x" * LARGEST, "too-large", "form"),
    (urlencode([("request", ID), *(("need", "food") for _ in range(300))]).encode(), "too-large", "form"),
    (urlencode(LEAST | {"matters": "x" * _BEYOND}).encode(), "too-large", "matters"),
    (urlencode(LEAST | {"family": "x" * 201}).encode(), "too-large", "family"),
    (urlencode(LEAST).encode() + b"&family=Other", "duplicate-key", "family"),  # which of two names is nobody's to guess
    (b"\xff\xfe", "encoding", "form"),
    (b"request=%FF", "encoding", "form"),
    (b"", "required", "request"),
    (b"request=1", "invalid", "request"),
    (b'{"family": "Prawf"}', "required", "request"),
]


@pytest.mark.parametrize(("body", "reason", "at"), BOUNDS)
def test_what_is_out_of_bounds_is_refused_by_name(body: bytes, reason: str, at: str) -> None:
    with pytest.raises(Rejected) as raised:
        connector.translate(InboundMessage(body, received_at=NOW))
    assert [(one.reason.value, one.at) for one in raised.value.issues] == [(reason, at)]


def test_ten_thousand_characters_of_any_kind_are_within_bounds() -> None:
    referral = translated(matters="🎶" * OWN_WORDS).facts[0].referral
    assert referral is not None
    assert len(referral.narrative[0]) == OWN_WORDS


def test_a_repeated_field_with_one_value_is_that_value() -> None:
    message = InboundMessage(urlencode(LEAST).encode() + b"&family=Prawf", received_at=NOW)
    assert len(connector.translate(message).facts) == 1


_TYPED = st.sampled_from(["yes", "no", "myself", "professional", "31", "1950", "\r\n", "\u0000"])
_FIELDS = st.dictionaries(
    st.sampled_from([*FIELDS, "x"]), st.text(max_size=30) | _TYPED, max_size=12
)


@settings(max_examples=300, deadline=None)
@given(fields=_FIELDS, body=st.binary(max_size=120))
def test_whatever_is_typed_it_is_read_or_refused_and_never_said_back(fields: dict[str, str], body: bytes) -> None:
    for message in (sent(fields), sent(**fields | LEAST | {"matters": "ZQXJ"}), InboundMessage(body, received_at=NOW)):
        try:
            made = connector.translate(message)
            assert [fault.path for fault in check(made.facts[0].bundle)] == []
            issues = made.warnings
        except Rejected as refused:
            issues = refused.issues
        assert "ZQXJ" not in "".join(f"{one.at} {one.text} {one.params}" for one in issues)


def test_the_same_bytes_give_the_same_facts() -> None:
    assert connector.translate(sent(need="food")) == connector.translate(sent(need="food"))


# --- identify and answer ----------------------------------------------------------------------------------------------------------------


def test_the_key_is_the_forms_own_id() -> None:
    assert connector.identify(sent(request=ID.upper())).key == ID


@pytest.mark.parametrize("kind", ["application/json", "multipart/form-data; boundary=x", "text/plain", ""])
def test_another_media_type_is_refused(kind: str) -> None:
    with pytest.raises(Rejected) as raised:
        connector.identify(InboundMessage(urlencode(LEAST).encode(), "", {"content-type": kind}))
    assert raised.value.reason is Reason.UNSUPPORTED_MEDIA


FIRST = Reply(201, (b"{}",), "application/json")
ACCEPTED = Accepted("id", "0123456789AB", 1, FactType.RECEIVED, text("answer.updated"), Reason.CRISIS)
OUTCOMES: list[tuple[Any, int, str]] = [
    (Committed((ACCEPTED,)), 201, "sent"),
    (Committed((), (), Reason.DUPLICATE), 200, "sent-before"),  # sent once, and erased since
    (InFlight(), 503, "in-flight"),
    (NotStored(), 503, "not-stored"),
    (Rejected(Reason.REQUIRED, [Issue(Reason.REQUIRED, "family")]), 422, "rejected"),
    (Rejected(Reason.KEY_REUSED, [Issue(Reason.KEY_REUSED, "request")]), 422, "rejected"),
    (Rejected(Reason.UNSUPPORTED_MEDIA, [Issue(Reason.UNSUPPORTED_MEDIA, "Content-Type")]), 415, "rejected"),
]


@pytest.mark.parametrize(("outcome", "status", "word"), OUTCOMES)
def test_every_outcome_has_an_answer_without_a_word_of_the_form(outcome: Any, status: int, word: str) -> None:
    reply = connector.answer(sent(), outcome)
    assert (reply.status, json.loads(reply.parts[0])["outcome"]) == (status, word)
    assert b"Prawf" not in reply.parts[0]


def test_a_repeat_hears_the_first_answer_again() -> None:
    assert connector.answer(sent(), Repeated(FIRST)) is FIRST


def test_the_answer_says_what_was_held_and_how_the_reference_is_read_out() -> None:
    told = json.loads(connector.answer(sent(), Committed((ACCEPTED,))).parts[0])
    assert (told["held"], told["reference"]) == ("crisis", "0123-4567-89AB")
    assert told["next_step"].keys() == {"en", "cy"}


def test_every_issue_that_the_form_can_give_has_words_in_both_languages() -> None:
    for issue in _every_issue():
        assert issue.text.en != issue.text.cy


def _every_issue() -> Iterator[Issue]:
    for fields, _ in MISSING:
        with pytest.raises(Rejected) as raised:
            translated(**fields)
        yield from raised.value.issues
    for fields, _ in ODD:
        yield from translated(**fields).warnings
