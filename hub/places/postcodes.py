"""Behind `Places`: the set of full postcodes that `hub places load` made, one file that is searched where it lies.

Records of fixed length in the order of their postcodes, so that a look-up is a bisection in mapped memory: no parsing at start, nothing
shared to lock, and a new set takes the old one's place in one rename.
"""

from __future__ import annotations

import mmap
import os
import struct
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast, overload

from hub.errors import Misconfigured
from schemas.codes.areas import board_of
from schemas.place import AreaShare, Certainty, Country, Place

FILE_NAME = "postcodes.bin"
_MAGIC = b"hub-postcodes-1\n"
_RECORD = struct.Struct(">8s9s9sii")  # postcode, authority, small area; latitude and longitude in 1/100,000 degree
_NOWHERE = -(2**31)  # a coordinate that was not given
_SCALE = 100_000


@dataclass(frozen=True, slots=True)
class PostcodeRecord:
    """One full postcode (`CF10 1AA`), the GSS codes of its authority and small area (empty where not given), and its position."""

    postcode: str
    authority: str
    lsoa: str
    latitude: float | None
    longitude: float | None


def write_postcodes(folder: Path, records: Iterable[PostcodeRecord]) -> int:
    """Put a new set in place of the folder's old one, in one step; of a postcode given twice the last counts. Returns how many it holds."""
    packed = {record.postcode.encode("ascii"): _pack(record) for record in records}
    folder.mkdir(parents=True, exist_ok=True)
    fresh = folder / f"{FILE_NAME}.{os.getpid()}"
    try:
        with fresh.open("wb") as file:
            file.write(_MAGIC)
            file.writelines(packed[key] for key in sorted(packed, key=lambda key: key.ljust(8)))
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(folder / FILE_NAME)
    finally:
        fresh.unlink(missing_ok=True)
    return len(packed)


class Postcodes:
    """An open set of postcodes."""

    def __init__(self, folder: Path) -> None:
        """Raises Misconfigured when the folder holds no set, or one that this version cannot read."""
        try:
            with (folder / FILE_NAME).open("rb") as file:
                self._bytes = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except (OSError, ValueError):
            raise Misconfigured(f"{folder} holds no postcodes that can be read: make them with 'hub places load FILE --places {folder}'") from None
        if self._bytes[: len(_MAGIC)] != _MAGIC or (len(self._bytes) - len(_MAGIC)) % _RECORD.size:
            raise Misconfigured(f"{folder / FILE_NAME} is damaged or from another version: make it again with 'hub places load'")
        self._keys = _Keys(self._bytes)

    def __len__(self) -> int:
        return len(self._keys)

    def place_of(self, postcode: str) -> Place | None:
        """The place of a full postcode (`CF10 1AA`); None when the set does not hold it."""
        sought = postcode.encode("ascii").ljust(8)
        at = bisect_left(self._keys, sought)
        if at == len(self._keys) or self._keys[at] != sought:
            return None
        return _place(_RECORD.unpack_from(self._bytes, len(_MAGIC) + at * _RECORD.size))


class _Keys(Sequence[bytes]):
    """The postcodes of the mapped file, as bisection asks for them."""

    def __init__(self, mapped: mmap.mmap) -> None:
        self._mapped = mapped
        self._length = (len(mapped) - len(_MAGIC)) // _RECORD.size

    def __len__(self) -> int:
        return self._length

    @overload
    def __getitem__(self, at: int) -> bytes: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[bytes]: ...
    def __getitem__(self, at: int | slice) -> bytes | Sequence[bytes]:
        if isinstance(at, slice):
            return [self[one] for one in range(*at.indices(self._length))]
        start = len(_MAGIC) + at * _RECORD.size
        return self._mapped[start : start + 8]


def _pack(record: PostcodeRecord) -> bytes:
    authority, lsoa = record.authority.encode("ascii"), record.lsoa.encode("ascii")
    return _RECORD.pack(record.postcode.encode("ascii").ljust(8), authority, lsoa, _scaled(record.latitude), _scaled(record.longitude))


def _scaled(degrees: float | None) -> int:
    return _NOWHERE if degrees is None else round(degrees * _SCALE)


def _place(record: tuple[bytes, bytes, bytes, int, int]) -> Place:
    authority, lsoa = (part.rstrip(b"\0 ").decode("ascii") for part in record[1:3])
    latitude, longitude = (None if part == _NOWHERE else part / _SCALE for part in record[3:])
    welsh = authority.startswith("W")
    board = board_of([authority])
    return Place(
        certainty=Certainty.POSTCODE,
        authorities=(AreaShare(authority, 1.0),) if welsh else (),
        board=board.code if board else None,
        lsoa=lsoa or None,
        latitude=latitude,
        longitude=longitude,
        country=cast(Country, authority[0]) if authority[:1] in ("W", "E", "S", "N") else None,
        share_in_wales=1.0 if welsh else 0.0,
    )
