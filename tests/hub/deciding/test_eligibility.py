"""Who may not be chosen, and what the record says of it."""

from __future__ import annotations

from datetime import date

import pytest

from hub.deciding.eligibility import exclusions
from hub.deciding.policy import load_policy
from hub.deciding.wanted import ages_on, wanted_of
from hub.directory.entry import entry_of
from schemas.place import UNKNOWN, AreaShare, Certainty, Place
from schemas.rejection import EFFECTS, Effect, Reason
from tests.hub.deciding.directories import asset, prescriber
from tests.hub.deciding.referrals import moment_of, referral

POLICY = load_policy()
SPLIT = Place(Certainty.DISTRICT, (AreaShare("W06000014", 0.6), AreaShare("W06000015", 0.4)), "W11000029", share_in_wales=1.0)
MOSTLY_ELSEWHERE = Place(Certainty.DISTRICT, (AreaShare("W06000014", 0.9), AreaShare("W06000015", 0.1)), "W11000029", share_in_wales=1.0)
AT_HOME = Place(Certainty.POSTCODE, (AreaShare("W06000015", 1.0),), "W11000029", None, 51.4816, -3.1791, "W", 1.0)
FAR = Place(Certainty.POSTCODE, (AreaShare("W06000015", 1.0),), "W11000029", None, 51.8, -3.1791, "W", 1.0)
ENGLISH = Place(Certainty.DISTRICT, country="E")
Row = tuple[dict[str, object], dict[str, object], dict[str, object], list[tuple[str, object, object]]]

PRESCRIBERS: list[Row] = [
    ({}, {}, {}, []),
    ({"status": "closed"}, {}, {}, [("closed", "active", "closed")]),
    ({"valid_to": "2026-11-01"}, {}, {}, [("expired", "2026-11-01", "2026-11-02")]),
    ({"valid_to": "2026-11-02"}, {}, {}, []),  # its last day counts
    ({"areas": ["W06000014"]}, {}, {}, [("area", ["W06000014"], ["W06000015"])]),
    ({"areas": ["W11000029"]}, {}, {}, []),  # a board is its authorities
    ({"areas": ["W92000004"]}, {}, {}, []),
    ({}, {}, {"place": SPLIT}, []),  # uncertain, but likely enough
    ({}, {}, {"place": MOSTLY_ELSEWHERE}, [("area", ["W06000015"], ["W06000014", "W06000015"])]),
    ({}, {}, {"place": UNKNOWN}, [("area", ["W06000015"], None)]),
    ({"areas": ["W92000004"]}, {}, {"place": UNKNOWN}, []),  # wherever it is, if it is in Wales
    ({"areas": ["W92000004"]}, {}, {"place": ENGLISH}, [("area", ["W92000004"], None)]),
    ({"areas": ["W06000023"]}, {"postcode": "SY21 7AA"}, {}, []),  # a border district that lies mostly in Powys
    ({"areas": ["W06000023"]}, {"postcode": "SY5 9AA"}, {}, [("area", ["W06000023"], ["W06000023"])]),  # three in a hundred do
    ({"needs": ["caring"]}, {"needs": ("loneliness", "food")}, {}, [("need", ["food", "loneliness"], ["caring"])]),
    ({"needs": ["caring", "food"]}, {"needs": ("loneliness", "food")}, {}, []),  # one of them is enough
    ({"needs": ["caring"]}, {}, {}, []),  # none stated: a conversation, which everybody has
    ({}, {"birth_date": "2009-11-03"}, {}, [("age", 18, 16)]),  # 17 tomorrow
    ({}, {"birth_date": "2008-11-02"}, {}, []),  # 18 today
    ({"age": {"min": None, "max": 25}}, {"birth_date": "2000-11-03"}, {}, []),
    ({"age": {"min": None, "max": 25}}, {"birth_date": "2000-11-02"}, {}, [("age", 25, 26)]),
    ({}, {"birth_date": "2008"}, {}, []),  # may be 18: unknown is not false
    ({}, {"birth_date": "2009"}, {}, [("age", 18, 17)]),  # cannot be
    ({"age": {"min": 11, "max": 25}}, {"birth_date": None}, {}, [("age", 25, None)]),  # nobody of unknown age goes to the young people's
    ({"age": {"min": 50, "max": None}}, {"birth_date": None}, {}, [("age", 50, None)]),  # nor to the old people's
    ({"age": {"min": None, "max": 25}}, {"birth_date": None}, {}, [("age", 25, None)]),
    ({"age": {"min": 16, "max": None}}, {"birth_date": None}, {}, []),
    ({"age": {"min": 18, "max": None}}, {"birth_date": None}, {}, []),  # taken for an adult, as most are
    ({"age": {"min": None, "max": None}}, {"birth_date": "soon"}, {}, []),
    ({"languages": ["cy"]}, {"language_spoken": "en"}, {}, [("language", "en", ["cy"])]),
    ({"languages": ["en"]}, {"language_spoken": "cy"}, {}, []),  # scored down and told, not left without anybody
    ({"languages": ["cy"]}, {"language_spoken": "pl"}, {}, [("language", "pl", ["cy"])]),
    ({"languages": []}, {"language_spoken": "pl"}, {}, []),  # not stated
    ({"sources": ["gp"]}, {"source": "self"}, {}, [("source", ["gp"], "self")]),
    ({"sources": ["gp"]}, {"source": "gp"}, {}, []),
    ({"capacity": {"state": "no-capacity", "places": None}}, {}, {}, [("capacity", "capacity", "no-capacity")]),
    ({"capacity": {"state": "capacity", "places": 2}}, {}, {"taken": {"x": 1}}, []),
    ({"capacity": {"state": "capacity", "places": 2}}, {}, {"taken": {"x": 2}}, [("capacity", 2, 2)]),
    ({"capacity": {"state": "capacity", "places": 2}}, {}, {"taken": {"x": 3}}, [("capacity", 2, 3)]),  # reduced below what is in use
    ({"capacity": {"state": "capacity", "places": None}}, {}, {"taken": {"x": 999}}, []),  # not counted
    ({"capacity": {"state": "waitlist", "places": 5}}, {}, {}, []),
    ({"capacity": {"state": "waitlist", "places": 5}}, {}, {"taken": {"x": 5}}, [("capacity", 5, 5)]),
    ({"capacity": {"state": "additional-assessment-required", "places": None}}, {}, {}, []),
    ({}, {}, {"declined": frozenset({"x"})}, [("declined-before", None, None)]),
    ({"verified_on": "2019-01-01"}, {}, {}, []),  # a stale prescriber is scored down; silence is the watch's business
    ({"sources": ["gp"], "status": "closed"}, {"source": "self"}, {}, [("closed", "active", "closed"), ("source", ["gp"], "self")]),
]


