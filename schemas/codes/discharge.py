"""Read by the hospital's connector: what a discharge destination and method say about how a stay ended."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from schemas.codes.data_files import data_file


class Ending(StrEnum):
    """How a stay ended. Only `discharged` may ever lead to an offer."""

    DISCHARGED = "discharged"
    MOVED = "moved"
    NOT_DISCHARGED = "not-discharged"
    DIED = "died"
    STILLBIRTH = "stillbirth"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Discharge:
    """`at` is where the person went: own-home, care-home, no-fixed-abode, hospice and so on; None when that is not told."""

    ending: Ending
    at: str | None = None


def discharge(destination: str | None, method: str | None) -> Discharge:
    """What the two codes together say: a death in either counts, then an ending that is no real discharge, then the destination.

    `Ending.UNKNOWN` when neither is a known code; a code that is not known is told by `destination_known` and `method_known`.
    """
    lists = data_file("discharge")
    row = lists["destination"].get((destination or "").strip(), {})
    endings = [Ending(kind) for kind in (row.get("kind"), lists["method"].get((method or "").strip())) if kind]
    for first in (Ending.DIED, Ending.STILLBIRTH, Ending.NOT_DISCHARGED, Ending.MOVED, Ending.DISCHARGED):
        if first in endings:
            return Discharge(first, row.get("at"))
    return Discharge(Ending.UNKNOWN)


def destination_known(code: str) -> bool:
    """Whether a discharge destination is in the Welsh list."""
    return code.strip() in data_file("discharge")["destination"]


def method_known(code: str) -> bool:
    """Whether a discharge method is in the Welsh list or one of England's."""
    return code.strip() in data_file("discharge")["method"]
