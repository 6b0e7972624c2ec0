"""What a policy file must hold, and how long its clocks run."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import hub.deciding
from hub.deciding.deadlines import alert_due, due
from hub.deciding.phrases import Phrases
from hub.deciding.policy import PARTS, Policy, load_policy
from hub.deciding.scoring import PARTS as SCORED
from hub.errors import Misconfigured
from schemas.task import Clock

POLICY = load_policy()


def shipped() -> str:
    return (Path(hub.deciding.__file__).parent / "policies" / "2026-1.toml").read_text("utf-8")


def changed(folder: Path, old: str, new: str) -> Path:
    assert old in shipped()
    path = folder / "policy.toml"
    path.write_text(shipped().replace(old, new, 1), "utf-8")
    return path


def test_the_hash_is_that_of_the_files_bytes(tmp_path: Path) -> None:
    assert POLICY.sha256 == hashlib.sha256(shipped().encode()).hexdigest()
    other = load_policy(changed(tmp_path, "asset_km = 25 ", "asset_km = 26 "))
    assert (other != POLICY, other.version) == (True, POLICY.version)
    assert load_policy() == POLICY
    assert len({POLICY, load_policy(), other}) == 2


FAULTS: list[tuple[str, str, str]] = [
    ('version = "2026-1"', "", "version"),
    ("language = 0.26", "language = 0.29", "prescriber do not sum to 1"),
    ("language = 0.26", "kindness = 0.26", "no such part of prescriber: kindness"),
    ("wait = 0.09", "distance = 0.09", "no such part of prescriber: distance"),  # a prescriber has no place
    ("area_share = 0.3 ", "area_share = 3 ", "limits.area_share"),
    ("asset_km = 25 ", "asset_km = 25\nasset_miles = 15 ", "limits.asset_miles"),
    ('cancel.routine = { length = 2, unit = "working-days" }', "", "no clock for cancel"),
    ('unit = "minutes"', 'unit = "fortnights"', "clocks.route.routine.unit"),
    ('crisis = "crisis"', 'crisis = "panic"', "flags.crisis"),
    ('crisis = "crisis"', 'sadness = "crisis"', "flags.sadness"),
    ("routine = 30, ", "", "wait_days"),
    ("[limits]", "[limits", "not TOML"),
    ("production = false", 'production = "perhaps"', "production"),
]


@pytest.mark.parametrize(("old", "new", "named"), FAULTS)
def test_a_faulty_policy_is_refused_with_what_is_wrong(tmp_path: Path, old: str, new: str, named: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        load_policy(changed(tmp_path, old, new))
    assert named in caught.value.message


def test_a_policy_that_is_not_there_or_not_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "latin").write_bytes(b'version = "\xff"')
    for path in (tmp_path / "none", tmp_path / "latin", tmp_path):
        with pytest.raises(Misconfigured):
            load_policy(path)


def test_every_part_that_may_be_weighed_is_scored() -> None:
    assert PARTS["prescriber"] | PARTS["asset"] == set(SCORED)


def test_every_phrase_of_the_screen_can_be_found(tmp_path: Path) -> None:
    words = POLICY.rules.words
    lists = [*words.holds.values(), words.practical, words.asks]
    for by_language in lists:
        assert set(by_language) == {"en", "cy"}
        for phrases in by_language.values():
            for phrase in phrases:
                assert phrase == phrase.casefold()
                assert not set(phrase) & set("'-’.,ôêâîûŵŷ"), phrase  # the screen takes these out, so such a phrase would never be found
                Phrases((phrase,))


FRIDAY, MONDAY = datetime(2026, 11, 6, 16, 0, tzinfo=UTC), datetime(2026, 11, 9, 16, 0, tzinfo=UTC)
CLOCKS: list[tuple[Clock, str, datetime, datetime]] = [
    (Clock.ROUTE, "routine", FRIDAY, FRIDAY + timedelta(minutes=15)),
    (Clock.ROUTE, "urgent", FRIDAY, FRIDAY + timedelta(minutes=2)),
    (Clock.ROUTE, "stat", FRIDAY, FRIDAY + timedelta(minutes=2)),  # never slower than urgent
    (Clock.ACCEPT, "routine", FRIDAY, datetime(2026, 11, 11, 16, 0, tzinfo=UTC)),  # over the weekend
    (Clock.ACCEPT, "urgent", FRIDAY, MONDAY),
    (Clock.ACCEPT, "asap", FRIDAY, MONDAY),
    (Clock.ACCEPT, "stat", FRIDAY, FRIDAY + timedelta(hours=4)),
    (Clock.ACCEPT, "urgent", datetime(2026, 11, 7, 10, 0, tzinfo=UTC), datetime(2026, 11, 9, 23, 59, 59, tzinfo=UTC)),  # from Saturday: all of Monday
    (Clock.ACCEPT, "urgent", datetime(2026, 6, 6, 10, 0, tzinfo=UTC), datetime(2026, 6, 8, 22, 59, 59, tzinfo=UTC)),  # a summer Monday ends at 23:00 UTC
    (Clock.ACCEPT, "urgent", datetime(2026, 10, 23, 8, 0, tzinfo=UTC), datetime(2026, 10, 26, 9, 0, tzinfo=UTC)),  # nine o'clock over the clock change
    (Clock.ACCEPT, "urgent", datetime(2026, 12, 24, 12, 0, tzinfo=UTC), datetime(2026, 12, 29, 12, 0, tzinfo=UTC)),  # Christmas and its Monday
    (Clock.ACCEPT, "no such priority", FRIDAY, datetime(2026, 11, 11, 16, 0, tzinfo=UTC)),
]


@pytest.mark.parametrize(("clock", "priority", "since", "until"), CLOCKS)
def test_a_clock_runs_for_its_term_in_working_days(clock: Clock, priority: str, since: datetime, until: datetime) -> None:
    assert due(POLICY, clock, priority, since) == until


def test_a_human_is_told_of_a_hold_within_two_minutes() -> None:
    assert alert_due(POLICY, FRIDAY) == FRIDAY + timedelta(minutes=2)


@pytest.mark.parametrize("clock", list(Clock))
@pytest.mark.parametrize("priority", ["routine", "urgent", "asap", "stat"])
def test_a_higher_priority_never_waits_longer(clock: Clock, priority: str) -> None:
    assert FRIDAY < due(POLICY, clock, priority, FRIDAY) <= due(POLICY, clock, "routine", FRIDAY)


def test_a_policy_is_not_something_else() -> None:
    assert Policy("1", "x", POLICY.rules) != "x"
