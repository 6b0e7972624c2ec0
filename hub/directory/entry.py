"""Between the directory and a decision: one prescriber or asset with what every decision asks of it worked out beforehand."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import cache
from math import asin, cos, radians, sin, sqrt
from typing import Literal

from schemas.codes.areas import authorities, authority, boards
from schemas.directory import WALES, Asset, Prescriber

_EARTH_KM = 6371.0088
Kind = Literal["prescriber", "asset"]


@dataclass(frozen=True, slots=True)
class Point:
    """A position in radians, with the cosine of its latitude."""

    latitude: float
    longitude: float
    cosine: float

    @classmethod
    def of(cls, latitude: float, longitude: float) -> Point:
        """From degrees (WGS84)."""
        north = radians(latitude)
        return cls(north, radians(longitude), cos(north))

    def km_to(self, other: Point) -> float:
        """Kilometres as the crow flies."""
        half = sin((other.latitude - self.latitude) / 2) ** 2
        half += self.cosine * other.cosine * sin((other.longitude - self.longitude) / 2) ** 2
        return 2 * _EARTH_KM * asin(min(1.0, sqrt(half)))


@dataclass(frozen=True, slots=True)
class Entry:
    """`authorities` is `areas` spelt out (boards and Wales into authorities), empty when no area is stated."""

    kind: Kind
    row: Prescriber | Asset
    id: str
    authorities: frozenset[str]
    boards: frozenset[str]
    needs: frozenset[str]
    languages: frozenset[str]
    sources: frozenset[str]
    points: tuple[Point, ...]
    valid_to: date
    remote: bool

    @property
    def prescriber(self) -> Prescriber:
        """The row of a prescriber. Raises TypeError for an asset."""
        if not isinstance(self.row, Prescriber):
            raise TypeError("an asset is no prescriber")
        return self.row

    @property
    def asset(self) -> Asset:
        """The row of an asset. Raises TypeError for a prescriber."""
        if not isinstance(self.row, Asset):
            raise TypeError("a prescriber is no asset")
        return self.row


def entry_of(row: Prescriber | Asset) -> Entry:
    """The row made ready."""
    asset = row if isinstance(row, Asset) else None
    served = frozenset(code for area in row.areas for code in authorities_of(area))
    spots = asset.places if asset else ()
    return Entry(
        kind="asset" if asset else "prescriber",
        row=row,
        id=row.id,
        authorities=served,
        boards=frozenset(authorities()[code].board for code in served),
        needs=frozenset(row.needs),
        languages=frozenset(row.languages),
        sources=frozenset(row.sources),
        points=tuple(Point.of(spot.latitude, spot.longitude) for spot in spots if spot.latitude is not None and spot.longitude is not None),
        valid_to=row.valid_to or date.max,
        remote=bool({"phone", "online", "at-home"} & set(row.modes)),
    )


@cache
def authorities_of(area: str) -> tuple[str, ...]:
    """The authorities of an area code: itself, those of a health board, or all of Wales."""
    if area == WALES:
        return tuple(authorities())
    if area in boards():
        return tuple(code for code, found in authorities().items() if found.board == area)
    known = authority(area)
    return (known.code,) if known else ()
