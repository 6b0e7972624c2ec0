"""How well somebody fits, part by part."""

from __future__ import annotations

import pytest

from hub.deciding.policy import load_policy
from hub.deciding.scoring import ranked
from hub.deciding.wanted import wanted_of
from hub.directory.entry import entry_of
from schemas.directory import Asset, Prescriber
from schemas.place import AreaShare, Certainty, Place
from tests.hub.deciding.directories import asset, prescriber
from tests.hub.deciding.referrals import moment_of, referral

POLICY = load_policy()
AT_HOME = Place(Certainty.POSTCODE, (AreaShare("W06000015", 1.0),), "W11000029", None, 51.4816, -3.1791, "W", 1.0)
UP_THE_VALLEY = Place(Certainty.POSTCODE, (AreaShare("W06000015", 1.0),), "W11000029", None, 51.5941, -3.1791, "W", 1.0)  # 12.5 km
ADULT: dict[str, object] = {"postcode": "CF10 1AA", "needs": ("loneliness",), "birth_date": "1950-01-01", "language_spoken": "cy"}
Changed = dict[str, object]

PARTS: list[tuple[str, Prescriber | Asset, Changed, Changed, float]] = [
    ("language", prescriber(), {}, {}, 1.0),
    ("language", prescriber(languages=["en"]), {}, {}, 0.0),  # a Welsh speaker offered English
    ("language", prescriber(languages=[]), {}, {}, 0.5),
    ("language", prescriber(), {"language_spoken": None}, {}, 1.0),  # the active offer
    ("language", prescriber(languages=["en"]), {"language_spoken": None}, {}, 0.85),
    ("language", prescriber(), {"language_spoken": "pl"}, {}, 0.0),
    ("area", prescriber(), {"postcode": "CF64 1AA"}, {"place": Place(Certainty.DISTRICT, (AreaShare("W06000015", 0.4),), share_in_wales=0.5)}, 0.2),
    ("need", prescriber(), {"needs": ("loneliness", "food")}, {}, 1.0),  # takes every need
    ("need", prescriber(needs=["food"]), {"needs": ("loneliness", "food")}, {}, 0.5),
    ("need", prescriber(needs=["food"]), {"needs": ()}, {}, 0.5),
    ("need", prescriber(needs=["food", "conversation"]), {"needs": ()}, {}, 1.0),
    ("capacity", prescriber(), {}, {"taken": {"p1": 5}}, 0.8),  # half free
    ("capacity", prescriber(capacity={"state": "capacity", "places": None}), {}, {}, 0.8),
    ("capacity", prescriber(capacity={"state": "waitlist", "places": 3}), {}, {}, 0.25),
    ("capacity", prescriber(capacity={"state": "additional-assessment-required", "places": None}), {}, {}, 0.5),
    ("wait", prescriber(), {}, {}, 0.5),  # not stated
    ("wait", prescriber(first_contact_days=6), {}, {}, 0.8),
    ("wait", prescriber(first_contact_days=6), {"priority": "urgent"}, {}, 0.4),
    ("wait", prescriber(first_contact_days=6), {"priority": "stat"}, {}, 0.0),
    ("freshness", prescriber(verified_on="2026-11-02"), {}, {}, 1.0),
    ("freshness", prescriber(verified_on="2027-01-01"), {}, {}, 1.0),  # ahead of the decision's time
    ("freshness", prescriber(verified_on="2025-11-02"), {}, {}, 0.0),
    ("freshness", prescriber(verified_on=None), {}, {}, 0.0),
    ("age", prescriber(), {}, {}, 0.8),
    ("age", prescriber(age={"min": 60, "max": 90}), {}, {}, 1.0),
    ("age", prescriber(age={"min": None, "max": None}), {}, {}, 0.7),
    ("age", prescriber(), {"birth_date": None}, {}, 0.6),
    ("distance", asset(), {}, {"place": AT_HOME}, 1.0),
    ("distance", asset(), {}, {"place": UP_THE_VALLEY}, 0.5),
    ("distance", asset(), {}, {}, 0.5),  # the district alone
    ("distance", asset(modes=["phone"], places=[]), {}, {"place": AT_HOME}, 0.6),
    ("need", asset(), {}, {}, 1.0),
    ("need", asset(needs=["loneliness", "food"]), {}, {}, 0.85),  # half of what it does is something else
    ("need", asset(), {"needs": ("loneliness", "food")}, {}, 0.65),
    ("access", asset(), {}, {}, 0.5),
    ("access", asset(access=["step-free", "bus-route"]), {}, {}, 0.75),
    ("access", asset(access=["step-free", "bus-route"]), {"flags": ("reasonable-adjustment",)}, {}, 0.5),
    ("cost", asset(), {}, {}, 1.0),
    ("cost", asset(cost="unknown"), {}, {}, 0.5),
    ("cost", asset(cost="paid"), {}, {}, 0.3),
]


@pytest.mark.parametrize(("part", "row", "stated", "moment", "value"), PARTS)
def test_a_part_has_the_value_that_its_facts_give(part: str, row: Prescriber | Asset, stated: Changed, moment: Changed, value: float) -> None:
    found = referral(**{**ADULT, **stated})  # type: ignore[arg-type]
    now = moment_of(found, **moment)  # type: ignore[arg-type]
    (candidate,) = ranked([entry_of(row)], wanted_of(found, now), now, POLICY)
    assert {each.part: each.value for each in candidate.contributions}[part] == pytest.approx(value, abs=1e-6)


def test_every_part_of_the_policy_is_in_the_table() -> None:
    assert {part for part, *_ in PARTS} == set(POLICY.prescriber_weights) | set(POLICY.asset_weights)
