"""HL7 v2 text, split: what is taken, what is refused, and where a fault is said to be."""

from __future__ import annotations

import time

import pytest

from schemas.hl7v2 import read_header, split
from schemas.rejection import Reason, Rejected

MSH = r"MSH|^~\&|WPAS|7A3|SPHUB|SPHUB|20260302090000||REF^I12^REF_I12|REF0001|P|2.4|||AL|AL|GBR|UNICODE UTF-8"


def message(*lines: str, msh: str = MSH, end: str = "\r") -> bytes:
    return "".join(line + end for line in (msh, *lines)).encode()


REFUSED = [
    # what came, the reason, where
    (b"", Reason.STRUCTURE, "MSH[1]"),  # an empty frame (A12)
    (b"\r\n\r\n", Reason.STRUCTURE, "MSH[1]"),  # nothing but line ends
    (b"GET / HTTP/1.1\r\nHost: x\r\n", Reason.STRUCTURE, "MSH[1]"),  # a browser at the wrong port
    (b"MSH", Reason.SEPARATORS, "MSH[1]-1"),  # cut before MSH-1
    (b"MSH|", Reason.SEPARATORS, "MSH[1]-1"),  # cut before MSH-2
    (b"MSH|^~|A|B\r", Reason.SEPARATORS, "MSH[1]-2"),  # too few
    (b"MSH|^~\\&#!|A|B\r", Reason.SEPARATORS, "MSH[1]-2"),  # too many
    (b"MSH|^^\\&|A|B\r", Reason.SEPARATORS, "MSH[1]-2"),  # one character for two separators
    (b"MSH|^~\\||A|B\r", Reason.SEPARATORS, "MSH[1]-2"),  # the field separator among them
    (b"MSHa^~\\&aA\r", Reason.SEPARATORS, "MSH[1]-1"),  # a letter
    (b"MSH|^~1&|A|B\r", Reason.SEPARATORS, "MSH[1]-2"),  # a digit
    (b"MSH|^~ &|A|B\r", Reason.SEPARATORS, "MSH[1]-2"),  # a blank
    ("MSH|^~é&|A|B\r".encode(), Reason.SEPARATORS, "MSH[1]-2"),  # a letter that is not ASCII
    (b"FHS|^~\\&|A\rBHS|^~\\&|A\r" + message(), Reason.UNSUPPORTED_BATCH, "FHS[1]"),  # a batch (A15)
    (b"BHS|^~\\&|A\r" + message(), Reason.UNSUPPORTED_BATCH, "BHS[1]"),  # a batch without its file
    (message() + message(), Reason.UNSUPPORTED_BATCH, "MSH[2]"),  # two messages in one frame
    (message("pid|1||1"), Reason.STRUCTURE, "segment 2"),  # a segment's name is capital letters
    (message("PID^1"), Reason.STRUCTURE, "segment 2"),  # another separator than declared
    (message("PID|1", "left over"), Reason.STRUCTURE, "segment 3"),  # only a text may be broken over lines
    (message(*["NTE|1||x"] * 20_000), Reason.TOO_LARGE, "message"),  # 20,000 segments (B16)
    (message("NTE|1||" + "~".join(["x"] * 20_000)), Reason.TOO_LARGE, "NTE[1]-3"),  # 20,000 repetitions (B16)
    (message("NTE|1||" + "^" * 100_000), Reason.TOO_LARGE, "NTE[1]-3"),  # 100,000 carets (B16)
    (message("PID" + "|" * 201), Reason.TOO_LARGE, "PID[1]"),  # more fields than any segment has
    (message("NTE|1||" + "x" * 1024 * 1024), Reason.TOO_LARGE, "message"),  # over 1 MiB
    (message("PID|1||||CAF\xc9").decode().encode("latin-1"), Reason.ENCODING, "MSH[1]-18"),  # UTF-8 declared, Latin-1 sent (B1)
    (b"MSH|^~\\&|A|B||||||1|P|2.4\rNTE|1||it\x92s\r", Reason.ENCODING, "MSH[1]-18"),  # nothing declared, Windows-1252 sent (B2)
    (b"MSH|^~\\&|A|B||||||1|P|2.4||||||8859/1\rNTE|1||it\x92s\r", Reason.ENCODING, "MSH[1]-18"),  # 0x92 is a control code in 8859/1
    (b"MSH|^~\\&|A|B||||||1|P|2.4||||||KLINGON\rNTE|1||\xe9\r", Reason.ENCODING, "MSH[1]-18"),  # a character set nobody knows
    ("MSH|^~\\&|A|B\r".encode("utf-16"), Reason.STRUCTURE, "MSH[1]"),  # two bytes a letter
]


