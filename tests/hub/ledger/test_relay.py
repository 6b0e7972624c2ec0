"""From the ledger to the real Kafka: everything that was committed, in order per referral, and a row goes only when the broker has it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from uuid import UUID, uuid4

import asyncpg
import orjson
import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaTimeoutError

from hub.errors import Unavailable
from hub.ledger.changes import Amendment, Effects, Locked, NewDelivery
from hub.ledger.relay import SHARDS, Relay, waiting
from hub.ledger.waking import Notifier
from hub.transports.kafka import KafkaLogin, open_producer
from schemas.events import FHIR_CONTENT, FactType, event_id_on
from schemas.lifecycle import Update
from schemas.task import Party
from tests.hub.ledger.road import Road, by_key, drained, relaying, until
from tests.hub.ledger.test_sealing import CANARIES, canary_request
from tests.hub.making import Record


async def _lives(book: Record, many: int) -> list[UUID]:
    """Referrals of four facts each, begun and moved on in turn so that their facts lie mixed."""
    ids = [await book.create() for _ in range(many)]
    tasks = {id_: await book.assign(id_) for id_ in ids}
    for fact in (FactType.ACCEPTED, FactType.FIRST_CONTACT):
        for id_ in ids:
            await book.apply(id_, Update(fact, Party.PRESCRIBER, tasks[id_]))
    return ids


async def _owe(book: Record, referral: UUID, client: str, body: bytes) -> UUID:
    """One message owed on `to.<client>`, as dispatch writes it."""
    event, owed = await book.value("SELECT id FROM event WHERE referral_id = $1 ORDER BY version LIMIT 1", referral), uuid4()

    def owing(locked: Locked) -> Effects:
        new = NewDelivery(owed, event, FactType.ASSIGNED, client, Party.PRESCRIBER, "case_management", "kafka", "k", "application/json", 1, body)
        return Effects(locked.state, deliveries=(new,))

    await book.ledger.commit(Amendment(owing, (referral,)))
    return owed


async def test_everything_committed_arrives_once_in_order_per_referral(book: Record, road: Road) -> None:
    ids = await _lives(book, 12)
    async with relaying(book, road):
        await drained(book)
    stored = {str(id_): [(event.sequence, str(event.id)) for event in await book.events(id_)] for id_ in ids}
    assert by_key(await road.events()) == stored
    thin = {key: [(version, str(event_id_on("referral-status", UUID(id_)))) for version, id_ in facts] for key, facts in stored.items()}
    assert by_key(await road.events("referral-status")) == thin


async def test_an_event_on_kafka_says_what_the_ledger_holds(book: Record, road: Road) -> None:
    id_ = await book.create(trace="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
    async with relaying(book, road):
        await drained(book)
    assert await road.events() == await book.events(id_)
    key, headers, value = (await road.records())[0]
    said = dict(headers)
    assert key == str(id_).encode()
    assert said["content-type"] == FHIR_CONTENT.encode()
    assert said["ce_type"] == b"referral.received.v1"
    assert said["ce_sequence"] == b"1"
    assert orjson.loads(value)["resourceType"] == "Bundle"


async def test_only_the_rows_that_were_sent_are_deleted(book: Record, road: Road) -> None:
    """Numbers of the outbox and of events drift apart (messages to clients, rolled back commits): the row that goes is the one that was sent."""
    first = await book.create()
    for number in range(5):
        await _owe(book, first, f"cases-{number}x", b"{}")
    await book.fetch("DELETE FROM outbox WHERE topic IS NOT NULL")
    ids = [first, *[await book.create() for _ in range(6)]]
    async with relaying(book, road, batch=2):
        await drained(book)
    assert set(by_key(await road.events())) == {str(id_) for id_ in ids}


async def test_what_a_client_is_owed_goes_to_its_own_topic(book: Record, road: Road) -> None:
    id_ = await book.create()
    owed = await _owe(book, id_, "cases-a", b'{"for":"a"}')
    async with relaying(book, road):
        await drained(book)
    records = await road.records("to.cases-a")
    assert [(key, value) for key, _, value in records] == [(str(id_).encode(), b'{"for":"a"}')]
    assert await road.records("to.cases-b") == []
    row = (await book.fetch("SELECT state, attempts, outcome FROM delivery WHERE id = $1", owed))[0]
    assert tuple(row) == ("delivered", 1, "on Kafka")


async def test_no_word_of_a_person_stands_in_a_key_a_header_or_on_the_open_topic(book: Record, road: Road) -> None:
    await book.create(body=canary_request())
    async with relaying(book, road):
        await drained(book)
    full, thin = await road.records(), await road.records("referral-status")
    assert b"Canari-Teulu" in full[0][2], "the hub's own topic carries what routing needs"
    envelopes = [key + b"".join(name.encode() + said for name, said in headers) for key, headers, _ in (*full, *thin)]
    shown = b"".join(envelopes) + b"".join(value for *_, value in thin)
    for canary in CANARIES:
        assert canary.encode() not in shown


@pytest.mark.parametrize(
    ("fact", "party", "reason", "shown", "kind"),
    [
        (FactType.HELD, Party.HUB, "crisis", "clinical", "referral.status.v1"),
        (FactType.HELD, Party.HUB, "safeguarding", "clinical", "referral.status.v1"),
        (FactType.HELD, Party.HUB, "identity-conflict", "held", "referral.held.v1"),
        (FactType.PERSON_DIED, Party.HOSPITAL, None, "closed", "referral.closed.v1"),  # as any other ending: its type gives nothing away
        (FactType.UPDATED, Party.REFERRER, None, "updated", "referral.updated.v1"),
    ],
)
async def test_the_open_topic_says_no_more_than_it_may(
    book: Record, road: Road, fact: FactType, party: Party, reason: str | None, shown: str, kind: str
) -> None:
    id_ = await book.create()
    await book.apply(id_, Update(fact, party, reason=reason))
    async with relaying(book, road):
        await drained(book)
    _, headers, value = (await road.records("referral-status"))[-1]
    said = dict(headers)
    assert (orjson.loads(value)["fact"], said["ce_type"].decode()) == (shown, kind)
    assert not {"ce_correlationid", "ce_causationid", "ce_traceparent"} & said.keys()
    assert b"died" not in value + b"".join(said.values())
    assert b"crisis" not in value + b"".join(said.values())


async def test_an_erased_referrals_events_go_out_thin_under_the_same_ids(book: Record, road: Road) -> None:
    id_ = await book.create(body=canary_request())
    await _owe(book, id_, "cases-a", b"Canari-Teulu")
    ids = [event.id for event in await book.events(id_)]
    await book.fetch("UPDATE referral SET sealing_key = NULL WHERE id = $1", id_)
    async with relaying(book, road):
        await drained(book)
    assert [event.id for event in await road.events()] == ids
    everything = b"".join([value for topic in ("referrals", "to.cases-a") for *_, value in await road.records(topic)])
    assert not any(canary.encode() in everything for canary in CANARIES)


async def test_bytes_that_do_not_open_stop_nobody_else(book: Record, road: Road) -> None:
    one, two = await book.create(), await book.create()
    owed = await _owe(book, one, "cases-a", b'{"n":1}')
    await _owe(book, two, "cases-a", b'{"n":2}')
    await book.fetch("UPDATE delivery SET body = 'nonsense' WHERE id = $1", owed)
    async with relaying(book, road):
        await drained(book)
    assert sorted(value for *_, value in await road.records("to.cases-a")) == [b'{"n":2}', b"{}"]


# --- outcomes that are not known ------------------------------------------------------------------------------------------------------------


class Unsure:
    """A producer whose first sends end with no answer: some of them stored by the broker, as when a connection breaks off."""

    def __init__(self, real: AIOKafkaProducer, left: list[int]) -> None:
        self.real, self.left = real, left

    async def send(self, topic: str, value: bytes, *, key: bytes, headers: list[tuple[str, bytes]]) -> asyncio.Future[object]:
        """Every third of the first sends is stored and said to have failed."""
        future = await self.real.send(topic, value, key=key, headers=headers)
        if self.left[0] <= 0:
            return future
        self.left[0] -= 1
        if self.left[0] % 3:
            return future
        await future
        lost: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        lost.set_exception(KafkaTimeoutError())
        return lost

    async def stop(self) -> None:
        """As the real one."""
        await self.real.stop()


async def test_after_an_unknown_outcome_the_same_ids_are_sent_again_and_nothing_is_lost(book: Record, road: Road) -> None:
    ids, left = await _lives(book, 6), [20]

    async def opened(access: KafkaLogin) -> AIOKafkaProducer:
        return Unsure(await open_producer(access), left)  # type: ignore[return-value]

    async with relaying(book, road, batch=5, opened=opened):
        await drained(book)
    found = by_key(await road.events())
    for id_ in ids:
        stored = [(event.sequence, str(event.id)) for event in await book.events(id_)]
        assert set(found[str(id_)]) == set(stored), "no other ids than those of the ledger"
        assert list(dict.fromkeys(found[str(id_)])) == stored, "each first seen in its order"
    assert sum(map(len, found.values())) > 4 * len(ids), "some came twice: that is what the inbox is for"


async def test_a_row_stands_until_the_broker_has_the_record(book: Record, road: Road) -> None:
    await book.create()
    hold, sent = asyncio.Event(), asyncio.Event()

    class Slow(Unsure):
        async def send(self, topic: str, value: bytes, *, key: bytes, headers: list[tuple[str, bytes]]) -> asyncio.Future[object]:
            async def later() -> object:
                sent.set()
                await hold.wait()
                return await (await self.real.send(topic, value, key=key, headers=headers))

            return asyncio.ensure_future(later())

    async def opened(access: KafkaLogin) -> AIOKafkaProducer:
        return Slow(await open_producer(access), [0])  # type: ignore[return-value]

    async with relaying(book, road, opened=opened):
        await asyncio.wait_for(sent.wait(), 15)
        assert await book.value("SELECT count(*) FROM outbox") == 1
        hold.set()
        await drained(book)
    assert len(await road.events()) == 1


async def test_while_kafka_is_away_the_ledger_takes_on_and_then_all_goes_out(book: Record, road: Road) -> None:
    tried, back = asyncio.Event(), asyncio.Event()

    async def opened(access: KafkaLogin) -> AIOKafkaProducer:
        tried.set()
        if not back.is_set():
            raise Unavailable("Kafka does not answer")
        return await open_producer(access)

    async with relaying(book, road, opened=opened):
        ids = [await book.create() for _ in range(5)]
        async with book.ledger.pool.acquire() as connection:
            assert (await waiting(connection))[0] == 5
        await asyncio.wait_for(tried.wait(), 15)
        back.set()
        await drained(book)
    assert set(by_key(await road.events())) == {str(id_) for id_ in ids}


async def test_a_relay_that_loses_its_connection_begins_anew(book: Record, road: Road) -> None:
    async with relaying(book, road) as relay:
        await book.create()
        await drained(book)
        await book.fetch(
            "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database"
            " WHERE datname = current_database()) GROUP BY pid"
        )
        await book.create()
        await drained(book)
        assert len(relay._shards) == SHARDS
    assert len(by_key(await road.events())) == 2


# --- sharing --------------------------------------------------------------------------------------------------------------------------------


def _holds(*relays: Relay) -> Callable[[], Awaitable[bool]]:
    """Each has its equal part of the shards."""

    async def equal() -> bool:
        return all(len(one._shards) == SHARDS // len(relays) for one in relays)

    return equal


async def test_two_relays_share_the_shards_and_one_takes_over_from_the_other(book: Record, road: Road) -> None:
    async with relaying(book, road) as first:
        async with relaying(book, road) as second:
            await until(_holds(first, second))
            assert not set(first._shards) & set(second._shards)
            ids = await _lives(book, 10)
            await drained(book)
        await until(_holds(first))
        ids += await _lives(book, 3)
        await drained(book)
    found = by_key(await road.events())
    for id_ in ids:
        assert [version for version, _ in found[str(id_)]] == [1, 2, 3, 4], "in order, and once"


async def test_the_relays_of_another_database_are_not_counted(book: Record, road: Road, stores) -> None:  # type: ignore[no-untyped-def]
    """A server may hold several hubs: one's relays must not leave another's shards alone."""
    other = await asyncpg.connect(stores.database)
    try:
        await other.fetchval("SELECT pg_advisory_lock_shared(7000011, 1)")
        async with relaying(book, road) as relay:
            await book.create()
            await drained(book)
            assert len(relay._shards) == SHARDS
    finally:
        await other.close()


async def test_a_notice_after_a_commit_wakes_the_relay(book: Record, road: Road) -> None:
    """With a poll of an hour only the notice can."""
    notifier = Notifier(book.dsn)
    book.ledger.notify = notifier
    telling = asyncio.create_task(notifier.run())
    try:
        async with relaying(book, road) as relay:
            relay.poll = 3600
            await asyncio.sleep(1.5)
            await book.create()
            await drained(book, 15)
    finally:
        telling.cancel()
        await asyncio.gather(telling, return_exceptions=True)

