"""What triage holds, what it lets pass, and what is a practical need of today."""

from __future__ import annotations

from pathlib import Path

import pytest

from hub.deciding.phrases import mutated
from hub.deciding.policy import load_policy
from hub.deciding.screen import screen_of
from hub.deciding.triage import CLEAR, Result, Triage, merged, triage
from schemas.codes.flags import Flag
from schemas.referral import Referral
from schemas.rejection import Reason
from tests.hub.deciding.referrals import referral

POLICY = load_policy()

WORDS: list[tuple[str, str | None]] = [
    # --- said plainly, English
    ("She told me she is suicidal.", "crisis"),
    ("Expressed suicidal ideation on Tuesday", "crisis"),
    ("Tried to kill himself last month", "crisis"),
    ("history of self-harm", "crisis"),  # an old risk still holds: a human decides what it means today
    ("self harming again", "crisis"),
    ("SELFHARM", "crisis"),
    ("self\nharm", "crisis"),  # a line wrapped by an HL7 sender
    ("previous overdose 2009", "crisis"),
    ("took an overdose of paracetamol", "crisis"),
    ("overdosed in June", "crisis"),
    ("wants to die", "crisis"),
    ("says he would be better off dead", "crisis"),
    ("She doesn’t want to live any more", "crisis"),  # the curly apostrophe
    ("does not want to be here any more", "crisis"),
    ("has been cutting her arms", "crisis"),
    ("thoughts of ending her life", "crisis"),
    ("lost her husband to suicide", "crisis"),  # bereaved by suicide: at raised risk, so a human looks
    ("sucidal thoughts", "crisis"),  # misspelt
    ("sui\u00adcidal", "crisis"),  # a soft hyphen from a letter's typesetting
    ("ｓuicidal", "crisis"),  # a full-width letter
    ("suicidal\r\nthoughts", "crisis"),
    ("stockpiling tablets", "crisis"),
    ("cannot keep herself safe", "crisis"),
    ("husband hits her", "domestic-abuse"),
    ("She is frightened of her partner", "domestic-abuse"),
    ("domestic abuse, lives with perpetrator", "domestic-abuse"),
    ("coercive control by ex", "domestic-abuse"),
    ("fleeing violence at home", "domestic-abuse"),
    ("discussed at MARAC", "domestic-abuse"),
    ("safeguarding concern raised with social services", "safeguarding"),
    ("child at risk", "safeguarding"),
    ("son is taking her pension", "safeguarding"),
    ("possible cuckooing of the flat", "safeguarding"),
    ("self-neglect, hoarding", "safeguarding"),
    ("victim of modern slavery", "safeguarding"),
    ("acute psychosis", "clinical"),
    ("hearing voices telling him what to do", "clinical"),
    ("chest pains since this morning", "clinical"),
    # --- said plainly, Welsh, and mutated
    ("Mae ganddi feddyliau hunanladdol", "crisis"),
    ("meddyliau am hunanladdiad", "crisis"),
    ("wedi ceisio lladd ei hun", "crisis"),
    ("yn sôn am ladd ei hunan", "crisis"),  # soft mutation
    ("hunan-niweidio ers blynyddoedd", "crisis"),
    ("cymerodd orddos", "crisis"),  # gorddos, soft mutation: the g is lost
    ("hanes o gorddos yn 2009", "crisis"),
    ("yn dweud ei bod eisiau marw", "crisis"),
    ("ddim eisiau byw rhagor", "crisis"),
    ("mae'n niweidio'i hun", "crisis"),  # `ei` shortened after a vowel
    ("rhoi diwedd ar ei fywyd", "crisis"),
    ("cam-drin domestig", "domestic-abuse"),
    ("dioddef o gam-drin domestig", "domestic-abuse"),
    ("trais yn y cartref", "domestic-abuse"),
    ("mae ofn ei gŵr arni", "domestic-abuse"),  # the circumflex
    ("pryder diogelu", "safeguarding"),
    ("plant mewn perygl", "safeguarding"),
    ("cam-drin plant", "safeguarding"),
    ("yn clywed lleisiau", "clinical"),
    ("poen yn y frest", "clinical"),
    # --- denied, English
    ("denies suicidal thoughts", None),
    ("Denies any current suicidal thoughts or plans.", None),
    ("no thoughts of self harm", None),
    ("No suicidal ideation, no self-harm, no overdose.", None),
    ("denies suicidal thoughts, self-harm or overdose", None),
    ("not suicidal", None),
    ("is not currently feeling suicidal", None),
    ("Suicidal thoughts: denied", None),
    ("Self-harm: nil", None),
    ("suicidal ideation - none", None),
    ("no history of self harm", None),
    ("never attempted suicide", None),
    ("No safeguarding concerns identified.", None),
    ("safeguarding concerns: none", None),
    ("No evidence of psychosis", None),
    ("without chest pain", None),
    # --- denied, Welsh
    ("dim meddyliau hunanladdol", None),
    ("Nid oes ganddi feddyliau hunanladdol", None),
    ("heb feddyliau hunanladdol", None),
    ("nid yw'n hunanladdol", None),
    ("yn gwadu meddyliau hunanladdol", None),
    ("hunan-niweidio: dim", None),
    ("dim hanes o hunan-niweidio", None),
    ("dim pryderon diogelu", None),
    # --- a denial of something else, taken back, or not believable
    ("No family support; suicidal", "crisis"),
    ("No suicidal thoughts, overdose last night", "crisis"),
    ("not sleeping and suicidal", "crisis"),
    ("no support at home, self-harm weekly", "crisis"),
    ("does not deny suicidal thoughts", "crisis"),
    ("no suicidal thoughts until last week", "crisis"),
    ("previously denied suicidal thoughts", "crisis"),
    ("cannot rule out suicide", "crisis"),
    ("Allergies: no\nSuicidal thoughts daily", "crisis"),  # the line before answers something else
    ("Suicidal thoughts, none of the family know", "crisis"),
    ("suicidal, no plan", "crisis"),  # no plan is not no thoughts
    ("husband denies domestic abuse", "domestic-abuse"),  # his denial is not hers
    ("low risk of suicide", "crisis"),
    ("no change in suicidal thoughts", "crisis"),
    ("no longer denies suicidal thoughts", "crisis"),
    ("not only suicidal but alone", "crisis"),
    ("nid yw'n cysgu; meddyliau hunanladdol", "crisis"),
    ("dim ond meddyliau hunanladdol", "crisis"),  # "nothing but"
    # --- sounds like it and is not
    ("would kill for a cup of tea", None),
    ("dead battery in the wheelchair", None),
    ("dying to meet people", None),
    ("killing time at the library", None),
    ("enjoys cutting hedges and cooking", None),
    ("cost of living crisis", None),
    ("bron â marw eisiau paned", None),  # dying for a cup of tea
    ("mae'n lladd gwair ar y fferm", None),  # cuts hay
    ("lladd amser", None),
    ("diddordeb mewn diogelu'r amgylchedd", None),  # protecting the environment
    ("completed safeguarding training as a volunteer", None),
    ("hearing voices in harmony at the choir", None),
    ("wants to be here at ten", None),
    ("does not want to live in Newport", None),
    ("strokes the therapy dog", None),
    ("passed the driving test, no DV licence", None),
    ("loneliness since retirement", None),
    ("unig ers colli ei gŵr", None),
    ("", None),
]


