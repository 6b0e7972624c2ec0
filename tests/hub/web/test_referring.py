"""The form as a person meets it: sent once however often the button is pressed, shown again with everything on it, and nobody shut out."""

from __future__ import annotations

import asyncio
import re
from typing import Any
from uuid import uuid4

import pytest

from hub.content import read_content
from hub.errors import Unavailable
from hub.web import FORM_CLIENT, link_path
from hub.web.own_client import register
from hub.web.tokens import GOOD_FOR
from schemas.referral import Referral
from tests.hub.web.desk import HOUSING, PHONE, Counter, fields_of, words_of

NASTY = '"><script>alert(1)</script>\'&amp;{{7*7}}'


def reference(html: str) -> str:
    """The reference that a page shows."""
    found = re.search(r'<p class="reference"[^>]*>(.*?)</p>', html)
    assert found, words_of(html)
    return re.sub(r"<[^>]+>", "", found[1])


async def referrals(pages: Counter) -> list[Referral]:
    """Every referral on the record, as it was understood."""
    rows = await pages.book.fetch("SELECT id, sealing_key, content FROM referral ORDER BY created_at")
    return [read_content(pages.desk.sealing.key(row["id"], row["sealing_key"]).open("content", row["content"])).referral for row in rows]


async def test_a_sent_form_is_a_referral_and_its_page_shows_the_reference(pages: Counter) -> None:
    page = await pages.send(matters="I would like company", need=["loneliness", "food"], given="Non", share="ask", language_spoken="cy")
    assert page.status_code == 200
    stored = await pages.book.value("SELECT ref FROM referral")
    assert reference(page.text).replace("-", "") == stored
    (referral,) = await referrals(pages)
    assert (referral.source.value, [need.code for need in referral.needs], referral.person.language_spoken) == ("self", ["loneliness", "food"], "cy")
    assert referral.narrative == ("I would like company",)
    assert "company" not in page.text


async def test_a_double_click_and_a_refresh_are_one_referral_and_the_same_page(pages: Counter) -> None:
    filled = await pages.fill(need=["food"])
    twice = await asyncio.gather(*(pages.post("/refer/myself", filled) for _ in range(4)))
    again = await pages.post("/refer/myself", filled)
    assert {reference(page.text) for page in (*twice, again)} == {reference(again.text)}
    assert await pages.book.value("SELECT count(*) FROM referral") == 1


async def test_going_back_and_sending_something_else_says_that_it_was_not_sent(pages: Counter) -> None:
    filled = await pages.fill()
    first = await pages.post("/refer/myself", filled)
    changed = await pages.post("/refer/myself", {**filled, "phone": "01792 111111"})
    assert changed.status_code == 409
    assert reference(changed.text) == reference(first.text)
    assert "already sent" in words_of(changed.text)
    assert await pages.book.value("SELECT count(*) FROM referral") == 1


async def test_who_comes_to_the_sending_address_without_a_form_is_shown_one(pages: Counter) -> None:
    for path, form in (("/refer/myself/send", "/refer/myself"), ("/cyfeirio/rhywun-arall/anfon", "/cyfeirio/rhywun-arall")):
        page = await pages.get(path)
        assert (page.status_code, page.headers["location"]) == (303, form)


async def test_a_new_page_is_a_new_form(pages: Counter) -> None:
    first, second = await pages.send(), await pages.send()
    assert reference(first.text) != reference(second.text)
    assert await pages.book.value("SELECT count(*) FROM referral") == 2


async def test_what_holds_anything_of_a_person_is_never_kept_by_a_browser(pages: Counter) -> None:
    filled = await pages.fill()
    for page in (await pages.post("/refer/myself", {**filled, "family": ""}), await pages.post("/refer/myself", filled)):
        assert page.headers["cache-control"] == "no-store"


# --- shown again ------------------------------------------------------------------------------------------------------------------------


async def test_what_is_missing_is_said_at_its_field_and_above_in_the_readers_language_with_everything_kept(pages: Counter) -> None:
    typed = {"matters": NASTY, "given": NASTY, "address": "1 Stryd\r\nAbertawe", "need": ["food", "money"], "level": "unsure", "contact_notes": "  ŵ 🎶 "}
    page = await pages.send("/cyfeirio/fi-fy-hun", **{**typed, "family": "", "phone": "", "consent": None})
    assert page.status_code == 422
    assert "<title>Gwall:" in page.text
    for anchor, words in (("family", "Rhowch eich cyfenw"), ("phone", "un ffordd ddiogel"), ("consent", "Ticiwch y blwch")):
        assert re.search(rf'<a href="#f-{anchor}">[^<]*{words}', page.text), anchor
        assert f' id="f-{anchor}"' in page.text
    kept = fields_of(page.text)
    wanted = {"matters": [NASTY], "given": [NASTY], "need": ["food", "money"], "level": ["unsure"], "contact_notes": ["  ŵ 🎶 "]}
    assert {name: sorted(kept[name]) for name in wanted} == wanted
    assert kept["address"][0].replace("\r\n", "\n") == "1 Stryd\nAbertawe"
    assert "<script" not in page.text


