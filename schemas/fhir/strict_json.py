"""At both doors: bytes of JSON become a dict, or are refused with every fault that can be named; dicts become bytes again.

What orjson and json let pass in silence is refused here: duplicate keys, NaN, infinities, numbers that no receiver can hold,
lone surrogates, NUL, nesting that exhausts a parser. Numbers keep their text: `1.10` is written as `1.10` again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NoReturn

import orjson

from schemas.rejection import Issue, Reason, Rejected

JsonObject = dict[str, Any]  # Any: other people's JSON, checked against a schema before it is read


@dataclass(frozen=True, slots=True)
class Caps:
    """How much is read before we stop: bytes of the body, levels of nesting, keys in all, items of lists that are no objects in all (FHIR has few),
    characters of a string, digits of a number."""

    body: int = 1_048_576
    depth: int = 64
    keys: int = 5_000
    items: int = 2_000
    string: int = 65_536
    digits: int = 64


DEFAULT = Caps()


class Number(Decimal):
    """A JSON number that keeps the text it was written in where a Decimal would write it otherwise (`1e5`, which becomes `1E+5`)."""

    __slots__ = ("text",)
    text: str

    def __new__(cls, written: str) -> Number:
        number = super().__new__(cls, written)
        number.text = written
        return number


def parse(body: bytes, caps: Caps = DEFAULT) -> JsonObject:
    """The JSON object that `body` holds, keys in the order sent, numbers with a fraction or exponent as `Decimal`, which `dump` writes as they were.

    Raises Rejected (too-large, encoding, too-deep, not-json, duplicate-key, structure) with every fault and its path.
    """
    written = _text(body, caps)
    marks = _marks(written)
    _check_depth(marks, caps)
    strict = _Strict(caps)
    try:
        found = strict.decoder.decode(written)
    except (ValueError, OverflowError, _FaultFound):
        _refuse(written, caps)
    if not isinstance(found, dict):
        raise _rejected(Reason.STRUCTURE, "$", "fhir.json.not-object")
    if strict.keys > caps.keys:
        raise _rejected(Reason.TOO_LARGE, "$", "fhir.json.too-many-keys", limit=str(caps.keys))
    if marks.count(",") > strict.keys + caps.items:  # at most one for each key and for each item that is no object with a key
        raise _rejected(Reason.TOO_LARGE, "$", "fhir.json.too-many-items", limit=str(caps.items))
    if ("\\u" in written or len(written) > caps.string) and (faults := tuple(_faults(found, "$", caps))):
        raise Rejected(faults[0].reason, faults)
    return found


def dump(value: object, *, sort: bool = False) -> bytes:
    """UTF-8 JSON of `value`, keys in insertion order or sorted; each number that was parsed exactly as it was written."""
    return orjson.dumps(value, default=_fragment, option=orjson.OPT_SORT_KEYS if sort else None)


def _fragment(value: object) -> orjson.Fragment:
    if isinstance(value, Number):
        return orjson.Fragment(value.text)
    if isinstance(value, Decimal):
        return orjson.Fragment(str(value))
    raise TypeError(f"no JSON form for {type(value).__name__}")


def _rejected(reason: Reason, at: str, detail: str, **params: str) -> Rejected:
    return Rejected(reason, (Issue(reason, at, detail, params),))


def _text(body: bytes, caps: Caps) -> str:
    if len(body) > caps.body:
        raise _rejected(Reason.TOO_LARGE, "$", "fhir.json.too-large", limit=str(caps.body))
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        where = f"byte {fault.start + 1}"
    raise _rejected(Reason.ENCODING, where, "fhir.json.not-utf8")


_BRACKET = re.compile(r"[\[\]{}]")
_ALL_BUT_MARKS = bytes(set(range(256)) - set(b'[]{},"'))


def _marks(written: str) -> str:
    """The brackets and commas that are structure and stand in no string. What follows a quote that never ends is string: the parser sees it so too.

    Two quotes side by side are a string without any mark, or end one string and begin the next.
    """
    plain = written.replace("\\\\", "").replace('\\"', "") if "\\" in written else written
    marks = plain.encode("utf-8", "surrogatepass").translate(None, _ALL_BUT_MARKS).decode("ascii").replace('""', "")
    return "".join(marks.split('"')[::2])


def _check_depth(marks: str, caps: Caps) -> None:
    """Before any recursive parser sees the text."""
    rest = marks.replace(",", "")
    for _ in range(caps.depth // 2):  # each round takes the innermost pairs away, two levels at the most
        if not rest:
            return
        rest = rest.replace("{}", "").replace("[]", "")
    depth = 0
    for bracket in _BRACKET.findall(marks):
        if bracket in "{[":
            depth += 1
            if depth > caps.depth:
                raise _rejected(Reason.TOO_DEEP, "$", "fhir.json.too-deep", limit=str(caps.depth))
        else:
            depth -= 1


class _FaultFound(Exception):  # noqa: N818  (never leaves this module: it stops the quick reading)
    """The quick reading met something that must be named by the slow one."""


class _Strict:
    """The quick reading: one pass of the standard decoder, which stops at the first fault."""

    def __init__(self, caps: Caps) -> None:
        self.keys = 0
        self.caps = caps
        self.decoder = json.JSONDecoder(
            object_pairs_hook=self._object, parse_float=self._number, parse_int=self._integer, parse_constant=_stop
        )

    def _object(self, pairs: list[tuple[str, Any]]) -> JsonObject:
        found = dict(pairs)
        if len(found) != len(pairs):
            raise _FaultFound
        self.keys += len(pairs)
        return found

    def _number(self, written: str) -> Decimal:
        if not _is_sound(written, self.caps):
            raise _FaultFound
        number = Decimal(written)
        return number if str(number) == written else Number(written)

    def _integer(self, written: str) -> int | Decimal:
        if len(written) < 18 and written != "-0":
            return int(written)
        return self._number(written)


def _stop(_name: str) -> NoReturn:
    raise _FaultFound


def _is_sound(written: str, caps: Caps) -> bool:
    exponent = written.lower().partition("e")[2]
    return len(written) <= caps.digits and len(exponent) <= 4 and abs(float(written)) != float("inf")


@dataclass(frozen=True, slots=True)
class _Pairs:
    """An object as it was written, repeated keys and all."""

    pairs: list[tuple[str, Any]]


@dataclass(frozen=True, slots=True)
class _BadNumber:
    """A number that no receiver can hold."""


def _refuse(written: str, caps: Caps) -> NoReturn:
    """Reads once more, slowly, to name every fault: the quick reading only knows that there is one."""

    def number(text: str) -> Any:  # Any: whatever stands in the tree that is only walked for faults
        return 0 if _is_sound(text, caps) else _BadNumber()

    decoder = json.JSONDecoder(object_pairs_hook=_Pairs, parse_float=number, parse_int=number, parse_constant=lambda _name: _BadNumber())
    try:
        tree = decoder.decode(written)
    except json.JSONDecodeError as fault:
        where = f"line {fault.lineno}, column {fault.colno}"
    else:
        faults = tuple(_faults(tree, "$", caps))
        raise Rejected(faults[0].reason, faults)
    raise _rejected(Reason.NOT_JSON, where, "fhir.json.not-json")


_UNSOUND_TEXT = re.compile("[\x00\ud800-\udfff]")
_NAME = re.compile(r"_?[A-Za-z]+(?:\d{1,2}[A-Za-z]+)?")


def shown(name: str) -> str:
    """An element's name as a path may show it; a key that could be no element's name is not repeated."""
    return name if len(name) <= 48 and _NAME.fullmatch(name) else "?"


def _faults(node: object, path: str, caps: Caps) -> Iterator[Issue]:
    if isinstance(node, _BadNumber):
        yield Issue(Reason.STRUCTURE, path, "fhir.json.number")
    elif isinstance(node, str):
        yield from _string_faults(node, path, caps)
    elif isinstance(node, list):
        for index, item in enumerate(node):
            yield from _faults(item, f"{path}[{index}]", caps)
    elif isinstance(node, (_Pairs, dict)):
        pairs = node.pairs if isinstance(node, _Pairs) else list(node.items())
        yield from _object_faults(pairs, path, caps)


def _object_faults(pairs: list[tuple[str, Any]], path: str, caps: Caps) -> Iterator[Issue]:
    kind = next((value for key, value in pairs if key == "resourceType" and isinstance(value, str)), None)
    if path == "$" and kind is not None and shown(kind) != "?":
        path = kind
    seen: set[str] = set()
    for key, value in pairs:
        where = f"{path}.{shown(key)}"
        if key in seen:
            yield Issue(Reason.DUPLICATE_KEY, where)
        seen.add(key)
        yield from _string_faults(key, where, caps)
        yield from _string_faults(value, where, caps, of_bytes=key == "data") if isinstance(value, str) else _faults(value, where, caps)


def _string_faults(value: str, path: str, caps: Caps, *, of_bytes: bool = False) -> Iterator[Issue]:
    """`of_bytes`: an attachment in base64 (FHIR R4, Attachment.data), which is as long as the body lets it be."""
    if len(value) > caps.string and not of_bytes:
        yield Issue(Reason.TOO_LARGE, path, "fhir.json.string", {"limit": str(caps.string)})
    if _UNSOUND_TEXT.search(value):
        yield Issue(Reason.STRUCTURE, path, "fhir.json.text")
