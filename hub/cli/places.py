"""Beside the flow: `hub places`, which resolves postcodes and loads a file of full ones. Needs no store and no broker."""

from __future__ import annotations

import csv
import gzip
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, NoReturn

import orjson
import typer

from hub.errors import Misconfigured
from hub.places import Places
from hub.places.loading import read_postcodes
from hub.places.postcodes import PostcodeRecord, write_postcodes
from schemas.codes.areas import authorities, boards
from schemas.identifiers import Postcode, read_outcode
from schemas.place import Place
from schemas.rejection import Issue, Reason, Rejected

DONE, REJECTED, USAGE = 0, 2, 64
NAMED_AT_MOST = 100
"""So many malformed rows are named; all are counted."""

app = typer.Typer(no_args_is_help=False, help="From a postcode to the areas that it may lie in.")


@app.command()
def resolve(
    postcodes: Annotated[list[str] | None, typer.Argument(help="Postcodes, or districts alone.", show_default=False)] = None,
    file: Annotated[str | None, typer.Option("--file", help="A file with one postcode a line; - is standard input.")] = None,
    places: Annotated[Path | None, typer.Option("--places", help="The folder that 'hub places load' made.")] = None,
) -> None:
    """Say where each postcode lies, one JSON line each."""
    if bool(postcodes) == bool(file):
        _stop("Give postcodes, or --file with a file of them.")
    try:
        tables = Places.load(places)
        written = _lines(file) if file else [*(postcodes or [])]
    except Misconfigured as wrong:
        _stop(wrong.message)
    except OSError:
        _stop(f"{file} cannot be read: check that it is there and is a file that you may read.")
    code = DONE
    for row, text in enumerate(written, start=1):
        if isinstance(text, bytes):
            _say(rejected_row(file or "-", row, Rejected(Reason.ENCODING, [Issue(Reason.ENCODING, f"row {row}")])))
            code = REJECTED
        else:
            _say(resolved(text, tables.resolve(text)))
    raise typer.Exit(code)


@app.command()
def load(
    file: Annotated[Path, typer.Argument(help="A CSV file (gzip too) with the columns postcode, lat, lon, la_gss and lsoa21.")],
    places: Annotated[Path, typer.Option("--places", help="The folder to put the postcodes in.")],
) -> None:
    """Make the set of full postcodes that --places uses elsewhere; rows that are malformed are named, counted and left out."""
    malformed: list[tuple[int, Rejected]] = []
    try:
        loaded = write_postcodes(places, _sound(read_postcodes(file), malformed))
    except Rejected as rejected:
        _say(rejected_row(str(file), 1, rejected))
        raise typer.Exit(REJECTED) from None
    except (OSError, EOFError, UnicodeDecodeError, gzip.BadGzipFile, zlib.error, csv.Error):
        _stop(f"{file} cannot be read or {places} cannot be written: check that both are there, and that the file is a CSV file in UTF-8.")
    for number, why in malformed[:NAMED_AT_MOST]:
        _say(rejected_row(str(file), number, why))
    _say({"file": _printable(str(file)), "loaded": loaded, "malformed": len(malformed), "places": _printable(str(places))})
    raise typer.Exit(REJECTED if malformed else DONE)


def resolved(written: str, place: Place) -> dict[str, object]:
    """The shape that goes out for one postcode: in its usual form where it has the form of one, else as it was written."""
    postcode = Postcode.read(written)
    return {
        "postcode": postcode.value if postcode else read_outcode(written) or _printable(written),
        "certainty": place.certainty.value,
        "authorities": [{"code": area.code, "name": authorities()[area.code].name.en, "weight": area.weight} for area in place.authorities],
        "board": {"code": place.board, "name": boards()[place.board].name.en} if place.board else None,
        "lsoa": place.lsoa,
        "latitude": place.latitude,
        "longitude": place.longitude,
        "country": place.country,
    }


def rejected_row(file: str, row: int, rejected: Rejected) -> dict[str, object]:
    """The shape that goes out for an input that cannot be used."""
    issues = [{"reason": issue.reason.value, "at": issue.at, "text": issue.text.as_dict()} for issue in rejected.issues]
    return {"file": _printable(file), "row": row, "rejected": {"reason": rejected.reason.value, "issues": issues}}


def _lines(file: str) -> list[str | bytes]:
    """Each line's text, or its bytes where they are not UTF-8."""
    raw = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    return [_decoded(line) for line in raw.removeprefix(b"\xef\xbb\xbf").splitlines()]


def _decoded(line: bytes) -> str | bytes:
    try:
        return line.decode("utf-8").strip()
    except UnicodeDecodeError:
        return line


def _printable(written: str) -> str:
    """What was typed, with a mark for bytes that are no text (an argument may hold them)."""
    return written.encode("utf-8", "replace").decode()


def _sound(rows: Iterator[PostcodeRecord | tuple[int, Rejected]], malformed: list[tuple[int, Rejected]]) -> Iterator[PostcodeRecord]:
    for row in rows:
        if isinstance(row, PostcodeRecord):
            yield row
        else:
            malformed.append(row)


def _say(line: dict[str, object]) -> None:
    typer.echo(orjson.dumps(line, option=orjson.OPT_SORT_KEYS))


def _stop(why: str) -> NoReturn:
    typer.echo(why, err=True)
    raise typer.Exit(USAGE)
