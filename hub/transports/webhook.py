"""On the way out by webhook: one signed POST to one receiver, and what it answered. Standard Webhooks 1.0.

A name is resolved once for each connection, every address it has is checked, and the connection goes to one of those addresses; TLS and
the Host header keep the name. Redirects are not followed, no proxy of the environment is used, no body is read beyond 64 kB.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import certifi
import httpcore
from standardwebhooks.webhooks import EmptyWebhookSecretError, Webhook

from hub.crashpoints import crash
from hub.errors import Misconfigured, Unavailable
from hub.transports.webhook_guard import Allowed, ForbiddenAddress, check_url, denied
from hub.transports.webhook_lines import Lines
from schemas.messages import ReceiverReply

LONGEST_ANSWER = 64 * 1024
TIMEOUT = 30.0
AT_ONCE = 32
"""Calls to one receiver at the same time; more wait their turn, so that one that hangs leaves the others their connections."""
_OURS = frozenset({"host", "content-length", "transfer-encoding", "connection"})
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
_FAULTS = (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException, httpcore.UnsupportedProtocol, OSError, ssl.SSLError)


@dataclass(frozen=True, slots=True)
class WebhookCall:
    """One message for one receiver. `message_id` is the same at every attempt; `timestamp` is this attempt's time; `secrets` are all the
    receiver's that are good now (two while one replaces the other), each signs."""

    url: str = field(repr=False)
    body: bytes = field(repr=False)
    content_type: str
    secrets: Sequence[str] = field(repr=False)
    message_id: str
    timestamp: datetime
    headers: tuple[tuple[str, str], ...] = ()


class WebhookSender:
    """Sends to any receiver over connections that are kept. Make one, `close` it at the end."""

    def __init__(
        self,
        allowed: Allowed = frozenset(),
        *,
        production: bool = False,
        timeout: float = TIMEOUT,
        trust: ssl.SSLContext | None = None,
        resolve: Resolve | None = None,
        network: httpcore.AsyncNetworkBackend | None = None,
    ) -> None:
        """`resolve` and `network` stand for the machine's own in tests. Raises Misconfigured when a production hub is told to allow receivers inside."""
        if production and allowed:
            raise Misconfigured("HUB_WEBHOOK_ALLOW is for demonstrations: remove it or set HUB_PRODUCTION to false.")
        self._allowed, self._timeout = allowed, timeout
        self._turns: dict[tuple[str, int], asyncio.Semaphore] = {}
        self._lines = Lines(trust or public_trust(), _Pinned(allowed, resolve or _system_resolver, network or httpcore.AnyIOBackend()))

    async def send(self, call: WebhookCall) -> ReceiverReply:
        """What the receiver answered, its body cut at 64 kB. Raises Unavailable when it could not be reached, could not be trusted, broke
        off, or took longer than the time it has (whether it got the message is then unknown); also when its address is one that nothing is
        sent to, or there is no secret to sign with (nothing was sent)."""
        try:
            destination = check_url(call.url, self._allowed)
            turn = self._turns.setdefault((destination.host, destination.port), asyncio.Semaphore(AT_ONCE))
            async with asyncio.timeout(self._timeout), turn:
                reply = await self._exchange(call)
        except ForbiddenAddress as wrong:
            raise Unavailable(str(wrong)) from None
        except TimeoutError:
            raise Unavailable(f"{destination.host} did not answer within {self._timeout:g} seconds") from None
        except _FAULTS as fault:
            raise Unavailable(f"{destination.host} could not be told ({type(fault).__name__})") from None
        crash("webhook.answered")
        return reply

    async def close(self) -> None:
        """No connection is left open."""
        await self._lines.close()

    async def _exchange(self, call: WebhookCall) -> ReceiverReply:
        seconds = {"connect": min(10.0, self._timeout), "read": self._timeout, "write": self._timeout}
        async with self._lines.post(call.url, _headers(call), call.body, {"timeout": seconds, "trace": _written}) as answer:
            body = bytearray()
            async for part in answer.aiter_stream():
                body += part
                if len(body) >= LONGEST_ANSWER:
                    break
            headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in answer.headers}
            return ReceiverReply(answer.status, bytes(body[:LONGEST_ANSWER]), headers)


def sign(call: WebhookCall) -> str:
    """The value of webhook-signature: one `v1,…` for each secret. Raises Unavailable when there is none, or one is no secret."""
    if not call.secrets:
        raise Unavailable("This client has no webhook secret that the hub can open: give it a new one with hub clients renew.")
    moment = call.timestamp.astimezone(UTC)
    try:
        return " ".join(Webhook(secret).sign(call.message_id, moment, call.body.decode()) for secret in call.secrets)
    except (ValueError, RuntimeError, EmptyWebhookSecretError):
        raise Unavailable("A webhook could not be signed: its body must be UTF-8 and its secret base64.") from None


def public_trust() -> ssl.SSLContext:
    """TLS 1.2 or later, certificates checked against this machine's authorities and the public ones. There is no way to turn it off."""
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _headers(call: WebhookCall) -> list[tuple[bytes, bytes]]:
    own = {
        "user-agent": "referral-hub",
        "accept": "*/*",
        "content-type": call.content_type,
        "content-length": str(len(call.body)),
        "webhook-id": call.message_id,
        "webhook-timestamp": str(int(call.timestamp.timestamp())),
        "webhook-signature": sign(call),
    }
    more = {name.lower(): value for name, value in call.headers if name.lower() not in _OURS}
    return [(name.encode(), value.encode("latin-1", "replace")) for name, value in (more | own).items()]


async def _written(event: str, _info: dict[str, Any]) -> None:  # Any: httpcore's own trace
    if event == "http11.send_request_body.complete":
        crash("webhook.sent")


class _Pinned(httpcore.AsyncNetworkBackend):
    """Opens connections to addresses that were checked, and to nothing else: between the check and the connection nobody is asked again."""

    def __init__(self, allowed: Allowed, resolve: Resolve, network: httpcore.AsyncNetworkBackend) -> None:
        self._allowed, self._resolve, self._network = allowed, resolve, network

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  httpcore's own signature
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,  # Any: httpcore's own
    ) -> httpcore.AsyncNetworkStream:
        """Raises ForbiddenAddress when any address of the name is one that nothing may be sent to."""
        addresses = await self._resolve(host, port)
        if (host, port) not in self._allowed and any(denied(address) for address in addresses):
            raise ForbiddenAddress("The receiver's name leads to an address that is not public.")
        fault: Exception = httpcore.ConnectError("no address")
        for address in addresses[:3]:
            try:
                return await self._network.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as failed:
                fault = failed
        raise fault

    async def sleep(self, seconds: float) -> None:
        """httpcore's pause."""
        await asyncio.sleep(seconds)


async def _system_resolver(host: str, port: int) -> Sequence[str]:
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))
