"""What a decision says of itself: true, in both languages, and different when a fact is different."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from hub.deciding.decide import decide
from hub.deciding.decision import Assign, Decision, Hold, NoPrescriber
from hub.deciding.eligibility import km_to
from hub.deciding.policy import load_policy
from hub.deciding.triage import Result, Triage
from hub.deciding.wanted import Moment, wanted_of
from hub.directory.snapshot import load_directory
from schemas.codes.areas import authorities
from schemas.codes.languages import language_name
from schemas.codes.needs import needs
from schemas.place import AreaShare, Certainty, Place
from schemas.referral import Referral
from schemas.rejection import Reason
from schemas.words import text
from tests.hub.deciding.directories import asset, directory, prescriber
from tests.hub.deciding.generated import generated_referrals
from tests.hub.deciding.referrals import moment_of, referral

POLICY = load_policy()
DEMO = load_directory()
MONTHS = [text(f"explain.month.{month}").en for month in range(1, 13)]


def said(decision: Decision) -> str:
    return decision.record.explanation.en


def untrue(found: Referral, moment: Moment, decision: Assign) -> Iterator[str]:
    """Every named fact of an English explanation that its inputs do not bear out, found without the code that made the sentences."""
    words, entry = said(decision), DEMO.by_id[decision.prescriber]
    row, person = entry.prescriber, found.person
    yield from _untrue_request(words, found, moment)
    if entry.needs and (stated := {need.code for need in found.needs} & entry.needs):
        yield from _unless(words, "Of what is asked, the service takes: ", {needs()[code].label.en for code in stated})
    yield from _unless(words, "The service works in: ", {language_name(code).en for code in row.languages})
    fallback = person.language_spoken is not None and person.language_spoken not in row.languages
    if ("Nobody better placed was found who works in this language" in words) is not fallback:
        yield "fallback"
    if match := re.search(r"Room: (\d+) of (\d+) free", words):
        places = row.capacity.places or 0
        if (int(match[1]), int(match[2])) != (places - moment.taken.get(entry.id, 0), places):
            yield "places"
    elif row.capacity.state.value == "capacity" and row.capacity.places is not None:
        yield "places not told"
    if f"within this many working days: {row.first_contact_days}." not in words:
        yield "first contact"
    if row.verified_on and f"The entry was last checked on {row.verified_on.day} {MONTHS[row.verified_on.month - 1]} {row.verified_on.year}." not in words:
        yield "verified"
    if ("The person's age is not known" in words) is not (person.birth_date is None):
        yield "age"
    if row.age.max is None and f"{row.age.min} years and over" not in words:
        yield "ages"
    served = re.search(r"The prescriber chosen serves: ([^.]*)\.", words)
    if served is None or not {authorities()[code].name.en for code in entry.authorities} >= set(served[1].split("; ")):
        yield "serves"
    if len(decision.record.prescribers) > 1 and f"Others who could take it: {len(decision.next_choices)}." not in words:
        yield "others"
    yield from _untrue_proposals(words, found, moment, decision)


def _untrue_request(words: str, found: Referral, moment: Moment) -> Iterator[str]:
    if found.needs:
        yield from _unless(words, "Asked for: ", {needs()[need.code].label.en for need in found.needs})
    elif "No need is stated" not in words:
        yield "needs"
    spoken = found.person.language_spoken
    if (f"The person's language: {language_name(spoken).en}." if spoken else "The person's language is not stated.") not in words:
        yield "language"
    if any(authorities()[share.code].name.en not in words for share in moment.place.authorities):
        yield "area"
    if (moment.place.authorities[0].weight * moment.place.share_in_wales < 1) is not ("not certain from the postcode district alone" in words):
        yield "certainty"
    if f"Referred by: {found.source.label.en}." not in words or text(f"priority.{found.priority}").en not in words:
        yield "source or priority"


def _untrue_proposals(words: str, found: Referral, moment: Moment, decision: Assign) -> Iterator[str]:
    told = re.findall(r"Proposal: ([^.]*(?:\.\d[^.]*)?)\.", words)
    if len(told) != min(3, len(decision.assets)):
        yield "number of proposals"
    for facts, name in zip(told, decision.assets, strict=False):
        row, parts = DEMO.by_id[name].asset, facts.split("; ")
        labels = {needs()[code].label.en for code in set(row.needs) & {need.code for need in found.needs}}
        if not labels <= set(parts) or not {language_name(code).en for code in row.languages} <= set(parts):
            yield "proposal's need or language"
        if (text(f"explain.cost.{row.cost}").en in parts) is not True or ("step-free" in parts) is not ("step-free" in row.access):
            yield "proposal's cost or access"
        old = row.verified_on is None or (moment.now.date() - row.verified_on).days > 90
        km = km_to(DEMO.by_id[name], wanted_of(found, moment))
        if ("ring first" in parts) is not old or (km is not None and f"{km} km away" not in parts):
            yield "proposal's age or distance"
    for code in decision.record.unmet:
        if needs()[code].label.en not in words:
            yield "unmet"


def _unless(words: str, beginning: str, wanted: set[str]) -> Iterator[str]:
    after = words.partition(beginning)[2].partition(".")[0]
    if set(after.split("; ")) != wanted:
        yield beginning


def at_district(found: Referral, number: int) -> Moment:
    """The district's place, for every second referral as if the full postcode were known there."""
    moment = moment_of(found, taken={entry.id: number % 7 for entry in DEMO.prescribers})
    place = moment.place
    if number % 2 or not place.authorities:
        return moment
    only = (AreaShare(place.authorities[0].code, 1.0),)
    known = Place(Certainty.POSTCODE, only, authorities()[only[0].code].board, None, place.latitude, place.longitude, "W", 1.0)
    return moment_of(found, place=known, taken=moment.taken)


