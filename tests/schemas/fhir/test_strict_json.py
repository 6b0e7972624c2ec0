"""JSON at the door: what is refused, where it says the fault is, and that numbers keep their text."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.fhir.strict_json import Caps, dump, parse
from schemas.rejection import Reason, Rejected

REFUSED = [
    # a receiver that keeps the first and one that keeps the last would act on different referrals
    (b'{"resourceType":"Task","status":"active","status":"revoked"}', {(Reason.DUPLICATE_KEY, "Task.status")}),
    # nested duplicates have their own path
    (b'{"resourceType":"Task","a":[{"b":1},{"c":1,"c":2}]}', {(Reason.DUPLICATE_KEY, "Task.a[1].c")}),
    # several faults are all named at once
    (b'{"a":NaN,"b":1e999,"b":2}', {(Reason.STRUCTURE, "$.a"), (Reason.STRUCTURE, "$.b"), (Reason.DUPLICATE_KEY, "$.b")}),
    (b'{"a":Infinity}', {(Reason.STRUCTURE, "$.a")}),
    (b'{"a":-Infinity}', {(Reason.STRUCTURE, "$.a")}),
    # an exponent that decimal arithmetic itself cannot hold
    (b'{"a":1e-99999999999999999999}', {(Reason.STRUCTURE, "$.a")}),
    (b'{"a":' + b"9" * 5000 + b"}", {(Reason.STRUCTURE, "$.a")}),
    # would fail later, in UTF-8 or in the database
    (b'{"a":"\\ud800"}', {(Reason.STRUCTURE, "$.a")}),
    (b'{"a":"x\\u0000"}', {(Reason.STRUCTURE, "$.a")}),
    (b'{"\\udc00":1}', {(Reason.STRUCTURE, "$.?")}),
    (b'{"a":"\x00"}', {(Reason.NOT_JSON, "line 1, column 7")}),
    # a key that is no element's name is not repeated in the path
    (b'{"John 9990000018":NaN}', {(Reason.STRUCTURE, "$.?")}),
    (b'{"a":"' + b"x" * 65_537 + b'"}', {(Reason.TOO_LARGE, "$.a")}),
    (b"[]", {(Reason.STRUCTURE, "$")}),
    (b'"x"', {(Reason.STRUCTURE, "$")}),
    (b"", {(Reason.NOT_JSON, "line 1, column 1")}),
    (b'{"a":1,}', {(Reason.NOT_JSON, "line 1, column 8")}),
    (b'{"a":1} {"b":2}', {(Reason.NOT_JSON, "line 1, column 9")}),
    (b'{"a":01}', {(Reason.NOT_JSON, "line 1, column 7")}),
    ('{"a":1}'.encode("utf-16"), {(Reason.ENCODING, "byte 1")}),
    (b'{"a":"caf\xe9"}', {(Reason.ENCODING, "byte 10")}),
    # a surrogate encoded as UTF-8 is no UTF-8
    (b'{"a":"\xed\xa0\x80"}', {(Reason.ENCODING, "byte 7")}),
    (b'{"a":' * 65 + b"1" + b"}" * 65, {(Reason.TOO_DEEP, "$")}),
    (b"{" + b",".join(b'"k%d":1' % n for n in range(5_001)) + b"}", {(Reason.TOO_LARGE, "$")}),
    (b" " * 1_048_577, {(Reason.TOO_LARGE, "$")}),
    # a long list of what is no object costs the structure check one fault each, and more: 590 kB of these took it 50 seconds
    (b'{"note":[' + b"0," * 200_000 + b"0]}", {(Reason.TOO_LARGE, "$")}),
    (b'{"note":[' + b"{}," * 200_000 + b"{}]}", {(Reason.TOO_LARGE, "$")}),
    (b'{"note":[' + b'"\\\\",' * 100_000 + b"0]}", {(Reason.TOO_LARGE, "$")}),
]


def test_commas_within_text_are_no_items() -> None:
    said = "a,b\"," * 8_000
    assert parse(dump({"note": [{"text": said}] * 10})) == {"note": [{"text": said}] * 10}



@pytest.mark.parametrize(("body", "expected"), REFUSED, ids=[str(n) for n in range(len(REFUSED))])
def test_unsound_json_is_refused_with_every_fault_and_its_path(body: bytes, expected: set[tuple[Reason, str]]) -> None:
    with pytest.raises(Rejected) as refused:
        parse(body)
    assert {(issue.reason, issue.at) for issue in refused.value.issues} == expected
    for issue in refused.value.issues:
        assert issue.text.en != issue.text.cy


@pytest.mark.parametrize(
    "body",
    [
        b'{"a":' * 64 + b"1" + b"}" * 64,  # exactly as deep as allowed
        b'{"a":"[[[[' + b"[" * 500 + b'\\""}',  # brackets within a string are no nesting, and an escaped quote does not end it
        b'\xef\xbb\xbf{"a":1}',  # a byte order mark is tolerated
        b'{"a":"\\ud83d\\ude00"}',  # a pair of surrogates is one character
        b'{"a":"' + b"x" * 65_536 + b'"}',
        b"{" + b",".join(b'"k%d":1' % n for n in range(5_000)) + b"}",
    ],
)
def test_sound_json_at_the_edges_is_read(body: bytes) -> None:
    assert parse(body)


@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"a":' * 100_000, b'{"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}"])
def test_a_hundred_thousand_levels_are_refused_before_any_parser_sees_them(body: bytes) -> None:
    with pytest.raises(Rejected) as refused:
        parse(body)
    assert refused.value.reason is Reason.TOO_DEEP


@pytest.mark.parametrize("number", [b"1.10", b"0.00", b"-0", b"1e5", b"1E+2", b"123456789012345678901234567890", b"7", b"-12", b"1.0e-3"])
def test_a_number_is_written_as_it_was_read(number: bytes) -> None:
    assert dump(parse(b'{"v":[' + number + b"]}")) == b'{"v":[' + number + b"]}"


def test_keys_keep_their_order_unless_sorting_is_asked_for() -> None:
    read = parse(b'{"b":1,"a":{"d":1.50,"c":2}}')
    assert dump(read) == b'{"b":1,"a":{"d":1.50,"c":2}}'
    assert dump(read, sort=True) == b'{"a":{"c":2,"d":1.50},"b":1}'


def test_caps_can_be_narrowed() -> None:
    with pytest.raises(Rejected):
        parse(b'{"a":{"b":1}}', Caps(depth=1))


@given(st.binary(max_size=200))
def test_any_bytes_give_an_object_or_a_refusal(body: bytes) -> None:
    with contextlib.suppress(Rejected):
        assert isinstance(parse(body), dict)
