"""In dispatch: hands a delivery to the transport by which its recipient is reached; knows endpoints, no formats."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from hub.dispatch.packed import envelope
from hub.errors import Misconfigured
from hub.security.client import Client
from hub.settings import Settings
from hub.telemetry import current_trace
from hub.transports.mail import MailSender, MailServer
from hub.transports.mllp_sender import MllpSender
from hub.transports.webhook import WebhookCall, WebhookSender
from schemas.addressee import Sender
from schemas.messages import OutboundMessage, ReceiverReply
from schemas.words import Text


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(slots=True)
class ByWebhook:
    """One signed POST; the delivery's key is its `webhook-id`, the time is that of this attempt."""

    transport: WebhookSender
    clock: Callable[[], datetime] = _now

    async def __call__(self, client: Client | None, message: OutboundMessage) -> ReceiverReply:
        """The receiver's answer. Raises Unavailable, and Misconfigured when the client has no URL."""
        if client is None or client.outbound is None or client.outbound.url is None:
            raise Misconfigured("A client has no webhook address: register it again with one.")
        trace = current_trace()
        headers = (*message.headers, *((("traceparent", trace.traceparent),) if trace is not None else ()))
        return await self.transport.send(
            WebhookCall(client.outbound.url, message.body, message.content_type, client.secrets, message.key, self.clock(), headers)
        )


@dataclass(slots=True)
class ByMllp:
    """One frame on the connection that is kept to each receiver; an answer that does not name our control id closes it."""

    timeout: float = 30.0
    _senders: dict[tuple[str, int], MllpSender] = field(default_factory=dict)

    async def __call__(self, client: Client | None, message: OutboundMessage) -> ReceiverReply:
        """The receiver's acknowledgement. Raises Unavailable, and Misconfigured when the client has no address."""
        if client is None or client.outbound is None or client.outbound.host is None or client.outbound.port is None:
            raise Misconfigured("A client has no MLLP address: register it again with one.")
        where = (client.outbound.host, client.outbound.port)
        sender = self._senders.setdefault(where, MllpSender(*where))
        key = message.key.encode()
        return ReceiverReply(None, await sender.send(message.body, self.timeout, lambda answer: key in answer))

    async def close(self) -> None:
        """Close every connection."""
        for sender in self._senders.values():
            await sender.close()


@dataclass(slots=True)
class ByMail:
    """One e-mail to the one address that it names; no client is behind it."""

    transport: MailSender | None

    async def __call__(self, client: Client | None, message: OutboundMessage) -> ReceiverReply:  # noqa: ARG002  (people are no clients)
        """The mail server's answer. Raises Unavailable, and Misconfigured when there is no mail server (any more) or no e-mail was composed."""
        if self.transport is None:
            raise Misconfigured("There is no mail server: set HUB_SMTP.")
        return await self.transport.send(envelope(message.body))


def mail_sender(settings: Settings) -> MailSender | None:
    """The mail server of the settings; encrypted unless it is on this machine. None where nobody is told by e-mail."""
    if settings.smtp is None:
        return None
    return MailSender(MailServer(*settings.smtp, settings.smtp_user, settings.smtp_secret, plain=settings.smtp.loopback))


def sender_of(settings: Settings) -> Sender:
    """Who writes to people. Without a mail server there is no address to write from."""
    name = Text(settings.sender, settings.sender_cy or settings.sender)
    return Sender(name, settings.phone, settings.mail_from if settings.smtp else None, settings.sender_address)
