"""Within translating a row: a person's whole name in one cell, as its title, given names and family name."""

from __future__ import annotations

import re

_PARTICLES = frozenset({"ap", "ab", "ferch", "verch", "de", "da", "di", "du", "le", "la", "van", "von", "der", "den", "al", "el", "bin", "binti", "mac", "st"})
_TITLES = frozenset({"mr", "mrs", "ms", "miss", "mx", "dr", "prof", "professor", "rev", "reverend", "sir", "lady", "dame", "cllr", "parch"})
_AND = frozenset({"&", "and", "a", "/"})


def parted(whole: str) -> tuple[str, str, str]:
    """Title, given names and family name: the part before a comma, else the last word with its particle, is the family name."""
    title, bare = _titled(whole)
    before, comma, after = bare.partition(",")
    if comma and after.strip():
        inner, given = _titled(after.strip())
        return title or inner, given, before.strip()
    words = bare.split()
    last = len(words) - 1
    while last > 1 and words[last - 1].casefold().strip(".'’") in _PARTICLES:
        last -= 1
    return title, " ".join(words[:last]), " ".join(words[last:])


def _titled(whole: str) -> tuple[str, str]:
    """The titles before a name, or in brackets after it, and the name without them; a name is left in any case."""
    if found := re.fullmatch(r"(.+?)\s*\(([^()]+)\)", whole):
        return (found[2].strip(), found[1]) if _is_title(found[2]) else ("", whole)
    words = whole.split()
    count = 0
    while count < len(words) - 1 and (_is_title(words[count]) or (count and words[count].casefold() in _AND)):
        count += 1
    return " ".join(words[:count]), " ".join(words[count:])


def _is_title(word: str) -> bool:
    return word.strip().casefold().strip(".") in _TITLES
