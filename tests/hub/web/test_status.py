"""The status page tells how a referral stands to who knows two things, and one and the same to everybody else."""

from __future__ import annotations

import re
from typing import Any

import pytest

from hub.errors import Unavailable
from schemas.events import FactType
from schemas.lifecycle import Update
from schemas.task import Party
from tests.hub.web.desk import PHONE, Counter, fields_of, words_of
from tests.hub.web.test_referring import reference

BORN = {"birth_day": "17", "birth_month": "5", "birth_year": "1948"}
PATHS = ["/refer/status", "/cyfeirio/statws"]


async def a_reference(pages: Counter, **filled: Any) -> str:  # Any: as in `send`
    """A form was sent, with a date of birth and a postcode; its reference."""
    return reference((await pages.send(**{**BORN, "postcode": "SA1 1AA", **filled})).text)


async def ask(pages: Counter, ref: str, path: str = "/refer/status", **second: str) -> str:
    """What the page says."""
    page = await pages.post(path, {"reference": ref, **second})
    assert page.status_code == 200, words_of(page.text)
    return page.text


@pytest.mark.parametrize("second", [BORN, {"postcode": "sa11aa"}, {**BORN, "postcode": "CF10 1AA"}, {**BORN, "birth_month": "Mai"}], ids=str)
async def test_the_reference_and_a_second_thing_show_how_it_stands(pages: Counter, second: dict[str, str]) -> None:
    ref = await a_reference(pages)
    page = await ask(pages, ref.lower().replace("-", " "), **second)
    assert "We are looking for a link worker" in words_of(page)
    assert "Prawf" not in page


DOES_NOT_FIT: list[tuple[str, dict[str, str]]] = [
    ("another day", {**BORN, "birth_day": "18"}),
    ("another postcode", {"postcode": "SA1 1AB"}),
    ("the date is another's though the postcode fits", {**BORN, "birth_year": "1949", "postcode": "SA1 1AA"}),
]


@pytest.mark.parametrize(("what", "second"), DOES_NOT_FIT, ids=[what for what, _ in DOES_NOT_FIT])
async def test_what_does_not_fit_is_answered_like_what_does_not_exist(pages: Counter, what: str, second: dict[str, str]) -> None:
    ref = await a_reference(pages)
    absent = await ask(pages, "0123-4567-89AB", **BORN)
    assert await ask(pages, ref, **second) == absent
    assert "cannot show anything" in words_of(absent)


async def test_a_form_without_a_date_or_postcode_shows_nothing_to_anybody(pages: Counter) -> None:
    ref = reference((await pages.send(no_fixed_address="yes")).text)
    for second in (BORN, {"postcode": "ZZ99 3VZ"}):
        assert "cannot show anything" in words_of(await ask(pages, ref, **second))


async def test_half_a_date_is_no_second_thing(pages: Counter) -> None:
    ref = await a_reference(pages, birth_day="", birth_month="", birth_year="1948")
    page = await pages.post("/refer/status", {"reference": ref, "birth_year": "1948"})
    assert page.status_code == 422


@pytest.mark.parametrize("path", PATHS)
async def test_what_can_be_seen_to_be_wrong_is_said_without_looking(pages: Counter, path: str) -> None:
    page = await pages.post(path, {"reference": "0123-4567-89AC", "postcode": "x"})
    assert page.status_code == 422
    assert re.findall(r'<a href="#(f-[^"]+)">', page.text) == ["f-reference", "f-birth_day"]
    assert fields_of(page.text)["reference"] == ["0123-4567-89AC"]


async def test_after_ten_tries_a_reference_is_closed_even_to_who_knows(pages: Counter) -> None:
    ref = await a_reference(pages)
    for day in range(1, 11):
        await ask(pages, ref, **{**BORN, "birth_day": str(day)})
    assert await ask(pages, ref, **BORN) == await ask(pages, "0123-4567-89AB", **BORN)


async def test_too_many_questions_from_one_place_hear_429_and_the_telephone(pages: Counter) -> None:
    pages.desk.looking.clock = lambda: 0.0  # a slow machine would let the allowance grow again between two
    answers = [await pages.post("/refer/status", {"reference": "x"}) for _ in range(40)]
    assert answers[-1].status_code == 429
    assert PHONE in words_of(answers[-1].text)


async def test_another_sites_page_learns_nothing(pages: Counter) -> None:
    ref = await a_reference(pages)
    page = await pages.post("/refer/status", {"reference": ref, **BORN}, {"sec-fetch-site": "cross-site"})
    assert page.status_code == 403
    assert "looking for a link worker" not in words_of(page.text)


