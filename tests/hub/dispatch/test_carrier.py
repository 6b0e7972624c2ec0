"""Deliveries that do not go smoothly: every answer a receiver may give, one that is down, one that is gone, two couriers, an order that must hold."""

from __future__ import annotations

import asyncio
from uuid import UUID

import pytest

from hub.dispatch.breakers import Breakers
from hub.dispatch.carrier import Pace
from hub.dispatch.schedule import SECONDS, next_pause
from hub.ledger import delivering
from schemas.events import FactType
from schemas.lifecycle import Update
from schemas.profile import Profile
from schemas.task import Party
from tests.hub.dispatch.conftest import Bench, carried, webhook
from tests.hub.making import CASES, GP
from tests.hub.receivers import Answer, receiver

PAUSES = [
    # attempts made, seconds asked for, most attempts of this kind; then the pause
    (1, None, None, 5),
    (2, None, None, 300),
    (9, None, None, 86_400),
    (10, None, None, None),  # the schedule is over: 75 h 35 min
    (1, 3_600, None, 3_600),  # Retry-After is honoured
    (1, 10**9, None, 86_400),  # and capped at a day
    (3, 1, None, 1_800),  # but never shortens the schedule
    (5, None, 5, None),  # HL7 AE: five attempts
    (4, None, 5, 7_200),
]


@pytest.mark.parametrize(("attempts", "asked", "limit", "pause"), PAUSES)
def test_the_pause_follows_the_schedule_and_what_the_receiver_asked(attempts: int, asked: int | None, limit: int | None, pause: int | None) -> None:
    assert next_pause(attempts, asked, limit) == pause


def test_the_schedule_lasts_75_hours_and_35_minutes() -> None:
    assert sum(SECONDS) == 75 * 3600 + 35 * 60 + 5


def test_a_breaker_opens_after_five_failures_rests_and_lets_one_try() -> None:
    breakers = Breakers(failures=5, rest=30)
    opened = [breakers.failed("a", float(second)) for second in range(5)]
    assert opened == [False] * 4 + [True]
    assert breakers.resting(10) == {"a"}
    assert breakers.resting(40) == frozenset()
    assert breakers.on_trial == {"a"}
    assert breakers.failed("a", 40) is False
    assert breakers.resting(41) == {"a"}
    assert breakers.succeeded("a")
    assert not breakers.on_trial


ANSWERS: list[tuple[Answer, str, int | None, str | None]] = [
    # what the receiver says; the state then, the least pause before the next attempt, the reason on the worklist
    ((200, {}), "delivered", None, None),
    ((204, {}), "delivered", None, None),
    ((500, {}), "pending", 4, None),
    ((503, {"retry-after": "3600"}), "pending", 3_590, None),
    ((429, {"retry-after": "120"}), "pending", 110, None),
    ((302, {"location": "http://127.0.0.1:1/"}), "pending", 4, None),  # not followed: a failure
    ((408, {}), "pending", 4, None),
    ((400, {}), "refused", None, "delivery-refused"),
    ((410, {}), "refused", None, "delivery-refused"),
    (None, "pending", 4, None),  # hangs up
]


@pytest.mark.parametrize(("answer", "state", "pause", "reason"), ANSWERS)
async def test_every_answer_leads_somewhere(bench: Bench, answer: Answer, state: str, pause: int | None, reason: str | None) -> None:
    async with receiver(lambda _: answer) as gp:
        delivery = await _told(bench, gp.url)
        await carried(bench.webhooks(gp.port))
        row = (await bench.record.fetch("SELECT *, extract(epoch FROM next_attempt_at - now())::float8 AS pause FROM delivery WHERE id = $1", delivery))[0]
        assert (row["state"], row["attempts"], row["claimed_until"]) == (state, 1, None)
        assert pause is None or pause <= row["pause"] <= pause + 20
        assert await bench.record.value("SELECT reason FROM worklist_item WHERE id = $1", delivery) == reason
        assert len(gp.seen) == 1