def test_over_two_hundred_referrals_every_named_fact_is_true_and_most_explanations_differ() -> None:
    distinct, welsh, assigned = set(), set(), 0
    for number, found in enumerate(generated_referrals(200)):
        moment = at_district(found, number)
        decision = decide(found, DEMO, POLICY, moment)
        distinct.add(said(decision))
        welsh.add(decision.record.explanation.cy)
        if isinstance(decision, Assign):
            assigned += 1
            assert list(untrue(found, moment, decision)) == []
    assert assigned >= 120  # else the check above saw too little
    assert len(distinct) >= 150
    assert len(welsh) >= 150


def test_the_check_of_truth_sees_planted_untruths() -> None:
    found = referral(postcode="LL55 1AA", needs=("loneliness",), language_spoken="cy", birth_date="1950-01-01")
    moment = moment_of(found)
    decision = decide(found, DEMO, POLICY, moment)
    assert isinstance(decision, Assign)
    assert list(untrue(found, moment, decision)) == []
    others = (
        referral(postcode="LL55 1AA", needs=("food",), language_spoken="cy", birth_date="1950-01-01"),
        referral(postcode="LL55 1AA", needs=("loneliness",), language_spoken="en", birth_date="1950-01-01"),
        referral(postcode="LL55 1AA", needs=("loneliness",), language_spoken="cy"),
        referral(postcode="LL55 1AA", needs=("loneliness",), language_spoken="cy", birth_date="1950-01-01", source="hospital"),
    )
    assert all(list(untrue(other, moment, decision)) for other in others)
    assert list(untrue(found, moment_of(found, taken={decision.prescriber: 1}), decision)) == ["places"]


PERSON: dict[str, object] = {
    "postcode": "CF10 1AA", "needs": ("loneliness",), "birth_date": "1950-01-01", "language_spoken": "cy", "source": "gp", "priority": "routine",
}  # fmt: skip
OTHER_REQUESTS: list[dict[str, object]] = [
    {"needs": ("loneliness", "food")},
    {"needs": ()},
    {"language_spoken": "en"},
    {"language_spoken": None},
    {"birth_date": None},
    {"source": "hospital"},
    {"priority": "urgent"},
    {"postcode": "CF64 1AA"},  # the Vale
]


@pytest.mark.parametrize("changed", OTHER_REQUESTS)
def test_another_fact_of_the_request_gives_another_text_in_both_languages(changed: dict[str, object]) -> None:
    here = directory((prescriber(areas=["W11000029"]),), (asset(areas=["W11000029"]),))
    one, other = (referral(**facts) for facts in (PERSON, {**PERSON, **changed}))  # type: ignore[arg-type]
    first, second = (decide(found, here, POLICY, moment_of(found)).record.explanation for found in (one, other))
    assert first.en != second.en
    assert first.cy != second.cy


