"""Read by connectors: whether words say that the person declined to be referred, or does not agree to it. English and Welsh.

A net: whoever is caught by mistake is asked once more, whoever slips through is rung although they said no.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from schemas.codes.requested_service import ServiceState, service_of_text

DECLINES = re.compile(
    r"""\b(?: declin\w* | refus\w* | (?:does|did|do)(?:\ not|n['’]?t)\ (?:want|wish|agree|consent) | not\ (?:want|wish|keen|interested|agree|consent)\w*
    | unwilling | opted\ out | turned\ (?:it\ )?down | gwrthod\w* | wrthod\w* | ddim\ (?:eisiau|am|yn\ dymuno|yn\ cytuno) | ddim\ eisiau )\b""",
    re.IGNORECASE | re.VERBOSE,
)
_THE_SAME = re.compile(
    r"""[\s.,:]*(?: $ | (?: by | this | it | that | these | for | at | today | on | when | after | because | as | the\ (?:offer|referral) | referral | further
    | all | any | support | help | gan | hyn | hynny | am | ar | pan )\b)""",
    re.IGNORECASE | re.VERBOSE,
)
_NAME = re.compile(r"\b(?:social prescri|link worker|(?:p|b|ph|mh)resgripsiyn\w+ cymdeithasol|g?weithiwr cyswllt)", re.IGNORECASE)
_NO_CONSENT = re.compile(
    r"""\b(?: (?:does|did|do|has|have|will|would)(?:\ not|n['’]?t)\ (?:give[n]?\ |gave\ )?consent\w*
    | (?:refus|declin|withdr)\w*\ (?:to\ )?(?:give\ |his\ |her\ |their\ )*consent | no\ consent\ (?:given|to|for) | without\ (?:his\ |her\ |their\ )?consent
    | consent\ (?:is\ |was\ |has\ been\ )?(?:not\ (?:given|obtained|granted)|refused|declined|withdrawn|denied)
    | (?:does|did|do)(?:\ not|n['’]?t)\ (?:want|wish|agree)\ (?:to\ )?(?:be\ )?(?:referred|referral|(?:the\ |this\ |a\ )referral|shar\w+)
    | (?:ddim|heb)\ (?:yn\ )?g?[cg]?ydsynio | (?:ddim|heb)\ roi\ caniatâd )\b""",
    re.IGNORECASE | re.VERBOSE,
)
_MARKS = ("consent", "declin", "refus", "not ", "nt ", "n't ", "n’t ", "unwilling", "opted out", "turned ", "wrthod", "ddim", "heb ")
_SENTENCE = re.compile(r"[.!?;\n]+")
_CLAUSE = re.compile(r"[,:–—|]|\bbut\b|\bond\b", re.IGNORECASE)


def names_something_else(sentence: str) -> bool:
    """A refusal of something named ("Declined physiotherapy.") is not a refusal of what stood before it."""
    return _THE_SAME.match(DECLINES.split(sentence, maxsplit=1)[-1]) is None


def names_it(words: str, state: ServiceState) -> bool:
    """Whether words name social prescribing, also to say no to it; `state` is what they say of the service."""
    return state is ServiceState.SOCIAL_PRESCRIBING or bool(_NAME.search(words))


def declined_in(texts: Iterable[str]) -> bool:
    """Whether one of the texts says that social prescribing was declined, or that there is no consent."""
    return any(_declined(text) for text in texts if _is_worth_a_look(text.lower()))


def _is_worth_a_look(text: str) -> bool:
    return any(mark in text for mark in _MARKS)


def _declined(text: str) -> bool:
    if _NO_CONSENT.search(text):
        return True
    return any(_refuses_it(sentence) for sentence in _SENTENCE.split(text) if DECLINES.search(sentence) and names_it(sentence, service_of_text(sentence)))


def _refuses_it(sentence: str) -> bool:
    """The clause that declines names it, or nothing else."""
    refusing = [clause for clause in _CLAUSE.split(sentence) if DECLINES.search(clause)]
    return any(_NAME.search(clause) or not names_something_else(clause) for clause in refusing)
