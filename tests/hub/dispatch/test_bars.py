"""A referrer that speaks BaRS hears back by a response to its endpoint on file, with the ids by which the standard tells messages apart."""

from __future__ import annotations

import json

from schemas.fhir.check import check
from tests.hub.dispatch.conftest import Bench, carried, webhook
from tests.hub.making import CASES, GP
from tests.hub.receivers import receiver

JOURNEY = "7d0b4d0c-52ad-4b4c-8ad0-0f8f1c3a9f11"


async def test_a_response_goes_to_the_endpoint_on_file_with_the_ids_of_message_and_journey(bench: Bench) -> None:
    async with receiver() as gp, receiver() as cases:
        bench.known.add(GP, webhook(gp.url, "bars"))
        bench.known.add(CASES, webhook(cases.url, "case_management"))
        referral = await bench.record.create()
        await bench.record.fetch("UPDATE referral SET correlation = $2 WHERE id = $1", referral, JOURNEY)
        await bench.record.assign(referral)
        await bench.consume(referral)
        await carried(bench.webhooks(gp.port, cases.port))
        got = gp.seen[0]
        body = json.loads(got.body)
        assert check(body) == ()
        assert body["entry"][0]["resource"]["eventCoding"]["code"] == "servicerequest-response"
        assert got.headers["content-type"].startswith("application/fhir+json")
        assert got.headers["x-request-id"] == got.headers["webhook-id"]
        assert got.headers["x-correlation-id"] == JOURNEY
        assert "x-correlation-id" not in cases.seen[0].headers, "the journey is the referrer's own"