@pytest.mark.parametrize(("words", "held"), WORDS)
def test_the_screen_of_the_words_holds_risk_and_lets_denials_and_lookalikes_pass(words: str, held: str | None) -> None:
    found = triage(referral(narrative=(words,)), POLICY)
    assert [reason.value for reason in found.reasons if reason is not Reason.PRACTICAL_TONIGHT] == ([held] if held else [])
    assert (found.result is Result.HOLD) == (held is not None)


def test_the_table_of_words_is_wide_enough_and_bilingual() -> None:
    assert len(WORDS) >= 80
    assert sum(held is None for _, held in WORDS) >= 30


PRACTICAL: list[tuple[str, bool]] = [
    ("No food in the house", True),
    ("has no heating and two children", True),
    ("nothing to eat since Friday", True),
    ("sleeping rough behind the station", True),
    ("homeless tonight", True),
    ("no money for gas", True),
    ("Does not have food. No electricity since Monday", True),
    ("dim bwyd yn y tŷ", True),
    ("heb wres na thrydan", True),
    ("does ganddo unman i gysgu", True),
    ("cysgu ar y stryd", True),
    ("no food allergies", False),
    ("no food bank nearby", False),
    ("no gas boiler, all electric", False),
    ("not sleeping rough", False),
    ("enjoys a warm hub", False),
    ("dim alergedd bwyd", False),
]