@pytest.mark.parametrize(("body", "reason", "at"), REFUSED)
def test_what_cannot_be_split_is_refused_with_its_reason_and_place(body: bytes, reason: Reason, at: str) -> None:
    with pytest.raises(Rejected) as refused:
        split(body)
    assert (refused.value.reason, refused.value.issues[0].at) == (reason, at)
    assert refused.value.issues[0].text.en != refused.value.issues[0].text.cy


TAKEN = [
    # what came, the reasons of its warnings, the words of NTE-3
    (message("NTE|1||hello"), [], "hello"),  # as the standard has it
    (message("NTE|1||hello").rstrip(b"\r"), [], "hello"),  # the last CR missing (6.7)
    (message("", "NTE|1||hello", "", ""), [], "hello"),  # CR doubled (B7)
    (message("NTE|1||hello", end="\n"), [Reason.SEGMENT_ENDS], "hello"),  # LF (B7)
    (message("NTE|1||hello", end="\r\n"), [Reason.SEGMENT_ENDS], "hello"),  # CRLF (B7)
    (b"\xef\xbb\xbf" + message("NTE|1||hello"), [], "hello"),  # a byte order mark
    (message("NTE|1||hello\nPeople say"), [Reason.SEGMENT_ENDS], "hello\nPeople say"),  # LF inside a text that ends with CR
    (message("NTE|1||hello", "people say"), [Reason.SEGMENT_ENDS], "hello\npeople say"),  # CR inside a text
    (message("NTE|1||ŵ ŷ Ŵ Ŷ"), [], "ŵ ŷ Ŵ Ŷ"),  # Welsh letters (B3)
    (message("NTE|1||ŵ", msh=MSH.replace("UNICODE UTF-8", "8859/1")), [Reason.CHARSET_MISMATCH], "ŵ"),  # UTF-8 under another name (B1)
    (message("NTE|1||ŵ", msh=MSH.replace("UNICODE UTF-8", "KLINGON")), [Reason.CHARSET_MISMATCH], "ŵ"),  # the same
    (message("NTE|1||ŵ", msh=MSH.replace("UNICODE UTF-8", "")), [], "ŵ"),  # nothing declared: UTF-8 is read as such
    (message("NTE|1||caf\xe9").decode().replace("UNICODE UTF-8", "8859/1").encode("latin-1"), [], "café"),  # what it declares
    (message("NTE|1||ŵy").decode().replace("UNICODE UTF-8", "8859/14").encode("iso8859-14"), [], "ŵy"),  # the Celtic set holds ŵ
    (message(r"NTE|1||50\T\50 \F\ \.br\ \X41\ C:\temp"), [Reason.ESCAPE_UNTERMINATED], "50&50 | \n A C:\\temp"),  # escapes (B5)
    (message("NTE|1||a\x00b"), [Reason.ELEMENT_REMOVED], "ab"),  # a control character that no store takes
    (message("ZZZ|anything|at all", "NTE|1||hello"), [], "hello"),  # a Z-segment (B13)
    (message("NTE#1##hello", msh=r"MSH#~^\&#A#B").replace(b"|", b"#"), [], "hello"),  # other separators (B6)
    (message("NTE|1||hello", msh=r"MSH|^~\&#|A|B"), [], "hello"),  # version 2.7's fifth separator (B8)
    (message("NTE|1||<b>${jndi:ldap://x}</b> =1+1 '; DROP"), [], "<b>${jndi:ldap://x}</b> =1+1 '; DROP"),  # text stays text (B19)
]


@pytest.mark.parametrize(("body", "warnings", "words"), TAKEN)
def test_what_can_be_read_is_read_and_what_was_odd_is_said(body: bytes, warnings: list[Reason], words: str) -> None:
    read = split(body)
    assert [issue.reason for issue in read.warnings] == warnings
    assert read.first("NTE").field(3).text == words


