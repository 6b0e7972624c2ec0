"""A file of bytes becomes its rows: whatever the delimiter, quotes and line ends, and whatever is broken spoils its own row alone."""

from __future__ import annotations

import contextlib
import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.batch_csv.table import LONGEST_ROW, MOST_COLUMNS, MOST_ROWS, messages, read_row
from schemas.rejection import Reason, Rejected

PLAIN = b"name,note\r\nNon Prawf,one\r\nAnn Prawf,two\r\n"


def rows(content: bytes) -> list[list[tuple[bytes, bytes]] | Reason | None]:
    """What each row says: its cells, why it cannot be read, or None for a blank one."""
    found: list[list[tuple[bytes, bytes]] | Reason | None] = []
    for body in messages(content):
        try:
            found.append(list(read_row(body)) if body else None)
        except Rejected as fault:
            found.append(fault.reason)
    return found


@pytest.mark.parametrize(
    "content",
    [
        PLAIN.replace(b",", b";"),
        PLAIN.replace(b",", b"\t"),
        PLAIN.replace(b"\r\n", b"\n"),
        PLAIN.replace(b"\r\n", b"\r"),  # as old spreadsheets of one maker wrote it
        PLAIN.rstrip(b"\r\n"),
        b"\xef\xbb\xbf" + PLAIN,
        b"\r\n\r\n" + PLAIN,
        b"sep=;\r\n" + PLAIN.replace(b",", b";"),
        b'"name","note"\r\n"Non Prawf","one"\r\n "Ann Prawf" ,two\r\n',
        b"note,name\r\none,Non Prawf\r\ntwo,Ann Prawf\r\n",  # another order
        b"name,age,note\r\nNon Prawf,,one\r\nAnn Prawf,,two\r\n",  # one column more, and empty
        PLAIN.replace(b"\r\n", b",,,\r\n"),  # delimiters at the end of each line
        PLAIN + b",\r\n,,,\r\n\r\n",
    ],
)
def test_the_same_rows_are_the_same_bytes_however_their_file_was_saved(content: bytes) -> None:
    assert [one for one in messages(content) if one] == list(messages(PLAIN))


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"a,b\n1,2,3\n4,5\n", [Reason.STRUCTURE, [(b"a", b"4"), (b"b", b"5")]]),  # an unquoted comma
        (b'a,b\n"1,2\n4,5\n', [Reason.STRUCTURE, [(b"a", b"4"), (b"b", b"5")]]),  # a quote that never closes
        (b'a,b\n"1"x,2\n4,5\n', [Reason.STRUCTURE, [(b"a", b"4"), (b"b", b"5")]]),  # something after a closing quote
        (b"a,b,c,d\n1,2,3,4\n5,6\n", [[(b"a", b"1"), (b"b", b"2"), (b"c", b"3"), (b"d", b"4")], [(b"a", b"5"), (b"b", b"6")]]),  # no empty cells at the end
        (b"a,b,c,d\n1,2,3,4\n5,6", [[(b"a", b"1"), (b"b", b"2"), (b"c", b"3"), (b"d", b"4")], Reason.STRUCTURE]),  # cut off: what is missing may be a no
        (b'a,b\n1"2,3\n', [[(b"a", b'1"2'), (b"b", b"3")]]),  # a quote within a cell is a letter
        (b'a,b\n"1\n2",3\n', [[(b"a", b"1\n2"), (b"b", b"3")]]),
        (b'a,b\n"1""2",3\n', [[(b"a", b'1"2'), (b"b", b"3")]]),
        (b"a,b,c\n1,2\nx,y\n4,5,6\n", [Reason.STRUCTURE, Reason.STRUCTURE, [(b"a", b"4"), (b"b", b"5"), (b"c", b"6")]]),  # two halves of one row
        (b"a,b,c,d\n1,2\n4,5,6,7\n", [[(b"a", b"1"), (b"b", b"2")], [(b"a", b"4"), (b"b", b"5"), (b"c", b"6"), (b"d", b"7")]]),  # ends early
        (b"a,b\n1,2\n\n3,4\n", [[(b"a", b"1"), (b"b", b"2")], None, [(b"a", b"3"), (b"b", b"4")]]),  # counted, so that the last is row 4
        (b"a;\n;2\n3;\n", [[(b"?", b"2")], [(b"a", b"3")]]),  # a cell under no name is not under another
        (b"a;b;\n1;2;;3\n", [Reason.STRUCTURE]),
        (b"a\n1\n2\n", [[(b"a", b"1")], [(b"a", b"2")]]),  # one column
        (b"a,a\n1,2\n", [[(b"a", b"1"), (b"a", b"2")]]),  # one name twice
        (b'a,"b\n1,2\n', [Reason.STRUCTURE]),  # the line of names itself is broken
    ],
)
def test_what_is_broken_spoils_its_own_row_alone(content: bytes, expected: list[object]) -> None:
    assert rows(content) == expected


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", Reason.NO_REFERRAL),
        (b" \r\n\t\r\n", Reason.NO_REFERRAL),
        (b"name,note\r\n", Reason.NO_REFERRAL),
        (b"name,note\r\n,\r\n\r\n", Reason.NO_REFERRAL),
        (PLAIN.decode().encode("utf-16"), Reason.ENCODING),
        (PLAIN.decode().encode("utf-16-be"), Reason.ENCODING),
        (b"name\r\nNon\0Prawf\r\n", Reason.ENCODING),
        (b"PK\x03\x04", Reason.UNSUPPORTED_MEDIA),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", Reason.UNSUPPORTED_MEDIA),
        (b"%PDF-1.7", Reason.UNSUPPORTED_MEDIA),
        (b"<html><table>", Reason.UNSUPPORTED_MEDIA),
        (b"[{}]", Reason.UNSUPPORTED_MEDIA),
        (b"a\n" + b"1\n" * (MOST_ROWS + 1), Reason.TOO_LARGE),
    ],
)
def test_what_is_no_table_is_refused_by_name(content: bytes, reason: Reason) -> None:
    with pytest.raises(Rejected) as fault:
        messages(content)
    assert [(issue.at, issue.reason) for issue in fault.value.issues] == [("file", reason)]
    assert fault.value.issues[0].text.cy != fault.value.issues[0].text.en