@pytest.mark.parametrize(("words", "practical"), PRACTICAL)
def test_no_food_heat_or_shelter_tonight_is_practical_and_no_hold(words: str, practical: bool) -> None:
    found = triage(referral(narrative=(words,)), POLICY)
    assert found.result is (Result.PRACTICAL if practical else Result.CLEAR)


def test_risk_beside_a_practical_need_is_held_and_says_both() -> None:
    found = triage(referral(narrative=("No food in the house.", "Suicidal.")), POLICY)
    assert found == Triage(Result.HOLD, (Reason.CRISIS, Reason.PRACTICAL_TONIGHT))


CODED: list[tuple[dict[str, object], Reason | None]] = [
    ({"flags": ("safeguarding",)}, Reason.SAFEGUARDING),
    ({"flags": ("self-harm",)}, Reason.CRISIS),
    ({"flags": ("crisis",)}, Reason.CRISIS),
    ({"flags": ("domestic-abuse",)}, Reason.DOMESTIC_ABUSE),
    ({"flags": ("lives-alone", "reasonable-adjustment", "sensitive-address")}, None),  # for whoever helps, no reason to wait
    ({"deceased": True}, Reason.DECEASED),
    ({"deceased": False}, None),
    ({"nhs_number_status": "conflicting"}, Reason.IDENTITY_CONFLICT),
    ({"nhs_number_status": "failed-check"}, None),  # a failing number is a warning, not a hold
    ({"nhs_number_status": "absent"}, None),  # no number is normal
    ({"nhs_number_status": "test-range"}, None),  # not on a production hub
    ({"direct_care": False}, Reason.CONSENT_REFUSED),
    ({"direct_care": None}, None),
    ({"share": False}, None),  # a no to groups is no no to the prescriber
]


@pytest.mark.parametrize(("stated", "held"), CODED)
def test_what_is_coded_counts_without_any_word(stated: dict[str, object], held: Reason | None) -> None:
    assert triage(referral(**stated), POLICY).reasons == ((held,) if held else ())  # type: ignore[arg-type]


CODED_NEEDS: list[tuple[str | None, str, Reason | None]] = [
    ("http://snomed.info/sct", "225444004", Reason.CRISIS),  # a reason for referral without any word beside it
    ("I10", "X60", Reason.CRISIS),
    ("ICD-10", "T74.0", Reason.SAFEGUARDING),
    ("http://snomed.info/sct", "105529008", None),  # lives alone
    ("I10", "Z60.2", None),
]


@pytest.mark.parametrize(("system", "code", "held"), CODED_NEEDS)
def test_a_need_that_is_coded_as_a_risk_holds(system: str | None, code: str, held: Reason | None) -> None:
    named = Referral.model_validate({**referral().contract(), "needs": [{"system": system, "code": code, "display": None}]})
    assert triage(named, POLICY).reasons == ((held,) if held else ())


def test_a_denial_in_words_does_not_undo_a_coded_flag() -> None:
    assert triage(referral(flags=("self-harm",), narrative=("denies suicidal thoughts",)), POLICY).reasons == (Reason.CRISIS,)


def test_test_data_is_held_on_a_production_hub_and_such_a_policy_has_another_hash() -> None:
    production = load_policy(production=True)
    assert triage(referral(nhs_number_status="test-range"), production).reasons == (Reason.TEST_DATA,)
    assert production.sha256 != POLICY.sha256


