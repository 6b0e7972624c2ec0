"""The MLLP door: who a sender is, by address, header and certificate together, and that every frame is answered (promises.md A13, A14)."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import replace
from pathlib import Path

import pytest

from connectors.hospital_hl7v2 import connector as hospital
from hub.intake.mllp import MllpDoor
from hub.registry import installed
from hub.security.client import Client, MllpBinding
from hub.security.clients import Clients
from hub.security.scopes import Scope
from hub.transports.mllp import MllpListener, Peer
from hub.transports.mllp_frames import FrameFault, framed
from hub.transports.mllp_tls import server_context
from schemas.hl7v2 import split
from schemas.profile import Profile
from tests.hub.intake.conftest import Door
from tests.hub.transports.certificates import Authority

OURS = "sha256:" + "ab" * 32
WARD = Client("ward", "ward", "hospital", frozenset({Scope.REFERRAL_CREATE}), Profile(), mllp=MllpBinding(("10.1.0.0/16",), "PAS", "7A3", (OURS, "ward.wales")))
PLAIN = replace(WARD, id="plain", mllp=MllpBinding(("10.1.0.0/16",), "PLAIN", "7A3"))
REF = "RF1|P|R|SP^Social prescribing^L|||{id}^PAS|20260302\rPID|1||9990000018^^^NHS^NH||PRAWF^PERSON||19500101\r"


def frame(application: str = "PAS", facility: str = "7A3", control: str = "1") -> bytes:
    return f"MSH|^~\\&|{application}|{facility}|SPHUB|SPHUB|20260302||REF^I12|{control}|P|2.4\r{REF.format(id=control)}".encode()


@pytest.fixture
def listening(door: Door) -> MllpDoor:
    clients = Clients(door.book.ledger.pool, door.book.ledger.sealing, _clients={one.id: one for one in (WARD, PLAIN)})
    return MllpDoor(door.intake, installed()["hospital_hl7v2"], clients)


WHO = [
    # what its certificate is called (None: no TLS), MSH-3, MSH-4, whether it is let in
    (frozenset({OURS}), "PAS", "7A3", True),
    (frozenset({"sha256:" + "cd" * 32, "ward.wales"}), "PAS", "7A3", True),  # by the name that stands in it
    (frozenset({OURS}), "PAS^1.2.3^ISO", "7A3", True),  # the namespace alone counts
    (frozenset({"sha256:" + "cd" * 32}), "PAS", "7A3", False),  # A14: a good certificate, but of somebody else
    (frozenset({OURS}), "LIMS", "7A3", False),  # A14: the header names another application
    (frozenset({OURS}), "PAS", "7A4", False),
    (frozenset({OURS}), "PLAIN", "7A3", False),  # a sender without a certificate of its own does not borrow one
    (None, "PAS", "7A3", False),  # A13: who agreed on a certificate never comes without it
    (None, "PLAIN", "7A3", True),
]


@pytest.mark.parametrize(("names", "application", "facility", "let_in"), WHO)
async def test_a_sender_is_who_its_certificate_and_its_header_say(
    door: Door, listening: MllpDoor, names: frozenset[str] | None, application: str, facility: str, let_in: bool
) -> None:
    answers = await listening.on_frame(Peer("10.1.2.3", 4000, names), frame(application, facility))
    assert answers is not None
    msa = split(answers[0]).first("MSA")
    assert msa.component(1) == ("AA" if let_in else "AR")
    assert msa.component(2) == "1"
    assert await door.book.value("SELECT count(*) FROM referral") == int(let_in)
    assert await door.book.value("SELECT count(*) FROM refusal WHERE reason = 'not-permitted'") == int(not let_in)


async def test_the_right_certificate_from_another_address_is_refused(door: Door, listening: MllpDoor) -> None:
    answers = await listening.on_frame(Peer("192.0.2.1", 4000, frozenset({OURS})), frame())
    assert answers is not None
    assert split(answers[0]).first("MSA").component(1) == "AR"
    assert await door.book.value("SELECT count(*) FROM referral") == 0


async def test_a_handshake_that_failed_leaves_nobody_to_answer_and_a_line_in_the_log(listening: MllpDoor, capsys: pytest.CaptureFixture[str]) -> None:
    assert await listening.on_fault(Peer("10.1.2.3", 4000), FrameFault.NO_TLS, b"") is None
    assert '"reason":"no-tls"' in capsys.readouterr().err


async def test_the_same_frame_again_hears_the_same_answer_and_makes_one_referral(door: Door, listening: MllpDoor) -> None:
    peer = Peer("10.1.2.3", 4000)
    first = await listening.on_frame(peer, frame("PLAIN"))
    assert await listening.on_frame(peer, frame("PLAIN")) == first
    assert await door.book.value("SELECT count(*) FROM referral") == 1


def question(of: str, control: str = "9", number: str = "9990000018", application: str = "PLAIN") -> bytes:
    """REF^I15 of the referral that had this number."""
    asked = frame(application, control=control).replace(b"REF^I12", b"REF^I15").replace(f"|||{control}^PAS|".encode(), f"|||{of}^PAS|".encode())
    return asked.replace(b"9990000018", number.encode())


async def test_a_question_how_a_referral_stands_is_answered_and_changes_nothing(door: Door, listening: MllpDoor) -> None:
    peer = Peer("10.1.2.3", 4000)
    await listening.on_frame(peer, frame("PLAIN"))
    before = await door.book.fetch("SELECT version, content_version, updated_at FROM referral")
    answers = await listening.on_frame(peer, question("1"))
    assert answers is not None
    (said,) = (split(one) for one in answers)
    assert said.first("MSH").field(9).raw == "RRI^I15^RRI_I12"
    assert (said.first("MSA").component(1), said.first("MSA").component(2)) == ("AA", "9")
    assert (said.first("RF1").component(1), said.first("RF1").component(6)) == ("P", "1")
    assert said.first("RF1").component(11) == await door.book.value("SELECT ref FROM referral")
    assert said.first("PID").component(3) == "9990000018"
    assert [note.component(3) for note in said.segments("NTE")] == [
        "Eich atgyfeiriad: wedi gofyn, yn aros am ateb.", "Your referral: asked for, waiting for an answer."
    ]  # fmt: skip
    assert await door.book.fetch("SELECT version, content_version, updated_at FROM referral") == before
    assert await door.book.value("SELECT count(*) FROM event") == 1
    assert await door.book.value("SELECT count(*) FROM audit WHERE action = 'referral.asked'") == 1


async def test_a_question_about_what_is_held_says_who_looks(door: Door, listening: MllpDoor) -> None:
    peer = Peer("10.1.2.3", 4000)
    await listening.on_frame(peer, frame("PLAIN") + b"NTE|1||wants to end her life\r")
    answers = await listening.on_frame(peer, question("1"))
    assert answers is not None
    assert "somebody at the hub" in split(answers[0]).segments("NTE")[1].component(3)


@pytest.mark.parametrize(
    "asked",
    [
        question("2"),  # nobody's number
        question("1", number="9990000026"),  # another person
        question("1", application="PAS"),  # another sender's referral (and a sender without its certificate)
        question("1").replace(b"|||1^PAS|", b"||||"),  # which one is not said
    ],
)
async def test_a_question_about_nothing_of_this_sender_s_is_refused(door: Door, listening: MllpDoor, asked: bytes) -> None:
    peer = Peer("10.1.2.3", 4000)
    await listening.on_frame(peer, frame("PLAIN"))
    answers = await listening.on_frame(peer, asked)
    assert answers is not None
    said = split(answers[0])
    assert said.first("MSA").component(1) == "AR"
    assert not said.has("RF1")


EVERY_FRAME = [
    # what comes in a frame, what is answered
    (b"", "AR"),  # A12
    (b"FHS|^~\\&|PLAIN|7A3\rBHS|^~\\&|PLAIN|7A3\r" + frame("PLAIN") + b"BTS|1\rFTS|1\r", "AR"),  # A15: a batch on the wire, none of it processed
    (frame("PLAIN").replace(b"REF^I12", b"SIU^S12"), "AA"),
    (frame("PLAIN").replace(b"REF^I12", b"ZZZ^Z99"), "AR"),  # B12
    (frame("PLAIN").replace(b"REF^I12", b"REF^I15"), "AR"),  # nobody's referral
    (frame("PLAIN").replace(b"REF^I12", b"REF^I14"), "AR"),  # nobody's referral
    (frame("PLAIN").replace(b"PRAWF", b"PR\xc9WF"), "AR"),  # B1
]


@pytest.mark.parametrize(("content", "answer"), EVERY_FRAME)
async def test_every_frame_is_answered(door: Door, listening: MllpDoor, content: bytes, answer: str) -> None:
    answers = await listening.on_frame(Peer("10.1.2.3", 4000), content)
    assert answers is not None
    assert [split(one).first("MSA").component(1) for one in answers] == [answer]
    assert await door.book.value("SELECT count(*) FROM referral") == 0


async def test_a_bug_of_ours_is_answered_and_said(
    door: Door, listening: MllpDoor, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(_message: object) -> None:
        raise ZeroDivisionError("PRAWF 9990000018")

    monkeypatch.setattr(hospital, "translate", broken)
    answers = await listening.on_frame(Peer("10.1.2.3", 4000), frame("PLAIN"))
    assert answers is not None
    assert [split(one).first("MSA").component(1) for one in answers] == ["AE"], "nothing is stored, and the sender may try again"
    said = capsys.readouterr()
    assert '"bug"' in said.err + said.out or "bug" in said.err + said.out
    assert "PRAWF" not in said.err + said.out


async def test_a_referral_is_changed_and_cancelled_by_its_own_number(door: Door, listening: MllpDoor) -> None:
    peer = Peer("10.1.2.3", 4000)

    async def told(event: bytes, control: str, status: bytes = b"P") -> str:
        body = frame("PLAIN", control="R7").replace(b"REF^I12|R7", b"REF^" + event + b"|" + control.encode()).replace(b"RF1|P", b"RF1|" + status)
        answers = await listening.on_frame(peer, body)
        assert answers is not None
        return split(answers[0]).first("MSA").component(1)

    assert await told(b"I12", "1") == "AA"
    assert await told(b"I13", "2", b"A") == "AA"
    assert await told(b"I14", "3") == "AA"
    rows = await door.book.fetch("SELECT type FROM event ORDER BY version")
    assert [row["type"].split(".")[1] for row in rows] == ["received", "updated", "cancel-requested", "cancelled"]
    assert await told(b"I14", "4") == "AA", "what is cancelled already is cancelled"


# --- all of it, over a real line ------------------------------------------------------------------------------------------------------------


async def test_over_tls_a_ward_is_let_in_by_its_own_certificate_and_another_ward_s_opens_nothing(door: Door, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    own, mine, theirs = (authority.issue(name) for name in ("hub", "ward-1", "ward-2"))
    bound = {
        "one": MllpBinding(("127.0.0.0/8",), "ONE", "7A3", (f"sha256:{mine.fingerprint}",)),
        "two": MllpBinding(("127.0.0.0/8",), "TWO", "7A3", ("ward-2",)),
    }
    clients = Clients(door.book.ledger.pool, door.book.ledger.sealing, _clients={id_: replace(WARD, id=id_, mllp=one) for id_, one in bound.items()})
    frames = MllpDoor(door.intake, installed()["hospital_hl7v2"], clients)
    listener = MllpListener("127.0.0.1", 0, frames.on_frame, frames.on_fault, tls=server_context(own.certificate, own.key, authority.own))
    await listener.start()
    try:
        said = [await _answer(listener.port, authority.client(shown), frame(name)) for shown, name in ((mine, "ONE"), (theirs, "TWO"), (theirs, "ONE"))]
    finally:
        await listener.stop(2)
    assert said == ["AA", "AA", "AR"]
    assert [row["client"] for row in await door.book.fetch("SELECT client FROM referral ORDER BY client")] == ["one", "two"]


async def _answer(port: int, tls: ssl.SSLContext, content: bytes) -> str:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=tls)
    writer.write(framed(content))
    async with asyncio.timeout(20):
        heard = await reader.readuntil(b"\x1c\r")
    writer.close()
    return split(heard.strip(b"\x0b\x1c\r")).first("MSA").component(1)
