"""A real SMTP server on loopback that stands in for a mail provider: it takes, puts off or refuses by address, and can ask for TLS."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import SMTP as RULES

from aiosmtpd.smtp import SMTP, Envelope, Session

from hub.transports.mail import MailServer


@dataclass(slots=True)
class Mailbox:
    """What the server took, and how it answers: `codes` by recipient at RCPT, `data` at the end of the message, each used up in order."""

    port: int = 0
    taken: list[EmailMessage] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)
    envelopes: list[tuple[str, list[str]]] = field(default_factory=list)
    codes: dict[str, list[str]] = field(default_factory=dict)
    data: list[str] = field(default_factory=list)
    encrypted: list[bool] = field(default_factory=list)

    @property
    def server(self) -> MailServer:
        """How to reach it without TLS."""
        return MailServer("127.0.0.1", self.port, plain=True)

    async def handle_RCPT(self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]) -> str:  # noqa: N802  aiosmtpd's name
        """One recipient."""
        if self.codes.get(address):
            return self.codes[address].pop(0)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802  aiosmtpd's name
        """One message."""
        if self.data:
            return self.data.pop(0)
        content = envelope.original_content or b""
        made = BytesParser(policy=RULES).parsebytes(content)
        assert isinstance(made, EmailMessage)
        self.taken.append(made)
        self.raw.append(content)
        self.envelopes.append((envelope.mail_from or "", list(envelope.rcpt_tos)))
        self.encrypted.append(session.ssl is not None)
        return "250 OK"


@asynccontextmanager
async def mail_server(tls: ssl.SSLContext | None = None) -> AsyncIterator[Mailbox]:
    """A server on a free port of this machine, stopped at the end; with `tls` it takes nothing before STARTTLS."""
    box, loop = Mailbox(), asyncio.get_running_loop()

    def protocol() -> SMTP:
        return SMTP(box, hostname="mail.test", tls_context=tls, require_starttls=tls is not None, loop=loop)

    server = await loop.create_server(protocol, "127.0.0.1", 0)
    box.port = server.sockets[0].getsockname()[1]
    try:
        yield box
    finally:
        server.close()
        await server.wait_closed()
