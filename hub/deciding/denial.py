"""Behind the screen: whether what stands at a place of a person's words is denied there, wholly, in part, or not believably."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto

from hub.deciding.phrases import COMMA, LINE, NONE, SEMICOLON, STOP, Phrases, Read
from hub.deciding.policy import Words
from schemas.rejection import Reason

_REACH = 40  # words before a risk in which a denial is looked for
_TURN = 8  # words after it in which the same sentence may take the denial back
_LATER = 14  # words after it in which the next sentence may


class Answer(Enum):
    """What the words say of a risk at one place. A denied plan leaves open what is thought; denied thoughts leave no plan."""

    SAID = auto()
    DENIED = auto()
    THOUGHTS_DENIED = auto()
    PLAN_DENIED = auto()


@dataclass(frozen=True, slots=True)
class Heard:
    """A text made ready for the screen: where the phrases of each reason stand; `risky` are the words that belong to any of them."""

    text: Read
    places: Mapping[Reason, tuple[tuple[int, int], ...]]
    risky: frozenset[int]


class Denial:
    """How a policy's words deny."""

    def __init__(self, words: Words) -> None:
        self._nots, self._denials = frozenset(words.nots), frozenset(words.denials)
        self._between, self._others, self._lacking = frozenset(words.between), frozenset(words.others), frozenset(words.lacking)
        self._undone_before, self._undone_after = frozenset(words.undone_before), frozenset(words.undone_after)
        self._turns, self._dark = frozenset(words.turns), frozenset(words.dark)
        self._plain, self._social = frozenset(words.plain), frozenset(words.social)
        self._told_to, self._said_by, self._reporting = frozenset(words.told_to), frozenset(words.said_by), frozenset(words.reporting)
        self._plans, self._thoughts, self._fillers = frozenset(words.plans), frozenset(words.thoughts), frozenset(words.fillers)
        self._answers, self._undone_later = Phrases(words.answers), Phrases(words.undone_later)

    def answer(self, heard: Heard, start: int, end: int, by_others: bool) -> Answer:
        """What is said of the risk from `start` to before `end`. `by_others`: whether another person's denial counts too."""
        first = self._before(heard, start, end, by_others)
        if first is None and not self._after(heard.text, end):
            return Answer.SAID
        denies = first is not None and heard.text.words[first] in self._denials
        if self._taken_back(heard, end) or (not by_others and self._told_by_others(heard.text, end, denies)):
            return Answer.SAID
        return self._extent(heard, start if first is None else first, start, end)

    def _before(self, heard: Heard, start: int, end: int, by_others: bool) -> int | None:
        """Where a word that denies stands before it, with nothing in between but words that may."""
        text, listed = heard.text, False
        for index in range(start - 1, max(-1, start - _REACH), -1):
            if text.breaks[index + 1] >= LINE:
                return None
            word = text.words[index]
            listed = listed or text.breaks[index + 1] == COMMA or word in ("and", "ac")
            if word in self._nots or word in self._denials:
                return index if self._stands(text, index, by_others) and (not listed or self._bare(heard, end)) else None
            if word not in self._between and index not in heard.risky:
                return None
        return None

    def _stands(self, text: Read, index: int, by_others: bool) -> bool:
        """Whether the word that denies is not itself denied, of another time, or another person's."""
        earlier = text.words[max(0, index - 3) : index]
        if any(word in self._undone_before for word in earlier):
            return False
        if text.words[index] in self._denials:
            return not any(word in self._nots for word in earlier) and (by_others or not any(word in self._others for word in earlier))
        return not (text.words[index] in self._lacking and text.breaks[index] == NONE and bool(earlier) and earlier[-1] in self._nots)

    def _bare(self, heard: Heard, end: int) -> bool:
        """Whether an item of a list is only named: "self-harm, overdose", not "overdose last night"."""
        text = heard.text
        while end < len(text.words) and text.breaks[end] == NONE and (text.words[end] in self._between or end in heard.risky):
            end += 1
        return text.break_before(end) > NONE

    def _after(self, text: Read, end: int) -> bool:
        """An answer that stands alone after it, over a colon or a few plain words, never over a comma or another line."""
        for first, last in self._answers.found(text, end, end + 5):
            plain = all(word in self._between for word in text.words[end:first])
            if plain and all(text.breaks[at] < COMMA for at in range(end, last)) and text.break_before(last) > NONE:
                return True
        return False

    def _taken_back(self, heard: Heard, end: int) -> bool:
        """Whether the sentence turns ("but", "until"), or what follows says the contrary ("has a plan", "told me otherwise")."""
        text = heard.text
        for index in range(end, min(end + _TURN, len(text.words))):
            word, before = text.words[index], text.breaks[index]
            if before == STOP:
                break
            if word in self._undone_after or (word in self._turns and self._is_dark(heard, index + 1)):
                return True
            if before in (COMMA, SEMICOLON) and word not in self._between and index not in heard.risky:
                break
        return any(first == 0 or text.words[first - 1] not in self._nots for first, _ in self._undone_later.found(text, end, end + _LATER))

    def _is_dark(self, heard: Heard, first: int) -> bool:
        """Whether what follows a turn, to the end of its sentence, takes the denial back. Plain being and having ("is very lonely") do so only
        where nothing plainly social is what is meant."""
        text, last = heard.text, first
        while last < len(text.words) and text.breaks[last] < STOP:
            last += 1
        words = text.words[first:last]
        if any(at in heard.risky for at in range(first, last)) or not self._dark.isdisjoint(set(words) - self._plain):
            return True
        return not self._plain.isdisjoint(words) and self._social.isdisjoint(words)

    def _told_by_others(self, text: Read, end: int, denies: bool) -> bool:
        """Whether it was denied to somebody close ("denies it to her family"), or is somebody else's word ("reported by the husband")."""
        for index in range(end, min(end + 7, len(text.words))):
            word = text.words[index]
            if text.breaks[index] > NONE:
                return False
            if (denies and word in self._told_to) or (word in self._said_by and text.words[index - 1] in self._reporting):
                return any(other in self._others for other in text.words[index + 1 : index + 3])
        return False

    def _extent(self, heard: Heard, first: int, start: int, end: int) -> Answer:
        """Of a denial that begins at `first`: whether it names thoughts, or a plan and no thoughts."""
        text, last, before = heard.text, end, start - 1
        while last < len(text.words) and text.breaks[last] < LINE and (text.words[last] in self._between or last in heard.risky):
            last += 1
        if not self._thoughts.isdisjoint(text.words[first:last]):
            return Answer.THOUGHTS_DENIED
        while before > first and text.words[before] in self._fillers:
            before -= 1
        planned = (end < last and text.words[end] in self._plans) or (before >= first and text.words[before] in self._plans)
        return Answer.PLAN_DENIED if planned else Answer.DENIED
