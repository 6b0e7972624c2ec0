"""Asked by routing, and by whoever reads a directory: from a postcode to areas with weights, and the distance between two places."""

from __future__ import annotations

from hub.places.places import Places, distance_km

__all__ = ["Places", "distance_km"]