async def test_a_form_with_a_fault_is_stored_nowhere(pages: Counter) -> None:
    await pages.send(family="")
    for table in ("referral", "request", "refusal", "audit", "event"):
        assert await pages.book.value(f"SELECT count(*) FROM {table}") == 0, table
    assert pages.sent == []


async def test_the_corrected_form_is_sent_under_the_same_id(pages: Counter) -> None:
    filled = await pages.fill(family="")
    page = await pages.post("/refer/myself", filled)
    corrected = {**fields_of(page.text), "family": "Prawf"}
    assert corrected["request"] == filled["request"]
    assert (await pages.post("/refer/myself", corrected)).status_code == 200
    assert await pages.book.value("SELECT count(*) FROM request WHERE key = $1", filled["request"][0]) == 1


async def test_what_cannot_be_used_is_asked_about_once_and_then_sent_as_it_is(pages: Counter) -> None:
    filled = await pages.fill(postcode="nowhere", birth_year="48", nhs_number="1")
    page = await pages.post("/refer/myself", filled)
    assert "Please check" in words_of(page.text)
    assert {"f-postcode", "f-birth_day", "f-nhs_number"} <= set(re.findall(r'<a href="#([^"]+)">', page.text))
    assert await pages.book.value("SELECT count(*) FROM referral") == 0
    again = await pages.post("/refer/myself", fields_of(page.text))
    assert reference(again.text)


async def test_switching_the_language_keeps_what_was_typed_and_sends_nothing(pages: Counter) -> None:
    filled = await pages.fill(matters=NASTY, need=["food"], phone="01792 000000", share="no")
    page = await pages.post("/cyfeirio/fi-fy-hun", {**filled, "go": "language"})
    assert (page.status_code, page.headers["content-language"]) == (200, "cy")
    kept = fields_of(page.text)
    assert {name: kept[name] for name in ("matters", "need", "share", "consent", "request", "token")} == {
        "matters": [NASTY], "need": ["food"], "share": ["no"], "consent": ["yes"], "request": filled["request"], "token": filled["token"],
    }  # fmt: skip
    assert pages.sent == []
    assert reference((await pages.post("/cyfeirio/fi-fy-hun", kept)).text)


async def test_the_page_after_sending_is_shown_in_the_other_language_too(pages: Counter) -> None:
    sent = await pages.send(matters="I am going to kill myself")
    other = await pages.post("/cyfeirio/wedi-anfon", fields_of(sent.text))
    assert reference(other.text) == reference(sent.text)
    assert "GIG 111 a phwyswch 2" in words_of(other.text)
    assert (await pages.post("/cyfeirio/wedi-anfon", {"answer": "made-up"})).status_code == 404


# --- nobody is shut out -----------------------------------------------------------------------------------------------------------------


async def held_back_then_sent(pages: Counter, filled: dict[str, Any], status: int, **headers: str) -> str:
    """The form is shown again with its input and the telephone, nothing is sent; the next press of Send goes through. What was said."""
    page = await pages.post("/refer/myself", filled, headers)
    assert page.status_code == status, words_of(page.text)
    kept = fields_of(page.text)
    assert (kept["family"], kept["matters"]) == (["Prawf"], ["Hello"])
    assert PHONE in words_of(page.text)
    assert pages.sent == []
    assert reference((await pages.post("/refer/myself", kept)).text)
    return words_of(page.text)


FORGED: list[tuple[str, dict[str, Any]]] = [
    ("no token", {"token": None}),
    ("an empty one", {"token": ""}),
    ("one that was made up", {"token": "1772443800.AAAAAAAAAAAAAAAAAAAAAA"}),
    ("another page's", {"request": str(uuid4())}),
    ("no id", {"request": ""}),
    ("an id that is none", {"request": "x" * 36}),
]


