"""What is worked out once for all decisions: areas spelt out, indexes, distances."""

from __future__ import annotations

import pytest

from hub.directory.entry import Point, authorities_of, entry_of
from hub.directory.snapshot import snapshot
from schemas.codes.areas import authorities
from tests.hub.deciding.directories import asset, prescriber


@pytest.mark.parametrize(
    ("area", "number"),
    [
        ("W06000015", 1),
        ("W11000029", 2),  # Cardiff and the Vale
        ("W92000004", 22),  # Wales
        ("W99999999", 0),
    ],
)
def test_an_area_code_is_spelt_out_into_authorities(area: str, number: int) -> None:
    assert len(authorities_of(area)) == number
    assert set(authorities_of(area)) <= set(authorities())


def test_the_indexes_find_an_entry_by_each_of_its_boards_and_needs() -> None:
    wide = asset("wide", areas=["W92000004"], needs=["food", "money"])
    made = snapshot([prescriber("p", areas=["W06000015", "W06000001"])], [wide, asset("nowhere", areas=[])])
    assert [entry.id for entry in made.prescribers_by_board["W11000023"]] == ["p"]
    assert [entry.id for entry in made.assets_by_board_and_need["W11000024/money"]] == ["wide"]
    assert [entry.id for entry in made.everywhere] == ["nowhere"]
    assert (made.size, set(made.by_id)) == (3, {"p", "wide", "nowhere"})


def test_distances_are_those_of_the_map() -> None:
    cardiff, bangor = Point.of(51.4816, -3.1791), Point.of(53.2274, -4.1293)
    assert cardiff.km_to(bangor) == pytest.approx(204.4, abs=0.5)
    assert cardiff.km_to(cardiff) == 0


def test_a_prescriber_is_no_asset_and_an_asset_no_prescriber() -> None:
    with pytest.raises(TypeError):
        _ = entry_of(prescriber()).asset
    with pytest.raises(TypeError):
        _ = entry_of(asset()).prescriber
