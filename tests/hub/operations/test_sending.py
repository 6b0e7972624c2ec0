"""What `hub send` reads out of a hospital's answer: MSA-3, the notes of an answer to a question, else what the code means."""

from __future__ import annotations

import asyncio

import pytest

from hub.operations.sending import send_hl7
from hub.settings import Address
from hub.transports.mllp_frames import framed

_MSH = "MSH|^~\\&|SPHUB|SPHUB|WPAS|7A3|20260302090000||{type}|A1|P|2.4\r"
ANSWERS = [
    # the answer, its outcome, what is said in English and in Welsh
    (_MSH.format(type="RRI^I15^RRI_I12") + "MSA|AA|1\rNTE|1||Wedi derbyn\rNTE|2||Accepted\r", "accepted", "Accepted", "Wedi derbyn"),
    (_MSH.format(type="RRI^I15^RRI_I12") + "MSA|AA|1\rNTE|1||Wedi derbyn\r", "accepted", "Wedi derbyn", "Wedi derbyn"),  # a client's one language
    (_MSH.format(type="ACK^I12^ACK") + "MSA|AR|1|No such referral\r", "refused", "No such referral", "No such referral"),
    (_MSH.format(type="ACK^I12^ACK") + "MSA|AA|1\r", "accepted", "The hub has it.", None),
    ("MSA|AA|1\r", "accepted", "The hub has it.", None),  # nothing but the code can be read
]


@pytest.mark.parametrize(("answer", "outcome", "english", "welsh"), ANSWERS)
async def test_an_answer_is_read_out(answer: str, outcome: str, english: str, welsh: str | None) -> None:
    async def door(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\x1c\r")
        writer.write(framed(answer.encode()))
        await writer.drain()

    async with await asyncio.start_server(door, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        found = await send_hl7(Address("127.0.0.1", port), b"MSH|^~\\&|WPAS|7A3|SPHUB|SPHUB|20260302||REF^I15|1|P|2.4\r")
    assert (found.outcome, found.sentence.en) == (outcome, english)
    assert welsh is None or found.sentence.cy == welsh