@pytest.mark.parametrize(("what", "changed"), FORGED, ids=[what for what, _ in FORGED])
async def test_without_the_pages_own_token_nothing_is_sent_at_first(pages: Counter, what: str, changed: dict[str, Any]) -> None:
    filled = {**await pages.fill(matters="Hello"), **changed}
    await held_back_then_sent(pages, {name: value for name, value in filled.items() if value is not None}, 403)


SITES = [{"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "same-site"}, {"sec-fetch-site": "cross-site", "origin": "null"}]


@pytest.mark.parametrize("headers", SITES, ids=str)
async def test_what_another_sites_page_sends_is_not_sent_on(pages: Counter, headers: dict[str, str]) -> None:
    await held_back_then_sent(pages, await pages.fill(matters="Hello"), 403, **headers)


async def test_an_older_browsers_origin_must_be_ours(pages: Counter) -> None:
    filled = await pages.fill(matters="Hello")
    for origin, status in (("https://evil.example", 403), ("null", 403), (pages.url, 200)):
        page = await pages._browser.post(pages.url + "/refer/myself/send", data=filled, headers={"origin": origin})
        assert page.status_code == status, origin


async def test_a_token_of_one_way_is_none_for_another(pages: Counter) -> None:
    filled = await pages.fill("/refer/myself")
    page = await pages.post("/refer/someone-else", {**filled, "helper_name": "Alex"})
    assert page.status_code == 403


async def test_a_page_that_was_open_for_a_day_is_sent_with_one_press_more(pages: Counter) -> None:
    filled = await pages.fill(matters="Hello")
    pages.now += GOOD_FOR + 1
    await held_back_then_sent(pages, filled, 200)


async def test_a_filled_trap_for_robots_costs_a_person_one_press_more(pages: Counter) -> None:
    await held_back_then_sent(pages, {**await pages.fill(matters="Hello"), "website": "x"}, 200)


async def test_a_form_sent_in_a_second_is_asked_for_once_more(pages: Counter) -> None:
    filled = await pages.fill(matters="Hello")
    pages.now -= 60
    page = await pages.post("/refer/myself", filled)
    assert "once more" in words_of(page.text)
    assert pages.sent == []
    pages.now += 3
    assert reference((await pages.post("/refer/myself", fields_of(page.text))).text)


async def test_a_flood_hears_429_with_the_telephone_and_the_input_kept(pages: Counter) -> None:
    pages.desk.sending.clock = lambda: 0.0  # a slow machine would let the allowance grow again between two
    filled = await pages.fill(family="", matters="Hello")
    flooded = [await pages.post("/refer/myself", filled) for _ in range(75)][-1]
    assert flooded.status_code == 429
    assert int(flooded.headers["retry-after"]) >= 1
    assert PHONE in words_of(flooded.text)
    assert fields_of(flooded.text)["matters"] == ["Hello"]


async def test_while_it_cannot_be_stored_the_page_says_not_sent_and_keeps_everything(pages: Counter) -> None:
    filled = await pages.fill(matters="Hello")
    pages.fault = Unavailable("The record does not answer")
    page = await pages.post("/refer/myself", filled)
    assert (page.status_code, page.headers["retry-after"]) == (503, "30")
    assert "Nothing was sent" in words_of(page.text)
    kept = fields_of(page.text)
    assert (kept["matters"], kept["request"]) == (["Hello"], filled["request"])
    pages.fault = None
    assert reference((await pages.post("/refer/myself", kept)).text)
    assert await pages.book.value("SELECT count(*) FROM referral") == 1


async def test_who_pasted_too_much_sees_it_all_again(pages: Counter) -> None:
    page = await pages.send(matters="a" * 300_000)
    assert page.status_code == 422
    assert fields_of(page.text)["matters"] == ["a" * 300_000]
    assert PHONE in words_of(page.text)


BODIES = [b"family=%FF", b"\xff\xfe", b"&".join(b"a=1" for _ in range(400))]


@pytest.mark.parametrize("body", BODIES, ids=["not UTF-8", "not ASCII", "too many fields"])
async def test_what_cannot_be_read_is_a_page_too(pages: Counter, body: bytes) -> None:
    headers = {"content-type": "application/x-www-form-urlencoded"}
    page = await pages._browser.post(pages.url + "/refer/myself/send", content=body, headers=headers)
    assert page.status_code == 413
    assert PHONE in words_of(page.text)


async def test_when_its_client_is_revoked_the_form_is_closed_and_names_the_telephone(pages: Counter) -> None:
    filled = await pages.fill()
    del pages.known.clients[FORM_CLIENT]
    for page in (await pages.get("/refer/myself"), await pages.post("/refer/myself", filled)):
        assert page.status_code == 503
        assert PHONE in words_of(page.text)


@pytest.mark.parametrize("whose", [FORM_CLIENT, HOUSING])
async def test_a_form_that_is_closed_while_somebody_fills_it_in_shows_what_they_typed(pages: Counter, whose: str) -> None:
    path = "/refer/myself" if whose == FORM_CLIENT else link_path(pages.desk.sealing, HOUSING, "professional")
    filled = await pages.fill(path, matters="An hour of typing")
    del pages.known.clients[whose]
    page = await pages.post(path, filled)
    assert page.status_code == 503
    assert "was closed while you filled it in" in words_of(page.text)
    assert fields_of(page.text)["matters"] == ["An hour of typing"]
    assert await pages.book.value("SELECT count(*) FROM referral") == 0


async def test_what_must_be_corrected_is_said_again_in_the_language_that_is_switched_to(pages: Counter) -> None:
    page = await pages.send(family="")
    page = await pages.post("/cyfeirio/fi-fy-hun", {**fields_of(page.text), "go": "language"})
    assert re.findall(r'<a href="#(f-[^"]+)">', page.text) == ["f-family"]
    assert "Mae problem" in words_of(page.text)


async def test_what_was_asked_about_once_is_asked_again_in_the_language_that_is_switched_to(pages: Counter) -> None:
    page = await pages.send(postcode="nowhere")
    assert fields_of(page.text)["confirmed"] == ["yes"]
    page = await pages.post("/cyfeirio/fi-fy-hun", {**fields_of(page.text), "go": "language"})
    assert re.findall(r'<a href="#(f-[^"]+)">', page.text) == ["f-postcode"]
    assert reference((await pages.post("/cyfeirio/fi-fy-hun", fields_of(page.text))).text)


async def test_a_telephone_number_that_nobody_could_ring_is_asked_about_once(pages: Counter) -> None:
    page = await pages.send(phone="0770 090 001")
    assert re.findall(r'<a href="#(f-[^"]+)">', page.text) == ["f-phone"]
    assert await pages.book.value("SELECT count(*) FROM referral") == 0
    assert reference((await pages.post("/refer/myself", fields_of(page.text))).text)


async def test_what_was_said_to_be_right_once_is_asked_about_again_after_a_fault(pages: Counter) -> None:
    page = await pages.send(postcode="nowhere")
    page = await pages.post("/refer/myself", {**fields_of(page.text), "family": ""})
    assert page.status_code == 422
    page = await pages.post("/refer/myself", {**fields_of(page.text), "family": "Prawf", "postcode": "elsewhere"})
    assert "Please check" in words_of(page.text)
    assert await pages.book.value("SELECT count(*) FROM referral") == 0


async def test_who_agreed_to_other_words_is_asked_to_agree_to_these(pages: Counter) -> None:
    page = await pages.send(family="", consent_version="2025-01")
    assert "consent" not in fields_of(page.text)
    page = await pages.send(family="")
    assert fields_of(page.text)["consent"] == ["yes"]


# --- risk -------------------------------------------------------------------------------------------------------------------------------


async def test_words_of_crisis_are_answered_and_stored_for_a_human(pages: Counter) -> None:
    page = await pages.send(matters="I want to kill myself")
    assert "NHS 111 and press 2" in words_of(page.text)
    assert "within 2 minutes" in words_of(page.text)
    assert reference(page.text)
    assert await pages.book.value("SELECT held_reason FROM referral") == "crisis"


@pytest.mark.parametrize(("path", "said"), [("/refer/myself", "We speak with you first"), ("/cyfeirio/fi-fy-hun", "Byddwn yn siarad â chi yn gyntaf")])
async def test_a_child_who_asks_alone_reads_who_speaks_with_them_first(pages: Counter, path: str, said: str) -> None:
    words = words_of((await pages.send(path, birth_day="17", birth_month="5", birth_year="2014")).text)
    assert said in words
    assert said not in words_of((await pages.send(path, birth_day="17", birth_month="5", birth_year="1980")).text)


async def test_words_of_crisis_in_a_form_with_a_fault_are_answered_before_the_fault(pages: Counter) -> None:
    page = await pages.send("/cyfeirio/fi-fy-hun", matters="Rwyf eisiau lladd fy hun", family="")
    assert page.status_code == 422
    words = words_of(page.text)
    assert words.index("GIG 111 a phwyswch 2") < words.index("Mae problem")


async def test_a_crisis_is_named_wherever_the_page_is_shown_again(pages: Counter) -> None:
    pages.fault = Unavailable("The record does not answer")
    page = await pages.send(contact_notes="ring soon, I am going to kill myself")
    assert "What you wrote worries us" in words_of(page.text)


async def test_a_crisis_is_named_in_the_language_that_is_switched_to(pages: Counter) -> None:
    filled = await pages.fill(matters="I am going to kill myself")
    page = await pages.post("/cyfeirio/fi-fy-hun", {**filled, "go": "language"})
    assert "Ceisiwch help nawr" in words_of(page.text)
    assert page.text.count('href="tel:999"') >= 2


BOXES = ["matters", "contact_notes", "access_notes", "language_other"]
WAYS = ["/refer/myself", "/refer/someone-else", "professional", "call-handler"]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("box", [*BOXES, "surgery", "helper_role"])
async def test_what_a_page_promises_of_words_of_crisis_comes_true_when_it_is_sent(pages: Counter, way: str, box: str) -> None:
    path = way if way.startswith("/") else link_path(pages.desk.sealing, HOUSING, way)
    said = {"helper_name": "Alex", "family": "", box: "I am going to kill myself"}
    page = await pages.send(path, **said)
    promised = "is alerted within 2 minutes and reads it first" in words_of(page.text)
    assert promised is (box in BOXES)
    assert reference((await pages.post(path, {**fields_of(page.text), "family": "Prawf", "confirmed": "yes"})).text)
    if promised:
        assert await pages.book.value("SELECT held_reason FROM referral") == "crisis"


async def test_nothing_to_eat_tonight_is_told_what_to_do_today(pages: Counter) -> None:
    page = await pages.send(matters="I have no food tonight and no money")
    assert "food bank today" in words_of(page.text)


async def test_a_calm_form_is_not_told_of_a_crisis_of_its_own(pages: Counter) -> None:
    assert "worries us" not in words_of((await pages.send(matters="I would like to sing again")).text)


# --- the other ways in ------------------------------------------------------------------------------------------------------------------


async def test_for_somebody_else_asks_who_fills_it_in_and_for_their_agreement(pages: Counter) -> None:
    page = await pages.send("/refer/someone-else", consent=None)
    assert {"f-helper_name", "f-consent"} == set(re.findall(r'<a href="#(f-[^"]+)">', page.text))
    assert "the person has agreed" in words_of(page.text)
    page = await pages.send("/refer/someone-else", helper_name="Alex Prawf", helper_role="Sister")
    assert reference(page.text)
    (referral,) = await referrals(pages)
    assert (referral.source.value, referral.referrer.name) == ("self", "Alex Prawf")


@pytest.mark.parametrize(("way", "name"), [("professional", "Jo Prawf"), ("call-handler", "Prawf")])
async def test_an_organisations_link_needs_no_key_and_says_whose_it_is(pages: Counter, way: str, name: str) -> None:
    path = link_path(pages.desk.sealing, HOUSING, way)
    assert "Tai Prawf" in words_of((await pages.get(path)).text)
    page = await pages.send(path, helper_name="Jo Prawf", arrived_by="paper")
    assert reference(page.text)
    (referral,) = await referrals(pages)
    assert (referral.source.value, referral.referrer.name) == ("housing", name)
    assert await pages.book.value("SELECT client FROM referral") == HOUSING


async def test_a_link_that_was_changed_or_whose_organisation_left_is_no_link(pages: Counter) -> None:
    good = link_path(pages.desk.sealing, HOUSING, "professional")
    changed = [good[:-1] + ("A" if good[-1] != "A" else "B"), good.replace(HOUSING, FORM_CLIENT), good.replace(".p.", ".c."), "/refer/organisation/x"]
    for path in changed:
        page = await pages.get(path)
        assert page.status_code == 404, path
        assert PHONE in words_of(page.text)
    del pages.known.clients[HOUSING]
    assert (await pages.get(good)).status_code == 404


async def test_a_link_can_be_made_for_those_two_ways_alone(pages: Counter) -> None:
    with pytest.raises(ValueError, match="professional or a call handler"):
        link_path(pages.desk.sealing, HOUSING, "myself")


async def test_the_hubs_own_client_is_registered_once_without_a_key_and_may_only_create(pages: Counter) -> None:
    for _ in range(2):
        await register(pages.desk.pool, pages.desk.sealing)
    (row,) = await pages.book.fetch("SELECT scopes, key_hash, profile::text FROM client")
    assert (row["scopes"], row["key_hash"]) == (["referral.create"], None)
