"""Read by connectors: whether a referral asks for social prescribing, for another service, or does not say."""

from __future__ import annotations

import re
from enum import StrEnum
from functools import cache

from schemas.codes.data_files import HUB_CODES, SNOMED, data_file, system_name

SERVICE_SYSTEM = f"{HUB_CODES}service"
_SENTENCE = re.compile(r"[.;!?\n]")


class ServiceState(StrEnum):
    """What a coding or a text says of the service asked for."""

    SOCIAL_PRESCRIBING = "social-prescribing"
    OTHER = "other"
    UNSTATED = "unstated"


def service_of(system: str | None, code: str | None, words: str | None = None) -> ServiceState:
    """What one coding of a service, category or type says; `words` are its display and the text beside it.

    A need, an activity or a generic referral is no specialty and says nothing; neither does a code that is not known and whose words
    name no specialty.
    """
    if says_declined(system, code or ""):
        return ServiceState.UNSTATED
    named = service_of_text(words)
    if named is ServiceState.SOCIAL_PRESCRIBING or not code:
        return named
    name, plain = system_name(system), code.strip()
    if (name == SNOMED and plain in _codes("social_prescribing", "snomed")) or (
        name == SERVICE_SYSTEM.lower() and plain in _codes("social_prescribing", "hub")
    ):
        return ServiceState.SOCIAL_PRESCRIBING
    if name == SNOMED and plain in _codes("generic", "snomed"):
        return ServiceState.UNSTATED
    if name.endswith("0281") and plain.upper() in data_file("services")["hl7_other"]:
        return ServiceState.OTHER
    return named


def says_declined(system: str | None, code: str) -> bool:
    """Whether a coding says that the person declined social prescribing: it names the service, and asks for nothing."""
    return system_name(system) == SNOMED and code.strip() in _codes("refusing", "snomed")


def service_of_text(words: str | None) -> ServiceState:
    """What words that name a service say: social prescribing anywhere in them wins, unless it is what they say no to; else another specialty,
    where they name nothing more.

    "Referral to cardiology clinic" names another service, and so does "not social prescribing"; "support after cardiology treatment" does not.
    """
    sentences = [_plain(sentence) for sentence in _SENTENCE.split((words or "").casefold())]
    plain = " ".join(sentence for sentence in sentences if sentence)
    if not plain or plain in _codes("generic", "texts"):
        return ServiceState.UNSTATED
    naming = [sentence for sentence in sentences if _social_prescribing().search(sentence)]
    if any(_social_prescribing().search(_refused().sub(" ", sentence)) for sentence in naming):
        return ServiceState.SOCIAL_PRESCRIBING
    if any(_refused().search(sentence) for sentence in naming):
        return ServiceState.OTHER
    return ServiceState.OTHER if _only_a_specialty(plain) else ServiceState.UNSTATED


def service_of_specialty(code: str | None, words: str | None = None) -> ServiceState:
    """What a field that holds a specialty says: a treatment function or main specialty (100 to 999), a code of HL7 table 0281, or its words."""
    plain = (code or "").strip()
    named = service_of_text(words) if words else service_of_text(plain)
    if named is not ServiceState.UNSTATED:
        return named
    if re.fullmatch("[1-9][0-9]{2}", plain, re.ASCII) or plain.upper() in data_file("services")["hl7_other"]:
        return ServiceState.OTHER
    return ServiceState.UNSTATED


def specialty_name(code: str) -> str | None:
    """The English name of a treatment function or main specialty code; None for one that is not listed."""
    name: str | None = data_file("services")["specialties"].get(code.strip())
    return name


@cache
def _codes(part: str, kind: str) -> frozenset[str]:
    return frozenset(data_file("services")[part][kind])


def _plain(sentence: str) -> str:
    return " ".join("and" if word == "&" else word for word in re.findall(r"[\w&]+", sentence))


@cache
def _refused() -> re.Pattern[str]:
    """Social prescribing after a word that says no to it, with nothing between them that says anything."""
    refusing, between = (f"(?:{'|'.join(map(re.escape, data_file('services')['refusing'][name]))})" for name in ("words", "between"))
    return re.compile(rf"(?<!\w){refusing}(?: {between})* {_social_prescribing().pattern}")


@cache
def _social_prescribing() -> re.Pattern[str]:
    return _any_of(data_file("services")["social_prescribing"]["texts"], ending="s?")


def _only_a_specialty(plain: str) -> bool:
    around = _codes("generic", "around")
    if not _words_of_specialties().issuperset(word for word in plain.split() if word not in around):
        return False
    bare, rest = (" ".join(word for word in words.split() if word not in around) for words in (plain, _specialties().sub(" ", plain)))
    return bool(bare) and not rest


@cache
def _specialties() -> re.Pattern[str]:
    return _any_of(_names_of_specialties())


@cache
def _words_of_specialties() -> frozenset[str]:
    return frozenset(word for name in _names_of_specialties() for word in name.split())


def _names_of_specialties() -> list[str]:
    lists = data_file("services")
    return [*lists["specialties"].values(), *lists["other"]["texts"], *lists["other"]["who"]]


def _any_of(names: list[str], ending: str = "") -> re.Pattern[str]:
    return re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, sorted(names, key=len, reverse=True)))}){ending}(?!\w)")
