"""Every text in both languages, and what a look-up promises."""

from __future__ import annotations

import re

import pytest

from schemas.events import FactType
from schemas.lifecycle import MOVES
from schemas.rejection import EFFECTS, Effect, Reason
from schemas.task import Clock, Party, Role, TaskStatus
from schemas.words import Text, WordsMissing, catalogue, check_list, keys, text

DOMAINS = catalogue.domains("en")
_HOLE = re.compile(r"\{(\w+)\}")


def test_both_languages_have_the_same_catalogues() -> None:
    assert catalogue.domains("cy") == DOMAINS


@pytest.mark.parametrize("domain", DOMAINS)
def test_each_key_of_a_catalogue_stands_in_both_languages(domain: str) -> None:
    english, welsh = (set(catalogue.read_domain(language, domain)) for language in catalogue.LANGUAGES)
    assert english == welsh


@pytest.mark.parametrize("domain", DOMAINS)
def test_welsh_differs_from_english_and_names_the_same_placeholders(domain: str) -> None:
    english, welsh = (catalogue.read_domain(language, domain) for language in catalogue.LANGUAGES)
    assert faults(english, welsh) == []


def faults(english: catalogue.Catalogue, welsh: catalogue.Catalogue) -> list[str]:
    """Keys whose Welsh is the English, or whose placeholders disagree (a plural form may leave out the count)."""
    found = []
    for key in english.keys() & welsh.keys():
        if english[key] == welsh[key]:
            found.append(f"{key} is the same in both")
        holes = [{frozenset(set(_HOLE.findall(form)) - {"count"}) for form in forms} for forms in (english[key], welsh[key])]
        if holes[0] != holes[1] or len(holes[0]) != 1:
            found.append(f"{key} has other placeholders")
    return found


@pytest.mark.parametrize(
    ("english", "welsh"),
    [
        ({"a": ("Hello",)}, {"a": ("Hello",)}),  # copied
        ({"a": ("Hello {name}",)}, {"a": ("Helo",)}),  # a placeholder lost
        ({"a": ("Hello {name}",)}, {"a": ("Helo {enw}",)}),  # a placeholder translated
    ],
)
def test_the_guard_over_the_catalogues_sees_a_planted_fault(english: catalogue.Catalogue, welsh: catalogue.Catalogue) -> None:
    assert len(faults(english, welsh)) == 1


def test_no_key_stands_in_two_catalogues_of_one_language() -> None:
    for language in catalogue.LANGUAGES:
        rows = [key for domain in catalogue.domains(language) for key in catalogue.read_domain(language, domain)]
        assert len(rows) == len(set(rows))


@pytest.mark.parametrize("language", catalogue.LANGUAGES)
def test_every_catalogue_has_all_the_plural_forms_of_its_language(language: str) -> None:
    wanted = {"en": 2, "cy": 6}[language]
    forms = {len(words) for words in catalogue.catalogue(language).values()}
    assert forms <= {1, wanted}


def test_every_reason_has_words_and_one_effect_and_the_catalogue_names_no_other() -> None:
    assert {key.removeprefix("reason.") for key in keys() if key.startswith("reason.")} == {reason.value for reason in Reason}
    assert {key.removeprefix("effect.") for key in keys() if key.startswith("effect.")} == {effect.value for effect in Effect}
    assert set(EFFECTS) == set(Reason)


def test_a_reasons_words_need_no_parameter_because_an_issue_may_give_none() -> None:
    for reason in Reason:
        assert text(f"reason.{reason}").en


def test_every_status_fact_party_and_clock_has_words() -> None:
    wanted = {f"status.{status}" for status in TaskStatus} | {f"fact.{fact.fact}" for fact in FactType}
    wanted |= {f"business.{move.business}" for move in MOVES.values() if move.business}
    wanted |= {f"party.{party}" for party in Party} | {f"role.{role}" for role in Role} | {f"clock.{clock}" for clock in Clock}
    assert wanted - keys() == set()


def test_a_missing_key_says_which() -> None:
    with pytest.raises(WordsMissing, match=r"no\.such\.key"):
        text("no.such.key")


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two catalogues made for these tests, in place of the shipped ones."""
    made = {
        "en": {"who": ("For {need} in {area}.",), "days": ("{count} day", "{count} days")},
        "cy": {
            "who": ("Ar gyfer {need} yn {area}.",),
            "days": ("{count} diwrnod", "{count} diwrnod", "{count} ddiwrnod", "{count} diwrnod", "{count} diwrnod", "{count} o ddiwrnodau"),
        },
    }
    monkeypatch.setattr(catalogue, "catalogue", made.__getitem__)


def test_a_missing_placeholder_says_which_and_never_what_was_given(small: None) -> None:
    with pytest.raises(WordsMissing, match="area") as raised:
        text("who", need="SECRET")
    assert "SECRET" not in str(raised.value)


def test_a_parameter_that_is_a_text_is_said_in_the_language_of_the_sentence(small: None) -> None:
    said = text("who", need=Text("food", "bwyd"), area="Gwynedd", unused="x")
    assert said == Text("For food in Gwynedd.", "Ar gyfer bwyd yn Gwynedd.")


@pytest.mark.parametrize(
    ("count", "english", "welsh"),
    [
        (0, "0 days", "0 diwrnod"),  # Welsh has a form for none
        (1, "1 day", "1 diwrnod"),
        (2, "2 days", "2 ddiwrnod"),  # and for two, which softens the word
        (3, "3 days", "3 diwrnod"),
        (6, "6 days", "6 diwrnod"),
        (7, "7 days", "7 o ddiwrnodau"),
    ],
)
def test_a_count_takes_the_plural_form_of_each_language(small: None, count: int, english: str, welsh: str) -> None:
    assert text("days", count=count) == Text(english, welsh)


_COUNTED = re.compile(r"\{(rows|good|wrong|held|done|wanted|count|created|waiting|waited|referrals|sent|told|people|parked|sounded|places)\} [a-z]{2,}s\b")
_NEVER_ONE = {"demo.killed", "demo.wrong.all"}  # how many there are stands in the demonstration itself


def test_a_count_that_may_be_one_stands_in_words_that_need_no_plural() -> None:
    wrong = [key for domain in DOMAINS for key, forms in catalogue.read_domain("en", domain).items() if len(forms) == 1 and _COUNTED.search(forms[0])]
    assert sorted(set(wrong) - _NEVER_ONE) == []


@pytest.mark.parametrize(("language", "said"), [("cy", "Helo"), ("en", "Hello"), (None, "Helo / Hello"), ("pl", "Helo / Hello")])
def test_a_person_whose_language_is_not_known_reads_both(language: str | None, said: str) -> None:
    assert Text("Hello", "Helo").in_language(language) == said


def test_the_list_of_welsh_to_be_checked_is_current() -> None:
    assert check_list.FILE.read_text("utf-8") == check_list.check_list(), "make it again: python -m schemas.words.check_list"


def test_a_checked_sentence_leaves_the_list_until_its_words_change(monkeypatch: pytest.MonkeyPatch) -> None:
    english, welsh = (catalogue.read_domain(language, "reasons")["reason.area"] for language in catalogue.LANGUAGES)
    monkeypatch.setattr(check_list, "_checked", lambda: {("reason.area", check_list.fingerprint(english, welsh))})
    assert "| reason.area |" not in check_list.check_list()
    monkeypatch.setattr(check_list, "_checked", lambda: {("reason.area", check_list.fingerprint(english, ("hen eiriau",)))})
    assert "| reason.area |" in check_list.check_list()
