"""Webhooks over real sockets: signed, pinned, never led astray, and never trusting what cannot be trusted."""

from __future__ import annotations

import asyncio
import base64
import ssl
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpcore
import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from hub import crashpoints
from hub.errors import Misconfigured, Unavailable
from hub.transports.webhook import LONGEST_ANSWER, WebhookCall, WebhookSender
from schemas.messages import ReceiverReply
from tests.hub.transports.receivers import Authority, Receiver, receiver, says

SECRET = "whsec_" + base64.b64encode(b"s" * 32).decode()
OTHER = "whsec_" + base64.b64encode(b"o" * 32).decode()
HOST = "receiver.nhs.wales"


def call(port: int, *, scheme: str = "http", host: str = "127.0.0.1", path: str = "/hook?token=canary", secrets: Sequence[str] = (SECRET,)) -> WebhookCall:
    return WebhookCall(f"{scheme}://{host}:{port}{path}", '{"said":"ŵ"}'.encode(), "application/json", secrets, "msg_1", datetime.now(UTC))


async def told(noted: Receiver, sent: WebhookCall, **more: Any) -> ReceiverReply:
    sender = WebhookSender(frozenset({("127.0.0.1", noted.port)}), **more)
    try:
        return await sender.send(sent)
    finally:
        await sender.close()


async def test_the_reference_verifier_accepts_what_arrives_and_refuses_a_single_changed_bit() -> None:
    async with receiver(says(204)) as noted:
        reply = await told(noted, replace(call(noted.port), headers=(("traceparent", "00-1-2-01"), ("Webhook-Id", "not mine"), ("Host", "evil"))))
    assert reply.status == 204
    head, body = noted.heads[0], noted.bodies[0]
    assert Webhook(SECRET).verify(body, head) == {"said": "ŵ"}
    assert (head["webhook-id"], head["traceparent"], head["host"]) == ("msg_1", "00-1-2-01", f"127.0.0.1:{noted.port}")
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(bytes([body[0], body[1] ^ 1]) + body[2:], head)
    with pytest.raises(WebhookVerificationError):
        Webhook(OTHER).verify(body, head)


async def test_while_one_secret_replaces_another_both_sign() -> None:
    async with receiver(says(200)) as noted:
        await told(noted, call(noted.port, secrets=(OTHER, SECRET)))
    for secret in (SECRET, OTHER):
        Webhook(secret).verify(noted.bodies[0], noted.heads[0])


async def test_a_connection_is_used_again() -> None:
    async with receiver(says(200, b"ok")) as noted:
        sender = WebhookSender(frozenset({("127.0.0.1", noted.port)}))
        for _ in range(3):
            assert (await sender.send(call(noted.port))).body == b"ok"
        await sender.close()
    assert (len(noted.heads), noted.connections) == (3, 1)


async def test_a_redirect_is_an_answer_and_is_not_followed() -> None:
    async with receiver(says(200)) as canary, receiver(says(302, b"", f"Location: http://127.0.0.1:{canary.port}/")) as noted:
        reply = await told(noted, call(noted.port))
    assert (reply.status, canary.connections) == (302, 0)


async def test_no_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async with receiver(says(200)) as proxy, receiver(says(200)) as noted:
        for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        await told(noted, call(noted.port))
    assert (noted.connections, proxy.connections) == (1, 0)


