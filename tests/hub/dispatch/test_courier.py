"""The courier of a process: woken by commits of any process, all its transports at work, stopped in good order."""

from __future__ import annotations

import asyncio

from hub.dispatch.carrier import Pace
from hub.dispatch.courier import Courier
from hub.registry import installed
from hub.settings import load
from tests.hub.dispatch.conftest import Bench, webhook
from tests.hub.dispatch.test_people import ADDRESS, came
from tests.hub.mailing import mail_server
from tests.hub.making import GP
from tests.hub.receivers import receiver


async def test_a_commit_anywhere_wakes_the_courier(bench: Bench) -> None:
    async with receiver() as gp:
        bench.known.add(GP, webhook(gp.url, "fhir_rest"))
        referral = await bench.record.create()
        await bench.record.assign(referral, client=None)
        courier = Courier(bench.record.ledger, (bench.webhooks(gp.port, pace=Pace(poll=600)),), dsn=bench.record.dsn)
        running = asyncio.create_task(courier.run())
        await asyncio.sleep(0.5)
        await bench.consume(referral)
        async with asyncio.timeout(10):
            while not gp.seen or not await _item(bench):
                await bench.record.fetch("NOTIFY outbox")
                await asyncio.sleep(0.05)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        assert gp.facts == ["referral.assigned.v1"]
        assert await _item(bench) == "tell-by-hand"


async def test_the_courier_of_the_settings_has_every_transport_and_closes(bench: Bench) -> None:
    settings = load(database=bench.record.dsn, kafka="127.0.0.1:9092", webhook_allow="127.0.0.1:9")
    courier = Courier.of(bench.record.ledger, bench.known, installed(), settings)
    assert [carrier.transport for carrier in courier.carriers] == ["webhook", "mllp", "mail"]
    assert courier.printing is not None
    await courier.close()


async def test_the_courier_of_the_settings_sends_an_email_and_queues_a_letter(bench: Bench) -> None:
    async with mail_server() as box:
        said = {"mail_from": "hello@coed.example", "phone": "01632 960 000", "smtp": f"127.0.0.1:{box.port}"}
        courier = Courier.of(bench.record.ledger, bench.known, installed(), load(database=bench.record.dsn, kafka="127.0.0.1:9092", **said))
        for how in ({}, {"email": None}):
            referral = await came(bench, **how)
            await bench.record.assign(referral, client=None)
            await bench.consume(referral)
        running = asyncio.create_task(courier.run())
        async with asyncio.timeout(20):
            while not box.taken or not await bench.record.value("SELECT attempts FROM delivery WHERE transport = 'letter'"):
                await bench.record.fetch("SELECT pg_sleep(0.05)")
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await courier.close()
        assert box.envelopes == [("hello@coed.example", [ADDRESS])]
        assert await bench.record.value("SELECT next_attempt_at > now() + interval '1 day' FROM delivery WHERE transport = 'letter'")
        assert sorted(row["state"] for row in await bench.record.fetch("SELECT state FROM delivery WHERE recipient = 'person'")) == ["delivered", "pending"]


async def _item(bench: Bench) -> str | None:
    found: str | None = await bench.record.value("SELECT kind FROM worklist_item")
    return found
