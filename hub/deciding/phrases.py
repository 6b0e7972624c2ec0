"""Behind the screen: a person's words made ready, and phrases of a policy looked up in them, in English and in Welsh (mutated too)."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

_TOKEN = re.compile(r"[^\W_]+|[^\w\s]|_|\n")
_ELIDED = re.compile(r"(?<=\w)['\u2019\u2018`\u00b4]([iunr])\b", re.IGNORECASE)
_IN_FULL = {"i": " ei", "u": " eu", "n": " yn", "r": " y"}
_SILENT = re.compile("['\u2019\u2018`\u00b4]")
STOP, SEMICOLON, LINE, COMMA, COLON, NONE = 5, 4, 3, 2, 1, 0
"""How strong a break before a word is."""
_BREAKS = {**dict.fromkeys(".!?", STOP), ";": SEMICOLON, "\n": LINE, **dict.fromkeys(",()[]", COMMA), **dict.fromkeys(":=–—", COLON)}
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
        return self.breaks[index] if index < len(self.words) else STOP


def read(text: str) -> Read:
    """Small letters, no accents, no apostrophes; hyphens and slashes part words and nothing more. Welsh words that were shortened after a
    vowel stand in full: `niweidio'i hun` is `niweidio ei hun`."""
    visible = text.translate(_INVISIBLE).replace("\r\n", "\n").replace("\r", "\n")
    plain = "".join(c for c in unicodedata.normalize("NFKD", visible) if not unicodedata.combining(c))
    words: list[str] = []
    breaks: list[int] = []
    pending = NONE
    full = _ELIDED.sub(lambda found: _IN_FULL[found[1].casefold()], plain)
    for token in _TOKEN.findall(_SILENT.sub("", full).casefold()):
        if token[0].isalnum():
            words.append(token)
            breaks.append(pending)
            pending = NONE
        else:
            pending = max(pending, _BREAKS.get(token, NONE))
    return Read(tuple(words), tuple(breaks))


@dataclass(frozen=True, slots=True)
class _Phrase:
    words: tuple[frozenset[str], ...]
    stems: tuple[tuple[str, ...], ...]
    forbidden: frozenset[str]
    forbidden_stems: tuple[str, ...]
    second: frozenset[str] | None  # its second words when they are all whole words, looked at before anything else

    def ends(self, text: Read, start: int) -> int | None:
        """The index after the phrase when it stands at `start`, else None."""
        end = start + len(self.words)
        if end > len(text.words):
            return None
        for offset, (exact, stems) in enumerate(zip(self.words, self.stems, strict=True)):
            word = text.words[start + offset]
            if (word not in exact and not word.startswith(stems)) or (offset and text.breaks[start + offset] not in (NONE, LINE)):
                return None
        if text.break_before(end) == NONE and (text.words[end] in self.forbidden or text.words[end].startswith(self.forbidden_stems)):
            return None
        return end


def _phrase(written: str, forms: Callable[[str], Iterable[str]]) -> _Phrase:
    wanted, _, unwanted = written.partition(" ! ")
    slots = [[form for word in slot.split("|") for form in forms(word)] for slot in wanted.split()]
    banned = unwanted.replace(" ", "|").split("|") if unwanted else []
    exact = tuple(frozenset(form for form in slot if not form.endswith("*")) for slot in slots)
    stems = tuple(tuple(form[:-1] for form in slot if form.endswith("*")) for slot in slots)
    return _Phrase(
        exact,
        stems,
        frozenset(word for word in banned if not word.endswith("*")),
        tuple(word[:-1] for word in banned if word.endswith("*")),
        exact[1] if len(slots) > 1 and not stems[1] else None,
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
        words, size = text.words, len(text.words)
        for start in range(first, size if last is None else min(last, size)):
            word, following = words[start], words[start + 1] if start + 1 < size else ""
            for phrase in (*self._exact.get(word, ()), *self._stems.get(word[:_FIRST], ())):
                if phrase.second is not None and following not in phrase.second:
                    continue
                if (end := phrase.ends(text, start)) is not None:
                    yield start, end
