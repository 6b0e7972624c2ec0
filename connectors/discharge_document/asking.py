"""Within translating a discharge document: whether the lines of a section plainly ask for social prescribing. Pure words, English and Welsh.

What is not plain is not guessed: a request that may be somebody else's to make, that was declined, or that is only thought of, starts nothing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from schemas.codes.declined import DECLINES, names_it, names_something_else
from schemas.codes.requested_service import ServiceState, service_of_text


class Verdict(StrEnum):
    """What the lines say of social prescribing; the later in this list counts more where several are said."""

    SILENT = "silent"
    NAMED = "named"
    ASKED = "asked"
    DECLINED = "declined"


@dataclass(frozen=True, slots=True)
class Heard:
    """The verdict on a section, and those of its lines that name social prescribing."""

    verdict: Verdict
    lines: tuple[str, ...] = ()


_SENTENCE = re.compile(r"(?<=[.!?;])\s+")
_ASKS = re.compile(
    r"""\b(?: refer | refers | referred | referring | referral | ref['’]?d | please | requests? | requested | requesting | arrange[ds]? | arranging
    | would\ (?:like|benefit|welcome) | wants? | wishes | agrees? | agreed | accepts? | accepted | consents? | consented | needs? | to\ contact | will\ contact
    | input\ from | to\ be\ seen\ by | follow[\ -]?up\ by
    | h?atgyfeir\w* | chyfeir\w* | h?angen | gofyn\w* | gofynnir | os\ gwelwch\ yn\ dda | hoffai | dymuna | cytuno | gytuno
    | trefnu | drefnu | cysylltu | gysylltu )\b""",
    re.IGNORECASE | re.VERBOSE,
)
# Of the words that name it: not asked for, asked for before, or somebody else's to ask.
_DOUBTS = re.compile(
    r"""\b(?: not | no | never | cannot | without | already | known\ to | previous(?:ly)? | past | history | used\ to | formerly | awaiting | ongoing | existing
    | may | might | could | discuss(?:ed)?(?!\ and\ agreed) | unsure | possible | possibly | perhaps | option | pending | (?:in|since)\ (?:19|20)\d\d
    | leaflets? | information\ (?:on|about) | self[\ -]?refer\w* | signpost\w*
    | heb | dim | ddim | nid | nad | na | eisoes | cynt | blaenorol | efallai | gallai | trafod\w* | drafod\w* | taflen\w* | hunanatgyfeirio )\b | n['’]t\b""",
    re.IGNORECASE | re.VERBOSE,
)
# Of the whole sentence: nobody has made up their mind, or it is for the practice to do.
_OPEN = re.compile(
    r"""\b(?: if | unless | whether | consider\w* | gps?\ (?:to|please|is|are|should|could|may|will)
    | (?:please|kindly|ask(?:ed)?|by|via|through)\ (?:the\ |her\ |his\ |their\ |own\ )?gp
    | os\ (?!gwelwch) | ystyri\w* | hystyri\w* | [mf]eddyg\ teulu\ i | (?:gan|drwy|trwy)\ (?:y\ |ei\ )?[mf]eddyg )\b | \?""",
    re.IGNORECASE | re.VERBOSE,
)
_CLAUSE = re.compile(r"[,;:–—|]|\bbut\b|\bond\b", re.IGNORECASE)


def hear(lines: Sequence[str], by_its_heading: bool) -> Heard:
    """What the lines of one section say. `by_its_heading`: whatever is named under it is referred by standing there.

    Declined counts in the sentence itself and in the one that follows it, unless that one says what else was declined.
    """
    said = [(line, sentence) for line in lines for sentence in _SENTENCE.split(line)]
    verdicts = [_verdict(said, index, by_its_heading) for index in range(len(said))]
    naming = tuple(dict.fromkeys(line for (line, _), verdict in zip(said, verdicts, strict=True) if verdict is not Verdict.SILENT))
    return Heard(max(verdicts, key=list(Verdict).index, default=Verdict.SILENT), naming)


def _verdict(said: Sequence[tuple[str, str]], index: int, by_its_heading: bool) -> Verdict:
    line, sentence = said[index]
    state = service_of_text(sentence)
    if not names_it(sentence, state):
        return Verdict.SILENT
    following = said[index + 1][1] if index + 1 < len(said) else ""
    if DECLINES.search(sentence) or (DECLINES.search(following) and not names_something_else(following)):
        return Verdict.DECLINED
    doubted = any(_DOUBTS.search(clause) for clause in _CLAUSE.split(sentence) if names_it(clause, service_of_text(clause)))
    if state is not ServiceState.SOCIAL_PRESCRIBING or doubted or _OPEN.search(line if "?" in line else sentence):
        return Verdict.NAMED
    return Verdict.ASKED if by_its_heading or _ASKS.search(sentence) else Verdict.NAMED
