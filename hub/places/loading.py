"""Beside the flow, for `hub places load`: reads a file of full postcodes, each column by its name in the header."""

from __future__ import annotations

import csv
import gzip
import io
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO

from hub.places.postcodes import PostcodeRecord
from schemas.codes.areas import authority
from schemas.identifiers import Postcode
from schemas.rejection import Issue, Reason, Rejected

# What each column may be called: our own names, and those of the ONS Postcode Directory.
_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "postcode": ("postcode", "pcds", "pcd"),
    "authority": ("la_gss", "oslaua", "laua", "lad24cd", "lad23cd"),
    "lsoa": ("lsoa21", "lsoa21cd"),
    "latitude": ("lat", "latitude"),
    "longitude": ("lon", "long", "longitude"),
}
_REQUIRED = ("postcode", "authority")
_GSS = re.compile(r"[EWSN][0-9]{8}")
_LIMITS = {"latitude": (49.0, 61.5), "longitude": (-9.0, 2.5)}  # the British Isles


def read_postcodes(path: Path) -> Iterator[PostcodeRecord | tuple[int, Rejected]]:
    """Every row of a CSV file (gzip too) as a record, or its row number (the header is row 1) and what is wrong with it.

    Raises Rejected when the header has no column for the postcode or the authority, OSError when the file cannot be read,
    UnicodeDecodeError when it is not UTF-8.
    """
    with _open(path) as file:
        rows = csv.reader(file)
        names = _columns([name.strip().lower() for name in next(rows, [])])
        for number, row in enumerate(rows, start=2):
            if not row:
                continue
            given = {name: row[at].strip() if at < len(row) else "" for name, at in names.items()}
            try:
                yield _record(number, given)
            except Rejected as rejected:
                yield number, rejected


def _open(path: Path) -> IO[str]:
    raw = path.open("rb")
    packed = raw.read(2) == b"\x1f\x8b"
    raw.seek(0)
    return io.TextIOWrapper(gzip.GzipFile(fileobj=raw) if packed else raw, encoding="utf-8-sig", newline="")


def _columns(header: list[str]) -> Mapping[str, int]:
    found = {name: header.index(called) for name, names in _COLUMNS.items() for called in names[::-1] if called in header}
    missing = [Issue(Reason.REQUIRED, f"row 1, {_COLUMNS[name][0]}") for name in _REQUIRED if name not in found]
    if missing:
        raise Rejected(Reason.REQUIRED, missing)
    return found


def _record(number: int, given: Mapping[str, str]) -> PostcodeRecord:
    postcode = Postcode.read(given["postcode"])
    lsoa = given.get("lsoa", "")
    known = authority(given["authority"])
    code = known.code if known else given["authority"]
    position = {name: _degrees(given.get(name, ""), *limits) for name, limits in _LIMITS.items()}
    wrong = [name for name, value in position.items() if value == "wrong"]
    wrong += ["postcode"] if postcode is None or postcode.pseudo else []
    wrong += ["authority"] if not _GSS.fullmatch(code) or (code.startswith("W") and known is None) else []
    wrong += ["lsoa"] if lsoa and not _GSS.fullmatch(lsoa) else []
    if wrong or postcode is None:
        raise Rejected(Reason.INVALID, [Issue(Reason.INVALID, f"row {number}, {_COLUMNS[name][0]}") for name in sorted(wrong)])
    latitude, longitude = (None if isinstance(value, str) else value for value in position.values())
    return PostcodeRecord(postcode.value, code, lsoa, latitude, longitude)


def _degrees(written: str, low: float, high: float) -> float | str | None:
    """The number; None when none is given; `wrong` when it is none or lies elsewhere."""
    if not written:
        return None
    try:
        return degrees if low <= (degrees := float(written)) <= high else "wrong"
    except ValueError:
        return "wrong"