def test_the_agreed_character_set_is_used_where_the_message_declares_none() -> None:
    body = b"MSH|^~\\&|A|B||||||1|P|2.4\rNTE|1||it\x92s\r"
    read = split(body, agreed_charset="windows-1252")
    assert read.first("NTE").field(3).text == "it’s"
    assert [issue.reason for issue in read.warnings] == [Reason.CHARSET_MISMATCH]


def test_an_agreed_character_set_that_does_not_exist_refuses_the_message() -> None:
    with pytest.raises(Rejected):
        split(b"MSH|^~\\&|A|B||||||1|P|2.4\rNTE|1||\xe9\r", agreed_charset="no-such-set")


def test_a_strict_sender_is_refused_line_feeds() -> None:
    with pytest.raises(Rejected) as refused:
        split(message("NTE|1||x", end="\n"), strict_ends=True)
    assert refused.value.reason == Reason.STRUCTURE


@pytest.mark.parametrize("line", ["NTE|1||x", "NTE|1||" + "~".join(["x"] * 9), "NTE|1||" + "^" * 40])
def test_hostile_sizes_are_refused_without_being_split(line: str) -> None:
    body = message(*[line] * 20_000)[: 1024 * 1024]
    begun = time.perf_counter()
    with pytest.raises(Rejected):
        split(body)
    spent = time.perf_counter() - begun
    assert spent < 5, "bounded work; the measured figure is a few milliseconds"


def test_where_a_part_is_names_segment_field_repetition_and_component() -> None:
    read = split(message("PID|1||1^^^A~2^^^B", "DG1|1", "DG1|2||x"))
    second = read.first("PID").field(3).repetitions[1]
    assert (second.at, second.component(1), second.component(4), second.component(9)) == ("PID[1]-3[2]", "2", "B", "")
    assert [segment.at(3) for segment in read.segments("DG1")] == ["DG1[1]-3", "DG1[2]-3"]
    assert read.first("PID").at(3, 2, 1) == "PID[1]-3[2].1"


def test_null_is_not_empty() -> None:
    pid = split(message('PID|1||1||""||""^x')).first("PID")
    assert (pid.field(5).is_null, pid.field(5).is_empty, pid.field(5).text, pid.field(5).component()) == (True, False, "", "")
    assert (pid.field(6).is_null, pid.field(6).is_empty) == (False, True)
    assert (pid.field(7).is_null, pid.component(7, 1), pid.component(7, 2)) == (False, "", "x")
    assert pid.field(99).is_empty


def test_an_absent_segment_reads_as_empty() -> None:
    read = split(message())
    assert read.first("PV1").component(19) == ""
    assert read.has("MSH")
    assert not read.has(["PV1", "PV2"])
    assert read.header.component(3) == "WPAS"


def test_subcomponents_are_read_and_a_component_without_them_is_its_own_first() -> None:
    pid = split(message("PID|1||1^^^A&1.2.3&ISO^NH")).first("PID")
    assert (pid.component(3, 4), pid.component(3, 4, 2), pid.component(3, 4, 9), pid.component(3, 5, 1)) == ("A", "1.2.3", "", "NH")


HEADERS = [
    # what came, control id, code and trigger, whether enhanced
    (message(), "REF0001", ("REF", "I12"), True),
    (b"MSH|^~\\&|A|B|C|D|1||ADT^A03|77|P|2.4\r", "77", ("ADT", "A03"), False),
    (b"MSH|^^\\&|A|B|C|D|1||ADT^A03|77|P|2.4\r", "77", ("ADT", "A03"), False),  # doubled separators: still answered by its id
    (b"\r\nMSH|^~\\&|A|\xff|C|D|1||ADT|77\r", "77", ("ADT", ""), False),  # bytes that are no text
    (b"MSHaaaaa", "", ("", ""), False),
    (b"\x00" * 50, "", ("", ""), False),
    (b"", "", ("", ""), False),
]


@pytest.mark.parametrize(("body", "control_id", "kind", "enhanced"), HEADERS)
def test_the_header_is_read_as_far_as_it_can_be(body: bytes, control_id: str, kind: tuple[str, str], enhanced: bool) -> None:
    header = read_header(body)
    assert (header.control_id, (header.code, header.trigger), header.is_enhanced) == (control_id, kind, enhanced)
