"""On the way out to people: one e-mail to one address by SMTP (RFC 5321), encrypted wherever it leaves this machine."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass, field

import aiosmtplib

from hub.errors import Unavailable
from schemas.messages import ReceiverReply

AT_ONCE = 4
_IMPLICIT_TLS = 465
_CLOSING = 421
_LOST = (aiosmtplib.SMTPException, OSError, TimeoutError, ValueError)  # ValueError: an answer that is no SMTP


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where mail is handed over. `plain` is for a server on this machine alone; elsewhere TLS comes first or nothing is sent."""

    host: str
    port: int
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    plain: bool = False


@dataclass(frozen=True, slots=True)
class Envelope:
    """From whom, to whom, and the message as it goes (RFC 5322, lines ending in CRLF)."""

    sender: str
    recipient: str = field(repr=False)
    message: bytes = field(repr=False)


class MailSender:
    """Hands e-mails to one server, a connection for each; at most four at once. `trust` stands for this machine's authorities in tests."""

    def __init__(self, server: MailServer, *, timeout: float = 30.0, trust: ssl.SSLContext | None = None) -> None:
        self._server, self._timeout = server, timeout
        self._trust = trust or ssl.create_default_context()
        self._turn = asyncio.Semaphore(AT_ONCE)

    async def send(self, envelope: Envelope) -> ReceiverReply:
        """The code that the server gave this recipient or this message (2yz: it has it now; whether it arrives is not known here), without its
        words, which may repeat the address. Raises Unavailable when there is no answer about the message: no connection, no TLS, no login, our
        own address refused, or an answer that breaks off; whether the server has the message may then be unknown, and the same may be sent again."""
        try:
            async with asyncio.timeout(self._timeout), self._turn:
                return ReceiverReply(await self._handed_over(envelope), b"")
        except _LOST as fault:
            raise Unavailable(f"The mail server {self._server.host} did not take a message ({type(fault).__name__})") from None

    async def _handed_over(self, envelope: Envelope) -> int:
        server = self._server
        connection = aiosmtplib.SMTP(
            hostname=server.host, port=server.port, timeout=self._timeout, username=server.user, password=server.password,
            use_tls=not server.plain and server.port == _IMPLICIT_TLS, start_tls=not server.plain and server.port != _IMPLICIT_TLS,
            tls_context=None if server.plain else self._trust, local_hostname=envelope.sender.rpartition("@")[2],
        )  # fmt: skip
        try:
            await connection.connect()
            return await _said(connection, envelope)
        finally:
            connection.close()


async def _said(connection: aiosmtplib.SMTP, envelope: Envelope) -> int:
    """Raises what aiosmtplib raises where it is not this recipient or this message that was refused."""
    try:
        await connection.sendmail(envelope.sender, [envelope.recipient], envelope.message)
    except aiosmtplib.SMTPRecipientsRefused as refused:
        code = refused.recipients[0].code
    except aiosmtplib.SMTPDataError as refused:
        code = refused.code
    else:
        return 250
    if code == _CLOSING:
        raise aiosmtplib.SMTPServerDisconnected("closing")
    return code
