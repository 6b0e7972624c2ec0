"""Within translating a row: its cells as words, each under the hub's field; what is wrong with the row as a whole is refused here."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from connectors.batch_csv.columns import LEFT_OUT, columns, field_of, likely_field, plain
from connectors.batch_csv.consents import refuses
from connectors.batch_csv.table import is_json, read_json, read_row
from connectors.batch_csv.values import fhir_day, phone_number
from schemas.fhir.strict_json import dump
from schemas.hl7v2.charset import DECLARED
from schemas.messages import InboundMessage
from schemas.rejection import Issue, Reason, Rejected

Pairs = Sequence[tuple[str, object]]
LONGEST_CELL = 20_000
MONTH_FIRST = "month-first"
_DATES = ("birth_date", "referred_on")
_CONTROL = {code: " " for code in (*range(0x20), *range(0x7F, 0xA0)) if code not in (0x09, 0x0A)}  # FHIR's strings hold none (R4 2.24.0.1)
_BLANK = "".join(chr(code) for code in range(0x3001) if chr(code).isspace()) + "\u200b\u2060\ufeff"


@dataclass(frozen=True, slots=True)
class Row:
    """One row: `cells` by field, each value once; `unknown` what stands in columns that nobody knows, `refusals` what of it
    may refuse something; `number` as the file's reader counts."""

    number: int
    cells: Mapping[str, tuple[str, ...]] = field(repr=False)
    unknown: tuple[str, ...] = field(default=(), repr=False)
    refusals: tuple[str, ...] = field(default=(), repr=False)
    warnings: tuple[Issue, ...] = ()
    month_first: bool = False

    def at(self, name: str = "") -> str:
        """Where a fault is: `row 3, need`."""
        return place(self.number, name)

    def all(self, name: str) -> tuple[str, ...]:
        """Every value of a field."""
        return self.cells.get(name, ())

    def one(self, name: str) -> str | None:
        """The field's only value; None when there is none, or two that differ (which is warned about)."""
        found = self.all(name)
        return found[0] if len(found) == 1 else None

    @property
    def key(self) -> str:
        """The same for the same row, however it was written, and wherever it stands: a hash of what its known fields say, and of what may refuse
        something: a row that came before and says no now is another one."""
        known = {name: sorted(_bare(name, value, self.month_first) for value in values) for name, values in self.cells.items()}
        if self.refusals:
            known["refusals"] = sorted(self.refusals)
        return hashlib.sha256(dump(known, sort=True)).hexdigest()


def place(number: int, name: str = "") -> str:
    """A row, and a field of it."""
    return f"row {number}, {name}" if name else f"row {number}"


def number_of(message: InboundMessage) -> int:
    """The row's number as the file's reader counts: in CSV the header line is row 1, in NDJSON the first line."""
    return message.number if is_json(message.body) else message.number + 1


def read(message: InboundMessage) -> Row:
    """The row of a message. Raises Rejected with every fault of the row as a whole, placed at it."""
    number = number_of(message)
    try:
        pairs, charset_warning = _pairs(message)
    except Rejected as fault:
        raise Rejected(fault.reason, [_placed(issue, number) for issue in fault.issues]) from None
    month_first = MONTH_FIRST in message.profile.dialect
    found: dict[str, list[str]] = defaultdict(list)
    unknown: dict[str, None] = {}
    nested = []
    refusals = []
    fields = _fields(pairs, message.profile.columns)
    for name, value in pairs:
        known = fields[name]
        nested += [known] if known and known != LEFT_OUT and _is_nested(value) else []
        for words in _values(value):
            if known is None:
                unknown[words] = None
                refusals += [f"{name}: {words}"] if refuses(name, words) else []
            elif known != LEFT_OUT:
                found[known].append(words)
    cells = {name: _each_once(name, values, month_first) for name, values in found.items()}
    _refuse(number, cells, pairs, nested)
    warnings = [Issue(charset_warning, place(number), "batch.charset-utf-8")] if charset_warning else []
    warnings += [Issue(Reason.UNKNOWN_ELEMENT, place(number), "batch.unknown-columns", {"count": str(len(unknown))})] if unknown else []
    warnings += [Issue(Reason.ELEMENT_REMOVED, place(number, name), "batch.twice") for name in _said_twice(cells)]
    return Row(number, cells, tuple(unknown), tuple(refusals), tuple(warnings), month_first)


def _fields(pairs: Pairs, agreed: Mapping[str, str]) -> Mapping[str, str | None]:
    """The field of each column; one that is only like a known name stands back where another column has the name itself."""
    exact = {name: field_of(name, agreed) for name, _ in pairs}
    taken = set(exact.values())
    likely = {name: likely_field(name) for name, known in exact.items() if known is None}
    return exact | {name: known for name, known in likely.items() if known and (known not in taken or columns()[known].many)}


