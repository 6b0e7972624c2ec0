"""XHTML becomes the lines that a reader would see, whatever is in it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.discharge_document.plain_text import lines_of
from schemas.fhir.said import said_in

SEEN: list[tuple[str, str, tuple[str, ...]]] = [
    ("blocks are lines", "<div><p>One.</p><p>Two.</p></div>", ("One.", "Two.")),
    ("a line break is one too", "One<br/>Two", ("One", "Two")),
    ("what stands within a line stays in it", "<p>Very <b>lone</b>ly</p>", ("Very lonely",)),
    ("white space of the markup means nothing", "<p>a\n\n   b</p>", ("a b",)),
    ("cells of a row are parted", "<table><tr><th>Lives</th><td>alone</td></tr><tr><td></td><td>x</td></tr></table>", ("Lives | alone", "x")),
    ("character references are read once", "<p>&lt;b&gt; &amp;amp; &#x175;</p>", ("<b> &amp; ŵ",)),
    ("a script is not text", "<p>a</p><script>alert('b')</script><p>c</p>", ("a", "c")),
    ("a script that never ends hides nothing", "<script>she is afraid", ("she is afraid",)),
    ("a comment is not text", "a<!-- b -->c", ("ac",)),
    ("a comment that never ends hides nothing", "<p>a</p><!-- b", ("a", "<!-- b")),
    ("what turns the reading round or is not seen goes", "a\u202eb&#8238;c\x07&#0;", ("abc\ufffd",)),
    ("Welsh letters stay", "<p>Tŷ'r Gŵr</p>", ("Tŷ'r Gŵr",)),
    ("no markup at all", "plain", ("plain",)),
    ("nothing", "", ()),
]


@pytest.mark.parametrize(("why", "markup", "lines"), SEEN, ids=[why for why, _, _ in SEEN])
def test_markup_becomes_lines(why: str, markup: str, lines: tuple[str, ...]) -> None:
    assert lines_of(markup) == lines, why


@pytest.mark.parametrize("unit", ["<", "<!--", "<script>", "</script>", "&", "<p", "<!", ">", "<a ", "\n", "<style></style"])
def test_a_repeated_opening_takes_no_longer_than_its_length(unit: str) -> None:
    lines_of(unit * 200_000)  # minutes where it were quadratic


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="<>!-/&;ps cript\u202e\n\"='#x0", max_size=200))
def test_nothing_raises_and_no_element_is_left(markup: str) -> None:
    assert all(line == line.strip() and "\u202e" not in line for line in lines_of(markup))


@pytest.mark.parametrize("unit", ["<", "<a ", "</p"])
def test_what_triage_hears_takes_no_longer_than_its_length_either(unit: str) -> None:
    said_in([{"resourceType": "Observation", "text": {"div": unit * 300_000}}])
