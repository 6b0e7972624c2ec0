"""HL7 v2 words and their characters, both ways: escapes, character sets, dates."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.hl7v2 import Separators, build, dates, escapes, segment, split
from schemas.hl7v2.build import Raw, repeated
from schemas.hl7v2.charset import decode, encode
from schemas.rejection import Reason, Rejected

OTHER = Separators("#", "~", "^", "\\", "&")
WELSH = st.text(alphabet=st.sampled_from("ŵŷŴŶâêîôûáéïöabc |^~\\&#\r\n\tFSTREX.br0D\"'"), max_size=60)
ANY = st.text(alphabet=st.characters(exclude_categories=("Cs", "Cc"), include_characters="\t\r\n"), max_size=60)


@given(words=WELSH | ANY, separators=st.sampled_from([Separators(), OTHER, Separators(truncation="#")]))
def test_words_survive_being_escaped(words: str, separators: Separators) -> None:
    written = escapes.encode(words, separators)
    assert escapes.decode(written, separators) == words
    assert not set(written) & {separators.field, separators.component, separators.repetition, separators.subcomponent, "\r", "\n"}


@given(raw=st.text(max_size=80))
def test_any_raw_field_decodes_to_something(raw: str) -> None:
    assert isinstance(escapes.decode(raw), str)
    escapes.unfinished(raw)


@given(words=WELSH)
def test_a_built_message_splits_into_the_same_words(words: str) -> None:
    body = build([segment("MSH", "A", "B"), segment("NTE", "1", None, words)]).encode()
    assert split(body).first("NTE").field(3).text == words


@given(body=st.binary(max_size=300))
def test_any_bytes_are_a_message_or_refused(body: bytes) -> None:
    for candidate in (body, b"MSH|^~\\&|" + body):
        with contextlib.suppress(Rejected):
            assert split(candidate).all


DECODED = [
    (r"\F\\S\\T\\R\\E\\P\ ".strip(), "|^&~\\#"),
    (r"a\.br\b\.sp2\c\.ce\d\.sk3\e\.in+4\f\.fi\g\H\h\N\i", "a\nb\n\nc\nd   efghi"),
    (r"\X0D\\X0A\\X41C5B5\ ".strip(), "\r\nAŵ"),
    (r"\X00\ \XFF\ \X4\ ".strip(), r"\X00\ \XFF\ \X4" + "\\"),  # no text in UTF-8: literal
    (r"\\ \Zlocal\ \C2842\ ".strip(), r"\\ \Zlocal\ \C2842" + "\\"),  # unknown: literal
    (r"C:\temp\new\F\x", r"C:\temp\new|x"),  # an escape begins after characters that only look like one
    ("\\", "\\"),
    (r"\X" + "41" * 65 + "\\", r"\X" + "41" * 65 + "\\"),  # longer than any letter: literal
]


@pytest.mark.parametrize(("raw", "words"), DECODED)
def test_escapes_are_decoded_as_the_standard_has_them(raw: str, words: str) -> None:
    assert escapes.decode(raw) == words


def test_hexadecimal_escapes_are_read_in_the_message_s_own_character_set() -> None:
    assert escapes.decode(r"\XE9\ ".strip(), charset="iso8859-1") == "é"


def test_a_celtic_receiver_is_sent_welsh_letters_and_a_latin_one_is_refused_them() -> None:
    assert encode("ŵ", "8859/14") == b"\xf0"
    with pytest.raises(Rejected) as refused:
        encode("ŵ", "8859/1")
    assert refused.value.reason == Reason.ENCODING
    assert encode("Tŷ â", "8859/1", transliterate=True) == "Ty â".encode("latin-1")
    with pytest.raises(Rejected):
        encode("中", "8859/1", transliterate=True)


@given(words=WELSH)
def test_utf8_round_trips_whatever_is_declared(words: str) -> None:
    for declared in ("UNICODE UTF-8", "", "UNICODE", "utf-8", "8859/1"):
        assert decode(encode(words), declared).text == words


def test_fields_are_written_with_components_repetitions_and_nothing_at_the_end() -> None:
    line = segment("PID", "1", None, repeated([("9990000018", None, None, "NHS", "NH"), "a&b"]), None, ("O^Neil", ""), Raw("as|is"), "", None)
    assert line == r"PID|1||9990000018^^^NHS^NH~a\T\b||O\S\Neil|as|is"


DATES = [
    ("19500101", "1950-01-01"),
    ("195001", "1950-01"),
    ("1950", "1950"),
    ("196512131515", "1965-12-13"),
    ("2025-05-05 23:23:32", "2025-05-05"),  # Welsh systems write this (6.7)
    ("20250121100427+0000", "2025-01-21"),
    ("20260302090000.1234-0500", "2026-03-02"),
    ("19760121+", "1976-01-21"),  # PIMS
    (" 19500101 ", "1950-01-01"),
    ("19000230", None),  # no such day (B18)
    ("19761325", None),  # no such month
    ("19500101250000", None),  # no such hour
    ("19500101120000+9900", None),  # no such offset (B18)
    ("19500101120000+0175", None),
    ("00000000", None),
    ("１９５００１０１", None),  # full-width digits
    ("19", None),
    ("unknown", None),
    ("", None),
]


@pytest.mark.parametrize(("stamp", "date"), DATES)
def test_a_date_is_read_or_there_is_none(stamp: str, date: str | None) -> None:
    assert dates.fhir_date(stamp) == date


MOMENTS = [
    ("20260302090000+0000", "2026-03-02T09:00:00+00:00"),
    ("20260302090000Z", "2026-03-02T09:00:00Z"),
    ("202603020900+0100", "2026-03-02T09:00:00+01:00"),
    ("20260302090000", "2026-03-02"),  # no offset was said
    ("20260302", "2026-03-02"),
    ("20261302090000+0000", None),
]


@pytest.mark.parametrize(("stamp", "moment"), MOMENTS)
def test_a_moment_is_as_exact_as_it_was_said(stamp: str, moment: str | None) -> None:
    assert dates.fhir_date_time(stamp) == moment


def test_a_shifted_date_is_told_from_a_code() -> None:
    assert dates.is_timestamp("20260803")
    assert not dates.is_timestamp("1976")
    assert not dates.is_timestamp("AM")
    assert dates.stamp(datetime(2026, 3, 2, 9, 0, 1, tzinfo=UTC)) == "20260302090001+0000"
