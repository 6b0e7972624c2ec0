"""Beside the flow: the coverage wall falls on the part that is below it, and on one that was not measured."""

from __future__ import annotations

from typing import Any

import pytest

from tests.coverage_wall import PARTS, below


def report(run: dict[str, int]) -> dict[str, Any]:
    """A coverage report in which each part has one file with 100 branches, `run` of them covered."""
    return {"files": {f"{part}/a.py": {"summary": {"num_branches": 100, "covered_branches": covered}} for part, covered in run.items()}}


def test_nine_in_ten_is_enough() -> None:
    assert below(report(dict.fromkeys(PARTS, 90))) == []


@pytest.mark.parametrize("part", PARTS)
def test_one_part_below_the_wall_is_named_whatever_the_others_have(part: str) -> None:
    (line,) = below(report({**dict.fromkeys(PARTS, 100), part: 89}))
    assert line.startswith(f"{part}: 89 of 100 branches")


@pytest.mark.parametrize("part", PARTS)
def test_a_part_that_was_not_measured_is_no_success(part: str) -> None:
    (line,) = below(report({name: 100 for name in PARTS if name != part}))
    assert line.startswith(f"{part}: 0 of 0 branches")