async def test_an_endpoint_that_is_gone_is_not_called_again_and_what_is_owed_goes_to_a_person(bench: Bench) -> None:
    async with receiver(lambda _: (410, {})) as gp:
        await bench.record.fetch("INSERT INTO client (id, name, organisation_type, outbound) VALUES ($1, 'x', 'gp', '{}'::jsonb)", GP)
        await _told(bench, gp.url)
        await carried(bench.webhooks(gp.port))
        assert await bench.record.value("SELECT outbound FROM client WHERE id = $1", GP) is None
        assert await bench.record.value("SELECT action FROM audit WHERE actor = 'dispatch'") == "client.endpoint-disabled"


async def test_attempts_end_on_the_worklist_and_a_person_may_send_it_again(bench: Bench) -> None:
    said: list[Answer] = [(500, {}), (500, {}), (500, {}), (200, {})]
    async with receiver(lambda _: said.pop(0)) as gp:
        delivery = await _told(bench, gp.url)
        await carried(bench.webhooks(gp.port, pace=Pace(schedule=(0, 0, 0))))
        assert await bench.record.value("SELECT state FROM delivery WHERE id = $1", delivery) == "exhausted"
        assert await bench.record.value("SELECT reason FROM worklist_item WHERE id = $1", delivery) == "delivery-exhausted"
        assert await delivering.again(bench.record.ledger.pool, [delivery], "operator") == 1
        await carried(bench.webhooks(gp.port))
        assert await bench.record.value("SELECT state FROM delivery WHERE id = $1", delivery) == "delivered"
        assert {one.headers["webhook-id"] for one in gp.seen} == {str(delivery)}


async def test_a_prescriber_who_cannot_be_told_counts_as_silent_from_then_on(bench: Bench) -> None:
    async with receiver(lambda _: (400, {})) as cases:
        bench.known.add(GP, profile=Profile(feedback="none"))
        bench.known.add(CASES, webhook(cases.url, "case_management"))
        referral = await bench.record.create()
        await bench.record.assign(referral)
        await bench.consume(referral)
        await carried(bench.webhooks(cases.port))
        assert await bench.record.value("SELECT deadline_at <= now() FROM referral WHERE id = $1", referral)


async def test_of_one_referral_a_later_message_waits_for_the_earlier_one(bench: Bench) -> None:
    said: list[Answer] = [(500, {})]
    async with receiver(lambda _: said.pop() if said else (200, {})) as gp:
        bench.known.add(GP, webhook(gp.url, "fhir_rest"))
        referral = await bench.record.create()
        task = await bench.record.assign(referral, client=None)
        await bench.record.apply(referral, Update(FactType.ACCEPTED, Party.PRESCRIBER, task))
        await bench.consume(referral)
        carrier = bench.webhooks(gp.port)
        await carried(carrier)
        assert gp.facts == ["referral.assigned.v1"]
        await bench.record.fetch("UPDATE delivery SET next_attempt_at = now()")
        await carried(carrier)
        assert gp.facts == ["referral.assigned.v1", "referral.assigned.v1", "referral.accepted.v1"]


async def test_one_dead_receiver_holds_nobody_else_up(bench: Bench) -> None:
    async with receiver() as gp:
        bench.known.add("gp-dead", webhook("http://127.0.0.1:1/x", "fhir_rest"))
        bench.known.add(GP, webhook(gp.url, "fhir_rest"))
        for _ in range(12):
            await _assigned(bench, "gp-dead")
        await _assigned(bench, GP)
        carrier = bench.webhooks(gp.port, 1, pace=Pace(each=3, schedule=(0, 0) + (0,) * 50))
        for _ in range(4):
            await carrier.once()
            await carrier.drain()
        assert gp.facts == ["referral.assigned.v1"]
        assert carrier.breakers.resting(carrier.now()) == {"gp-dead"}
        attempts = await bench.record.value("SELECT sum(attempts) FROM delivery WHERE recipient = 'gp-dead'")
        await carried(carrier)
        assert await bench.record.value("SELECT sum(attempts) FROM delivery WHERE recipient = 'gp-dead'") == attempts
        rested = carrier.now() + 60
        carrier.now = lambda: rested
        assert await carrier.once() == 1  # one delivery tries it, and decides
        await carrier.drain()
        assert carrier.breakers.resting(rested + 1) == {"gp-dead"}


async def test_two_carriers_never_hold_the_same_delivery(bench: Bench) -> None:
    async with receiver(hold=0.02) as gp:
        bench.known.add(GP, webhook(gp.url, "fhir_rest"))
        for _ in range(20):
            await _assigned(bench, GP)
        one, two = bench.webhooks(gp.port), bench.webhooks(gp.port)
        await asyncio.gather(carried(one), carried(two))
        ids = [got.headers["webhook-id"] for got in gp.seen]
        assert (len(ids), len(set(ids))) == (20, 20)


