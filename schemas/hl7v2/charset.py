"""Between the bytes of an HL7 v2 message and its characters: never a guess, never a `?` in place of a letter (MSH-18, table 0211).

UTF-8 is tried first whatever is declared, because senders declare 8859/1 and send UTF-8. Bytes that are not UTF-8 are read as declared only
where the declaration can be true of them; else as the sender's agreed character set (its profile); else the message is refused.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from schemas.rejection import Issue, Reason, Rejected

# Table 0211 and the spellings that real senders use → Python's name. Only supersets of ASCII that keep the separators readable.
DECLARED = {
    "": "ascii",
    "ASCII": "ascii",
    "UNICODE": "utf-8",
    "UNICODE UTF-8": "utf-8",
    "UNICODE-UTF-8": "utf-8",
    "UTF-8": "utf-8",
    "UTF8": "utf-8",
    "8859/1": "iso8859-1",
    "ISO-8859-1": "iso8859-1",
    "8859/2": "iso8859-2",
    "8859/9": "iso8859-9",
    "8859/14": "iso8859-14",
    "8859/15": "iso8859-15",
    "WINDOWS-1252": "cp1252",
    "CP1252": "cp1252",
}


@dataclass(frozen=True, slots=True)
class Decoded:
    """The characters, the character set that they were read in (Python's name), and a warning when it is not what was declared."""

    text: str
    charset: str
    warnings: tuple[Issue, ...] = ()


def decode(body: bytes, declared: str, agreed: str | None = None) -> Decoded:
    """The characters of `body`, MSH-18 being `declared` and `agreed` the character set of the sender's profile (a 0211 or Python name).

    Raises Rejected ENCODING when neither can be true of the bytes.
    """
    name = DECLARED.get(declared.strip().upper())
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        return _not_utf8(body, name, agreed)
    mismatch = name not in ("utf-8", "ascii") and not text.isascii()
    return Decoded(text, "utf-8", (_mismatch("hl7v2.charset-is-utf8"),) if mismatch else ())


def _not_utf8(body: bytes, name: str | None, agreed: str | None) -> Decoded:
    if name not in (None, "utf-8", "ascii") and (text := _readable(body, str(name))) is not None:
        return Decoded(text, str(name))
    if agreed is not None:
        chosen = DECLARED.get(agreed.strip().upper(), agreed)
        if (text := _readable(body, chosen)) is not None:
            return Decoded(text, chosen, (_mismatch("hl7v2.charset-agreed"),))
    detail = "hl7v2.charset-not-utf8" if name == "utf-8" else "hl7v2.charset-unknown"
    raise Rejected(Reason.ENCODING, (Issue(Reason.ENCODING, "MSH[1]-18", detail),))


def _readable(body: bytes, charset: str) -> str | None:
    """The characters, or None where the bytes are no text in it: 0x92 is an apostrophe in Windows-1252 and a control code in 8859/1."""
    try:
        text = body.decode(charset)
    except (UnicodeDecodeError, LookupError):
        return None
    return None if any("\x80" <= character <= "\x9f" for character in text) else text


def encode(text: str, declared: str = "UNICODE UTF-8", transliterate: bool = False) -> bytes:
    """The bytes of `text` for a receiver that reads `declared`.

    A letter that it cannot hold (ŵ in 8859/1) loses its accent when `transliterate` is agreed, else raises Rejected ENCODING; never a `?`.
    """
    charset = DECLARED.get(declared.strip().upper(), "ascii")
    try:
        return text.encode(charset)
    except UnicodeEncodeError:
        if not transliterate:
            raise _unencodable() from None
    return "".join(character if _holds(character, charset) else _plain_letter(character, charset) for character in text).encode(charset)


def _holds(character: str, charset: str) -> bool:
    try:
        return bool(character.encode(charset))
    except UnicodeEncodeError:
        return False


def _plain_letter(character: str, charset: str) -> str:
    plain = "".join(part for part in unicodedata.normalize("NFKD", character) if not unicodedata.combining(part))
    if not plain or not all(_holds(part, charset) for part in plain):
        raise _unencodable()
    return plain


def _unencodable() -> Rejected:
    return Rejected(Reason.ENCODING, (Issue(Reason.ENCODING, "MSH[1]-18", "hl7v2.charset-cannot-say"),))


def _mismatch(detail: str) -> Issue:
    return Issue(Reason.CHARSET_MISMATCH, "MSH[1]-18", detail)
