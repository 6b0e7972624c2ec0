"""Behind triage: which risks a person's words name, in English and in Welsh, and are not denied."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from hub.deciding.denial import Answer, Denial, Heard
from hub.deciding.phrases import Phrases, Read, read
from hub.deciding.policy import Policy, Words
from schemas.rejection import Reason


class Screen:
    """One policy's phrases, made ready once."""

    def __init__(self, words: Words) -> None:
        self._holds: Mapping[Reason, Phrases] = {reason: _phrases(by_language) for reason, by_language in words.holds.items()}
        self._practical, self._asks = _phrases(words.practical), _phrases(words.asks)
        self._harmless = Phrases(words.harmless)
        self._denial = Denial(words)
        self._by_self_only, self._thought = frozenset(words.not_denied_by_others), frozenset(words.not_denied_by_plan)

    def hear(self, text: str) -> Heard:
        """A text made ready, once for all questions; what was said of something harmless is silenced."""
        whole = read(text)
        silent = {at for start, end in self._harmless.found(whole) for at in range(start, end)}
        words = tuple("\x00" if at in silent else word for at, word in enumerate(whole.words)) if silent else whole.words
        heard = Read(words, whole.breaks)
        places = {reason: tuple(phrases.found(heard)) for reason, phrases in self._holds.items()}
        return Heard(heard, places, frozenset(at for found in places.values() for start, end in found for at in range(start, end)))

    def holds(self, heard: Heard) -> tuple[Reason, ...]:
        """Which reasons to hold the words give, in the policy's order."""
        return tuple(reason for reason, places in heard.places.items() if places and self._risk(reason, heard))

    def practical(self, heard: Heard) -> bool:
        """Whether somebody has no food, heat or shelter."""
        return self._said(self._practical, heard)

    def asks(self, heard: Heard) -> bool:
        """Whether the words plainly ask for what social prescribing gives."""
        return self._said(self._asks, heard)

    def _risk(self, reason: Reason, heard: Heard) -> bool:
        """Said anywhere; or a plan is denied and nowhere the thought itself."""
        by_others, answers = reason not in self._by_self_only, set[Answer]()
        for start, end in heard.places[reason]:
            answers.add(self._denial.answer(heard, start, end, by_others))
            if Answer.SAID in answers:
                return True
        return reason in self._thought and Answer.PLAN_DENIED in answers and Answer.THOUGHTS_DENIED not in answers

    def _said(self, phrases: Phrases, heard: Heard) -> bool:
        return any(self._denial.answer(heard, start, end, by_others=True) is Answer.SAID for start, end in phrases.found(heard.text))


def _phrases(by_language: Mapping[str, tuple[str, ...]]) -> Phrases:
    return Phrases(by_language.get("en", ()), by_language.get("cy", ()))


@lru_cache(maxsize=8)
def screen_of(policy: Policy) -> Screen:
    """The screen of a policy, made once (policies are equal when their bytes are)."""
    return Screen(policy.rules.words)
