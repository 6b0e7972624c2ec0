"""Behind triage: finds phrases of risk in a person's words, in English and in Welsh (mutated too), and knows when they are denied."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from hub.deciding.policy import Policy, Words
from schemas.rejection import Reason

_TOKEN = re.compile(r"[^\W_]+|[^\w\s]|_|\n")
_ELIDED = re.compile(r"(?<=\w)['\u2019\u2018`\u00b4]([iunr])\b", re.IGNORECASE)
_IN_FULL = {"i": " ei", "u": " eu", "n": " yn", "r": " y"}
_SILENT = re.compile("['\u2019\u2018`\u00b4]")
_HARD, _LINE, _COMMA, _COLON, _NONE = 4, 3, 2, 1, 0
_BREAKS = {**dict.fromkeys(".;!?", _HARD), "\n": _LINE, **dict.fromkeys(",()[]", _COMMA), **dict.fromkeys(":=–—", _COLON)}
_INVISIBLE = dict.fromkeys((0xAD, 0x200B, 0x200C, 0x200D, 0x2060, 0xFEFF))  # soft hyphens and spaces of no width may stand within a word
_FIRST = 3  # letters of a stem that `x*` phrases are looked up by

# Welsh initial mutations (soft, nasal, aspirate), longest beginning first.
_MUTATIONS = (
    ("ll", ("l",)), ("rh", ("r",)), ("ch", ()), ("dd", ()), ("ph", ()), ("th", ()),
    ("c", ("g", "ngh", "ch")), ("p", ("b", "mh", "ph")), ("t", ("d", "nh", "th")),
    ("g", ("", "ng")), ("b", ("f", "m")), ("d", ("dd", "n")), ("m", ("f",)),
    ("a", ("ha",)), ("e", ("he",)), ("i", ("hi",)), ("o", ("ho",)), ("u", ("hu",)), ("w", ("hw",)), ("y", ("hy",)),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Read:
    """A text as words without accents, and the break before each."""

    words: tuple[str, ...]
    breaks: tuple[int, ...]

    def break_before(self, index: int) -> int:
        """How strong the break before a word is; the text's end is a hard one."""
        return self.breaks[index] if index < len(self.words) else _HARD


def read(text: str) -> Read:
    """Small letters, no accents, no apostrophes; hyphens and slashes part words and nothing more. Welsh words that were shortened after a
    vowel stand in full: `niweidio'i hun` is `niweidio ei hun`."""
    visible = text.translate(_INVISIBLE).replace("\r\n", "\n").replace("\r", "\n")
    plain = "".join(c for c in unicodedata.normalize("NFKD", visible) if not unicodedata.combining(c))
    words: list[str] = []
    breaks: list[int] = []
    pending = _NONE
    full = _ELIDED.sub(lambda found: _IN_FULL[found[1].casefold()], plain)
    for token in _TOKEN.findall(_SILENT.sub("", full).casefold()):
        if token[0].isalnum():
            words.append(token)
            breaks.append(pending)
            pending = _NONE
        else:
            pending = max(pending, _BREAKS.get(token, _NONE))
    return Read(tuple(words), tuple(breaks))


@dataclass(frozen=True, slots=True)
class _Phrase:
    words: tuple[frozenset[str], ...]
    stems: tuple[tuple[str, ...], ...]
    forbidden: frozenset[str]
    forbidden_stems: tuple[str, ...]

    def ends(self, text: Read, start: int) -> int | None:
        """The index after the phrase when it stands at `start`, else None."""
        end = start + len(self.words)
        if end > len(text.words):
            return None
        for offset, (exact, stems) in enumerate(zip(self.words, self.stems, strict=True)):
            word = text.words[start + offset]
            if (word not in exact and not word.startswith(stems)) or (offset and text.breaks[start + offset] not in (_NONE, _LINE)):
                return None
        if text.break_before(end) == _NONE and (text.words[end] in self.forbidden or text.words[end].startswith(self.forbidden_stems)):
            return None
        return end


def _phrase(written: str, forms: Callable[[str], Iterable[str]]) -> _Phrase:
    wanted, _, unwanted = written.partition(" ! ")
    slots = [[form for word in slot.split("|") for form in forms(word)] for slot in wanted.split()]
    banned = unwanted.replace(" ", "|").split("|") if unwanted else []
    return _Phrase(
        tuple(frozenset(form for form in slot if not form.endswith("*")) for slot in slots),
        tuple(tuple(form[:-1] for form in slot if form.endswith("*")) for slot in slots),
        frozenset(word for word in banned if not word.endswith("*")),
        tuple(word[:-1] for word in banned if word.endswith("*")),
    )


def mutated(word: str) -> tuple[str, ...]:
    """A Welsh word and its mutated forms (without accents)."""
    for beginning, others in _MUTATIONS:
        if word.startswith(beginning):
            return (word, *(other + word[len(beginning) :] for other in others if len(other + word) - len(beginning) > 1))
    return (word,)


class Phrases:
    """A list of phrases that is looked up by each word of a text, so that a long text costs its length and not its length times the list."""

    def __init__(self, english: Iterable[str], welsh: Iterable[str] = ()) -> None:
        self._exact: dict[str, list[_Phrase]] = {}
        self._stems: dict[str, list[_Phrase]] = {}
        for phrase in (*(_phrase(each, lambda word: (word,)) for each in english), *(_phrase(each, mutated) for each in welsh)):
            for word in phrase.words[0]:
                self._exact.setdefault(word, []).append(phrase)
            for stem in {stem[:_FIRST] for stem in phrase.stems[0]}:
                self._stems.setdefault(stem, []).append(phrase)

    def found(self, text: Read, first: int = 0, last: int | None = None) -> Iterator[tuple[int, int]]:
        """Every place where a phrase stands, beginning at `first` or later and before `last`: from its first word to after its last."""
        for start in range(first, len(text.words) if last is None else min(last, len(text.words))):
            word = text.words[start]
            for phrase in (*self._exact.get(word, ()), *self._stems.get(word[:_FIRST], ())):
                if (end := phrase.ends(text, start)) is not None:
                    yield start, end


