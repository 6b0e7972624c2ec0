"""Between the characters of a field and the words in it: HL7 v2 escape sequences, decoded and encoded (chapter 2.7)."""

from __future__ import annotations

import re
from functools import lru_cache

from schemas.hl7v2.separators import STANDARD, Separators

# Formatting commands of FT text that mean something to a reader; the others (indent, fill, highlight) say how it looks and are dropped.
_DROPPED = ("H", "N", ".fi", ".nf")


def decode(raw: str, separators: Separators = STANDARD, charset: str = "utf-8") -> str:
    r"""The words of a field: `\F\ \S\ \T\ \R\ \E\ \P\ \Xhh\ \.br\` and the formatting commands of FT replaced; anything else stays as it is.

    `\Xhh…\` holds bytes in the message's own `charset`; bytes that it cannot read, or that are no text (NUL), stay literal.
    """
    if separators.escape not in raw:
        return raw
    plain = _plain(separators)
    return _sequences(separators.escape).sub(lambda found: _meaning(found, plain, charset), raw)


def unfinished(raw: str, separators: Separators = STANDARD) -> bool:
    """Whether an escape character stands in `raw` that begins no known sequence: it is read literally, with a warning."""
    return separators.escape in raw and separators.escape in _sequences(separators.escape).sub("", raw)


def encode(words: str, separators: Separators = STANDARD) -> str:
    r"""A field's characters for `words`: `decode(encode(words)) == words` for every text without control characters but tab, CR and LF.

    Words that are themselves `""` are not the explicit null, and are written so that they do not read as it.
    """
    if words == '""':
        return f"{separators.escape}X2222{separators.escape}"
    return _unsafe(separators).sub(lambda found: _escaped(found.group(), separators), words)


@lru_cache(maxsize=64)
def _sequences(escape: str) -> re.Pattern[str]:
    mark = re.escape(escape)
    known = r"[FSTREPHN]|X(?:[0-9A-Fa-f]{2}){1,64}|\.(?:br|fi|nf|ce|(?:sp|sk)[+]?[0-9]{0,2}|(?:in|ti)[+-]?[0-9]{1,3})"
    return re.compile(f"{mark}({known}){mark}")


@lru_cache(maxsize=64)
def _unsafe(separators: Separators) -> re.Pattern[str]:
    return re.compile(f"[{re.escape(separators.field + separators.encoding)}\x00-\x08\x0a-\x1f\x7f]")


@lru_cache(maxsize=64)
def _plain(separators: Separators) -> dict[str, str]:
    return {
        "F": separators.field,
        "S": separators.component,
        "T": separators.subcomponent,
        "R": separators.repetition,
        "E": separators.escape,
        "P": separators.truncation or "#",
        ".br": "\n",
        ".ce": "\n",
    } | dict.fromkeys(_DROPPED, "")


def _meaning(found: re.Match[str], plain: dict[str, str], charset: str) -> str:
    code = found.group(1)
    if code in plain:
        return plain[code]
    if code.startswith("X"):
        return _hexadecimal(code[1:], charset) or found.group()
    lines = int(code[3:].lstrip("+") or 1) if code[1:3] in ("sp", "sk") else 0
    return {"sp": "\n", "sk": " "}.get(code[1:3], "") * lines


def _hexadecimal(digits: str, charset: str) -> str | None:
    try:
        words = bytes.fromhex(digits).decode(charset)
    except UnicodeDecodeError:
        return None
    return words if all(character.isprintable() or character in "\t\r\n" for character in words) else None


def _escaped(character: str, separators: Separators) -> str:
    names = {
        separators.field: "F",
        separators.component: "S",
        separators.subcomponent: "T",
        separators.repetition: "R",
        separators.escape: "E",
        separators.truncation: "P",
        "\n": ".br",
    }
    code = names.get(character) or f"X{ord(character):02X}"
    return f"{separators.escape}{code}{separators.escape}"
