"""On the way out: an e-mail whose subject could be about anything. The same notice gives the same bytes, its Message-ID too."""

from __future__ import annotations

from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from connectors.person.frame import in_language, languages, paragraphs
from schemas.addressee import Addressee
from schemas.messages import Notice
from schemas.words import Text, text

_BETWEEN = "\n\n" + "-" * 40 + "\n\n"


def mail(notice: Notice, to: Addressee) -> bytes:
    """RFC 5322, plain text in short lines of ASCII. Auto-Submitted (RFC 3834) keeps out-of-office answers away."""
    written = languages(to)
    made = EmailMessage(policy=SMTP)
    made["From"] = Address(_said(to.sender.name, written), addr_spec=to.sender.email or "")
    made["To"] = Address(addr_spec=to.email or "")
    made["Subject"] = _said(text("person.subject", sender=to.sender.name), written)
    made["Date"] = format_datetime(notice.occurred_at)
    made["Message-ID"] = f"<{notice.id}@{(to.sender.email or '').rpartition('@')[2]}>"
    made["Auto-Submitted"] = "auto-generated"
    made["Content-Language"] = ", ".join(written)
    made.set_content(_BETWEEN.join(_body(notice, to, language) for language in written), cte="quoted-printable")
    return made.as_bytes()


def _body(notice: Notice, to: Addressee, language: str) -> str:
    closing = in_language(text("person.no-reply"), language)
    return "\n\n".join((*paragraphs(notice, to, language), closing, in_language(to.sender.name, language)))


def _said(words: Text, written: tuple[str, ...]) -> str:
    return " / ".join(dict.fromkeys(in_language(words, language) for language in written))
