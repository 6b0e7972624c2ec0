"""In dispatch: hands a delivery to the transport by which its recipient is reached; knows endpoints, no formats."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from hub.errors import Misconfigured
from hub.security.client import Client
from hub.telemetry import current_trace
from hub.transports.mllp_sender import MllpSender
from hub.transports.webhook import WebhookCall, WebhookSender
from schemas.messages import OutboundMessage, ReceiverReply


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(slots=True)
class ByWebhook:
    """One signed POST; the delivery's key is its `webhook-id`, the time is that of this attempt."""

    transport: WebhookSender
    clock: Callable[[], datetime] = _now

    async def __call__(self, client: Client, message: OutboundMessage) -> ReceiverReply:
        """The receiver's answer. Raises Unavailable, and Misconfigured when the client has no URL."""
        if client.outbound is None or client.outbound.url is None:
            raise Misconfigured(f"The client {client.id} has no webhook address: register it again with one.")
        trace = current_trace()
        headers = (("traceparent", trace.traceparent),) if trace is not None else ()
        return await self.transport.send(
            WebhookCall(client.outbound.url, message.body, message.content_type, client.secrets, message.key, self.clock(), headers)
        )


@dataclass(slots=True)
class ByMllp:
    """One frame on the connection that is kept to each receiver; an answer that does not name our control id closes it."""

    timeout: float = 30.0
    _senders: dict[tuple[str, int], MllpSender] = field(default_factory=dict)

    async def __call__(self, client: Client, message: OutboundMessage) -> ReceiverReply:
        """The receiver's acknowledgement. Raises Unavailable, and Misconfigured when the client has no address."""
        if client.outbound is None or client.outbound.host is None or client.outbound.port is None:
            raise Misconfigured(f"The client {client.id} has no MLLP address: register it again with one.")
        where = (client.outbound.host, client.outbound.port)
        sender = self._senders.setdefault(where, MllpSender(*where))
        key = message.key.encode()
        return ReceiverReply(None, await sender.send(message.body, self.timeout, lambda answer: key in answer))

    async def close(self) -> None:
        """Close every connection."""
        for sender in self._senders.values():
            await sender.close()