OTHER_CHOICES: list[tuple[dict[str, object], dict[str, object]]] = [
    ({"languages": ["cy"]}, {}),
    ({"languages": ["en"]}, {}),
    ({"needs": ["loneliness"]}, {}),
    ({"age": {"min": 50, "max": None}}, {}),
    ({"age": {"min": None, "max": None}}, {}),
    ({"age": {"min": None, "max": 90}}, {}),
    ({"age": {"min": 50, "max": 90}}, {}),
    ({"capacity": {"state": "capacity", "places": 9}}, {}),
    ({"capacity": {"state": "capacity", "places": None}}, {}),
    ({"capacity": {"state": "waitlist", "places": None}}, {}),
    ({"capacity": {"state": "additional-assessment-required", "places": None}}, {}),
    ({"verified_on": "2026-10-02"}, {}),
    ({"verified_on": None}, {}),
    ({"first_contact_days": 5}, {}),
    ({}, {"cost": "paid"}),
    ({}, {"cost": "unknown"}),
    ({}, {"access": ["step-free"]}),
    ({}, {"access": ["bsl"]}),
    ({}, {"languages": ["cy"]}),
    ({}, {"verified_on": "2026-07-01"}),  # ring first
    ({}, {"verified_on": None}),
]


@pytest.mark.parametrize(("of_prescriber", "of_asset"), OTHER_CHOICES)
def test_another_fact_of_the_choice_gives_another_text_in_both_languages(of_prescriber: dict[str, object], of_asset: dict[str, object]) -> None:
    found = referral(**PERSON)  # type: ignore[arg-type]
    plain = decide(found, directory((prescriber(),), (asset(),)), POLICY, moment_of(found)).record.explanation
    other = decide(found, directory((prescriber(**of_prescriber),), (asset(**of_asset),)), POLICY, moment_of(found)).record.explanation
    assert plain.en != other.en
    assert plain.cy != other.cy


def test_it_names_no_person_no_identifier_no_free_text_and_no_service() -> None:
    found = referral(
        postcode="CF10 1AA", needs=("loneliness",), narrative=("Misses her allotment",), family="Prawfenw", given=("Enghraifft",),
        nhs_number="9990000018", birth_date="1950-06-05",
    )  # fmt: skip
    words = decide(found, directory((prescriber(),), (asset(),)), POLICY, moment_of(found)).record.explanation
    for secret in ("CF10", "allotment", "Prawfenw", "Enghraifft", "9990000018", "1950", "76", "Synthetic"):
        assert secret not in words.en + words.cy


def test_a_yes_or_no_to_groups_is_said_and_silence_is_not() -> None:
    here = directory((prescriber(),), (asset(tier="signposting"),))  # proposed either way: only the sentence differs
    no, yes = (text(f"explain.sharing.{answer}").en for answer in ("no", "yes"))
    for share, wanted in ((True, [True, False]), (False, [False, True]), (None, [False, False])):
        found = referral(**PERSON, share=share)  # type: ignore[arg-type]
        words = said(decide(found, here, POLICY, moment_of(found)))
        assert [yes in words, no in words] == wanted


def test_a_district_across_the_border_names_its_measure_and_what_lies_outside() -> None:
    """SY10: of the addresses in Wales nearly all are in Powys, of all addresses about a quarter."""
    found = referral(**{**PERSON, "postcode": "SY10 9AA"})  # type: ignore[arg-type]
    measured = re.search(r"by shares of all its addresses: ([^.]*)\.", said(decide(found, DEMO, POLICY, moment_of(found))))
    assert measured is not None
    percents = {name.strip(): int(percent) for name, percent in re.findall(r"([^;(]+) \((\d+) %\)", measured[1])}
    assert sum(percents.values()) == pytest.approx(100, abs=2)
    assert "outside Wales" in percents


def test_a_held_referral_says_why_in_the_words_of_its_reasons() -> None:
    found = referral(**PERSON)  # type: ignore[arg-type]
    held = decide(found, DEMO, POLICY, moment_of(found, triage=Triage(Result.HOLD, (Reason.IDENTITY_CONFLICT,))))
    assert isinstance(held, Hold)
    assert text("reason.identity-conflict").cy in held.record.explanation.cy


def test_where_nobody_can_take_it_the_causes_are_counted_and_the_gap_is_named() -> None:
    found = referral(**{**PERSON, "needs": ("loneliness", "food")})  # type: ignore[arg-type]
    full = (prescriber("a", capacity={"state": "no-capacity", "places": None}), prescriber("b", capacity={"state": "no-capacity", "places": None}))
    decision = decide(found, directory(full, (asset(),)), POLICY, moment_of(found))
    assert isinstance(decision, NoPrescriber)
    assert f"2: {text('reason.capacity').en}" in said(decision)
    assert "Nothing nearby was found for: food." in said(decision)
