"""Made from a postcode when a decision is due: where a person or an asset is, and how certain that is."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

Country = Literal["W", "E", "S", "N"]


class Certainty(StrEnum):
    """How a place is known: by its full postcode, by the district alone, or not at all."""

    POSTCODE = "postcode"
    DISTRICT = "district"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class AreaShare:
    """A Welsh local authority (GSS code) and the share of the place's addresses that lie in it, above 0 and at most 1."""

    code: str
    weight: float


@dataclass(frozen=True, slots=True)
class Place:
    """Where somebody is.

    `authorities` are heaviest first, then by code; only Welsh ones. Their weights sum to 1, but to less where a district straddles the
    border: what is missing lies outside Wales. `board` (GSS) is None unless every address lies in one. `country` is None when not known
    or when the district straddles the border. `latitude` and `longitude` are degrees; a district's are its centre.
    """

    certainty: Certainty
    authorities: tuple[AreaShare, ...] = ()
    board: str | None = None
    lsoa: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    country: Country | None = None


UNKNOWN = Place(Certainty.UNKNOWN)
