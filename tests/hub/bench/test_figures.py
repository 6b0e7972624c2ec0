"""What a bench says of its times, and that its table and its line hold all of it."""

from __future__ import annotations

import json

import pytest

from hub.bench.figures import Spread, line, spread, table
from hub.bench.machine import machine, sentence
from hub.bench.referrals import numbers, referrals
from schemas.identifiers import NhsNumber


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        ([], Spread(None, None, None, None)),  # nothing was measured: no figure is invented
        ([0.002], Spread(2.0, 2.0, 2.0, 2.0)),  # one is every percentile
        ([number / 1000 for number in range(1, 101)], Spread(50.0, 95.0, 99.0, 100.0)),  # nearest rank, not interpolated
        ([0.003, 0.001, 0.002], Spread(2.0, 3.0, 3.0, 3.0)),  # the order of arrival does not matter
    ],
)
def test_percentiles_are_of_the_nearest_rank(seconds: list[float], expected: Spread) -> None:
    assert spread(seconds) == expected


def test_a_table_shows_every_row_and_says_where_there_is_nothing() -> None:
    assert table([{"name": "a", "rate": 1234.5}, {"name": "bb", "rate": None}]).splitlines() == ["name      rate", "   a  1,234.50", "  bb         -"]


def test_the_json_line_is_one_line_with_sorted_keys() -> None:
    assert line({"b": 1, "a": {"d": None, "c": 2}}) == '{"a":{"c":2,"d":null},"b":1}'


def test_the_machine_is_named() -> None:
    found = machine()
    assert json.loads(line(found))["cores"] >= 1
    assert str(found["python"]) in sentence(found)


def test_the_load_is_many_different_persons_with_sound_test_numbers_and_the_same_for_the_same_seed() -> None:
    first, again = ([next(made) for _ in range(50)] for made in (referrals(4), referrals(4)))
    assert first == again
    assert len({key for key, _ in first}) == 50
    taken = [number for _, number in zip(range(50), numbers(), strict=False)]
    assert len(set(taken)) == 50
    assert all(NhsNumber(number).status == "test-range" for number in taken)
