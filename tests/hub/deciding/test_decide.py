"""Whom a referral goes to, in which order things are looked at, and what the record holds."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone

import orjson
import pytest

from hub.deciding.decide import decide
from hub.deciding.decision import Assign, Decision, Hold, NoPrescriber
from hub.deciding.policy import load_policy
from hub.deciding.triage import Result, Triage
from hub.directory.snapshot import load_directory
from schemas.place import AreaShare, Certainty, Place
from schemas.referral import Referral
from schemas.rejection import Reason
from tests.hub.deciding.directories import asset, directory, prescriber
from tests.hub.deciding.generated import generated_referrals
from tests.hub.deciding.referrals import NOW, moment_of, referral

POLICY = load_policy()
DEMO = load_directory()
LONELY = referral(postcode="CF10 1AA", needs=("loneliness",), birth_date="1950-01-01", language_spoken="cy")


def reasons(decision: Decision) -> list[str]:
    return [grounds.reason.value for grounds in decision.record.reasons]


def test_a_referral_that_somebody_can_take_is_assigned_with_assets_as_advice() -> None:
    found = decide(LONELY, directory((prescriber(),), (asset(),)), POLICY, moment_of(LONELY))
    assert isinstance(found, Assign)
    assert (found.prescriber, found.assets, found.record.unmet, reasons(found)) == ("p1", ("a1",), (), [])


def test_a_missing_asset_never_blocks_the_prescriber_and_is_recorded() -> None:
    found = decide(LONELY, directory((prescriber(),)), POLICY, moment_of(LONELY))
    assert isinstance(found, Assign)
    assert (found.assets, found.record.unmet, reasons(found)) == ((), ("loneliness",), ["no-eligible-asset"])


def test_with_nobody_to_take_it_the_gap_is_recorded_and_nothing_is_proposed() -> None:
    found = decide(LONELY, directory((), (asset(),)), POLICY, moment_of(LONELY))
    assert isinstance(found, NoPrescriber)
    assert found.contract()["chosen"] == {"prescriber": None, "assets": []}
    assert (reasons(found), found.record.unmet) == (["no-prescriber"], ())


HELD: list[tuple[dict[str, object], dict[str, object], list[str]]] = [
    ({"deceased": True}, {}, ["deceased"]),
    ({}, {"died": True}, ["deceased"]),  # known from elsewhere
    ({}, {"triage": Triage(Result.HOLD, (Reason.CRISIS,))}, ["crisis"]),
    ({"direct_care": False}, {}, ["consent-refused"]),
    ({"direct_care": None}, {"agreement": False}, ["consent-unclear"]),  # nobody said no, and neither the person nor the agreement yes
    ({"deceased": True, "direct_care": False}, {}, ["deceased", "consent-refused"]),  # life events come first
    ({"deceased": True}, {"triage": Triage(Result.HOLD, (Reason.DECEASED,))}, ["deceased"]),  # said once
]


@pytest.mark.parametrize(("stated", "moment", "wanted"), HELD)
def test_life_events_then_triage_then_consent_hold_before_anybody_is_looked_at(stated: dict[str, object], moment: dict[str, object], wanted: list[str]) -> None:
    held = referral(**{"postcode": "CF10 1AA", "needs": ("loneliness",), **stated})  # type: ignore[arg-type]
    found = decide(held, directory((prescriber(),), (asset(),)), POLICY, moment_of(held, **moment))  # type: ignore[arg-type]
    assert isinstance(found, Hold)
    contract = found.contract()
    assert (reasons(found), contract["candidates"], contract["excluded"], contract["chosen"]) == (wanted, [], [], {"prescriber": None, "assets": []})


def test_a_practical_need_is_assigned_and_stays_visible() -> None:
    found = decide(LONELY, directory((prescriber(),)), POLICY, moment_of(LONELY, triage=Triage(Result.PRACTICAL, (Reason.PRACTICAL_TONIGHT,))))
    assert isinstance(found, Assign)
    assert "practical-tonight" in reasons(found)


def test_an_agreement_covers_the_prescriber_where_consent_is_not_stated() -> None:
    silent = referral(postcode="CF10 1AA", direct_care=None)
    here = directory((prescriber(),))
    assert "no-consent-stated" not in reasons(decide(silent, here, POLICY, moment_of(silent, agreement=True)))
    assert "no-consent-stated" in reasons(decide(silent, here, POLICY, moment_of(silent)))


def test_a_district_that_touches_two_authorities_is_uncertain_and_says_so() -> None:
    place = Place(Certainty.DISTRICT, (AreaShare("W06000015", 0.6), AreaShare("W06000014", 0.4)), "W11000029", share_in_wales=1.0)
    rows = (prescriber("cardiff"), prescriber("vale", areas=["W06000014"]))
    found = decide(LONELY, directory(rows), POLICY, moment_of(LONELY, place=place))
    assert isinstance(found, Assign)
    assert (found.prescriber, found.next_choices) == ("cardiff", ("vale",))  # the likelier place first
    assert "area-uncertain" in reasons(found)


NOWHERE: list[tuple[str | None, list[str]]] = [
    (None, ["no-prescriber", "area", "area-uncertain"]),
    ("not a postcode", ["no-prescriber", "area", "area-uncertain"]),
    ("ZZ99 3VZ", ["no-prescriber", "area", "area-uncertain"]),  # no fixed abode
    ("SW1A 1AA", ["no-prescriber", "area"]),  # certainly not in Wales
    ("CH1 1AA", ["no-prescriber", "area", "area-uncertain"]),  # Chester: one address in fifty is in Flintshire
]


@pytest.mark.parametrize(("postcode", "wanted"), NOWHERE)
def test_without_a_welsh_place_a_human_decides_and_nothing_is_learnt_about_gaps(postcode: str | None, wanted: list[str]) -> None:
    lost = referral(postcode=postcode, needs=("loneliness",))
    found = decide(lost, DEMO, POLICY, moment_of(lost))
    assert isinstance(found, NoPrescriber)
    assert (reasons(found), found.record.unmet, found.record.excluded) == (wanted, (), ())


def test_no_stated_need_is_normal_and_means_a_conversation() -> None:
    silent = referral(postcode="CF10 1AA")
    found = decide(silent, directory((prescriber(),), (asset(),)), POLICY, moment_of(silent))
    assert isinstance(found, Assign)
    assert ([need.code for need in found.record.needs], found.assets, found.record.unmet) == (["conversation"], (), ())


def test_a_welsh_speaker_gets_a_welsh_speaking_prescriber_where_there_is_one() -> None:
    here = directory((prescriber("a", languages=["en"], first_contact_days=0), prescriber("b", first_contact_days=20)))
    found = decide(LONELY, here, POLICY, moment_of(LONELY))
    assert isinstance(found, Assign)
    assert (found.prescriber, reasons(found)) == ("b", ["no-eligible-asset"])
    second = decide(LONELY, here, POLICY, moment_of(LONELY, declined=frozenset({"b"})))
    assert isinstance(second, Assign)
    assert (second.prescriber, reasons(second)) == ("a", ["language", "no-eligible-asset"])  # flagged, not hidden


def test_the_person_s_own_words_of_language_count_when_only_the_written_one_is_stated() -> None:
    writes = referral(postcode="CF10 1AA", language_written="cy")
    found = decide(writes, directory((prescriber(languages=["en"]),)), POLICY, moment_of(writes))
    assert [(each.reason.value, each.at) for each in found.record.reasons] == [("language", "person.language_written")]


def test_each_need_gets_its_own_proposals_and_no_more_than_the_policy_says() -> None:
    both = referral(postcode="CF10 1AA", needs=("loneliness", "food"))
    lonely = (asset(f"l{n}") for n in range(4))
    rows = (*lonely, asset("f1", needs=["food"], languages=["en"], cost="paid", verified_on=None))
    found = decide(both, directory((prescriber(),), rows), POLICY, moment_of(both))
    assert isinstance(found, Assign)
    assert found.assets == ("l0", "l1", "f1")  # two for loneliness; food is not crowded out
    assert [each.entry.id for each in found.record.assets] == ["l0", "l1", "l2", "l3", "f1"]


def test_equal_scores_are_ordered_by_id_bytewise() -> None:
    rows = tuple(prescriber(name) for name in ("b", "a", "B", "a-1", "Z9"))
    found = decide(LONELY, directory(rows), POLICY, moment_of(LONELY))
    assert [each.entry.id for each in found.record.prescribers] == ["B", "Z9", "a", "a-1", "b"]


def test_a_full_prescriber_makes_way_for_the_next() -> None:
    here = directory((prescriber("p1", capacity={"state": "capacity", "places": 1}), prescriber("p2", languages=["en"])))
    moment = moment_of(LONELY)
    first, then = decide(LONELY, here, POLICY, moment), decide(LONELY, here, POLICY, moment.counting({"p1": 1}))
    assert (getattr(first, "prescriber", None), getattr(then, "prescriber", None)) == ("p1", "p2")
    assert [(each.entry.id, each.exclusions[0].reason) for each in then.record.excluded] == [("p1", Reason.CAPACITY)]


def test_near_misses_fail_one_rule_nearby_and_everybody_else_is_counted() -> None:
    full = prescriber("full", capacity={"state": "no-capacity", "places": None})
    rows = (full, prescriber("next-door", areas=["W06000014"]), prescriber("far", areas=["W06000001"]))
    twice = prescriber("twice", status="closed", sources=["self"])
    here = directory((*rows, twice), (asset(needs=["food"]),))
    found = decide(LONELY, here, POLICY, moment_of(LONELY))
    assert [each.entry.id for each in found.record.excluded] == ["full", "next-door"]
    assert found.record.excluded_total == 5
    everybody = decide(LONELY, here, POLICY, moment_of(LONELY, all_exclusions=True))
    assert [each.entry.id for each in everybody.record.excluded] == ["far", "full", "next-door", "twice", "a1"]


def test_an_asset_is_a_near_miss_only_a_little_beyond_its_reach() -> None:
    place = Place(Certainty.POSTCODE, (AreaShare("W06000015", 1.0),), "W11000029", None, 51.75, -3.1791, "W", 1.0)  # 29.8 km north
    rows = (asset("near"), asset("far", reach_km=15))
    found = decide(LONELY, directory((prescriber(),), rows), POLICY, moment_of(LONELY, place=place))
    assert [(each.entry.id, each.exclusions[0].actual) for each in found.record.excluded] == [("near", 29.8)]


def test_a_nearer_asset_goes_first_and_distances_are_told_only_for_a_full_postcode() -> None:
    spots = {"near": (51.49, -3.18), "far": (51.6, -3.18)}
    rows = tuple(asset(name, places=[{"postcode": None, "latitude": at[0], "longitude": at[1]}]) for name, at in spots.items())
    place = Place(Certainty.POSTCODE, (AreaShare("W06000015", 1.0),), "W11000029", None, 51.4816, -3.1791, "W", 1.0)
    here = directory((prescriber(),), rows)
    known, district = (decide(LONELY, here, POLICY, moment) for moment in (moment_of(LONELY, place=place), moment_of(LONELY)))
    assert [(each.entry.id, each.distance_km) for each in known.record.assets] == [("near", 0.9), ("far", 13.2)]
    assert {each.distance_km for each in district.record.assets} == {None}


def promises_broken(contract: Mapping[str, object]) -> list[str]:
    """What the published shape always promises and this record does not keep."""
    broken = []
    candidates, excluded = contract["candidates"], contract["excluded"]
    assert isinstance(candidates, list)
    assert isinstance(excluded, list)
    for kind in ("prescriber", "asset"):
        rows = [each for each in candidates if each["kind"] == kind]
        if [each["rank"] for each in rows] != list(range(1, len(rows) + 1)):
            broken.append("rank")
        if rows != sorted(rows, key=lambda each: (-each["score"], each["id"].encode())):
            broken.append("order")
    for each in candidates:
        if abs(each["score"] - sum(part["value"] * part["weight"] for part in each["contributions"])) > 1e-6:
            broken.append("score")
        if not all(0 <= part["value"] <= 1 for part in each["contributions"]):
            broken.append("value")
    if {(each["kind"], each["id"]) for each in candidates} & {(each["kind"], each["id"]) for each in excluded}:
        broken.append("both")
    return broken


@pytest.mark.parametrize("everybody", [False, True])
def test_the_record_keeps_its_promises_over_generated_referrals(everybody: bool) -> None:
    for found in generated_referrals(200):
        decision = decide(found, DEMO, POLICY, moment_of(found, all_exclusions=everybody))
        contract = decision.contract()
        assert promises_broken(contract) == []
        record = decision.record
        assert record.excluded_total == DEMO.size - len(record.prescribers) - len(record.assets)
        if everybody:
            assert len(record.excluded) == record.excluded_total
        else:
            assert all(len(each.exclusions) == 1 for each in record.excluded)


def test_the_index_leaves_out_nobody_who_may_be_chosen() -> None:
    for found in generated_referrals(100):
        record = decide(found, DEMO, POLICY, moment_of(found, all_exclusions=True)).record
        outside = {each.entry.id for each in record.excluded}
        inside = {each.entry.id for each in (*record.prescribers, *record.assets)}
        assert outside | inside == {entry.id for entry in (*DEMO.prescribers, *DEMO.assets)}


def test_the_check_of_the_promises_sees_a_planted_fault() -> None:
    contract = decide(LONELY, directory((prescriber("a"), prescriber("b"))), POLICY, moment_of(LONELY)).contract()
    rows = contract["candidates"]
    assert isinstance(rows, list)
    assert promises_broken({**contract, "candidates": [rows[1], rows[0]]}) == ["rank", "order"]
    assert promises_broken({**contract, "candidates": [{**rows[0], "score": 0.5}]}) == ["score"]
    assert promises_broken({**contract, "excluded": [{"kind": "prescriber", "id": "a"}]}) == ["both"]


def test_the_same_inputs_give_the_same_bytes_whatever_the_order_of_the_rows_or_the_time_zone() -> None:
    rows = tuple(prescriber(name) for name in ("c", "a", "b"))
    zoned = NOW.astimezone(timezone(timedelta(hours=5)))
    one = decide(LONELY, directory(rows, (asset(),)), POLICY, moment_of(LONELY))
    other = decide(LONELY, directory(rows[::-1], (asset(),)), POLICY, moment_of(LONELY, now=zoned))
    assert orjson.dumps(one.contract()) == orjson.dumps(other.contract())


def test_the_policy_that_decided_is_named_by_its_hash() -> None:
    assert decide(LONELY, DEMO, POLICY, moment_of(LONELY)).contract()["policy"] == {"version": POLICY.version, "sha256": POLICY.sha256}


def test_the_published_shape_has_exactly_its_keys() -> None:
    wanted = {
        "outcome", "reasons", "now", "policy", "place", "needs", "chosen", "candidates", "excluded", "excluded_total", "unmet", "explanation",
    }  # fmt: skip
    held = referral(deceased=True)
    for found in (LONELY, held, referral()):
        assert set(decide(found, DEMO, POLICY, moment_of(found)).contract()) == wanted


def test_the_referral_reads_back_from_its_published_shape_and_decides_the_same() -> None:
    for found in generated_referrals(50):
        again = Referral.model_validate(found.contract())
        assert decide(again, DEMO, POLICY, moment_of(again)).contract() == decide(found, DEMO, POLICY, moment_of(found)).contract()


def test_a_need_stated_twice_counts_once_and_says_both_places() -> None:
    twice = referral(postcode="CF10 1AA", needs=("loneliness", "food", "loneliness"))
    found = decide(twice, DEMO, POLICY, moment_of(twice, now=datetime(2026, 11, 2, tzinfo=UTC)))
    assert found.contract()["needs"] == [
        {"code": "loneliness", "confidence": 1.0, "because": ["needs[0]", "needs[2]"]},
        {"code": "food", "confidence": 1.0, "because": ["needs[1]"]},
    ]
