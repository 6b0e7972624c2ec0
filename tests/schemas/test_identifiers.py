"""Identifiers: what is one, what it says of itself, and that it never shows its value."""

from __future__ import annotations

from collections import Counter
from dataclasses import FrozenInstanceError
from uuid import UUID, uuid5

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.identifiers import (
    Identifier,
    NhsNumber,
    NhsNumberStatus,
    OdsCode,
    Postcode,
    ReferralRef,
    read_nhs_numbers,
    read_outcode,
    referral_scoped_id,
)

S = NhsNumberStatus
REFERRAL = UUID("0b5c2a52-0d4f-4c7e-9f0d-0c6d3c6f4a11")


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ("9990000018", S.TEST_RANGE),
        ("999 000 0018", S.TEST_RANGE),  # as it is printed, 3-3-4
        ("\t9990000018\u00a0", S.TEST_RANGE),  # white space of any kind
        ("9434765919", S.TEST_RANGE),
        ("9876543210", S.TEST_RANGE),
        ("4000000632", S.VERIFIED_FORMAT),
        ("1234567890", S.FAILED_CHECK),  # mod 11 says so
        ("3478526985", S.FAILED_CHECK),  # the sample number of two national guides
        ("0000255355", S.FAILED_CHECK),
        *((digit * 10, S.FAILED_CHECK) for digit in "0123456789"),  # each passes mod 11, none is a number
        ("9990000019", S.FAILED_CHECK),  # the check comes before the range
    ],
)
def test_an_nhs_number_says_how_far_it_may_be_trusted(sent: str, status: NhsNumberStatus) -> None:
    number = NhsNumber.read(sent)
    assert number is not None
    assert number.status is status
    assert number.usable is (status is not S.FAILED_CHECK)


@pytest.mark.parametrize(
    "sent",
    [
        "",
        "999000001",  # nine digits
        "99900000181",  # eleven
        "９９９０００００１８",  # full-width digits are no ASCII digits
        "999000001²",  # nor is a superscript
        "999-000-0018",  # only white space is removed
        "W990000018",
    ],
)
def test_what_is_not_ten_ascii_digits_is_no_nhs_number(sent: str) -> None:
    assert NhsNumber.read(sent) is None


@pytest.mark.parametrize(
    ("sent", "value", "status", "malformed"),
    [
        ([], None, S.ABSENT, 0),
        (["", "  "], None, S.ABSENT, 0),  # blanks were not given
        (["nine"], None, S.ABSENT, 1),
        (["9990000018"], "9990000018", S.TEST_RANGE, 0),
        (["9990000018", "999 000 0018"], "9990000018", S.TEST_RANGE, 0),  # one number repeated is one
        (["9990000018", "x"], "9990000018", S.TEST_RANGE, 1),
        (["9990000018", "9434765919"], None, S.CONFLICTING, 0),
        (["9990000018", "1234567890"], None, S.CONFLICTING, 0),  # also when one of them fails
    ],
)
def test_all_the_numbers_of_a_message_are_read_together(sent: list[str], value: str | None, status: NhsNumberStatus, malformed: int) -> None:
    reading = read_nhs_numbers(sent)
    assert ((reading.number.value if reading.number else None), reading.status, reading.malformed) == (value, status, malformed)


@pytest.mark.parametrize(
    ("sent", "value"),
    [
        ("cf101aa", "CF10 1AA"),
        (" CF10  1AA ", "CF10 1AA"),
        ("ll572ee", "LL57 2EE"),
        ("M1 1AE", "M1 1AE"),
        ("W1A 0AX", "W1A 0AX"),  # a letter ends the district
        ("EC1A 1BB", "EC1A 1BB"),
        ("GIR 0AA", "GIR 0AA"),
        ("ZZ99 3VZ", "ZZ99 3VZ"),  # no fixed abode: outside the pattern, but used
    ],
)
def test_a_postcode_is_read_however_it_is_spaced(sent: str, value: str) -> None:
    postcode = Postcode.read(sent)
    assert postcode is not None
    assert postcode.value == value
    assert postcode.outcode == value.split()[0]
    assert postcode.pseudo is value.startswith("ZZ99")


