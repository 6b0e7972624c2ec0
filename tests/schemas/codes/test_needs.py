"""Needs and areas: what a sender's code means in the hub's lists."""

from __future__ import annotations

import pytest

from schemas.codes.areas import authorities, authority, board_of, board_of_ods, boards
from schemas.codes.data_files import SNOMED
from schemas.codes.needs import CONVERSATION, GRAVITY_SYSTEM, NEED_SYSTEM, need_of, needs, needs_of_esd

DRAFT = "http://hl7.org/fhir/us/sdoh-cc/CodeSystem/sdohcc-temporary-codes"


@pytest.mark.parametrize(
    ("system", "code", "meant"),
    [
        (NEED_SYSTEM, "food", ("food",)),
        (NEED_SYSTEM.upper(), "food", ("food",)),  # systems compare in any case
        (NEED_SYSTEM, "yachting", ()),
        (SNOMED, "422650009", ("loneliness",)),
        (f"{SNOMED}/83821000000107", "422650009", ("loneliness",)),  # an edition's URI
        ("SCT", "422650009", ("loneliness",)),  # as HL7 v2 names it
        ("http://snomed.info/sct|20240101", " 267076002 ", ("loneliness",)),
        (SNOMED, "105529008", ()),  # lives alone is not isolation
        (SNOMED, "710925007", ("food",)),  # an activity that names its need
        (SNOMED, "390893007", ("physical-activity",)),
        (SNOMED, "73211009", ()),  # known to medicine, not to this list
        (GRAVITY_SYSTEM, "financial-insecurity", ("money",)),
        (GRAVITY_SYSTEM, "food-insecurity", ("food",)),
        (DRAFT, "housing-instability-and-homelessness-domain", ("housing", "homelessness")),  # one code, two needs
        (GRAVITY_SYSTEM, "intimate-partner-violence", ()),  # a flag, not a need
        (None, "422650009", ()),  # a code without a system says nothing
        ("", "food", ()),
    ],
)
def test_a_coding_means_its_needs(system: str | None, code: str, meant: tuple[str, ...]) -> None:
    assert need_of(system, code) == meant


def test_every_need_has_a_label_in_both_languages_and_the_conversation_is_one() -> None:
    labels = [need.label for need in needs().values()]
    assert len({label.en for label in labels}) == len({label.cy for label in labels}) == len(needs()) == 30
    assert CONVERSATION in needs()


def test_no_snomed_code_means_two_needs_by_accident() -> None:
    codes = [code for need in needs().values() for code in need.snomed]
    assert len(codes) == len(set(codes))


def test_the_public_list_of_needs_is_read_back() -> None:
    assert needs_of_esd("Somewhere to live") == ("housing", "homelessness")
    assert needs_of_esd("Business premises") == ()


def test_wales_has_twenty_two_authorities_each_in_one_of_seven_boards() -> None:
    assert (len(authorities()), len(boards())) == (22, 7)
    assert {area.board for area in authorities().values()} == set(boards())


@pytest.mark.parametrize(
    ("code", "english"),
    [("W06000005", "Flintshire"), ("W06000007", "Powys"), ("W06000017", "Merthyr Tydfil"), ("E06000001", None), ("", None)],  # 07, 17: replaced
)
def test_a_replaced_code_means_the_authority_of_today(code: str, english: str | None) -> None:
    found = authority(code)
    assert (found.name.en if found else None) == english


@pytest.mark.parametrize(
    ("codes", "ods"),
    [
        (["W06000015", "W06000014"], "7A4"),
        (["W06000013"], "7A5"),  # Bridgend moved there in 2019
        (["W06000015", "W06000018"], None),  # two boards
        (["W06000015", "E06000001"], None),  # one side of the border
        ([], None),
    ],
)
def test_authorities_share_a_board_or_none(codes: list[str], ods: str | None) -> None:
    board = board_of(codes)
    assert (board.ods if board else None) == ods


@pytest.mark.parametrize(("ods", "gss"), [("7A1", "W11000023"), ("7a4bv", "W11000029"), ("RYE", None)])
def test_a_site_code_leads_to_its_board(ods: str, gss: str | None) -> None:
    board = board_of_ods(ods)
    assert (board.code if board else None) == gss