async def test_the_language_is_switched_with_what_was_typed(pages: Counter) -> None:
    page = await pages.post("/cyfeirio/statws", {"reference": "0123", "postcode": "SA1", "go": "language"})
    kept = fields_of(page.text)
    assert (kept["reference"], kept["postcode"]) == (["0123"], ["SA1"])
    assert page.headers["content-language"] == "cy"


async def test_a_held_form_is_being_read_and_why_is_not_said(pages: Counter) -> None:
    ref = await a_reference(pages, matters="I want to kill myself")
    words = words_of(await ask(pages, ref, **BORN))
    assert "is reading the form" in words
    assert "worries" not in words


CHILD = {"birth_day": "17", "birth_month": "5", "birth_year": "2014"}


@pytest.mark.parametrize(("path", "said"), [("/refer/status", "speaks with whoever asked"), ("/cyfeirio/statws", "siarad â phwy bynnag a ofynnodd")])
async def test_a_child_who_asked_alone_reads_that_somebody_speaks_with_them_first(pages: Counter, path: str, said: str) -> None:
    ref = await a_reference(pages, **CHILD)
    assert await pages.book.value("SELECT held_reason FROM referral") == "child-alone"
    assert said in words_of(await ask(pages, ref, path, **CHILD))


async def test_every_standing_has_its_words(pages: Counter) -> None:
    ref = await a_reference(pages)
    id_ = await pages.book.value("SELECT id FROM referral")
    await pages.book.list_prescriber("p-1", "Cyswllt Abertawe")
    task = await pages.book.assign(id_)
    words = words_of(await ask(pages, ref, **BORN))
    assert "A link worker has been asked" in words
    assert "Cyswllt Abertawe" in words
    await pages.book.apply(id_, Update(FactType.ACCEPTED, Party.PRESCRIBER, task))
    assert "has taken it on" in words_of(await ask(pages, ref, **BORN))
    await pages.book.apply(id_, Update(FactType.ENTERED_IN_ERROR, Party.REFERRER))
    assert "It is closed" in words_of(await ask(pages, ref, **BORN))


@pytest.mark.parametrize("unsafe", [{"address": "1 Test Road", "letter_safe": "no"}, {"matters": "My husband hits me"}], ids=["letters", "abuse"])
async def test_where_home_is_not_safe_nobody_reads_whose_help_was_asked_for(pages: Counter, unsafe: dict[str, str]) -> None:
    ref = await a_reference(pages, **unsafe)
    await pages.book.list_prescriber("p-1", "Cyswllt Abertawe")
    id_ = await pages.book.value("SELECT id FROM referral")
    if await pages.book.value("SELECT held_reason FROM referral"):
        await pages.book.apply(id_, Update(FactType.RELEASED, Party.OPERATIONS))
    await pages.book.assign(id_)
    words = words_of(await ask(pages, ref, **BORN))
    assert "A link worker has been asked" in words
    assert "Cyswllt" not in words


async def test_part_of_a_date_in_the_form_leaves_the_postcode(pages: Counter) -> None:
    ref = await a_reference(pages, birth_day="", birth_month="")
    assert "We are looking" in words_of(await ask(pages, ref, **BORN, postcode="SA1 1AA"))
    assert "cannot show anything" in words_of(await ask(pages, ref, **BORN))


async def test_while_the_record_does_not_answer_the_page_says_so_and_keeps_what_was_typed(pages: Counter, monkeypatch: pytest.MonkeyPatch) -> None:
    async def down(*_: object) -> None:
        raise Unavailable("The record does not answer")

    monkeypatch.setattr("hub.web.status.standing", down)
    page = await pages.post("/refer/status", {"reference": "0123-4567-89AB", **BORN})
    assert (page.status_code, fields_of(page.text)["reference"]) == (503, ["0123-4567-89AB"])
    assert PHONE in words_of(page.text)


async def test_every_look_is_audited_with_nothing_of_the_person(pages: Counter) -> None:
    ref = await a_reference(pages)
    await ask(pages, ref, **BORN)
    await ask(pages, ref, postcode="CF10 1AA")
    rows = await pages.book.fetch("SELECT action, detail::text FROM audit WHERE action LIKE 'status%' ORDER BY action")
    assert [(row["action"], row["detail"]) for row in rows] == [("status.read", "{}"), ("status.refused", "{}")]


async def test_an_erased_referral_is_like_none(pages: Counter) -> None:
    ref = await a_reference(pages)
    await pages.book.fetch("UPDATE referral SET sealing_key = NULL")
    assert await ask(pages, ref, **BORN) == await ask(pages, "0123-4567-89AB", **BORN)
