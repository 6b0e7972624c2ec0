"""Within translating a discharge document: the XHTML of a section becomes plain lines; no markup, script or hidden character is left."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

_TAG = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9]*)?[^<>]*>")
_WITHIN_A_LINE = """a abbr acronym b bdo big cite code dfn em font i img ins kbd q s samp small span strike strong sub sup tt u var"""
_NOT_SHOWN = "script style head title object iframe noscript template del"
_INLINE, _UNHEARD = frozenset(_WITHIN_A_LINE.split()), frozenset(_NOT_SHOWN.split())
_CELLS = frozenset(("td", "th"))
_SPACE = re.compile(r"\s+")
_HIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufeff\ufffe\uffff]")


def lines_of(markup: str) -> tuple[str, ...]:
    """The lines that a reader would see, one for each block or table row, cells parted by ` | `; in time linear in the markup's length."""
    joined = "".join(_pieces(_without_comments(markup)))
    found = (" | ".join(cell for part in line.split("\t") if (cell := " ".join(part.split()))) for line in joined.split("\n"))
    return tuple(line for line in found if line)


def _without_comments(markup: str) -> str:
    """A comment that never ends hides nothing: what stands in it is read as text."""
    kept, at = [], 0
    while (start := markup.find("<!--", at)) >= 0 and (end := markup.find("-->", start + 4)) >= 0:
        kept.append(markup[at:start])
        at = end + 3
    return "".join((*kept, markup[at:]))


def _pieces(markup: str) -> Iterator[str]:
    """What is no text goes as far as its end; where it has none, it is read as text."""
    at, unheard, ends = 0, "", dict[str, int]()
    for tag in _TAG.finditer(markup):
        name = (tag[2] or "").lower()
        if not unheard:
            yield _text(markup[at : tag.start()])
            yield _parting(name)
            if name in _UNHEARD and name not in ends:
                ends[name] = markup.lower().rfind(f"</{name}")
            unheard = name if not tag[1] and ends.get(name, -1) > tag.start() and not tag[0].endswith("/>") else ""
        elif name == unheard and tag[1]:
            unheard = ""
        at = tag.end()
    if not unheard:
        yield _text(markup[at:])


def _parting(name: str) -> str:
    if name in _CELLS:
        return "\t"
    return "" if name in _INLINE else "\n"


def _text(written: str) -> str:
    """White space of the markup means nothing; a character reference may be one that must not be shown."""
    return _HIDDEN.sub("", html.unescape(_SPACE.sub(" ", written))) if written else ""
