"""`hub letters`: what is to be printed and posted, one file for the printer, and the end of each letter."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest

from hub.dispatch.letters import PrintQueue
from schemas.events import FactType
from schemas.identifiers import ReferralRef
from schemas.lifecycle import Update
from schemas.task import Party
from tests.hub.dispatch.conftest import Bench
from tests.hub.dispatch.test_people import came, changed, form
from tests.hub.making import Record, policy
from tests.hub.operations.commands import Commands


async def _owed(opened: Record, **how: object) -> tuple[UUID, str]:
    """A referral whose person is owed a letter, queued; its id and the letter's."""
    bench = Bench(opened)
    referral = await came(bench, email=None, **how)
    await opened.assign(referral, client=None)
    await bench.consume(referral)
    await PrintQueue(opened.ledger.pool, policy(), 2).look()
    return referral, str(await opened.value("SELECT id FROM delivery WHERE referral_id = $1 AND transport = 'letter'", referral))


async def test_nothing_to_print_is_said_in_both_languages(hub: Commands, opened: Record, tmp_path: Path) -> None:
    assert (await hub("letters", "list")).out == "No letter waits to be printed or posted.\n"
    assert (await hub("letters", "list", "--language", "cy")).out == "Nid oes llythyr yn aros i gael ei argraffu na'i bostio.\n"
    assert (await hub("letters", "print", str(tmp_path / "none.html"))).code == 0
    assert not (tmp_path / "none.html").exists()


async def test_a_letter_is_listed_printed_posted_and_gone(hub: Commands, opened: Record, tmp_path: Path) -> None:
    referral, letter = await _owed(opened)
    (row,) = (await hub("letters", "list", "--json")).lines
    assert (row["id"], row["referral"], row["state"], row["late"]) == (letter, str(referral), "owed", False)
    file = tmp_path / "letters.html"
    assert "Letters in" in (await hub("letters", "print", str(file))).out
    page = file.read_text("utf-8")
    assert page.startswith("<!doctype html>")
    assert '<address class="to">Non Prawf<br>1 Stryd y Prawf<br>Abertawe<br>SA1 1AA</address>' in page
    assert page.count("<article") == 1
    assert file.stat().st_mode & 0o777 == 0o600
    (row,) = (await hub("letters", "list", "--json")).lines
    assert row["state"] == "printed"
    done = await hub("letters", "posted", letter[:8], "--by", "the desk")
    assert (done.code, done.out) == (0, f"Noted: the letter about {ReferralRef.of(referral).spoken} is in the post.\n")
    assert (await hub("letters", "list", "--json")).lines == []
    assert tuple((await opened.fetch("SELECT state, outcome FROM delivery WHERE transport = 'letter'"))[0]) == ("delivered", "posted")
    rows = await opened.fetch("SELECT actor, action FROM audit WHERE action LIKE 'letter.%' ORDER BY seq")
    assert [row["action"] for row in rows] == ["letter.printed", "letter.posted"]
    assert rows[1]["actor"] == "operations:the desk"


async def test_a_letter_that_names_no_telephone_or_address_is_said_to_once(hub: Commands, opened: Record, tmp_path: Path) -> None:
    await _owed(opened)
    for words in (("list",), ("print", str(tmp_path / "1.html"))):
        assert (await hub("letters", *words)).err.count("HUB_PHONE, HUB_SENDER_ADDRESS, HUB_SENDER_CY") == 1, words
    assert (await hub("letters", "list", "--json")).err == ""  # a program reads `hub check`
    told = {"HUB_PHONE": "01792 000000", "HUB_SENDER_ADDRESS": "1 Stryd y Prawf; Abertawe", "HUB_SENDER_CY": "Yr hyb"}
    assert (await replace(hub, environment={**hub.environment, **told})("letters", "list")).err == ""


async def test_the_list_names_nobody(hub: Commands, opened: Record) -> None:
    await _owed(opened)
    listed = await hub("letters", "list")
    assert "to print" in listed.out
    assert [word for word in ("Prawf", "Stryd", "SA1", "Abertawe") if word in listed.out] == []


async def test_what_was_printed_is_printed_again_only_when_asked(hub: Commands, opened: Record, tmp_path: Path) -> None:
    await _owed(opened)
    await hub("letters", "print", str(tmp_path / "1.html"))
    assert "No letter waits" in (await hub("letters", "print", str(tmp_path / "2.html"))).out
    await hub("letters", "print", str(tmp_path / "3.html"), "--again")
    assert (tmp_path / "3.html").read_text() == (tmp_path / "1.html").read_text()