async def _endless(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 X\r\nContent-Length: 10000000000\r\n\r\n")
    while True:
        writer.write(b"a" * 65_536)
        await writer.drain()


async def test_an_answer_of_ten_gigabytes_is_read_to_64_kb() -> None:
    async with receiver(_endless) as noted:
        reply = await told(noted, call(noted.port))
    assert (reply.status, len(reply.body)) == (200, LONGEST_ANSWER)


async def _drop(writer: asyncio.StreamWriter) -> None:
    writer.close()


async def _half(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 X\r\nContent-Length: 10\r\n\r\nhalf")
    writer.close()


async def _silent(writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(60)


async def _trickle(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 X\r\nContent-Length: 1000\r\n\r\n")
    while True:
        writer.write(b"a")
        await asyncio.sleep(0.05)


async def _nonsense(writer: asyncio.StreamWriter) -> None:
    writer.write(b"AA|received\r\n\r\n")


BROKEN = [
    (_drop, "the connection ends before an answer"),
    (_half, "the answer breaks off: nobody may call that delivered"),
    (_silent, "no answer"),
    (_trickle, "an answer that never ends"),
    (_nonsense, "an answer that is not HTTP"),
]


@pytest.mark.parametrize("answer", [row[0] for row in BROKEN], ids=[row[1] for row in BROKEN])
async def test_a_receiver_that_does_not_answer_properly_is_unavailable_and_nothing_of_the_message_is_told(answer: Any) -> None:
    async with receiver(answer) as noted:
        with pytest.raises(Unavailable) as fault:
            await told(noted, call(noted.port), timeout=0.4)
    assert not any(word in str(fault.value) for word in ("canary", "said", "whsec", "hook"))


async def test_nobody_listening_is_unavailable() -> None:
    async with receiver(says(200)) as noted:
        pass
    with pytest.raises(Unavailable):
        await told(noted, call(noted.port))


async def test_an_address_inside_that_is_not_allowed_by_host_and_port_is_not_connected_to() -> None:
    async with receiver(says(200)) as noted, receiver(says(200)) as canary:
        others = [call(noted.port, host="localhost"), call(noted.port, host="127.0.0.2"), call(noted.port, scheme="https", host="a@127.0.0.1")]
        for sent in (call(canary.port), *others):
            with pytest.raises(Unavailable):
                await told(noted, sent)
    assert (noted.connections, canary.connections) == (0, 0)


class _Recorder(httpcore.AnyIOBackend):
    """A network on which nobody is there."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def connect_tcp(self, host: str, *given: Any, **more: Any) -> httpcore.AsyncNetworkStream:
        self.asked.append(host)
        raise httpcore.ConnectError("nobody")


class _Names:
    """A name server that answers each time with the next of its answers."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers, self.asked = list(answers), 0

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked += 1
        return self.answers[min(self.asked, len(self.answers)) - 1]


async def test_a_name_that_turns_inward_after_the_check_is_connected_where_it_was_checked() -> None:
    network, names = _Recorder(), _Names(["8.8.8.8"], ["127.0.0.1"])
    sender = WebhookSender(resolve=names, network=network)
    with pytest.raises(Unavailable):
        await sender.send(call(443, scheme="https", host=HOST))
    with pytest.raises(Unavailable):
        await sender.send(call(443, scheme="https", host=HOST))
    await sender.close()
    assert (network.asked, names.asked) == (["8.8.8.8"], 2)


@pytest.mark.parametrize("address", ["127.0.0.1", "169.254.169.254", "64:ff9b::7f00:1", "::1"])
async def test_a_name_with_one_address_inside_is_not_connected_to_at_all(address: str) -> None:
    network = _Recorder()
    sender = WebhookSender(resolve=_Names(["8.8.8.8", address]), network=network)
    with pytest.raises(Unavailable, match="not public"):
        await sender.send(call(443, scheme="https", host=HOST))
    await sender.close()
    assert network.asked == []


async def _by_tls(server: ssl.SSLContext, trust: ssl.SSLContext) -> Receiver:
    async with receiver(says(200), server) as noted:
        sender = WebhookSender(frozenset({(HOST, noted.port)}), trust=trust, resolve=_Names(["127.0.0.1"]), timeout=5)
        try:
            await sender.send(call(noted.port, scheme="https", host=HOST))
        finally:
            await sender.close()
    return noted


async def test_over_tls_the_receivers_name_is_asked_for_and_checked_though_the_connection_goes_to_an_address(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    noted = await _by_tls(authority.serves(HOST), authority.trust())
    assert noted.server_names == [HOST]
    assert noted.heads[0]["host"] == f"{HOST}:{noted.port}"


WORTHLESS = [
    ("expired", HOST, -1, False),
    ("for another host", "other.nhs.wales", 1, False),
    ("signed by itself", HOST, 1, True),
]


@pytest.mark.parametrize(("host", "days", "own"), [row[1:] for row in WORTHLESS], ids=[row[0] for row in WORTHLESS])
async def test_a_certificate_that_proves_nothing_is_refused(tmp_path: Path, host: str, days: int, own: bool) -> None:
    authority = Authority(tmp_path)
    with pytest.raises(Unavailable):
        await _by_tls(authority.serves(host, days=days, own=own), authority.trust())


async def test_an_authority_that_the_machine_does_not_know_is_refused_by_default(tmp_path: Path) -> None:
    async with receiver(says(200), Authority(tmp_path).serves(HOST)) as noted:
        sender = WebhookSender(frozenset({(HOST, noted.port)}), resolve=_Names(["127.0.0.1"]), timeout=5)
        with pytest.raises(Unavailable):
            await sender.send(call(noted.port, scheme="https", host=HOST))
        await sender.close()
    assert noted.heads == []


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion")
async def test_tls_below_1_2_is_refused(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    old = authority.serves(HOST)
    old.set_ciphers("ALL:@SECLEVEL=0")
    old.minimum_version, old.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    with pytest.raises(Unavailable):
        await _by_tls(old, authority.trust())


def test_a_production_hub_is_not_told_of_receivers_inside() -> None:
    with pytest.raises(Misconfigured):
        WebhookSender(frozenset({("127.0.0.1", 1)}), production=True)


@pytest.mark.parametrize("secrets", [(), ("whsec_!",), ("",)], ids=["none", "no base64", "empty"])
async def test_without_a_secret_nothing_is_sent(secrets: Sequence[str]) -> None:
    async with receiver(says(200)) as noted:
        with pytest.raises(Unavailable):
            await told(noted, call(noted.port, secrets=secrets))
    assert noted.heads == []


async def test_one_receiver_that_does_not_answer_keeps_no_other_waiting() -> None:
    async with receiver(_silent) as dead, receiver(says(200)) as alive:
        sender = WebhookSender(frozenset({("127.0.0.1", dead.port), ("127.0.0.1", alive.port)}), timeout=2)
        waiting = [asyncio.ensure_future(sender.send(call(dead.port))) for _ in range(600)]
        await asyncio.sleep(0.05)
        assert (await sender.send(call(alive.port))).status == 200
        assert not any(task.done() for task in waiting)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        await sender.close()


@pytest.mark.parametrize("point", ["webhook.sent", "webhook.answered"])
async def test_each_sending_passes_its_crash_points_once(point: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crashpoints, "_armed", None)  # put back afterwards: nothing stays armed
    crashpoints.arm(point, 1_000_000)
    armed = crashpoints._armed
    assert armed is not None
    async with receiver(says(200)) as noted:
        await told(noted, call(noted.port))
    assert armed.seen == 1
