"""Before translating, and for the pages that ask: which fields the form has, what each may hold, and how much of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

CONSENT_VERSION = "2026-11"
"""The version of the words that a person agrees to (`web.consent.*`); a change of those words is a new version."""
CONSENT_VERSIONS = frozenset({CONSENT_VERSION})
"""Every version that was ever shown: a form that was open on a screen, or printed, while the words changed still counts."""

Way = Literal["myself", "someone-else", "professional", "call-handler"]
WAYS: tuple[Way, ...] = ("myself", "someone-else", "professional", "call-handler")
"""How the form comes about; the last two need an organisation's link."""

LARGEST = 256 * 1024
MOST_FIELDS = 200
_LINE, _TEXT, OWN_WORDS = 200, 2_000, 10_000

NEEDS_BY_GROUP: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "people": ("loneliness", "bereavement", "caring", "parenting", "youth", "volunteering"),
        "feeling": ("wellbeing", "physical-activity", "healthy-eating", "stopping-smoking", "substance-use", "long-term-condition"),
        "home": ("money", "food", "warm-home", "housing", "homelessness", "home-safety", "legal-advice"),
        "doing": ("arts-and-culture", "nature-and-gardening", "learning", "employment", "digital", "transport"),
        "support": ("disability-support", "dementia-support", "veterans", "language-and-culture", "conversation"),
    }
)
"""The needs in the order in which the form asks for them; each is a code of schemas/codes/needs.toml."""

_METHODS = ("phone", "text", "email", "letter", "visit")
_ACCESS = ("large-print", "easy-read", "braille", "audio", "sign-language", "hearing-loop", "step-free", "quiet", "carer", "travel", "home-visit")


@dataclass(frozen=True, slots=True)
class Field:
    """One field: at most `limit` characters a value; `many` may be given more than once; a value outside `options` is not taken."""

    name: str
    limit: int = _LINE
    many: bool = False
    options: tuple[str, ...] = ()


def _choice(name: str, *options: str) -> Field:
    return Field(name, options=options)


def _choices(name: str, *options: str) -> Field:
    return Field(name, many=True, options=options)


_ALL = (
    Field("request", 36),
    _choice("way", *WAYS),
    _choice("page_language", "en", "cy"),
    Field("consent_version", 20),
    # what it is about
    Field("matters", OWN_WORDS),
    _choices("need", *(code for group in NEEDS_BY_GROUP.values() for code in group)),
    _choice("level", "signposting", "some-help", "alongside", "unsure"),
    # who
    Field("given"),
    Field("family"),
    Field("birth_day", 10),
    Field("birth_month", 10),
    Field("birth_year", 10),
    Field("address", _TEXT),
    Field("postcode", 20),
    _choice("no_fixed_address", "yes"),
    Field("nhs_number", 40),
    Field("surgery"),
    # how to reach them, and what is safe
    Field("phone", 60),
    _choice("phone_message", "yes", "no"),
    Field("email", 254),
    _choice("email_safe", "yes", "no"),
    _choice("letter_safe", "yes", "no"),
    _choices("contact_by", *_METHODS),
    _choices("contact_when", "morning", "afternoon", "evening"),
    Field("contact_notes", _TEXT),
    _choice("language_spoken", "cy", "en", "bfi", "other"),
    Field("language_other"),
    _choice("language_written", "cy", "en"),
    _choice("interpreter", "yes"),
    _choices("access", *_ACCESS),
    Field("access_notes", _TEXT),
    _choice("device", "own", "shared", "none"),
    # who is asking for them
    Field("helper_name"),
    Field("helper_role"),
    Field("helper_phone", 60),
    Field("helper_email", 254),
    _choice("arrived_by", "phone", "paper"),
    Field("paper_day", 10),
    Field("paper_month", 10),
    Field("paper_year", 10),
    # agreement
    _choice("consent", "yes"),
    _choice("share", "yes", "ask", "no"),
)
FIELDS: Mapping[str, Field] = MappingProxyType({field.name: field for field in _ALL})