class Denial:
    """Whether what stands at a place of a text is denied there."""

    def __init__(self, words: Words) -> None:
        self._nots, self._denials = frozenset(words.nots), frozenset(words.denials)
        self._between, self._others = frozenset(words.between), frozenset(words.others)
        self._undone_before, self._undone_after = frozenset(words.undone_before), frozenset(words.undone_after)
        self._answers = Phrases(words.answers)

    def holds(self, heard: Heard, start: int, end: int, by_others: bool) -> bool:
        """`by_others`: whether another person's denial counts too."""
        if self._taken_back(heard.text, end):
            return False
        return self._before(heard, start, end, by_others) or self._after(heard.text, end)

    def _before(self, heard: Heard, start: int, end: int, by_others: bool) -> bool:
        """A word that denies stands before it, with nothing in between but words that may."""
        text, listed = heard.text, False
        for index in range(start - 1, max(-1, start - 40), -1):
            if text.breaks[index + 1] >= _LINE:
                return False
            word = text.words[index]
            listed = listed or text.breaks[index + 1] == _COMMA or word in ("and", "ac")
            if word in self._nots or word in self._denials:
                return self._stands(text, index, by_others) and (not listed or self._bare(heard, end))
            if word not in self._between and index not in heard.risky:
                return False
        return False

    def _stands(self, text: Read, index: int, by_others: bool) -> bool:
        """Whether the word that denies is not itself denied, of another time, or another person's."""
        earlier = text.words[max(0, index - 3) : index]
        if any(word in self._undone_before for word in earlier):
            return False
        if text.words[index] in self._denials:
            return not any(word in self._nots for word in earlier) and (by_others or not any(word in self._others for word in earlier))
        return True

    def _bare(self, heard: Heard, end: int) -> bool:
        """Whether an item of a list is only named: "self-harm, overdose", not "overdose last night"."""
        text = heard.text
        while end < len(text.words) and text.breaks[end] == _NONE and (text.words[end] in self._between or end in heard.risky):
            end += 1
        return text.break_before(end) > _NONE

    def _taken_back(self, text: Read, end: int) -> bool:
        for index in range(end, min(end + 5, len(text.words))):
            if text.breaks[index] == _HARD:
                return False
            if text.words[index] in self._undone_after:
                return True
        return False

    def _after(self, text: Read, end: int) -> bool:
        """An answer that stands alone after it, over a colon or a few plain words, never over a comma or another line."""
        for first, last in self._answers.found(text, end, end + 5):
            plain = all(word in self._between for word in text.words[end:first])
            if plain and all(text.breaks[at] < _COMMA for at in range(end, last)) and text.break_before(last) > _NONE:
                return True
        return False


@dataclass(frozen=True, slots=True)
class Heard:
    """A text made ready for the screen: `risky` are the words that belong to a phrase of risk."""

    text: Read
    risky: frozenset[int]


class Screen:
    """One policy's phrases, made ready once."""

    def __init__(self, words: Words) -> None:
        self._holds: Mapping[Reason, Phrases] = {reason: _phrases(by_language) for reason, by_language in words.holds.items()}
        self._practical, self._asks = _phrases(words.practical), _phrases(words.asks)
        self._harmless = Phrases(words.harmless)
        self._denial = Denial(words)
        self._by_self_only = frozenset(words.not_denied_by_others)

    def hear(self, text: str) -> Heard:
        """A text made ready, once for all questions; what was said of something harmless is silenced."""
        whole = read(text)
        silent = {at for start, end in self._harmless.found(whole) for at in range(start, end)}
        words = tuple("\x00" if at in silent else word for at, word in enumerate(whole.words)) if silent else whole.words
        heard = Read(words, whole.breaks)
        risky = (at for phrases in self._holds.values() for start, end in phrases.found(heard) for at in range(start, end))
        return Heard(heard, frozenset(risky))

    def holds(self, heard: Heard) -> tuple[Reason, ...]:
        """Which reasons to hold the words give, in the policy's order."""
        return tuple(reason for reason, phrases in self._holds.items() if self._said(phrases, heard, reason not in self._by_self_only))

    def practical(self, heard: Heard) -> bool:
        """Whether somebody has no food, heat or shelter."""
        return self._said(self._practical, heard, True)

    def asks(self, heard: Heard) -> bool:
        """Whether the words plainly ask for what social prescribing gives."""
        return self._said(self._asks, heard, True)

    def _said(self, phrases: Phrases, heard: Heard, by_others: bool) -> bool:
        return any(not self._denial.holds(heard, start, end, by_others) for start, end in phrases.found(heard.text))


def _phrases(by_language: Mapping[str, tuple[str, ...]]) -> Phrases:
    return Phrases(by_language.get("en", ()), by_language.get("cy", ()))


@lru_cache(maxsize=8)
def screen_of(policy: Policy) -> Screen:
    """The screen of a policy, made once (policies are equal when their bytes are)."""
    return Screen(policy.rules.words)
