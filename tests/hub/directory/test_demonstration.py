"""What the demonstration's directory holds, and that it is what its generator makes."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from hub.demo.directory import generate
from hub.directory.snapshot import load_directory
from hub.places.districts import districts
from schemas.codes.areas import authorities
from schemas.codes.needs import CONVERSATION, needs
from schemas.directory import Asset, CapacityState, Prescriber

DEMO = load_directory()
PRESCRIBERS = [entry.prescriber for entry in DEMO.prescribers]
ASSETS = [entry.asset for entry in DEMO.assets]
ROWS = [*PRESCRIBERS, *ASSETS]


def test_the_committed_files_are_what_the_generator_makes() -> None:
    folder = Path(generate.__file__).parent
    assert (folder / "prescribers.jsonl").read_text("utf-8") == generate.lines(generate.prescribers(), Prescriber)
    assert (folder / "assets.jsonl").read_text("utf-8") == generate.lines(generate.assets(), Asset)


def test_it_is_about_forty_prescribers_and_a_hundred_and_fifty_assets_over_all_of_wales() -> None:
    assert 35 <= len(PRESCRIBERS) <= 50
    assert 140 <= len(ASSETS) <= 170
    for rows in (DEMO.prescribers, DEMO.assets):
        assert {code for entry in rows for code in entry.authorities} == set(authorities())


def test_every_row_says_that_it_is_synthetic_and_rings_no_real_telephone() -> None:
    for row in ROWS:
        assert row.synthetic
        assert "(synthetic)" in row.name
        assert row.name_cy is None or "enghraifft" in row.name_cy
        assert "Synthetic" in (row.organisation or "")
        assert (row.contact.phone or "").startswith("01632 960")  # kept for fiction
        assert (row.contact.url or "").startswith("https://example.org/")


def test_every_town_lies_in_its_county_and_near_the_middle_of_its_district() -> None:
    for code, towns in generate.towns().items():
        for town in towns:
            place = districts()[town["district"]]
            assert place.share_in([code]) > 0.3, town["town_en"]
            assert abs(place.latitude - float(town["latitude"])) < 0.15, town["town_en"]  # type: ignore[operator]
            assert abs(place.longitude - float(town["longitude"])) < 0.25, town["town_en"]  # type: ignore[operator]


def test_it_is_varied_enough_to_show_every_kind_of_decision() -> None:
    assert {row.capacity.state for row in PRESCRIBERS} == set(CapacityState)
    assert {row.capacity.state for row in ASSETS} >= {CapacityState.CAPACITY, CapacityState.WAITLIST, CapacityState.NO_CAPACITY}
    assert {row.languages for row in ASSETS} == {("cy",), ("en",), ("cy", "en")}
    assert {row.tier for row in ASSETS} == {"signposting", "offer", "supported"}
    assert {need for row in ASSETS for need in row.needs} == set(needs()) - {CONVERSATION, "stopping-smoking"}  # always unmet, to be shown
    assert any(row.verified_on is None for row in ASSETS)
    assert any(row.valid_to and row.valid_to.year <= 2026 for row in ASSETS)
    assert any(row.client is None for row in PRESCRIBERS)
    assert any(row.sources for row in PRESCRIBERS)


@pytest.mark.parametrize("code", [code for code in authorities() if code != "W06000019"])
def test_each_county_but_one_has_somebody_for_an_adult_for_years_to_come(code: str) -> None:
    lasting = [entry for entry in DEMO.prescribers if code in entry.authorities and entry.valid_to.year >= 2035]
    assert any(not entry.needs and entry.row.capacity.state is not CapacityState.NO_CAPACITY for entry in lasting)


def test_one_county_is_full_and_some_needs_are_not_met_everywhere() -> None:
    here = [entry.row for entry in DEMO.prescribers if "W06000019" in entry.authorities]
    assert {row.capacity.state for row in here} == {CapacityState.NO_CAPACITY}
    counties = Counter(need for entry in DEMO.assets for code in entry.authorities for need in entry.needs if code)
    assert min(counties.values()) < 22
