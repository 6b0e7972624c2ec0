"""Within translating a hospital's message: whether a coded, numeric or short answer says yes or no to what its OBX asks."""

from __future__ import annotations

import re

from schemas.hl7v2 import Repetition, Segment

_NO = frozenset(
    (
        *("n", "no", "none", "nil", "false", "f", "neg", "negative", "absent", "never", "denied", "denies", "not present", "not detected", "not evident"),
        *("na", "nac oes", "nac ydy", "nac ydw", "naddo", "nid oes", "dim", "dim un", "byth"),
    )
)
_YES = frozenset(("y", "yes", "true", "t", "1", "positive", "present", "agreed", "ie", "oes", "ydw", "ydy", "cytuno"))
_NUMBER = re.compile(r"[<>=]*\s*[-+]?\d+(?:[.,]\d+)?")
_DENIES = re.compile(r"\b(?:no|not|non|never|without|denie[sd]|denying|negative for|nid|nad|nac|dim|ddim|heb|gwadu|yn gwadu)\b", re.IGNORECASE)
_OF_CODE, _OF_WORDS = (1, 4), (2, 5)


def readings(one: Repetition) -> list[str]:
    """The ways in which an answer is said, its words first: components 2 and 5, then the codes 1 and 4; a number beside words is their code.

    Text with component marks in it is read component by component, as CE is; nothing is lost, for 3 and 6 name code systems.
    """
    parts = ["", *(part.strip() for part in one.components), *[""] * 5]
    words = [parts[number] for number in _OF_WORDS if parts[number]]
    codes = [parts[number] for number in _OF_CODE if parts[number]]
    return words + [code for code in codes if not words or not _NUMBER.fullmatch(code)]


def says_no(obx: Segment) -> bool:
    """Whether every repetition of OBX-5 plainly says no, none or zero; never when there is none."""
    said = obx.field(5).repetitions
    return bool(said) and all(_is_no(one) for one in said)


def _is_no(one: Repetition) -> bool:
    if not (read := readings(one)):
        return False
    return all(_plain(said) in _NO or _is_zero(said) for said in read)


def _plain(said: str) -> str:
    return " ".join(said.casefold().strip(" .!").split())


def _is_zero(said: str) -> bool:
    return bool(_NUMBER.fullmatch(said)) and not re.search(r"[1-9<>]", said)


def without_denial(question: str) -> str:
    """What a question denies, for one whose answer is no ("No suicidal thoughts: no"); empty when it denies nothing."""
    return _DENIES.sub(" ", question).strip() if _DENIES.search(question) else ""


def says_yes(segment: Segment, number: int = 5) -> bool:
    """Whether every repetition of a field plainly says yes; a doubt, a condition or a no beside it is none."""
    said = segment.field(number).repetitions
    return bool(said) and all((read := readings(one)) and all(_plain(word) in _YES for word in read) for one in said)
