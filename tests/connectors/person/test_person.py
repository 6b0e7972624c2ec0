"""What a person without a system gets: an e-mail that could be about anything, or a letter of one page; nothing of why in either."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import SMTP
from typing import Literal
from xml.etree import ElementTree

import pytest

from connectors.person.connector import compose, judge
from schemas.addressee import Addressee, Sender
from schemas.events import FactType
from schemas.messages import Delivered, Notice, OutboundMessage, ReceiverReply, Refused, TryAgain, Verdict
from schemas.profile import Profile
from schemas.rejection import Reason, Rejected
from schemas.words import Text, text

SENDER = Sender(Text("Coed Community Team", "Tîm Cymunedol Coed"), "01632 960 000", "hello@coed.example", ("2 Test Square", "Swansea"))
TO = Addressee("person", "mail", SENDER, "Gwên Prawf", "gwen@example.org", ("1 Stryd y Prawf", "Abertawe", "SA1 1AA"))
HEALTH = ("health", "iechyd", "NHS", "GIG", "referral", "atgyfeiri", "prescri", "crisis", "presgripsiwn")


def notice(to: Addressee | None = TO) -> Notice:
    said = text("notice.person.accepted", prescriber=text("person.somebody"), when=Text("Friday 6 March 2026", "dydd Gwener 6 Mawrth 2026"))
    at = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
    id_, referral = "0b1e6d0e-0c1c-5c43-8a6d-2f0c6f6b6f10", "0192f0c1-2d3e-7f40-8000-000000000001"
    return Notice(id_, FactType.ACCEPTED, referral, "0123456789AB", 3, said, at, {}, addressee=to)


def read(message: OutboundMessage) -> EmailMessage:
    made = BytesParser(policy=SMTP).parsebytes(message.body)
    assert isinstance(made, EmailMessage)
    return made


SUBJECTS = [
    (None, "Neges gan Tîm Cymunedol Coed / A message from Coed Community Team"),
    ("cy", "Neges gan Tîm Cymunedol Coed"),
    ("en", "A message from Coed Community Team"),
]


@pytest.mark.parametrize(("language", "subject"), SUBJECTS)
def test_the_subject_says_who_writes_and_nothing_else(language: Literal["cy", "en"] | None, subject: str) -> None:
    made = read(compose(notice(replace(TO, language=language)), Profile()))
    assert made["Subject"] == subject
    assert [word for word in HEALTH if word.lower() in made["Subject"].lower()] == []


def test_an_email_is_thin_which_request_what_next_whom_to_ring() -> None:
    body = read(compose(notice(), Profile())).get_content()
    for said in ("0123-4567-89AB", "01632 960 000", "Friday 6 March 2026", "dydd Gwener 6 Mawrth 2026", "Please do not answer", "Peidiwch ag ateb"):
        assert said in body
    assert [word for word in (*HEALTH, "Gwên", "Prawf", "SA1") if word.lower() in body.lower()] == []
    assert body.index("Mae hyn") < body.index("This is about")


def test_where_the_written_language_is_known_only_that_is_written() -> None:
    assert "This is about" not in read(compose(notice(replace(TO, language="cy")), Profile())).get_content()
    assert "Mae hyn" not in read(compose(notice(replace(TO, language="en")), Profile())).get_content()


def test_the_same_notice_is_the_same_bytes_with_the_same_message_id() -> None:
    first, again = compose(notice(), Profile()), compose(notice(), Profile())
    assert first == again
    made = read(first)
    assert made["Message-ID"] == "<0b1e6d0e-0c1c-5c43-8a6d-2f0c6f6b6f10@coed.example>"
    assert (made["Auto-Submitted"], made["Date"].datetime.isoformat()) == ("auto-generated", "2026-03-02T09:30:00+00:00")
    assert first.body.isascii()
    assert max(len(line) for line in first.body.split(b"\r\n")) <= 200


AWKWARD = ["Coed\r\nBcc: thief@example.org", 'A "quoted" <name>', "Ŵyr y Tŷ, Coed"]


@pytest.mark.parametrize("name", AWKWARD)
def test_a_senders_name_makes_no_header_of_its_own(name: str) -> None:
    to = replace(TO, sender=replace(SENDER, name=Text(" ".join(name.split()), " ".join(name.split()))))
    made = read(compose(notice(to), Profile()))
    assert made["Bcc"] is None
    assert made["To"].addresses[0].addr_spec == "gwen@example.org"
    assert made["From"].addresses[0].addr_spec == "hello@coed.example"


def letter(to: Addressee) -> ElementTree.Element:
    made = compose(notice(replace(to, way="letter")), Profile())
    assert made.content_type == "text/html"
    return ElementTree.fromstring(made.body.decode().replace("<br>", "<br/>"))


def test_a_letter_has_its_address_in_a_window_of_its_own_and_both_languages() -> None:
    page = letter(TO)
    window = page.find("address[@class='to']")
    assert window is not None
    assert list(window.itertext()) == ["Gwên Prawf", "1 Stryd y Prawf", "Abertawe", "SA1 1AA"]
    assert [one.get("lang") for one in page.findall("section")] == ["cy", "en"]
    assert "Monday 2 March 2026" in "".join(page.itertext())
    assert "Annwyl Gwên Prawf," in "".join(page.itertext())
    assert page.get("class") == "letter"


def test_a_letter_is_large_where_that_was_asked_for() -> None:
    assert letter(replace(TO, large=True)).get("class") == "letter large"


def test_what_somebody_typed_into_the_form_is_no_markup() -> None:
    page = letter(replace(TO, name="<script>alert(1)</script>", address=('"><img src=x>', "SA1 1AA & more")))
    assert page.find(".//script") is None
    assert page.find(".//img") is None


@pytest.mark.parametrize("to", [None, replace(TO, email=None), replace(TO, sender=replace(SENDER, email=None)), replace(TO, way="letter", address=())])
def test_without_an_address_for_the_way_nothing_is_composed(to: Addressee | None) -> None:
    with pytest.raises(Rejected) as fault:
        compose(notice(to), Profile())
    assert fault.value.reason is Reason.REQUIRED


VERDICTS: list[tuple[int | None, Verdict]] = [
    (250, Delivered()),
    (421, TryAgain()),
    (450, TryAgain()),
    (452, TryAgain()),
    (550, Refused(Reason.DELIVERY_REFUSED)),
    (554, Refused(Reason.DELIVERY_REFUSED)),
    (None, TryAgain()),
]


@pytest.mark.parametrize(("code", "verdict"), VERDICTS)
def test_what_a_mail_servers_answer_means(code: int | None, verdict: Verdict) -> None:
    assert judge(OutboundMessage("mail", "k", b""), ReceiverReply(code, b"")) == verdict
