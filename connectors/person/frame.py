"""On the way out: what stands around the words in an e-mail and in a letter alike: which languages, whose reference, which telephone."""

from __future__ import annotations

from schemas.addressee import Addressee
from schemas.identifiers import ReferralRef
from schemas.messages import Notice
from schemas.words import Text, text

Language = str
BOTH: tuple[Language, ...] = ("cy", "en")
"""Welsh first, as the Welsh language standards ask where it is not known which is wanted."""


def languages(to: Addressee) -> tuple[Language, ...]:
    """In which languages, in order."""
    return (to.language,) if to.language else BOTH


def in_language(words: Text, language: Language) -> str:
    """One of the two."""
    return words.cy if language == "cy" else words.en


def paragraphs(notice: Notice, to: Addressee, language: Language) -> tuple[str, ...]:
    """Which request, what happens next, whom to ring; nothing of why, and no name."""
    about = text(f"person.about.{to.reader}", ref=ReferralRef(notice.ref).spoken)
    ring = text("person.ring", phone=to.sender.phone) if to.sender.phone else text("person.ask")
    return tuple(in_language(words, language) for words in (about, notice.words, ring))