@pytest.mark.parametrize(("row", "stated", "moment", "wanted"), PRESCRIBERS)
def test_a_prescriber_is_left_out_by_each_rule_with_its_limit_and_what_is_so(
    row: dict[str, object], stated: dict[str, object], moment: dict[str, object], wanted: list[tuple[str, object, object]]
) -> None:
    entry = entry_of(prescriber("x", **row))
    found = referral(**{"postcode": "CF10 1AA", **stated})  # type: ignore[arg-type]
    now = moment_of(found, **moment)  # type: ignore[arg-type]
    assert [(one.reason.value, one.limit, one.actual) for one in exclusions(entry, wanted_of(found, now), now, POLICY)] == wanted


ASSETS: list[Row] = [
    ({}, {}, {}, []),
    ({"needs": ["food"]}, {}, {}, [("need", ["loneliness"], ["food"])]),
    ({}, {"needs": ()}, {}, [("need", ["conversation"], ["loneliness"])]),  # a conversation comes first; no group answers it
    ({}, {}, {"place": AT_HOME}, []),
    ({}, {}, {"place": FAR}, [("distance", 25.0, 35.4)]),
    ({"reach_km": 40}, {}, {"place": FAR}, []),
    ({"modes": ["online"]}, {}, {"place": FAR}, []),
    ({"places": []}, {}, {"place": FAR}, []),  # no place stated: unknown is not false
    ({"areas": []}, {}, {"place": AT_HOME}, []),
    ({"areas": []}, {}, {"place": UNKNOWN}, [("area", [], None)]),  # nothing known on either side
    ({"verified_on": "2024-11-01"}, {}, {}, [("unverified", 730, 731)]),
    ({"verified_on": None}, {}, {}, []),
    ({"age": {"min": 11, "max": 25}}, {"birth_date": None}, {}, [("age", 25, None)]),
    ({}, {"share": False}, {}, [("consent", "signposting", "offer")]),
    ({"tier": "signposting"}, {"share": False}, {}, []),  # the person is told of it, nobody is told of the person
    ({}, {"share": None}, {}, []),  # advice to the prescriber; the yes is asked before any offer
    ({"languages": ["cy"]}, {"language_spoken": "en"}, {}, [("language", "en", ["cy"])]),
    ({"capacity": {"state": "capacity", "places": 1}}, {}, {"taken": {"x": 1}}, [("capacity", 1, 1)]),
]


@pytest.mark.parametrize(("row", "stated", "moment", "wanted"), ASSETS)
def test_an_asset_is_left_out_by_each_rule_with_its_limit_and_what_is_so(
    row: dict[str, object], stated: dict[str, object], moment: dict[str, object], wanted: list[tuple[str, object, object]]
) -> None:
    entry = entry_of(asset("x", **row))
    found = referral(**{"postcode": "CF10 1AA", "needs": ("loneliness",), **stated})  # type: ignore[arg-type]
    now = moment_of(found, **moment)  # type: ignore[arg-type]
    assert [(one.reason.value, one.limit, one.actual) for one in exclusions(entry, wanted_of(found, now), now, POLICY)] == wanted


def test_every_rule_gives_a_reason_that_excludes() -> None:
    given = {Reason(code) for *_, rows in (*PRESCRIBERS, *ASSETS) for code, *_ in rows}
    assert all(EFFECTS[reason] is Effect.EXCLUDES or reason is Reason.CLOSED for reason in given)
    assert len(given) >= 12


@pytest.mark.parametrize(
    ("birth_date", "ages"),
    [
        ("1950-03-02", (76, 76)),
        ("1950-11-02", (76, 76)),  # today
        ("1950-11-03", (75, 75)),
        ("1950-11", (75, 76)),
        ("1950", (75, 76)),
        ("1948-02-29", (78, 78)),
        (None, None),
        ("2026", (0, 0)),
        ("abc", None),
        ("9" * 5000, None),  # from a file, not from a translator
        ("²²²²", None),
        ("2030-01-01", None),  # in the future: a mistake, which leaves nobody out
    ],
)
def test_an_age_is_as_certain_as_the_birth_date(birth_date: str | None, ages: tuple[int, int] | None) -> None:
    assert ages_on(birth_date, date(2026, 11, 2)) == ages
