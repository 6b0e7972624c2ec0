"""A hospital is told by RRI^I12 over the hub's own MLLP connection; its acknowledgement must name our message."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from hub.security.client import Outbound
from hub.transports.mllp import MllpListener, Peer
from tests.hub.dispatch.conftest import Bench, carried
from tests.hub.making import HOSPITAL

REFERRAL = "\r".join(
    (
        r"MSH|^~\&|PAS|YSBYTY|SPHUB|SPHUB|20260302090000||REF^I12|MSG0001|P|2.4|||NE|AL||UNICODE UTF-8",
        "RF1||R||||REF-77",
        "PRD|RT|Social prescribing",
        "PRD|RP|Ward 4^^^^^^YSBYTY PRAWF",
        "PID|||9990000026^^^NHS^NH||PRAWF^NON||19480517|F|||1 STRYD Y PRAWF^^ABERTAWE^^SA1 1AA",
        "NTE|1||Would like company.",
    )
).encode()


@asynccontextmanager
async def hospital(answer: Callable[[str], str | None]) -> AsyncIterator[tuple[MllpListener, list[str]]]:
    """A hospital's listener: what it was sent, and `answer` (given our control id) as its MSA segment; None hangs up."""
    seen: list[str] = []

    async def on_frame(_peer: Peer, content: bytes) -> bytes | None:
        seen.append(content.decode())
        control = seen[-1].split("\r")[0].split("|")[9]
        msa = answer(control)
        return None if msa is None else f"MSH|^~\\&|PAS|YSBYTY|SPHUB|SPHUB|20260302090100||ACK|A1|P|2.4\r{msa}\r".encode()

    listener = MllpListener("127.0.0.1", 0, on_frame)
    await listener.start()
    try:
        yield listener, seen
    finally:
        await listener.stop(1)


ANSWERS = [
    # the acknowledgement; the delivery then, the reason on the worklist
    (lambda control: f"MSA|AA|{control}", "delivered", None),
    (lambda control: f"MSA|CA|{control}", "delivered", None),
    (lambda control: f"MSA|AE|{control}", "pending", None),  # again, at most five times
    (lambda control: f"MSA|AR|{control}", "refused", "delivery-refused"),
    (lambda _: "MSA|AA|SOMEBODY-ELSE", "pending", None),  # an answer to another message is none
    (lambda _: None, "pending", None),
]


@pytest.mark.parametrize(("answer", "state", "reason"), ANSWERS)
async def test_the_hospitals_acknowledgement_decides(bench: Bench, answer: Callable[[str], str | None], state: str, reason: str | None) -> None:
    async with hospital(answer) as (listener, seen):
        bench.known.add(HOSPITAL, Outbound("mllp", "hospital_hl7v2", host="127.0.0.1", port=listener.port), kind="hospital")
        referral = await bench.record.create(body=REFERRAL, client=HOSPITAL, connector="hospital_hl7v2")
        await bench.record.assign(referral, client=None)
        await bench.consume(referral)
        async with asyncio.timeout(20):
            await carried(bench.mllp())
        row = (await bench.record.fetch("SELECT * FROM delivery WHERE transport = 'mllp'"))[0]
        assert (row["state"], row["attempts"]) == (state, 1)
        assert await bench.record.value("SELECT reason FROM worklist_item WHERE id = $1", row["id"]) == reason
        assert "RRI^I12" in seen[0]
        assert "\rMSA|AA|MSG0001" in seen[0]
        assert seen[0].split("\r")[0].split("|")[9] == row["message_key"]


async def test_a_second_try_is_the_same_message_byte_for_byte(bench: Bench) -> None:
    said = ["AE", "AA"]
    async with hospital(lambda control: f"MSA|{said.pop(0)}|{control}") as (listener, seen):
        bench.known.add(HOSPITAL, Outbound("mllp", "hospital_hl7v2", host="127.0.0.1", port=listener.port), kind="hospital")
        referral = await bench.record.create(body=REFERRAL, client=HOSPITAL, connector="hospital_hl7v2")
        await bench.record.assign(referral, client=None)
        await bench.consume(referral)
        carrier = bench.mllp()
        await carried(carrier)
        await bench.record.fetch("UPDATE delivery SET next_attempt_at = now()")
        await carried(carrier)
        assert len(seen) == 2
        assert seen[0] == seen[1]
        assert await bench.record.value("SELECT state FROM delivery WHERE transport = 'mllp'") == "delivered"
