"""How times, lengths and what a sender chose are shown, and what is read of an answer; no store is needed."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta, timezone

import httpx
import orjson
import pytest

from hub.operations.sending import Answer, send_fhir, send_hl7
from hub.operations.showing import chosen_elsewhere, clock, iso, length
from hub.settings import Address
from hub.transports.mllp_frames import framed


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0, "0.0 s"),
        (0.84, "0.8 s"),
        (42.4, "42 s"),  # tenths mean nothing to a person here
        (60, "1 min"),
        (3_661, "1 h 1 min"),
        (90_061, "1 d 1 h"),  # two units are enough to act on
        (7_200, "2 h"),
    ],
)
def test_a_length_is_said_in_its_two_largest_units(seconds: float, shown: str) -> None:
    assert length(seconds) == shown


def test_times_are_shown_in_utc_whatever_their_offset() -> None:
    at = datetime(2026, 7, 1, 9, 0, 0, 5_000, tzinfo=timezone(timedelta(hours=1)))
    assert (clock(at), iso(at), clock(None), iso(None)) == ("2026-07-01 08:00:00", "2026-07-01T08:00:00.005Z", "–", None)
    assert at.astimezone(UTC).hour == 8


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("0b0f9c2e-5a9b-4d0e-8a37-1c1f3f1f2a11", "0b0f9c2e-5a9b-4d0e-8a37-1c1f3f1f2a11"),  # a GUID holds nobody
        ("WPAS|7A3|MSG-000042", "…0042"),  # enough to recognise, too little to name anybody
        ("9990000018", "…0018"),  # somebody's number where an id should be
        ("Prawf", "…"),
        (None, None),
    ],
)
def test_what_a_sender_chose_is_shown_whole_only_where_it_can_hold_nobody(value: str | None, shown: str | None) -> None:
    assert chosen_elsewhere(value) == shown


@pytest.mark.parametrize(
    ("status", "body", "outcome", "sentence"),
    [
        (201, b"", "accepted", "The hub has it."),  # Prefer: return=minimal
        (503, b"<html>", "not-stored", "The hub cannot store it now; send it again."),  # something before the hub answered
        (429, b"{}", "not-stored", "The hub cannot store it now; send it again."),
        (400, b"[]", "refused", "The hub refused it."),
        (422, orjson.dumps({"resourceType": "OperationOutcome", "issue": [{"details": {"text": "Why."}, "expression": ["a.b"]}]}), "refused", "a.b: Why."),
        (422, orjson.dumps({"resourceType": "OperationOutcome", "issue": [{"code": "invalid"}]}), "refused", "The hub refused it."),  # no words
    ],
)
async def test_an_http_answer_is_read_whatever_it_holds(status: int, body: bytes, outcome: str, sentence: str) -> None:
    def reply(request: httpx.Request) -> httpx.Response:
        assert request.headers["x-request-id"] == "one"
        return httpx.Response(status, content=body)

    answer = await _sent(reply, b"{}")
    assert (answer.outcome, answer.sentence.en, answer.status) == (outcome, sentence, str(status))


async def test_a_task_is_put_to_its_own_place_with_the_version_that_it_says() -> None:
    seen: list[httpx.Request] = []

    def reply(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200)

    await _sent(reply, orjson.dumps({"resourceType": "Task", "id": "t-1/../x", "meta": {"versionId": "4"}}))
    assert (seen[0].method, seen[0].url.path, seen[0].headers["if-match"]) == ("PUT", "/fhir/Task/t-1..x", 'W/"4"')


@pytest.mark.parametrize(
    ("parts", "asks", "outcome", "status"),
    [
        ((b"MSH|^~\\&\rMSA|AA|1",), "||", "accepted", "AA"),
        ((b"MSH|^~\\&\rMSA|CA|1", b"MSH|^~\\&\rMSA|AA|1"), "AL|AL", "accepted", "CA AA"),  # both are waited for
        ((b"MSH|^~\\&\rMSA|CA|1",), "AL|NE", "accepted", "CA"),  # only the first was asked for
        ((b"MSH|^~\\&\rMSA|AR|1|No.",), "||", "refused", "AR"),
        ((b"MSH|^~\\&\rMSA|AE|1|Later.",), "||", "not-stored", "AE"),
        ((b"no acknowledgement",), "||", "no-answer", None),
        ((), "||", "no-answer", None),  # it hangs up
    ],
)
async def test_acknowledgements_are_read_as_the_message_asked_for_them(parts: tuple[bytes, ...], asks: str, outcome: str, status: str | None) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\x1c\r")
        for part in parts:
            writer.write(framed(part))
            await writer.drain()
            await asyncio.sleep(0.01)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        message = f"MSH|^~\\&|A|B|C|D|20260302||REF^I12|1|P|2.4|||{asks}".encode()
        answer = await send_hl7(Address("127.0.0.1", server.sockets[0].getsockname()[1]), message, 5)
    assert (answer.outcome, answer.status) == (outcome, status)


async def test_what_an_acknowledgement_says_is_read_without_its_escapes() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\x1c\r")
        writer.write(framed(b"MSH|^~\\&\rMSA|AR|1|Send REF\\S\\I12."))
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        answer = await send_hl7(Address("127.0.0.1", server.sockets[0].getsockname()[1]), b"MSH|^~\\&|A|B|C|D|20260302||ZZZ|1|P|2.4", 5)
    assert answer.sentence.en == "Send REF^I12."


async def _sent(reply: object, content: bytes) -> Answer:
    async with httpx.AsyncClient(transport=httpx.MockTransport(reply), base_url="http://hub") as door:  # type: ignore[arg-type]
        return await send_fhir(door, content, "key", "one")