def test_a_row_and_a_line_of_names_have_their_limits() -> None:
    large = b"a,b\n" + b"x" * (LONGEST_ROW + 1) + b",2\n3,4\n"
    assert rows(large) == [Reason.TOO_LARGE, [(b"a", b"3"), (b"b", b"4")]]
    assert all(len(one) <= LONGEST_ROW + 1 for one in messages(large))
    wide = b",".join(b"c%d" % number for number in range(MOST_COLUMNS + 1))
    assert rows(wide + b"\n" + wide + b"\n") == [Reason.STRUCTURE]


CELLS = st.text(st.sampled_from("ab ,;\t\"\n\rŵ'=0") | st.characters(min_codepoint=1, exclude_categories=("Cs",)), max_size=12)
TABLES = st.integers(1, 5).flatmap(lambda width: st.lists(st.lists(CELLS, min_size=width, max_size=width), min_size=1, max_size=6))


@settings(max_examples=200, deadline=None)
@given(table=TABLES, delimiter=st.sampled_from(",;\t"))
def test_what_a_csv_writer_wrote_comes_back_cell_by_cell(table: list[list[str]], delimiter: str) -> None:
    names = [f"column {number}" for number in range(len(table[0]))]
    made = io.StringIO(newline="")
    csv.writer(made, delimiter=delimiter, quoting=csv.QUOTE_ALL).writerows([names, *table])
    found = rows(made.getvalue().encode()) if any(cell.strip() for row in table for cell in row) else []
    expected = [sorted((name.encode(), cell.encode()) for name, cell in zip(names, row, strict=True) if cell.encode().strip()) for row in table]
    while expected and not expected[-1]:
        expected.pop()
    assert [one or [] for one in found] == expected


@settings(max_examples=300, deadline=None)
@given(content=st.binary(max_size=300) | st.text(st.sampled_from("ab,;\t\"\n\r {}[]:"), max_size=200).map(str.encode))
def test_whatever_the_bytes_are_they_become_rows_or_a_refusal(content: bytes) -> None:
    try:
        found = messages(content)
    except Rejected:
        return
    for body in found:
        if body and not body.startswith(b"{"):
            with contextlib.suppress(Rejected):
                read_row(body)
                assert messages(body)[-1] == body, "a row by itself is what it was in its file"


@pytest.mark.parametrize(
    "content",
    [b"a,b\n" + b'"' * 400_000, b"a,b\n" + b'"x\n' * 200_000, b"," * 1_000_000 + b"\n1", b"a\n" + b'"",' * 300_000, b"a;b\n" + b'" ' * 400_000],
)
def test_what_is_made_to_be_slow_comes_to_an_end(content: bytes) -> None:
    """Each takes about a second; a reader that looks again from every quote would take hours."""
    with contextlib.suppress(Rejected):
        assert all(len(one) <= LONGEST_ROW + 1 for one in messages(content))
