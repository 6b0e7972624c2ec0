"""HL7 v2 timestamps as FHIR writes them: nothing is made more exact than it was said, and an impossible date is no date."""

from __future__ import annotations

import re
from datetime import datetime

# YYYY[MM[DD[HHMM[SS[.S…]]]]][±ZZZZ], also with the dashes, colons and space that some senders write; a `+` with no offset after it (PIMS) says none.
_TS = re.compile(r"(\d{4})(?:-?(\d{2})(?:-?(\d{2}))?)?(?:[ T]?(\d{2}):?(\d{2})(?::?(\d{2})(?:[.,]\d{1,6})?)?)?(?:([+-]\d{2}:?\d{2}|Z)|\+)?")


def fhir_date(stamp: str) -> str | None:
    """`1950`, `1950-01` or `1950-01-01` of a DT, DTM or TS; None when it is no date that exists."""
    parts = _parts(stamp)
    return _date(parts) if parts else None


def fhir_date_time(stamp: str) -> str | None:
    """A FHIR dateTime; None when it is no moment that exists. A time without an offset gives the date alone: FHIR wants one, the sender named none."""
    parts = _parts(stamp)
    if parts is None or (day := _date(parts)) is None:
        return None
    hour, minute, second, offset = parts[3:]
    if hour is None or offset is None:
        return day
    return f"{day}T{hour}:{minute}:{second or '00'}" + ("Z" if offset == "Z" else f"{offset[:3]}:{offset[-2:]}")


def is_timestamp(stamp: str) -> bool:
    """Whether this reads as a date of eight digits or more: what tells a shifted date from a code."""
    return len(re.sub(r"\D", "", stamp)) >= 8 and fhir_date(stamp) is not None


def stamp(moment: datetime) -> str:
    """MSH-7 for a moment with an offset: `20260302090001+0000`."""
    return moment.strftime("%Y%m%d%H%M%S%z")


def _parts(stamp: str) -> tuple[str | None, ...] | None:
    found = _TS.fullmatch(stamp.strip()) if stamp.isascii() else None
    return found.groups() if found else None


def _date(parts: tuple[str | None, ...]) -> str | None:
    """The date, where the whole timestamp can be true: its time and its offset (at most 14 hours, FHIR dateTime) included."""
    year, month, day, hour, minute, second, offset = parts
    try:
        datetime(int(year or 0), int(month or 1), int(day or 1), int(hour or 0), int(minute or 0), int(second or 0))  # noqa: DTZ001
    except ValueError:
        return None
    if offset not in (None, "Z") and not (int(str(offset)[1:3]) * 60 + int(str(offset)[-2:]) <= 14 * 60 and int(str(offset)[-2:]) < 60):
        return None
    return "-".join(part for part in (year, month, day) if part)
