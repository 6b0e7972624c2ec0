"""Made from a postcode when a decision is due: where a person or an asset is, and how certain that is."""

from __future__ import annotations

from collections.abc import Collection
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
    """A Welsh local authority (GSS code) and the share of the place's Welsh addresses that lie in it, above 0 and at most 1."""

    code: str
    weight: float


@dataclass(frozen=True, slots=True)
class Place:
    """Where somebody is.

    `authorities` are Welsh ones, heaviest first, then by code; their weights sum to 1 over the part that lies in Wales, and
    `share_in_wales` is how large that part is: below 1 only for a district that straddles the border. `board` (GSS) is None unless all
    the authorities share it. `country` is None when it is not known or the district straddles the border. `latitude` and `longitude` are
    degrees; a district's are its centre.
    """

    certainty: Certainty
    authorities: tuple[AreaShare, ...] = ()
    board: str | None = None
    lsoa: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    country: Country | None = None
    share_in_wales: float = 0.0

    def share_in(self, codes: Collection[str]) -> float:
        """How likely it is, from 0 to 1, that the place lies in one of these authorities: addresses across the border count against it."""
        return self.share_in_wales * sum(area.weight for area in self.authorities if area.code in codes)


UNKNOWN = Place(Certainty.UNKNOWN)
