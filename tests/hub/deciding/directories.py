"""Small directories for the tests of deciding: one prescriber and one asset that fit, and whatever a test changes about them."""

from __future__ import annotations

from hub.directory.snapshot import DirectorySnapshot, snapshot
from schemas.directory import Asset, Prescriber

CARDIFF = "W06000015"
_BOTH = {
    "areas": [CARDIFF], "languages": ["cy", "en"], "sources": [], "age": {"min": 18, "max": None},
    "capacity": {"state": "capacity", "places": 10}, "valid_to": None, "verified_on": "2026-10-01",
}  # fmt: skip


def prescriber(name: str = "p1", **changed: object) -> Prescriber:
    """Takes adults of Cardiff with any need."""
    return Prescriber.model_validate({"id": name, "name": "Synthetic team", "needs": [], **_BOTH, **changed})


def asset(name: str = "a1", **changed: object) -> Asset:
    """A free group for lonely adults in the middle of Cardiff."""
    spot = {"postcode": "CF10", "latitude": 51.4816, "longitude": -3.1791}
    own = {"id": name, "name": "Synthetic group", "needs": ["loneliness"], "places": [spot], "cost": "free", "tier": "offer"}
    return Asset.model_validate({**own, **_BOTH, **changed})


def directory(prescribers: tuple[Prescriber, ...] = (), assets: tuple[Asset, ...] = ()) -> DirectorySnapshot:
    """These rows as a snapshot."""
    return snapshot(prescribers, assets)
