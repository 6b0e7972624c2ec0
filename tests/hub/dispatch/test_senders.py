"""Who writes to people and by which server, as the settings say it; what contradicts itself stops the start."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hub.dispatch.senders import ByMail, ByMllp, ByWebhook, mail_sender, sender_of
from hub.errors import Misconfigured
from hub.settings import environment_for_child, load
from hub.transports.webhook import WebhookSender
from schemas.addressee import Sender
from schemas.messages import OutboundMessage
from schemas.words import Text

SMTP = {"smtp": "127.0.0.1:2525", "mail_from": "hello@coed.example", "phone": "01632 960 000"}


def test_the_settings_say_who_writes_and_by_which_server() -> None:
    settings = load(**SMTP, sender="Coed", sender_cy="Y Coed", sender_address="2 Test Square;  Swansea ;")
    assert sender_of(settings) == Sender(Text("Coed", "Y Coed"), "01632 960 000", "hello@coed.example", ("2 Test Square", "Swansea"))
    assert mail_sender(settings) is not None


def test_without_a_mail_server_there_is_no_address_to_write_from() -> None:
    assert mail_sender(load()) is None
    assert sender_of(load(mail_from="hello@coed.example")).email is None


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"smtp": "127.0.0.1:2525"}, "HUB_SMTP is set"),  # nobody could answer
    ({"smtp": "127.0.0.1:2525", "mail_from": "hello@coed.example"}, "HUB_SMTP is set"),
    ({**SMTP, "smtp_user": "hub"}, "HUB_SMTP_USER"),
    ({**SMTP, "sender": "Coed\r\nBcc: thief@example.org"}, "HUB_SENDER must be"),  # a header of somebody's making
    ({**SMTP, "mail_from": "hello"}, "HUB_MAIL_FROM must be"),
    ({**SMTP, "phone": "ask Non"}, "HUB_PHONE must be"),
    ({"letter_days": 0}, "HUB_LETTER_DAYS must be"),
]


@pytest.mark.parametrize(("given", "said"), WRONG)
def test_settings_that_make_no_sense_are_refused_by_name(given: dict[str, Any], said: str) -> None:
    with pytest.raises(Misconfigured, match=said):
        load(**given)


def test_the_password_of_the_mail_server_comes_from_a_file_and_is_not_shown(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("hush\n")
    settings = load(**SMTP, smtp_user="hub", smtp_password_file=tmp_path / "secret")
    sender = mail_sender(settings)
    assert sender is not None
    assert settings.smtp_secret == "hush"
    assert "hush" not in f"{settings!r} {sender._server!r}"


def test_a_stage_in_a_process_of_its_own_knows_the_same_address() -> None:
    told = environment_for_child(load(**SMTP, sender_address="2 Test Square;Swansea"))
    assert (told["HUB_SENDER_ADDRESS"], told["HUB_SMTP"]) == ("2 Test Square;Swansea", "127.0.0.1:2525")


async def test_what_has_no_address_is_a_fault_of_ours_and_not_of_the_receiver() -> None:
    message = OutboundMessage("mail", "k", b"{}")
    for send in (ByMail(None), ByWebhook(WebhookSender()), ByMllp()):
        with pytest.raises(Misconfigured):
            await send(None, message)
    with pytest.raises(Misconfigured):
        await ByMail(mail_sender(load(**SMTP)))(None, message)
