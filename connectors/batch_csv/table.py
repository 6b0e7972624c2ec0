"""Before the door asks for one message at a time: a file of bytes becomes its rows, each with the header line, so that each says all by itself.

Nothing is decoded here. Commas, quotes and line ends are the same bytes in UTF-8 and Windows-1252, and no letter's bytes hold them. A row comes
out as its non-empty cells in the order of their column's names, so that the same row is the same bytes however its file was saved. A row that
cannot be read so (too many cells, too few, a quote in the wrong place) comes out as it stands, to be refused alone when it is read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import islice

from connectors.batch_csv.columns import field_of, likely_field
from schemas.fhir.strict_json import Caps, dump, parse
from schemas.rejection import Issue, Reason, Rejected

MOST_BYTES = 64 * 2**20
MOST_ROWS = 50_000
MOST_LINES = MOST_ROWS + 1_000
MOST_COLUMNS = 200
LONGEST_ROW = 256 * 1024
_BOM = b"\xef\xbb\xbf"
_DELIMITERS = b",;\t"
_MOST_TITLES = 10
_NOTHING = b",;\t \r\n\x0b\x0c"
_CAPS = Caps(body=LONGEST_ROW, depth=8, keys=MOST_COLUMNS, string=LONGEST_ROW)
_NOT_A_TABLE = {
    rb"PK\x03\x04|\xd0\xcf\x11\xe0": "batch.spreadsheet",
    rb"%PDF|<[A-Za-z?!]": "batch.not-a-table",
    rb"\[\s*[\[{\]]": "batch.json-list",
}
Cells = tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class _Record:
    """One record of a CSV file: its cells, the bytes that it was written in, and whether its quotes are sound."""

    cells: Cells
    written: bytes = field(repr=False)
    is_sound: bool = True

    @property
    def is_blank(self) -> bool:
        return self.is_sound and not any(cell.strip() for cell in self.cells)


def messages(content: bytes) -> tuple[bytes, ...]:
    """The rows of a file in order, each a message; empty for a blank row, so that the n-th is always the n-th of the file.

    Raises Rejected for what is no such file: empty, a spreadsheet's own format, UTF-16, too large, no rows.
    """
    _refuse_what_is_no_table(content)
    plain = content.removeprefix(_BOM)
    made = tuple(_json_rows(plain)) if is_json(plain) else tuple(_csv_rows(plain))
    while made and not made[-1]:
        made = made[:-1]
    if not made:
        raise _rejected(Reason.NO_REFERRAL, "batch.no-rows")
    if len(made) > MOST_ROWS:
        raise _rejected(Reason.TOO_LARGE, "batch.too-many-rows", limit=str(MOST_ROWS))
    return made


def is_json(body: bytes) -> bool:
    """Whether these are JSON objects, one a line."""
    return body.removeprefix(_BOM)[:4096].lstrip().startswith(b"{")


def _rejected(reason: Reason, detail: str, at: str = "file", **params: str) -> Rejected:
    return Rejected(reason, [Issue(reason, at, detail, params)])


def _refuse_what_is_no_table(content: bytes) -> None:
    head = content.removeprefix(_BOM)[:4096].lstrip()
    if len(content) > MOST_BYTES:
        raise _rejected(Reason.TOO_LARGE, "batch.file-too-large", limit=str(MOST_BYTES // 2**20))
    if not head:
        raise _rejected(Reason.NO_REFERRAL, "batch.no-rows")
    for begins, detail in _NOT_A_TABLE.items():
        if re.match(begins, head):
            raise _rejected(Reason.UNSUPPORTED_MEDIA, detail)
    if content[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in content:
        raise _rejected(Reason.ENCODING, "batch.utf-16")


# --- NDJSON -----------------------------------------------------------------------------------------------------------------------------


def _json_rows(content: bytes) -> Iterator[bytes]:
    """A line that is no object gets the brace by which it is still known for a line of such a file, and is refused when it is read."""
    if content.count(b"\n") > MOST_LINES:
        raise _rejected(Reason.TOO_LARGE, "batch.too-many-rows", limit=str(MOST_ROWS))
    for line in content.split(b"\n"):
        plain = line.strip()
        try:
            yield dump({name: value for name, value in parse(plain, _CAPS).items() if value not in (None, "", [])}, sort=True) if plain else b""
        except Rejected:
            yield (plain if is_json(plain) else b"{" + plain)[: LONGEST_ROW + 1]


def read_json(body: bytes) -> Sequence[tuple[str, object]]:
    """The names and values of one object. Raises Rejected, placed where JSON says."""
    return tuple(parse(body, _CAPS).items())


# --- CSV --------------------------------------------------------------------------------------------------------------------------------


def read_row(body: bytes) -> Sequence[tuple[bytes, bytes]]:
    """Column name and cell of a message that holds the header line and one row. Raises Rejected (structure, too-large, unsupported-batch) with
    what is wrong with the row as a whole; the place is the caller's to say."""
    if len(body) > LONGEST_ROW:
        raise _rejected(Reason.TOO_LARGE, "batch.row-too-large", "", limit=str(LONGEST_ROW // 1024))
    records = [one for one in _records(body, _delimiter(body)) if not one.is_blank]
    if len(records) != 2:
        raise _rejected(*((Reason.UNSUPPORTED_BATCH, "batch.several-rows") if len(records) > 2 else (Reason.NO_REFERRAL, "batch.no-rows")), "")
    header, row = records
    if not header.is_sound or len(header.cells) > MOST_COLUMNS:
        raise _rejected(Reason.STRUCTURE, "batch.header", "", limit=str(MOST_COLUMNS))
    if not row.is_sound:
        raise _rejected(Reason.STRUCTURE, "batch.quotes", "")
    if len(row.cells) != len(header.cells):
        detail = "batch.cells-too-many" if len(row.cells) > len(header.cells) else "batch.cells-too-few"
        raise _rejected(Reason.STRUCTURE, detail, "", found=str(len(row.cells)), wanted=str(len(header.cells)))
    return tuple(zip(header.cells, row.cells, strict=True))


def _csv_rows(content: bytes) -> Iterator[bytes]:
    """An empty message for each line before the header but one, so that places are counted from the line after the first."""
    delimiter = _delimiter(content)
    records = list(islice(_records(content, delimiter), MOST_LINES + 1))
    if len(records) > MOST_LINES:
        raise _rejected(Reason.TOO_LARGE, "batch.too-many-rows", limit=str(MOST_ROWS))
    place = _place_of_names(records)
    yield from [b""] * place
    header, rows = records[place], records[place + 1 :]
    head = header.written.rstrip(b"\r\n") + b"\r\n"
    wanted = len(_trimmed(header.cells))
    sizes = [_size(one, wanted, len(header.cells)) for one in rows]
    for at, row in enumerate(rows):
        if row.is_blank:
            yield b""
        elif header.is_sound and row.is_sound and (sizes[at] == wanted or (_ends_line(row) and _ends_early(rows, sizes, at, wanted))):
            yield _written((name, cell) for name, cell in zip(header.cells, row.cells, strict=False) if cell.strip())
        else:
            yield (head + row.written.rstrip(b"\r\n"))[: LONGEST_ROW + 1]


def _place_of_names(records: Sequence[_Record]) -> int:
    """Where the line of names stands: the first that says something, or below a title: lines that fill one cell each, where the next one fills more and
    names a column that is known. A row of somebody's is never taken for it."""
    said = [at for at, one in enumerate(records[:_MOST_TITLES]) if one.written.strip(_NOTHING) and not _is_hint(one)]
    filled = {at: sum(bool(cell.strip()) for cell in records[at].cells) for at in said}
    first = said[0] if said else 0
    if filled.get(first, 0) != 1 or not records[first].is_sound:
        return first
    below = next((at for at in said if filled[at] > 1), first)
    names = (cell.decode("utf-8", "replace") for cell in records[below].cells)
    return below if any(field_of(name, {}) or likely_field(name) for name in names) else first


def _size(row: _Record, wanted: int, most: int) -> int:
    """How many cells a row has, as far as it matters: those beyond the last name may be missing, or stand there without one (up to `most`, which
    the line of names has); empty ones at the end may be any number."""
    filled = len(_trimmed(row.cells))
    return filled if filled > most else min(len(row.cells), wanted)


def _ends_line(row: _Record) -> bool:
    """Whether a line end stands after the row: a last row without one and with too few cells is what is left of a file that was cut off, and what
    is missing may be a risk or a no."""
    return row.written[-1:] in (b"\r", b"\n")


def _ends_early(rows: Sequence[_Record], sizes: Sequence[int], at: int, wanted: int) -> bool:
    """Whether a row with too few cells only lost empty ones at its end, as spreadsheets write them, and is not half of a row that a line end
    within an unquoted cell broke: then the other half would stand beside it."""
    if sizes[at] > wanted:
        return False
    beside = [n for n in (at - 1, at + 1) if 0 <= n < len(rows) and not rows[n].is_blank]
    return all(rows[n].is_sound and (sizes[n] == wanted or (sizes[n] == sizes[at] and 2 * sizes[n] != wanted + 1)) for n in beside)


def _trimmed(cells: Cells) -> Cells:
    """Without the empty cells at the end."""
    size = len(cells)
    while size and not cells[size - 1].strip():
        size -= 1
    return cells[:size]


def _is_hint(record: _Record) -> bool:
    """`sep=;`, which Excel understands, is not the header."""
    return bool(re.fullmatch(rb"sep=[,;\t]?", b"".join(record.cells[:1]).strip().lower())) and not any(record.cells[1:])


def _written(pairs: Iterable[tuple[bytes, bytes]]) -> bytes:
    """A column without a name is one that nobody knows."""
    named = sorted((name.strip() or b"?", cell) for name, cell in pairs)
    return _line(tuple(name for name, _ in named)) + _line(tuple(cell for _, cell in named))


def _line(cells: Cells) -> bytes:
    return b",".join(_quoted(cell) for cell in cells) + b"\r\n"


def _quoted(cell: bytes) -> bytes:
    return b'"' + cell.replace(b'"', b'""') + b'"' if re.search(rb'[",;\t\r\n]|^\s|\s$', cell) else cell


def _delimiter(content: bytes) -> bytes:
    """Comma, semicolon or tab: whichever parts the header line most, a comma where none does."""
    lines = (line for line in content[: 2 * LONGEST_ROW].splitlines() if line.strip(_NOTHING) and not line.strip().lower().startswith(b"sep="))
    outside = [re.sub(rb'"(?:[^"]|"")*+"', b"", line) for line in islice(lines, _MOST_TITLES)]
    head = next((line for line in outside if re.search(rb"[,;\t]", line)), b"")
    return max((_DELIMITERS[at : at + 1] for at in range(len(_DELIMITERS))), key=head.count)


def _records(content: bytes, delimiter: bytes) -> Iterator[_Record]:
    """The records of a file. A quote that opens and does not close before a delimiter spoils its own line and no more."""
    at, begun, cells, sound = 0, 0, list[bytes](), True
    while at < len(content) or cells:
        found = _cell(delimiter).match(content, at)
        quoted = found[1] if found else None
        if found is None or found.end() - at > LONGEST_ROW:
            found, sound = _plain(delimiter).match(content, at), False
        assert found is not None
        cells.append(quoted.replace(b'""', b'"') if quoted is not None and sound else found[found.lastindex or 0])
        at = found.end()
        if content[at : at + 1] == delimiter and len(cells) <= 10 * MOST_COLUMNS:
            at += 1
            continue
        at = _line_end(content, at)
        yield _Record(tuple(cells), content[begun:at], sound)
        begun, cells, sound = at, [], True


def _line_end(content: bytes, at: int) -> int:
    """Where the next line begins; from the middle of a line that nobody reads on, after it."""
    found = re.compile(rb"[^\r\n]*(?:\r\n|\r|\n|\Z)").match(content, at)
    return found.end() if found else len(content)


@cache
def _cell(delimiter: bytes) -> re.Pattern[bytes]:
    """A quoted cell (group 1), or a plain one that does not begin with a quote (group 2)."""
    end = rb"(?=[\r\n]|\Z|" + delimiter + rb")"
    return re.compile(rb'[ ]*+"((?:[^"]|"")*+)"[ ]*+' + end + rb'|(?![ ]*+")([^\r\n' + delimiter + rb"]*+)")


@cache
def _plain(delimiter: bytes) -> re.Pattern[bytes]:
    return re.compile(rb"[^\r\n" + delimiter + rb"]*+")
