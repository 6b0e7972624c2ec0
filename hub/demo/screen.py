"""Beside the flow: how the demonstration speaks to who watches: plain sentences in one language, times in front, colour where there is a terminal."""

from __future__ import annotations

import sys
import textwrap
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TextIO

from schemas.words import Text, text

_WIDTH = 108
_RESET, _BOLD, _DIM, _GREEN, _RED = "\x1b[0m", "\x1b[1m", "\x1b[2m", "\x1b[32m", "\x1b[31m"


@dataclass(slots=True)
class Screen:
    """What was begun is numbered; `failed` is whether anything that should have been seen was not."""

    language: str = "en"
    out: TextIO = field(default_factory=lambda: sys.stdout)
    failed: bool = False
    _steps: int = 0
    _since: float = field(default_factory=time.monotonic)

    @property
    def pause(self) -> float:
        """Seconds between the parts, so that a person can read along; none where nobody watches."""
        return 3.0 if self.out.isatty() else 0.0

    def step(self, key: str, **params: str) -> None:
        """A new part of the story, and its clock."""
        self._steps += 1
        self._since = time.monotonic()
        self._line(f"\n{self._paint(_BOLD, f'{self._steps}. {self.words(text(key, **params))}')}")

    def say(self, key: str, **params: str) -> None:
        """One sentence of what happened, with the seconds since the part began."""
        self._timed(self.words(text(key, **params)))

    def quote(self, key: str, words: Text | str, **params: str) -> None:
        """What somebody was told, in their words."""
        said = words if isinstance(words, str) else self.words(words)
        self._timed(f"{self.words(text(key, **params))} {self._paint(_DIM, chr(8220) + said + chr(8221))}")

    def note(self, sentence: str) -> None:
        """A line from elsewhere, such as the hub's own progress."""
        self._timed(sentence)

    def see(self, happened: bool, key: str, **params: str) -> bool:
        """What should be so: a mark in front; remembered when it is not."""
        mark = self._paint(_GREEN, "✓") if happened else self._paint(_RED, "✗")
        self._timed(f"{mark} {self.words(text(key, **params))}")
        self.failed = self.failed or not happened
        return happened

    def row(self, found: int, meaning: str, where: str = "") -> None:
        """A line of the reckoning: how often, what; red when it is not 0."""
        self._line(self._paint(_GREEN if found == 0 else _RED, f"   {found:>5}  {meaning}" + (f"  ({where})" if where else "")))
        self.failed = self.failed or found != 0

    def verdict(self, good: bool, sentence: str) -> None:
        """The last word."""
        self._line(f"\n   {self._paint(_BOLD + (_GREEN if good else _RED), sentence)}")
        self.failed = self.failed or not good

    def commands(self, lines: Sequence[tuple[str, str]]) -> None:
        """What to type next, and what it shows."""
        for command, key in lines:
            self._line(f"   {self._paint(_BOLD, command)}\n      {self.words(text(key))}")

    def words(self, both: Text) -> str:
        """In the language of who watches."""
        return both.cy if self.language == "cy" else both.en

    def _timed(self, sentence: str) -> None:
        stamp = f"{time.monotonic() - self._since:6.1f} s  "
        wrapped = textwrap.wrap(sentence, _WIDTH, initial_indent=stamp, subsequent_indent=" " * len(stamp), break_long_words=False)
        self._line("\n".join(wrapped))

    def _paint(self, colour: str, words: str) -> str:
        return f"{colour}{words}{_RESET}" if self.out.isatty() else words

    def _line(self, line: str) -> None:
        self.out.write(line + "\n")
        self.out.flush()
