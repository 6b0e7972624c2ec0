"""Intake's way through on the real PostgreSQL: what a sender hears of what was erased, and of a message that says too many things at once."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from uuid import UUID, uuid4

import orjson
import pytest

from hub.intake.creation import Maker
from hub.intake.door import Intake
from hub.places import Places
from hub.registry import Registered, installed
from hub.security.client import Client
from schemas.events import FactType
from schemas.messages import About, Fact, InboundMessage, Reply, Translation
from schemas.profile import Profile
from tests.hub.making import GP, NOW, Record, policy, service_request

_CLIENT = Client(GP, GP, "gp", frozenset(), Profile(), None, kafka=False, secrets=())


def _intake(opened: Record) -> Intake:
    return Intake(opened.ledger, Maker(policy(), Places.load(), opened.ledger.sealing))


def _message(body: bytes, key: str) -> InboundMessage:
    headers = {"content-type": "application/fhir+json", "x-request-id": key}
    return InboundMessage(body, "POST /fhir/ServiceRequest", headers, received_at=NOW, client=GP)


async def _sent(opened: Record, message: InboundMessage, registered: Registered | None = None) -> Reply:
    return await _intake(opened).receive(registered or installed()["fhir_rest"], message, _CLIENT, "http")


@pytest.mark.parametrize("erased", [False, True])
async def test_a_request_sent_again_hears_that_it_came_before(opened: Record, erased: bool) -> None:
    """Of an erased referral the first answer is gone too; that it was received is still so, for ever."""
    message = _message(service_request(), str(uuid4()))
    first = await _sent(opened, message)
    assert first.status == 201
    if erased:
        await opened.fetch("UPDATE referral SET sealing_key = NULL")
    again = [await _sent(opened, message) for _ in range(2)]
    if erased:
        assert [reply.status for reply in again] == [200, 200]
        assert "already received" in orjson.loads(again[0].parts[0])["issue"][0]["details"]["text"]
    else:
        assert [reply.parts for reply in again] == [first.parts, first.parts]
    assert await opened.value("SELECT count(*) FROM referral") == 1
    assert await opened.value("SELECT count(*) FROM refusal") == 0


async def test_the_key_of_an_erased_referral_is_still_taken(opened: Record) -> None:
    key = str(uuid4())
    await _sent(opened, _message(service_request(), key))
    await opened.fetch("UPDATE referral SET sealing_key = NULL")
    assert (await _sent(opened, _message(service_request(priority="urgent"), key))).status == 422


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


async def test_what_intake_cannot_do_together_is_refused_and_not_dropped(opened: Record) -> None:
    moved = Fact(FactType.PERSON_MOVED, {"entry": [{"resource": {}}]}, About())
    update = Fact(FactType.ACCEPTED, {"entry": [{"resource": {}}]}, About())
    for facts in ((_real_fact(), moved), (update, update), (moved, update)):
        reply = await _sent(opened, _message(b"{}", str(uuid4())), _saying(*facts))
        assert reply.status == 422
    assert await opened.value("SELECT count(*) FROM referral") == 0
    assert {row["reason"] for row in await opened.fetch("SELECT reason FROM refusal")} == {"unsupported-batch"}


async def test_two_held_referrals_of_one_request_have_events_of_their_own(opened: Record) -> None:
    fact = _real_fact()
    assert fact.referral is not None
    ill = replace(fact, referral=fact.referral.model_copy(update={"narrative": ("I want to end my life tonight",)}))
    assert (await _sent(opened, _message(b"{}", str(uuid4())), _saying(ill, ill))).status == 201
    rows = await opened.fetch("SELECT referral_id, type FROM event ORDER BY referral_id, version")
    assert [row["type"] for row in rows] == ["referral.received.v1", "referral.held.v1"] * 2
    assert len({UUID(str(row["referral_id"])) for row in rows}) == 2
