"""Places: a district alone is uncertain, the border is honest, and a postcode is found in the set that was loaded."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from hub.errors import Misconfigured
from hub.places import Places, distance_km
from hub.places.districts import districts, shares
from hub.places.loading import read_postcodes
from hub.places.postcodes import FILE_NAME, PostcodeRecord, Postcodes, write_postcodes
from schemas.codes.areas import authorities, board_of
from schemas.place import AreaShare, Certainty, Place
from schemas.rejection import Reason, Rejected

CARDIFF, VALE, FLINTSHIRE = "W06000015", "W06000014", "W06000005"
HEADER = "postcode,outcode,lat,lon,la_gss,lsoa21,health_board\n"


@pytest.fixture
def districts_only() -> Places:
    return Places.load(None)


@pytest.mark.parametrize(
    ("written", "codes", "board", "country"),
    [
        ("CF10", [CARDIFF], "W11000029", "W"),  # one authority only: still a district
        ("CF11 0AA", [CARDIFF, VALE], "W11000029", "W"),  # two authorities of one board
        ("CF83 1AA", None, None, "W"),  # two or more boards
        ("CH4 0AA", [FLINTSHIRE], "W11000023", None),  # straddles the border
        ("M1 1AE", [], None, "E"),
        ("EH1 1AA", [], None, "S"),
        ("BT1 1AA", [], None, "N"),
        ("IM1 1AA", [], None, None),  # none of the four countries
    ],
)
def test_a_district_gives_the_welsh_authorities_that_it_touches(
    districts_only: Places, written: str, codes: list[str] | None, board: str | None, country: str | None
) -> None:
    place = districts_only.resolve(written)
    assert place.certainty is Certainty.DISTRICT
    assert (place.board, place.country, place.lsoa) == (board, country, None)
    assert codes is None or [area.code for area in place.authorities] == codes


@pytest.mark.parametrize(
    "written",
    [
        None,  # homelessness is common
        "",
        "CF10 1A",
        "no fixed abode",
        "ZZ99 3VZ",  # the NHS's code for the same
        "ZZ99 3GZ",
        "CF19 9AA",  # the form is right, there is no such district
        "ＣＦ10 1AA",  # full-width letters
        "D07 R2WY",  # Irish
        "x" * 10_000,
    ],
)
def test_what_is_malformed_or_stands_for_no_place_is_unknown(districts_only: Places, written: str | None) -> None:
    assert districts_only.resolve(written) == Place(Certainty.UNKNOWN)


def test_the_table_is_sound_for_every_district() -> None:
    touched = {outcode: place for outcode, place in districts().items() if place.authorities}
    assert (len(districts()), len(touched)) == (2862, 211)
    assert sum(len(place.authorities) > 1 for place in touched.values()) == 63
    for place in touched.values():
        assert sum(area.weight for area in place.authorities) == pytest.approx(1, abs=1e-9)
        assert list(place.authorities) == sorted(place.authorities, key=lambda area: (-area.weight, area.code))
        assert all(area.code in authorities() and area.weight > 0 for area in place.authorities)
        board = board_of(area.code for area in place.authorities)
        assert place.board == (board.code if board else None)
        assert (place.country == "W") is (place.share_in_wales == 1.0)
    assert all(place.share_in_wales == 0.0 for outcode, place in districts().items() if outcode not in touched)


@pytest.mark.parametrize(
    ("written", "areas", "share"),
    [
        ("CH1", {FLINTSHIRE}, 0.0185),  # Chester: 20 of 1,080 postcodes are Welsh
        ("CH4", {FLINTSHIRE}, 0.4674),
        ("CF10", {CARDIFF}, 1.0),
        ("CF11", {VALE}, 0.0136),
        ("CF11", {VALE, CARDIFF}, 1.0),
        ("M1", {CARDIFF}, 0.0),
    ],
)
def test_addresses_across_the_border_count_against_living_in_an_area(districts_only: Places, written: str, areas: set[str], share: float) -> None:
    assert districts_only.resolve(written).share_in(areas) == pytest.approx(share, abs=1e-4)


@pytest.mark.parametrize(
    ("counts", "weights"),
    [
        ({"b": 1, "a": 1}, [("a", 0.5), ("b", 0.5)]),  # equal: by code
        ({"a": 1, "b": 1, "c": 1}, [("a", 0.3334), ("b", 0.3333), ("c", 0.3333)]),  # the first takes the rounding
        ({"a": 30_000, "b": 1}, [("a", 0.9999), ("b", 0.0001)]),  # too small to round, yet touched
        ({}, []),
    ],
)
def test_shares_sum_to_one_and_none_is_nothing(counts: dict[str, int], weights: list[tuple[str, float]]) -> None:
    assert [(area.code, area.weight) for area in shares(counts)] == weights


def records() -> list[PostcodeRecord]:
    return [
        PostcodeRecord("SA1 1AA", "W06000011", "W01000741", 51.64796, -3.92403),
        PostcodeRecord("CF10 1AA", CARDIFF, "W01002019", 51.47909, -3.17817),
        PostcodeRecord("CH1 1AA", "E06000050", "", None, None),
        PostcodeRecord("M1 1AE", "E08000003", "", None, None),
    ]


def test_a_postcode_of_the_loaded_set_is_certain(tmp_path: Path) -> None:
    assert write_postcodes(tmp_path, records()) == 4
    places = Places.load(tmp_path)
    assert places.resolve("sa11aa") == Place(
        Certainty.POSTCODE, (AreaShare("W06000011", 1.0),), "W11000031", "W01000741", 51.64796, -3.92403, "W", 1.0
    )
    assert places.resolve("M1 1AE") == Place(Certainty.POSTCODE, country="E")
    assert places.resolve("CF10 9ZZ").certainty is Certainty.DISTRICT  # newer than the set
    assert places.resolve("CF10").certainty is Certainty.DISTRICT


def test_every_postcode_of_a_set_is_found_whatever_the_order_it_came_in(tmp_path: Path) -> None:
    names = [f"{area}{district} {unit}AA" for area in ("CF", "L", "SA") for district in range(1, 30) for unit in range(10)]
    many = [PostcodeRecord(name, CARDIFF, "", None, None) for name in names]
    write_postcodes(tmp_path, reversed(many))
    postcodes = Postcodes(tmp_path)
    assert len(postcodes) == len(many)
    assert all(postcodes.place_of(record.postcode) for record in many)
    assert postcodes.place_of("CF1 1AB") is None


def test_a_new_set_takes_the_place_of_the_old_one_while_that_is_open(tmp_path: Path) -> None:
    write_postcodes(tmp_path, records())
    before = Postcodes(tmp_path)
    write_postcodes(tmp_path, records()[:1])
    assert (len(before), len(Postcodes(tmp_path))) == (4, 1)
    assert before.place_of("CF10 1AA") is not None
    assert [path.name for path in tmp_path.iterdir()] == [FILE_NAME]


def test_a_failed_load_leaves_the_old_set(tmp_path: Path) -> None:
    write_postcodes(tmp_path, records())

    def broken() -> object:
        yield records()[0]
        raise OSError("the file ends")

    with pytest.raises(OSError):
        write_postcodes(tmp_path, broken())  # type: ignore[arg-type]
    assert len(Postcodes(tmp_path)) == 4
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("content", [None, b"", b"something else", b"hub-postcodes-1\nshort"])
def test_a_folder_without_a_set_that_can_be_read_says_what_to_do(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / FILE_NAME).write_bytes(content)
    with pytest.raises(Misconfigured, match="hub places load"):
        Places.load(tmp_path)


def read(tmp_path: Path, text: str) -> list[PostcodeRecord | tuple[int, Rejected]]:
    path = tmp_path / "postcodes.csv"
    path.write_text(text, encoding="utf-8")
    return list(read_postcodes(path))


def test_columns_are_found_by_their_names_in_any_order(tmp_path: Path) -> None:
    row = PostcodeRecord("CF10 1AA", CARDIFF, "W01002019", 51.47909, -3.17817)
    assert read(tmp_path, HEADER + "CF10 1AA,CF10,51.47909,-3.17817,W06000015,W01002019,W11000029\n\n") == [row]
    assert read(tmp_path, "\ufeffLONG,LAT,oslaua,LSOA21,pcds\n-3.17817,51.47909,W06000015,W01002019,cf101aa\n") == [row]


def test_a_packed_file_is_read_too(tmp_path: Path) -> None:
    path = tmp_path / "postcodes.csv.gz"
    path.write_bytes(gzip.compress((HEADER + "CF10 1AA,CF10,,,W06000007,,\n").encode()))
    assert list(read_postcodes(path)) == [PostcodeRecord("CF10 1AA", "W06000023", "", None, None)]  # a replaced authority, no position


@pytest.mark.parametrize(
    ("row", "at"),
    [
        ("CF10,CF10,51.4,-3.1,W06000015,W01002019,", ["row 2, postcode"]),  # a district
        ("ZZ99 3VZ,ZZ99,,,W06000015,,", ["row 2, postcode"]),  # stands for no place
        ("CF10 1AA,CF10,fifty,-3.1,W06000015,,", ["row 2, lat"]),
        ("CF10 1AA,CF10,nan,-3.1,W06000015,,", ["row 2, lat"]),
        ("CF10 1AA,CF10,-3.1,51.4,W06000015,,", ["row 2, lat", "row 2, lon"]),  # columns swapped
        ("CF10 1AA,CF10,51.4,-3.1,W06000099,,", ["row 2, la_gss"]),  # no such authority
        ("CF10 1AA,CF10,51.4,-3.1,,,", ["row 2, la_gss"]),
        ("CF10 1AA,CF10,51.4,-3.1,W06000015,W01,", ["row 2, lsoa21"]),
        ("CF10 1AA", ["row 2, la_gss"]),  # a short row
    ],
)
def test_a_malformed_row_is_named_and_the_others_are_read(tmp_path: Path, row: str, at: list[str]) -> None:
    wrong, right = read(tmp_path, HEADER + row + "\nSA1 1AA,SA1,51.6,-3.9,W06000011,W01000741,\n")
    assert isinstance(wrong, tuple)
    assert sorted(issue.at for issue in wrong[1].issues) == at
    assert isinstance(right, PostcodeRecord)


def test_a_header_without_the_needed_columns_refuses_the_file(tmp_path: Path) -> None:
    for header in ("", "name,phone\n"):
        with pytest.raises(Rejected) as raised:
            read(tmp_path, header)
        assert [issue.at for issue in raised.value.issues] == ["row 1, postcode", "row 1, la_gss"]
        assert raised.value.reason is Reason.REQUIRED


def test_distance_is_told_in_kilometres_between_known_places(districts_only: Places) -> None:
    cardiff = Place(Certainty.POSTCODE, latitude=51.4816, longitude=-3.1791)
    swansea = Place(Certainty.POSTCODE, latitude=51.6214, longitude=-3.9436)
    assert distance_km(cardiff, swansea) == distance_km(swansea, cardiff) == pytest.approx(55.1, abs=0.3)
    assert distance_km(cardiff, cardiff) == 0.0
    assert distance_km(cardiff, districts_only.resolve("nowhere")) is None