@pytest.mark.parametrize("sent", ["", "CF10", "CF10 1A", "CF10 1AAA", "CF10 1CI", "QF10 1AA", "ＣＦ10 1AA", "ß10 1AA", "D07R2WY", "CF10-1AA"])
def test_what_has_not_the_form_of_a_postcode_is_none(sent: str) -> None:
    assert Postcode.read(sent) is None


@pytest.mark.parametrize(("sent", "outcode"), [("cf10", "CF10"), (" sa1 ", "SA1"), ("CF10 1AA", None), ("", None), ("Cardiff", None), ("ＣＦ10", None)])
def test_a_district_may_stand_alone(sent: str, outcode: str | None) -> None:
    assert read_outcode(sent) == outcode


@pytest.mark.parametrize(("sent", "value"), [("7a4", "7A4"), (" W95295 ", "W95295"), ("7A4BV", "7A4BV"), ("7A", None), ("7A4-BV", None), ("W９5295", None)])
def test_an_ods_code_is_capital_letters_and_digits(sent: str, value: str | None) -> None:
    code = OdsCode.read(sent)
    assert (code.value if code else None) == value


@pytest.mark.parametrize(
    "made",
    [NhsNumber("9990000018"), Postcode("CF10 1AA"), ReferralRef.of(REFERRAL)],
    ids=lambda made: type(made).__name__,
)
def test_no_way_of_showing_an_identifier_tells_its_value(made: Identifier) -> None:
    for shown in (repr(made), str(made), f"{made}", f"{[made]}", made.masked()):
        assert made.value not in shown
        assert made.value[-4:] not in shown


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [(NhsNumber, "999000001X"), (Postcode, "CF101AA"), (Postcode, "nowhere at all"), (OdsCode, "7a4"), (ReferralRef, "AAAAAAAAAAAA")],
)
def test_what_is_wrong_cannot_be_made_and_the_error_does_not_repeat_it(kind: type[Identifier], wrong: str) -> None:
    with pytest.raises(ValueError) as raised:
        kind(wrong)
    assert wrong not in str(raised.value)


def test_identifiers_are_equal_by_value_and_cannot_be_changed() -> None:
    one = NhsNumber("9990000018")
    assert {one, NhsNumber("9990000018")} == {one}
    assert one != OdsCode("9990000018")  # another kind with the same characters
    with pytest.raises(FrozenInstanceError):
        one.value = "9434765919"  # type: ignore[misc]


def test_a_referral_always_has_the_same_reference() -> None:
    reference = ReferralRef.of(REFERRAL)
    assert reference == ReferralRef.of(UUID(str(REFERRAL)))
    assert len(reference.value) == 12
    assert reference.spoken == "-".join((reference.value[:4], reference.value[4:8], reference.value[8:]))


def test_a_reference_is_read_as_people_type_it() -> None:
    reference = next(made for made in map(_nth, range(1000)) if "0" in made.value and "1" in made.value)
    for typed in (reference.spoken, reference.spoken.lower(), f" {reference.value[:4]} {reference.value[4:]}", reference.value.replace("0", "O")):
        assert ReferralRef.read(typed) == reference
    assert ReferralRef.read(reference.value.replace("1", "I")) == ReferralRef.read(reference.value.replace("1", "l")) == reference


@given(st.uuids(), st.integers(0, 11), st.sampled_from("0123456789ABCDEFGHJKMNPQRSTVWXYZ"))
def test_one_wrong_character_is_always_found(referral: UUID, place: int, wrong: str) -> None:
    right = ReferralRef.of(referral).value
    typed = right[:place] + wrong + right[place + 1 :]
    assert (ReferralRef.read(typed) is None) is (typed != right)


def test_references_of_many_referrals_differ() -> None:
    assert Counter(_nth(number).value for number in range(20_000)).most_common(1)[0][1] == 1


def test_ids_of_a_referrals_own_things_follow_from_it() -> None:
    assert referral_scoped_id(REFERRAL, "coordination", 1) == referral_scoped_id(REFERRAL, "coordination", 1)
    assert len({referral_scoped_id(REFERRAL, role, ordinal) for role in ("coordination", "hand-over") for ordinal in (1, 2)}) == 4
    assert referral_scoped_id(REFERRAL, "offer", 1).version == 5


def _nth(number: int) -> ReferralRef:
    return ReferralRef.of(uuid5(REFERRAL, str(number)))
