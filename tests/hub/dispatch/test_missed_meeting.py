"""A person did not come to a meeting: a case system says so, and the referrer hears of it as its system can, on the real record."""

from __future__ import annotations

import json
from pathlib import Path
from uuid import UUID

import orjson
import pytest

from hub.embedded.stores import StoreAddresses
from hub.intake.creation import Maker
from hub.intake.door import Intake
from hub.places import Places
from hub.registry import installed
from schemas.events import FactType
from schemas.fhir.build import BUSINESS_STATUS_SYSTEM
from schemas.fhir.check import check
from schemas.messages import InboundMessage, Reply
from schemas.profile import Profile
from tests.connectors.bars.making import JOURNEY, MESSAGE_ID, bundle, message, resource
from tests.hub.dispatch.conftest import Bench, carried, webhook
from tests.hub.intake.conftest import a_client
from tests.hub.making import CASES, GP, NOW, policy
from tests.hub.operations.commands import commands
from tests.hub.receivers import receiver

ENGLISH = "The person did not come to a meeting with Gwasanaeth Lles. The referral stays open, and the person will be contacted again."


def _intake(bench: Bench) -> Intake:
    return Intake(bench.record.ledger, Maker(policy(), Places.load(), bench.record.ledger.sealing))


async def _assigned(bench: Bench) -> tuple[UUID, str]:
    """A practice's BaRS referral that a link worker was asked to take on; and the hand-over."""
    await bench.record.list_prescriber("p-1", "Gwasanaeth Lles", client=CASES)
    reply = await _intake(bench).receive(installed()["bars"], message(bundle()), a_client(GP), "http")
    assert reply.status == 200
    referral: UUID = await bench.record.value("SELECT id FROM referral")
    return referral, await bench.record.assign(referral)


async def _says(bench: Bench, hand_over: str, business: str, *, kafka: int | None = None) -> Reply:
    """The worker's Task, by PUT; or, with the sender's own number, as a record on `from.<client>`."""
    coded = {"coding": [{"system": BUSINESS_STATUS_SYSTEM, "code": business}]}
    body = orjson.dumps({"resourceType": "Task", "id": hand_over, "status": "in-progress", "intent": "order", "businessStatus": coded})
    version = await bench.record.value("SELECT version FROM task WHERE id = $1", UUID(hand_over))
    sent = InboundMessage(body, "PUT /fhir/Task/{id}", {"content-type": "application/fhir+json", "if-match": f'W/"{version}"'}, {"id": hand_over}, NOW, CASES)
    if kafka is not None:
        sent = InboundMessage(body, f"from.{CASES}", {"ce_id": f"e-{kafka}", "ce_sequence": str(kafka)}, {}, NOW, CASES)
    return await _intake(bench).receive(installed()["case_management"], sent, a_client(CASES), sent.target)


@pytest.mark.parametrize("kafka", [False, True])
async def test_a_practice_on_bars_hears_that_the_person_did_not_attend(bench: Bench, kafka: bool) -> None:
    async with receiver() as gp:
        bench.known.add(GP, webhook(gp.url, "bars"))
        referral, hand_over = await _assigned(bench)
        for number, business in enumerate(("did-not-attend", "first-contact"), start=1):
            assert (await _says(bench, hand_over, business, kafka=number if kafka else None)).status == 200
            await bench.consume(referral, since=1 + number)
            await carried(bench.webhooks(gp.port))
        missed, spoken = (json.loads(one.body) for one in gp.seen)
        assert check(missed) == ()
        header = resource(missed, "MessageHeader")
        assert (header["eventCoding"]["code"], header["response"]["identifier"]) == ("servicerequest-response", MESSAGE_ID)
        assert gp.seen[0].headers["x-correlation-id"] == JOURNEY
        assert resource(missed, "Appointment")["status"] == "noshow"
        assert (resource(missed, "ServiceRequest")["status"], resource(missed, "Encounter")["status"]) == ("active", "in-progress")
        note = json.dumps(resource(missed, "ServiceRequest")["note"], ensure_ascii=False)
        assert ENGLISH in note
        assert "Ni ddaeth y person i gyfarfod gyda Gwasanaeth Lles." in note
        assert "Appointment" not in json.dumps(spoken), "a later meeting took place: the referral goes on"
        assert resource(spoken, "ServiceRequest")["status"] == "active"


async def test_other_referrers_are_told_in_words_and_by_their_task(bench: Bench) -> None:
    async with receiver() as gp:
        bench.known.add(GP, webhook(gp.url, "fhir_rest"))
        referral, hand_over = await _assigned(bench)
        await _says(bench, hand_over, "did-not-attend")
        await bench.consume(referral, since=2)
        await carried(bench.webhooks(gp.port))
        (told,) = (one.said for one in gp.seen)
        assert (told["type"], told["data"]["text"]["en"]) == ("referral.did-not-attend.v1", ENGLISH)
        task = told["data"]["task"]
        assert (task["status"], task["businessStatus"]["coding"][0]["code"]) == ("in-progress", "did-not-attend")


@pytest.mark.parametrize(("feedback", "connector"), [("summary", "fhir_rest"), ("none", "bars"), ("all", None)])
async def test_nobody_is_rung_about_it_nor_told_who_asked_for_less(bench: Bench, feedback: str, connector: str | None) -> None:
    outbound = webhook("http://127.0.0.1:9/x", connector) if connector else None
    bench.known.add(GP, outbound, profile=Profile.model_validate({"feedback": feedback}))
    referral, hand_over = await _assigned(bench)
    await _says(bench, hand_over, "did-not-attend")
    assert await bench.consume(referral, since=2) == 0


async def test_it_is_news_the_clock_of_a_first_contact_begins_anew_and_trace_says_it(
    bench: Bench, stores: StoreAddresses, database: str, topic_prefix: str, tmp_path: Path
) -> None:
    referral, hand_over = await _assigned(bench)
    await bench.record.overdue(referral)
    assert (await _says(bench, hand_over, "did-not-attend")).status == 200
    row = (await bench.record.fetch("SELECT status, business_status, awaits, clock, deadline_at > now() AS ahead FROM referral"))[0]
    assert tuple(row) == ("in-progress", "did-not-attend", "prescriber", "first-contact", True)
    assert [event.type for event in await bench.record.events(referral)][2:] == [FactType.DID_NOT_ATTEND]
    hub = commands(stores, database, topic_prefix, tmp_path)
    for language, said in (("en", "The person did not attend."), ("cy", "Ni ddaeth y person.")):
        ended = await hub("trace", str(referral), "--language", language)
        assert (ended.code, said in ended.out) == (0, True)


async def test_the_same_said_again_is_told_once(bench: Bench) -> None:
    referral, hand_over = await _assigned(bench)
    for number in (1, 2):
        assert (await _says(bench, hand_over, "did-not-attend", kafka=number)).status == 200
    assert await bench.record.value("SELECT count(*) FROM event WHERE referral_id = $1", referral) == 3
