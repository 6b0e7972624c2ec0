"""Intake's way through on the real PostgreSQL: what a sender hears of what was erased, and of a message that says too many things at once."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from uuid import UUID, uuid4

import orjson
import pytest

from hub.registry import Registered, installed
from schemas.events import FactType
from schemas.messages import About, Fact, InboundMessage, Reply, Translation
from tests.hub.intake.conftest import Door, a_client
from tests.hub.making import GP, NOW, service_request


def _message(body: bytes, key: str) -> InboundMessage:
    headers = {"content-type": "application/fhir+json", "x-request-id": key}
    return InboundMessage(body, "POST /fhir/ServiceRequest", headers, received_at=NOW, client=GP)


async def _sent(door: Door, message: InboundMessage, registered: Registered | None = None) -> Reply:
    return await door.intake.receive(registered or installed()["fhir_rest"], message, a_client(GP), "http")


@pytest.mark.parametrize("erased", [False, True])
async def test_a_request_sent_again_hears_that_it_came_before(door: Door, erased: bool) -> None:
    """Of an erased referral the first answer is gone too; that it was received is still so, for ever."""
    message = _message(service_request(), str(uuid4()))
    first = await _sent(door, message)
    assert first.status == 201
    if erased:
        await door.book.fetch("UPDATE referral SET sealing_key = NULL")
    again = [await _sent(door, message) for _ in range(2)]
    if erased:
        assert [reply.status for reply in again] == [200, 200]
        assert "already received" in orjson.loads(again[0].parts[0])["issue"][0]["details"]["text"]
    else:
        assert [reply.parts for reply in again] == [first.parts, first.parts]
    assert await door.book.value("SELECT count(*) FROM referral") == 1
    assert await door.book.value("SELECT count(*) FROM refusal") == 0


async def test_the_key_of_an_erased_referral_is_still_taken(door: Door) -> None:
    key = str(uuid4())
    await _sent(door, _message(service_request(), key))
    await door.book.fetch("UPDATE referral SET sealing_key = NULL")
    assert (await _sent(door, _message(service_request(priority="urgent"), key))).status == 422


def _saying(*facts: Fact) -> Registered:
    """The FHIR door, whatever it is sent saying this."""
    registered = installed()["fhir_rest"]

    class Saying:
        identify, answer = staticmethod(registered.connector.identify), staticmethod(registered.connector.answer)

        @staticmethod
        def translate(_message: InboundMessage) -> Translation:
            return Translation(facts)

    return SimpleNamespace(manifest=registered.manifest, connector=Saying())  # type: ignore[return-value]


def _real_fact() -> Fact:
    (fact,) = installed()["fhir_rest"].connector.translate(_message(service_request(), str(uuid4()))).facts
    return fact


async def test_what_intake_cannot_do_together_is_refused_and_not_dropped(door: Door) -> None:
    moved = Fact(FactType.PERSON_MOVED, {"entry": [{"resource": {}}]}, About())
    update = Fact(FactType.ACCEPTED, {"entry": [{"resource": {}}]}, About())
    for facts in ((_real_fact(), moved), (update, update), (moved, update)):
        reply = await _sent(door, _message(b"{}", str(uuid4())), _saying(*facts))
        assert reply.status == 422
    assert await door.book.value("SELECT count(*) FROM referral") == 0
    assert {row["reason"] for row in await door.book.fetch("SELECT reason FROM refusal")} == {"unsupported-batch"}


async def test_two_held_referrals_of_one_request_have_events_of_their_own(door: Door) -> None:
    fact = _real_fact()
    assert fact.referral is not None
    ill = replace(fact, referral=fact.referral.model_copy(update={"narrative": ("I want to end my life tonight",)}))
    assert (await _sent(door, _message(b"{}", str(uuid4())), _saying(ill, ill))).status == 201
    rows = await door.book.fetch("SELECT referral_id, type FROM event ORDER BY referral_id, version")
    assert [row["type"] for row in rows] == ["referral.received.v1", "referral.held.v1"] * 2
    assert len({UUID(str(row["referral_id"])) for row in rows}) == 2
