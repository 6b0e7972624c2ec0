"""E-mails leave over real SMTP: encrypted off this machine, refused and put off as the server says, and never with an address in a fault."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import pytest

from hub.errors import Unavailable
from hub.transports.mail import Envelope, MailSender, MailServer
from tests.hub.mailing import mail_server
from tests.hub.transports.receivers import Authority

TO = "gwen.prawf@example.org"
MESSAGE = b"From: a@hub.example\r\nTo: gwen.prawf@example.org\r\nSubject: A message\r\n\r\n.Hello\r\n"


def envelope() -> Envelope:
    return Envelope("a@hub.example", TO, MESSAGE)


async def test_what_the_server_takes_is_what_was_sent_byte_for_byte() -> None:
    async with mail_server() as box:
        reply = await MailSender(box.server).send(envelope())
        assert (reply.status, reply.body) == (250, b"")
        assert box.raw == [MESSAGE]
        assert box.envelopes == [("a@hub.example", [TO])]


@pytest.mark.parametrize(
    ("at_recipient", "at_data", "status"),
    [
        ("550 5.1.1 no such mailbox gwen.prawf@example.org", None, 550),
        ("450 4.2.0 greylisted", None, 450),
        (None, "554 5.7.1 looks like spam", 554),
        (None, "452 4.3.1 full", 452),
    ],
)
async def test_a_refusal_of_the_address_or_the_message_is_an_answer_by_its_code_alone(at_recipient: str | None, at_data: str | None, status: int) -> None:
    async with mail_server() as box:
        box.codes[TO] = [at_recipient] if at_recipient else []
        box.data = [at_data] if at_data else []
        reply = await MailSender(box.server).send(envelope())
        assert (reply.status, reply.body) == (status, b"")
        assert (await MailSender(box.server).send(envelope())).status == 250


async def test_over_tls_that_is_trusted_the_message_goes_encrypted(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    async with mail_server(authority.serves("localhost")) as box:
        await MailSender(MailServer("localhost", box.port), trust=authority.trust()).send(envelope())
        assert box.encrypted == [True]


async def test_a_certificate_that_is_not_trusted_gets_no_message(tmp_path: Path) -> None:
    async with mail_server(Authority(tmp_path).serves("localhost")) as box:
        with pytest.raises(Unavailable):
            await MailSender(MailServer("localhost", box.port), trust=Authority(tmp_path).trust()).send(envelope())
        assert box.taken == []


async def test_a_server_without_tls_gets_no_message_unless_it_is_on_this_machine() -> None:
    async with mail_server() as box:
        with pytest.raises(Unavailable):
            await MailSender(MailServer("127.0.0.1", box.port)).send(envelope())
        assert box.taken == []


@pytest.mark.parametrize("how", ["nobody listens", "says nothing", "closes at once", "says it is closing", "is no mail server"])
async def test_without_an_answer_about_the_message_it_is_unavailable_and_names_no_address(how: str) -> None:
    said = {"says it is closing": b"421 4.3.2 closing\r\n", "is no mail server": b"\x00\xffHTTP/1.1 200\r\n"}

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if how == "says nothing":
            await reader.read()
        writer.write(said.get(how, b""))
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    if how == "nobody listens":
        server.close()
        await server.wait_closed()
    with pytest.raises(Unavailable) as fault:
        await MailSender(MailServer("127.0.0.1", port, plain=True), timeout=0.5).send(envelope())
    assert TO not in str(fault.value)
    server.close()


async def test_our_own_address_refused_is_our_trouble_and_not_the_readers() -> None:
    async with mail_server() as box:
        with pytest.raises(Unavailable):
            await MailSender(box.server).send(Envelope("not an address", TO, MESSAGE))
        assert box.taken == []


def test_the_context_checks_names_and_certificates_by_itself() -> None:
    sender = MailSender(MailServer("mail.example", 587))
    assert sender._trust.check_hostname
    assert sender._trust.verify_mode is ssl.CERT_REQUIRED
