"""Within translating a Planned Care Referral record: items that the data set does not name and that nobody may leave unread: a death, a refusal."""

from __future__ import annotations

import re
from collections.abc import Iterator

from connectors.pcr_dataset.items import FIELDS
from schemas.fhir.strict_json import JsonObject

_DEATH = re.compile(r"death|deceased|passed ?away|\b(?:died|marw\w*|farw|wedimarw|bufarw|ymadawedig)\b|died ?(?:date|on)\b")
_OF_ANOTHER = re.compile(r"\b(?:partner|spouse|husband|wife|kin|mother|father|parent|carer|relative|risk)\b")
_CONSENT = re.compile(r"consent|agree(?!ment(?! to))|permission|caniat|ganiat|ydsyni")
_REFUSAL = re.compile(r"refus|declin(?:ed|es)|withdr[ae]w|withheld|dissent|objects\b|objected|objection|opt(?:ed|s)? ?out|do ?not ?contact|gwrthod")
_SAYS_NO = re.compile(r"\b(?:not given|refus\w+|declin\w+|denied|withdr[ae]w\w*|withheld|revoked|not obtained|did not|does not|gwrthod\w*)\b")
_NO = frozenset(("n", "no", "false", "0", "na", "alive"))
_UNSAID = frozenset(
    ("", "u", "unknown", "null", "n/a", "none", "nil", "-", "not known", "not applicable", "not recorded", "9999-12-31", "99991231", "00000000", "0001-01-01")
)


def may_have_died(body: JsonObject) -> bool:
    """Whether an item about the person's death says anything but no: a date, a yes, or what nobody knows."""
    return any(_DEATH.search(name) and not _OF_ANOTHER.search(name) and said not in _NO | _UNSAID for name, said in _in_words(body))


def may_refuse(body: JsonObject) -> bool:
    """Whether an item about consent says no, or one about a refusal says anything but no."""
    return any(_refuses(name, said) for name, said in _in_words(body))


def _refuses(name: str, said: str) -> bool:
    if _REFUSAL.search(name):
        return said not in _NO | _UNSAID
    return bool(_CONSENT.search(name)) and (said in _NO or bool(_SAYS_NO.search(said)))


_WORDS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|[._\-\s]+")


def _in_words(body: JsonObject) -> Iterator[tuple[str, str]]:
    """Each unlisted item with its name as words: `DateOfDeath` is "date of death", and a person who studied has not died."""
    return ((_WORDS.sub(" ", name).casefold(), said) for name, said in _unnamed(body, ""))


def _unnamed(value: object, within: str) -> Iterator[tuple[str, str]]:
    """Each text, number and truth of an item that is not listed, in small letters, with its whole name."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _unnamed(inner, f"{within}.{name}" if within else name)
    elif isinstance(value, list):
        for inner in value:
            yield from _unnamed(inner, within)
    elif value is not None and within not in FIELDS:
        yield within, str(value).strip().casefold()
