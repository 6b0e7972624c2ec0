"""The MLLP listener with mutual TLS, over real sockets: who shows no good certificate is heard by nobody (promises.md A13)."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from hub.errors import Misconfigured
from hub.transports.mllp import MllpCaps, MllpListener, Peer
from hub.transports.mllp_frames import FrameFault, framed
from hub.transports.mllp_tls import server_context
from tests.hub.transports.certificates import Authority, Issued

QUICK = MllpCaps(frame_bytes=300_000, handshake_seconds=0.5, linger_seconds=0.3, answer_seconds=2, idle_seconds=5)


class Ward:
    """Behind the listener: what it heard, from whom, and what went wrong."""

    def __init__(self) -> None:
        self.heard: list[tuple[frozenset[str] | None, bytes]] = []
        self.faults: list[FrameFault] = []

    async def frame(self, peer: Peer, content: bytes) -> bytes:
        self.heard.append((peer.names, content))
        return b"AA " + content[-20:]

    async def fault(self, _peer: Peer, fault: FrameFault, _head: bytes) -> bytes | None:
        self.faults.append(fault)
        return b"AR"


@asynccontextmanager
async def listening(authority: Authority) -> AsyncIterator[tuple[MllpListener, Ward]]:
    ward, own = Ward(), authority.issue("hub")
    listener = MllpListener("127.0.0.1", 0, ward.frame, ward.fault, QUICK, server_context(own.certificate, own.key, authority.own))
    await listener.start()
    try:
        yield listener, ward
    finally:
        await listener.stop(1)


async def spoken(port: int, tls: ssl.SSLContext | None, written: bytes, length: int = 10**6) -> bytes:
    """What comes back; nothing when the line is closed."""
    heard = b""
    with suppress(OSError):
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=tls)
        writer.write(written)
        async with asyncio.timeout(5):
            while len(heard) < length and (chunk := await reader.read(4096)):
                heard += chunk
        writer.close()
    return heard


async def test_who_shows_a_good_certificate_is_heard_and_named_by_it(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    ward_s_own = authority.issue("ward.example.wales")
    async with listening(authority) as (listener, ward):
        wanted = framed(b"AA one") + framed(b"AA two")
        assert await spoken(listener.port, authority.client(ward_s_own), framed(b"one") + framed(b"two"), len(wanted)) == wanted
    assert ward.heard[0] == (frozenset({f"sha256:{ward_s_own.fingerprint}", "ward.example.wales"}), b"one")
    assert ward.faults == []


async def test_a_name_in_the_subject_alone_names_nobody(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    bare = authority.issue("ward.example.wales", named=False)
    async with listening(authority) as (listener, ward):
        wanted = framed(b"AA one")
        assert await spoken(listener.port, authority.client(bare), framed(b"one"), len(wanted)) == wanted
    assert ward.heard[0][0] == frozenset({f"sha256:{bare.fingerprint}"}), "an authority checks what stands in the alternative names, and those alone count"


def test_a_session_that_is_taken_up_again_is_named_by_its_certificate_still(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    own, ward = authority.issue("hub"), authority.issue("ward.example.wales")
    server, client = server_context(own.certificate, own.key, authority.own), authority.client(ward)
    client.maximum_version = ssl.TLSVersion.TLSv1_2
    shown, session = [], None
    for _ in range(2):
        theirs, ours = ssl.MemoryBIO(), ssl.MemoryBIO()
        one = client.wrap_bio(theirs, ours, session=session)
        other = server.wrap_bio(ours, theirs, server_side=True)
        for _step in range(6):
            for side in (one, other):
                with suppress(ssl.SSLWantReadError):
                    side.do_handshake()
        session = one.session
        shown.append(other.getpeercert(binary_form=True))
    assert shown[0] is not None
    assert shown[1] == shown[0]


async def test_a_long_message_comes_through_whole_and_one_too_long_is_refused_by_name(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    async with listening(authority) as (listener, ward):
        tls = authority.client(authority.issue("ward"))
        assert await spoken(listener.port, tls, framed(b"x" * 250_000), 25) == framed(b"AA " + b"x" * 20)
        assert await spoken(listener.port, tls, framed(b"x" * 400_000), 5) == framed(b"AR")
    assert [len(content) for _, content in ward.heard] == [250_000]
    assert ward.faults == [FrameFault.TOO_LARGE]


REFUSED = ["plaintext", "no certificate", "of another authority", "run out", "silent"]


@pytest.mark.parametrize("who", REFUSED)
async def test_nobody_else_is_heard_and_each_is_told_of(tmp_path: Path, who: str) -> None:
    authority, other = Authority(tmp_path), Authority(tmp_path, "other")
    shown: dict[str, Issued | None] = {
        "no certificate": None,
        "of another authority": other.issue("ward"),
        "run out": authority.issue("old", days=-1),
    }
    async with listening(authority) as (listener, ward):
        tls = authority.client(shown[who]) if who in shown else None
        assert await spoken(listener.port, tls, b"" if who == "silent" else framed(b"MSH|^~\\&|A")) in (b"", b"\x15\x03\x01\x00\x02\x02\x46")
        async with asyncio.timeout(5):
            while not ward.faults:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        assert await spoken(listener.port, authority.client(authority.issue("ward2")), framed(b"one"), 9) == framed(b"AA one"), "others are"
    assert ward.faults == [FrameFault.NO_TLS]
    assert [content for _, content in ward.heard] == [b"one"]


def test_an_older_tls_is_not_spoken(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    own = authority.issue("hub")
    assert server_context(own.certificate, own.key, authority.own).minimum_version == ssl.TLSVersion.TLSv1_2


@pytest.mark.parametrize("wrong", ["certificate", "key", "authorities", "another key"])
def test_files_that_are_no_use_stop_the_start_with_a_sentence(tmp_path: Path, wrong: str) -> None:
    authority = Authority(tmp_path)
    own, other = authority.issue("hub"), authority.issue("hub2")
    (tmp_path / "nothing").write_text("nothing")
    files = {"certificate": own.certificate, "key": own.key, "authorities": authority.own}
    files |= {"key": other.key} if wrong == "another key" else {wrong: tmp_path / "nothing"}
    with pytest.raises(Misconfigured, match="HUB_MLLP_TLS"):
        server_context(files["certificate"], files["key"], files["authorities"])