MISDIRECTED: list[tuple[dict[str, object], bool]] = [
    ({"service": "unstated"}, True),
    ({"service": "other"}, True),
    ({"service": "other", "needs": ("loneliness",)}, True),  # another service is named: a need does not make it ours
    ({"service": "social-prescribing"}, False),
    ({"service": "unstated", "needs": ("loneliness",)}, False),
    ({"service": "unstated", "source": "self"}, False),
    ({"service": "unstated", "source": "housing"}, False),
    ({"service": "unstated", "narrative": ("Would benefit from a befriending group.",)}, False),
    ({"service": "unstated", "narrative": ("Please refer to the link worker",)}, False),
    ({"service": "unstated", "narrative": ("Byddai'n elwa o grŵp cerdded.",)}, False),
    ({"service": "unstated", "narrative": ("Presgripsiynu cymdeithasol os gwelwch yn dda",)}, False),
    ({"service": "unstated", "narrative": ("Left knee pain, please see in clinic",)}, True),
    ({"service": "unstated", "narrative": ("She is not lonely. Knee pain.",)}, True),  # denied
]


@pytest.mark.parametrize(("stated", "held"), MISDIRECTED)
def test_a_referral_that_does_not_ask_for_social_prescribing_is_held_as_wrong_service(stated: dict[str, object], held: bool) -> None:
    assert (Reason.WRONG_SERVICE in triage(referral(**stated), POLICY).reasons) is held  # type: ignore[arg-type]


def test_a_profile_that_says_social_prescribing_is_enough() -> None:
    found = referral(service="unstated").model_copy(update={"says_service": True})
    assert triage(found, POLICY) == CLEAR


def test_the_words_beside_the_narrative_and_a_needs_own_words_are_screened_too() -> None:
    beside = referral().model_copy(update={"other_words": ("suicidal",)})
    named = Referral.model_validate({**referral().contract(), "needs": [{"system": "x", "code": "1", "display": "Suicidal ideation"}]})
    assert [triage(each, POLICY).reasons for each in (beside, named)] == [(Reason.CRISIS,)] * 2


def test_a_repeated_triage_adds_what_it_finds_but_leaves_the_service_to_the_first() -> None:
    wrong = Triage(Result.HOLD, (Reason.WRONG_SERVICE,))
    crisis = Triage(Result.HOLD, (Reason.WRONG_SERVICE, Reason.CRISIS))
    today = Triage(Result.PRACTICAL, (Reason.PRACTICAL_TONIGHT,))
    rows = [
        (None, crisis, crisis),
        (CLEAR, wrong, CLEAR),  # the profile said so
        (CLEAR, crisis, Triage(Result.HOLD, (Reason.CRISIS,))),
        (wrong, CLEAR, wrong),
        (today, CLEAR, today),
        (CLEAR, today, today),
    ]
    assert [merged(first, again) for first, again, _ in rows] == [wanted for *_, wanted in rows]


def test_every_flag_of_risk_holds() -> None:
    assert set(POLICY.rules.flags) == {Flag.SAFEGUARDING, Flag.DOMESTIC_ABUSE, Flag.SELF_HARM, Flag.CRISIS}


@pytest.mark.parametrize(
    ("word", "forms"),
    [
        ("cam", {"cam", "gam", "ngham", "cham"}),
        ("gorddos", {"gorddos", "orddos", "ngorddos"}),
        ("marw", {"marw", "farw"}),
        ("lladd", {"lladd", "ladd"}),
        ("perygl", {"perygl", "berygl", "mherygl", "pherygl"}),
        ("esgeuluso", {"esgeuluso", "hesgeuluso"}),
        ("i", {"i", "hi"}),
        ("seicosis", {"seicosis"}),
    ],
)
def test_welsh_words_are_known_in_their_mutated_forms(word: str, forms: set[str]) -> None:
    assert set(mutated(word)) == forms


def test_in_a_long_text_every_denied_risk_is_looked_at_and_still_denied() -> None:
    screen = screen_of(POLICY)  # no match ends the search early, so this would show a cost that grows with the square of the length
    heard = screen.hear("denies suicidal thoughts. " * 5000)
    assert (len(heard.risky), screen.holds(heard)) == (5000, ())


SENTENCES = [row.split("\t") for row in Path(__file__).with_name("risk_sentences.tsv").read_text("utf-8").splitlines()[1:]]


@pytest.mark.parametrize(("held", "words"), SENTENCES)
def test_sentences_as_letters_write_them_are_held_or_pass(held: str, words: str) -> None:
    found = triage(referral(narrative=(words,)), POLICY).reasons
    assert " ".join(reason.value for reason in found if reason is not Reason.PRACTICAL_TONIGHT) == ("" if held == "-" else held)