def _bare(name: str, value: str, month_first: bool) -> str:
    """What two ways of writing one thing have in common: no capitals, accents, spaces and points; a date's day; a telephone's leading 0."""
    if name == "phone":
        value = phone_number(value) or value
    return (fhir_day(value, month_first=month_first) if name in _DATES else None) or plain(value).replace(" ", "") or value


def _each_once(name: str, values: Sequence[str], month_first: bool) -> tuple[str, ...]:
    if len(values) == 1:
        return (values[0],)
    found: dict[str, str] = {}
    for words in values:
        found.setdefault(_bare(name, words, month_first), words)
    return tuple(found.values())


def _is_nested(value: object) -> bool:
    return isinstance(value, dict) or (isinstance(value, list) and any(map(_is_nested, value)))


def _placed(issue: Issue, number: int) -> Issue:
    return Issue(issue.reason, place(number), issue.detail, issue.params)


def _pairs(message: InboundMessage) -> tuple[Pairs, Reason | None]:
    """Column names and values as characters, and whether they were in another character set than agreed."""
    if is_json(message.body):
        return read_json(message.body), None
    sent = [part for pair in read_row(message.body) for part in pair]
    agreed = message.profile.charset
    text = [_decoded(part, agreed) for part in sent]
    is_other = agreed is not None and not _is_utf8(agreed) and any(not part.isascii() and _utf8(part) is not None for part in sent)
    return list(zip(text[::2], text[1::2], strict=True)), Reason.CHARSET_MISMATCH if is_other else None


def _decoded(part: bytes, agreed: str | None) -> str:
    """UTF-8, or what was agreed with this client; nothing is guessed. Raises Rejected ENCODING."""
    text = _utf8(part)
    if text is None and agreed is not None and not _is_utf8(agreed):
        text = _in(part, DECLARED.get(agreed.strip().upper(), agreed))
    if text is None:
        raise Rejected(Reason.ENCODING, [Issue(Reason.ENCODING, "", "batch.encoding")])
    return text


def _utf8(part: bytes) -> str | None:
    try:
        return part.decode("utf-8")
    except UnicodeDecodeError:
        return None


def _in(part: bytes, charset: str) -> str | None:
    try:
        found = part.decode(charset)
    except (UnicodeDecodeError, LookupError):
        return None
    return None if any("\x80" <= letter <= "\x9f" for letter in found) else found


def _is_utf8(charset: str) -> bool:
    return DECLARED.get(charset.strip().upper()) == "utf-8"


def _values(value: object) -> Iterator[str]:
    """The words of a cell; of a JSON value, a list's items one by one, and whatever is deeper as it was written."""
    if isinstance(value, list):
        for item in value:
            yield from _values(item)
    elif value is not None:
        text = value if isinstance(value, str) else str(value) if isinstance(value, Decimal) else dump(value).decode()
        if words := text.replace("\r\n", "\n").replace("\r", "\n").translate(_CONTROL).strip(_BLANK):
            yield words


def _said_twice(cells: Mapping[str, tuple[str, ...]]) -> Iterator[str]:
    """Fields that can say one thing only and are given two; what is heard together (NHS numbers, answers) is judged elsewhere."""
    together = ("nhs_number", "consent", "consent_community", "deceased", "safe_message", "safe_letter", "safe_email", "priority", *_OF_THE_ROW)
    return (name for name, values in cells.items() if len(values) > 1 and not columns()[name].many and name not in together)


_OF_THE_ROW = ("action", "reference")


def _refuse(number: int, cells: Mapping[str, tuple[str, ...]], pairs: Pairs, nested: Sequence[str]) -> None:
    """Raises Rejected where a row cannot be relied on: no known column, a cell too long, a line end where none can be (two persons in one row),
    an object in a cell, two actions or references."""
    faults = [Issue(Reason.STRUCTURE, place(number, name), "batch.nested") for name in dict.fromkeys(nested)]
    if not cells:
        faults.append(Issue(Reason.REQUIRED, place(number), "batch.no-columns" if pairs else "batch.no-rows"))
    for name, values in cells.items():
        if any(len(words) > LONGEST_CELL for words in values):
            faults.append(Issue(Reason.TOO_LARGE, place(number, name), "batch.cell-too-long", {"limit": str(LONGEST_CELL)}))
        if not columns()[name].lines and any("\n" in words for words in values):
            faults.append(Issue(Reason.STRUCTURE, place(number, name), "batch.line-end"))
        if name in _OF_THE_ROW and len(values) > 1:
            faults.append(Issue(Reason.INVALID, place(number, name), "batch.twice-of-row"))
    if faults:
        raise Rejected(faults[0].reason, faults)