async def test_what_a_dead_courier_held_is_sent_by_another_with_the_same_id(bench: Bench) -> None:
    async with receiver() as gp:
        delivery = await _told(bench, gp.url)
        pool, sealing = bench.record.ledger.pool, bench.record.ledger.sealing
        assert [one.id for one in await delivering.claim(pool, sealing, delivering.Wanted("webhook"))] == [delivery]
        assert await carried(bench.webhooks(gp.port)) == 0
        await bench.record.fetch("UPDATE delivery SET claimed_until = now() - interval '6 seconds' WHERE id = $1", delivery)
        async with pool.acquire() as connection:
            assert await delivering.swept(connection) == 1
        assert await carried(bench.webhooks(gp.port)) == 1
        assert gp.seen[0].headers["webhook-id"] == str(delivery)


async def test_a_lease_that_ends_by_itself_lets_another_courier_send(bench: Bench) -> None:
    """Nobody sweeps and nobody touches the row: time alone does it."""
    async with receiver() as gp:
        delivery = await _told(bench, gp.url)
        pool, sealing = bench.record.ledger.pool, bench.record.ledger.sealing
        assert [one.id for one in await delivering.claim(pool, sealing, delivering.Wanted("webhook", lease=1.0))] == [delivery]
        assert await carried(bench.webhooks(gp.port)) == 0
        async with asyncio.timeout(20):
            while not await carried(bench.webhooks(gp.port)):  # noqa: ASYNC110  (what is waited for is time in the database)
                await asyncio.sleep(0.1)
        assert [got.headers["webhook-id"] for got in gp.seen] == [str(delivery)]


async def test_a_carrier_that_is_woken_delivers_and_stops_in_good_order(bench: Bench) -> None:
    async with receiver(hold=0.1) as gp:
        carrier = bench.webhooks(gp.port, pace=Pace(poll=60))
        running = asyncio.create_task(carrier.run())
        await asyncio.sleep(0.1)
        delivery = await _told(bench, gp.url)
        carrier.wake()
        async with asyncio.timeout(10):
            while not gp.seen:  # noqa: ASYNC110  (another process's receiver has no event of ours)
                await asyncio.sleep(0.01)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        assert await bench.record.value("SELECT state FROM delivery WHERE id = $1", delivery) == "delivered"


async def test_a_revoked_client_is_told_by_a_person(bench: Bench) -> None:
    async with receiver() as gp:
        delivery = await _told(bench, gp.url)
        bench.known.clients.clear()
        await carried(bench.webhooks(gp.port))
        assert gp.seen == []
        assert await bench.record.value("SELECT reason FROM worklist_item WHERE id = $1", delivery) == "delivery-refused"


async def test_an_address_inside_that_nobody_allowed_is_not_called(bench: Bench) -> None:
    async with receiver() as gp:
        await _told(bench, gp.url)
        await carried(bench.webhooks(1))
        assert gp.seen == []


async def _told(bench: Bench, url: str) -> UUID:
    """One delivery that is due to the GP at `url`."""
    bench.known.add(GP, webhook(url, "fhir_rest"))
    await _assigned(bench, GP)
    found: UUID = await bench.record.value("SELECT id FROM delivery WHERE transport = 'webhook'")
    return found


async def _assigned(bench: Bench, client: str) -> None:
    referral = await bench.record.create(client=client)
    await bench.record.assign(referral, client=None, place=False)
    await bench.consume(referral)


async def test_a_carrier_ends_even_when_it_is_woken_at_that_very_moment(bench: Bench) -> None:
    """In Python 3.11 `asyncio.wait_for` may lose a cancellation that comes together with what it waits for."""
    for _ in range(20):
        carrier = bench.webhooks(1, pace=Pace(poll=600))
        running = asyncio.create_task(carrier.run())
        await asyncio.sleep(0.01)
        carrier.wake()
        await asyncio.sleep(0)
        running.cancel()
        carrier.wake()
        async with asyncio.timeout(5):
            await asyncio.gather(running, return_exceptions=True)
        assert running.done()
