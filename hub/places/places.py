"""Asked by routing when a decision is due: from a postcode as it was written to a place, as certain as the tables allow."""

from __future__ import annotations

from math import asin, cos, radians, sin, sqrt
from pathlib import Path

from hub.places.districts import districts
from hub.places.postcodes import Postcodes
from schemas.identifiers import Postcode, read_outcode
from schemas.place import UNKNOWN, Place

_EARTH_KM = 6371.0088


class Places:
    """The tables that are loaded: the districts that ship with the hub, and a set of full postcodes where there is one."""

    def __init__(self, postcodes: Postcodes | None = None) -> None:
        self._postcodes = postcodes
        self._districts = districts()

    @classmethod
    def load(cls, folder: Path | None = None) -> Places:
        """The tables of a folder that `hub places load` made; without one, the districts alone. Raises Misconfigured."""
        return cls(Postcodes(folder) if folder else None)

    def resolve(self, written: str | None) -> Place:
        """The place of a postcode, or of a district alone; what is malformed, stands for no place (ZZ99) or is not in use is unknown."""
        postcode = Postcode.read(written or "")
        if postcode is None:
            return self._districts.get(read_outcode(written or "") or "", UNKNOWN)
        found = self._postcodes.place_of(postcode.value) if self._postcodes else None
        return found or self._districts.get(postcode.outcode, UNKNOWN)


def distance_km(one: Place, other: Place) -> float | None:
    """Kilometres as the crow flies between two places, to a hundred metres; None when the position of either is not known."""
    if one.latitude is None or one.longitude is None or other.latitude is None or other.longitude is None:
        return None
    north, south = radians(one.latitude), radians(other.latitude)
    half = sin((south - north) / 2) ** 2 + cos(north) * cos(south) * sin(radians(other.longitude - one.longitude) / 2) ** 2
    return round(2 * _EARTH_KM * asin(min(1.0, sqrt(half))), 1)
