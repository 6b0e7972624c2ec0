"""Behind `Places`: the table of postcode districts that ships with the hub, each with the Welsh authorities that it touches."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import cast

from schemas.codes.areas import board_of
from schemas.place import AreaShare, Certainty, Country, Place


@cache
def districts() -> Mapping[str, Place]:
    """Every district of the United Kingdom, the Isle of Man and the Channel Islands by its outcode, as the place it stands for."""
    with files(__package__).joinpath("data/districts.csv").open(encoding="utf-8") as file:
        next(file)  # the attribution
        return MappingProxyType({row["outcode"]: _place(row) for row in csv.DictReader(file)})


def _place(row: Mapping[str, str]) -> Place:
    counts = {code: int(number) for code, _, number in (part.partition(":") for part in row["welsh_postcodes"].split())}
    board = board_of(counts) if counts else None
    welsh = sum(counts.values())
    return Place(
        certainty=Certainty.DISTRICT,
        authorities=shares(counts),
        board=board.code if board else None,
        latitude=float(row["latitude"]),
        longitude=float(row["longitude"]),
        country=cast(Country, row["country"]) if row["country"] else None,
        share_in_wales=round(welsh / (welsh + int(row["postcodes_outside_wales"])), 4) if welsh else 0.0,
    )


def shares(counts: Mapping[str, int]) -> tuple[AreaShare, ...]:
    """Counts of postcodes as shares to four places that sum to 1: heaviest first, then by code; the heaviest takes the rounding.

    A share that would round to nothing is told as 0.0001, because the area is touched.
    """
    total = sum(counts.values())
    ordered = sorted(counts, key=lambda code: (-counts[code], code))
    lesser = {code: max(round(counts[code] / total, 4), 0.0001) for code in ordered[1:]}
    return tuple(AreaShare(code, lesser.get(code, round(1.0 - sum(lesser.values()), 4))) for code in ordered)
