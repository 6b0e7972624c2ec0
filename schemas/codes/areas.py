"""Read by places and deciding: the twenty-two local authorities and seven health boards of Wales, by their GSS codes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

from schemas.codes.data_files import data_file
from schemas.words import Text


@dataclass(frozen=True, slots=True)
class Board:
    """A health board: `code` is GSS (W11…), `ods` its code in the NHS (7A…)."""

    code: str
    ods: str
    name: Text


@dataclass(frozen=True, slots=True)
class Authority:
    """A local authority: `code` is GSS (W06…), `board` the GSS code of its health board."""

    code: str
    name: Text
    board: str


@cache
def boards() -> Mapping[str, Board]:
    """Every health board by its GSS code."""
    rows = data_file("areas")["boards"].items()
    return MappingProxyType({code: Board(code, row["ods"], Text(**row["name"])) for code, row in rows})


@cache
def authorities() -> Mapping[str, Authority]:
    """Every local authority by its GSS code."""
    rows = data_file("areas")["authorities"].items()
    return MappingProxyType({code: Authority(code, Text(**row["name"]), row["board"]) for code, row in rows})


def authority(code: str) -> Authority | None:
    """The authority of a GSS code, also of a replaced one; None for any other code."""
    return authorities().get(data_file("areas")["replaced"].get(code, code))


def board_of_ods(ods: str) -> Board | None:
    """The health board of an ODS code, which may be that of a site of it (7A4BV); None for any other."""
    return next((board for board in boards().values() if ods.upper().startswith(board.ods)), None)


def board_of(authority_codes: Iterable[str]) -> Board | None:
    """The one health board that all these authorities share; None when they share none or are none of ours."""
    found = {known.board if (known := authority(code)) else None for code in authority_codes}
    only = found.pop() if len(found) == 1 else None
    return boards()[only] if only else None