@pytest.mark.parametrize("where", ["there.html", "no-such-folder/new.html"])
async def test_a_file_that_cannot_be_made_prints_nothing_and_nothing_counts_as_printed(hub: Commands, opened: Record, tmp_path: Path, where: str) -> None:
    (tmp_path / "there.html").write_text("keep")
    await _owed(opened)
    assert (await hub("letters", "print", str(tmp_path / where))).code == 64
    assert (tmp_path / "there.html").read_text() == "keep"
    assert [row["state"] for row in (await hub("letters", "list", "--json")).lines] == ["owed"]


async def test_a_printed_letter_of_somebody_who_died_says_not_to_post_it(hub: Commands, opened: Record, tmp_path: Path) -> None:
    referral, letter = await _owed(opened)
    await hub("letters", "print", str(tmp_path / "letters.html"))
    await opened.apply(referral, Update(FactType.PERSON_DIED, Party.HOSPITAL))
    assert [row["state"] for row in (await hub("letters", "list", "--json")).lines] == ["stopped"]
    assert "STOPPED: do not post" in (await hub("letters", "list")).out
    refused = await hub("letters", "posted", letter, "--by", "the desk")
    assert (refused.code, refused.err) == (2, "hub: That letter was stopped: do not post it, and destroy what was printed.\n")
    assert "No letter waits" in (await hub("letters", "print", str(tmp_path / "again.html"), "--again")).out


async def test_a_letter_to_a_home_that_is_not_safe_any_more_is_not_printed_but_told_by_a_person(hub: Commands, opened: Record, tmp_path: Path) -> None:
    referral, letter = await _owed(opened)
    await changed(Bench(opened), referral, form(email=None, home_safe=False))
    ended = await hub("letters", "print", str(tmp_path / "letters.html"))
    assert "Letters left out: 1" in ended.err
    assert not (tmp_path / "letters.html").exists()
    assert await opened.value("SELECT reason FROM worklist_item WHERE id = $1", UUID(letter)) == "delivery-refused"


async def test_of_an_erased_referral_no_letter_is_printed_and_nobody_is_asked_to_ring(hub: Commands, opened: Record, tmp_path: Path) -> None:
    referral, _ = await _owed(opened)
    await opened.fetch("UPDATE referral SET sealing_key = NULL, content = NULL, message = NULL WHERE id = $1", referral)
    assert "Letters left out: 1" in (await hub("letters", "print", str(tmp_path / "letters.html"))).err
    assert (await hub("letters", "list", "--json")).lines == []
    assert await opened.value("SELECT count(*) FROM worklist_item WHERE kind = 'tell-by-hand' AND reason = 'delivery-refused'") == 0


async def test_posting_a_late_letter_closes_its_item_and_releasing_the_item_ends_the_letter(hub: Commands, opened: Record) -> None:
    for how in ("posted", "rung"):
        _, letter = await _owed(opened)
        await opened.fetch("UPDATE delivery SET next_attempt_at = now() - interval '1 minute' WHERE id = $1", UUID(letter))
        await PrintQueue(opened.ledger.pool, policy(), 2).look()
        shown = await hub("worklist", "show", letter)
        assert "We have asked a link worker to help you" in shown.out
        assert "A letter was not posted in time" in shown.out
        if how == "posted":
            await hub("letters", "posted", letter, "--by", "the desk")
        else:
            await hub("worklist", "release", letter, "--by", "the desk", "--note", "rang them")
        assert await opened.value("SELECT closed_at IS NOT NULL FROM worklist_item WHERE id = $1", UUID(letter))
        assert (await hub("letters", "list", "--json")).lines == []
    assert {row["outcome"] for row in await opened.fetch("SELECT outcome FROM delivery WHERE transport = 'letter'")} == {"posted", "told by hand"}


WRONG = [("ffffffff", "There is no letter like that"), ("%", "There is no letter like that"), ("", "There is no letter like that")]


@pytest.mark.parametrize(("typed", "said"), WRONG)
async def test_an_unknown_letter_is_refused_plainly(hub: Commands, opened: Record, typed: str, said: str) -> None:
    await _owed(opened)
    ended = await hub("letters", "posted", typed, "--by", "the desk")
    assert ended.code == 2
    assert said in ended.err


async def test_a_letter_is_posted_once(hub: Commands, opened: Record) -> None:
    _, letter = await _owed(opened)
    await hub("letters", "posted", letter, "--by", "the desk")
    again = await hub("letters", "posted", letter, "--by", "the desk")
    assert (again.code, again.err) == (2, "hub: That letter is in the post already.\n")
