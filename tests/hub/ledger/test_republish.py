"""Kafka is rebuilt from the record: the same ids in the same order per key; consumers begin anew, and digest nothing twice."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from hub.errors import Unavailable
from hub.ledger.database import connect
from hub.ledger.epoch import kafka_epoch
from hub.ledger.relay import REPUBLISH_LOCK
from hub.ledger.republish import republish
from tests.hub.ledger.road import Road, by_key, drained, relaying
from tests.hub.ledger.test_relay import _lives, _owe
from tests.hub.making import Record


async def _empty_and_make(road: Road, clients: Sequence[str]) -> None:
    await road.empty(clients)
    await road.make(clients)


async def test_what_was_on_kafka_is_there_again_with_its_ids_and_in_its_order(book: Record, road: Road) -> None:
    ids = await _lives(book, 5)
    for client in ("cases-a", "cases-b"):
        await _owe(book, ids[0], client, b'{"for":"one"}')
    async with relaying(book, road):
        await drained(book)
        topics = ("referrals", "referral-status", "to.cases-a")
        before = {topic: by_key(await road.events(topic)) for topic in topics}

        async def empty(clients: Sequence[str]) -> None:
            await _empty_and_make(road, clients)
            assert await road.events() == []

        late = asyncio.create_task(book.create())
        done = await republish(book.dsn, empty, ["cases-a"])
        late_id = await late
        await drained(book)
        after = {topic: by_key(await road.events(topic)) for topic in topics}
    fresh = {topic: {key: facts for key, facts in found.items() if key != str(late_id)} for topic, found in after.items()}
    assert {topic: {key: list(dict.fromkeys(facts)) for key, facts in found.items()} for topic, found in fresh.items()} == before
    assert (done.client_messages, done.epoch) == (1, 2)
    assert done.events in (20, 21), "with or without the one that came meanwhile"
    assert str(late_id) in after["referrals"], "which is there, either way"


async def test_a_clients_own_topic_is_rebuilt_only_when_it_is_named(book: Record, road: Road) -> None:
    id_ = await book.create()
    await _owe(book, id_, "cases-a", b"{}")
    async with relaying(book, road):
        await drained(book)
        await republish(book.dsn, lambda clients: _empty_and_make(road, clients))
        await drained(book)
    assert len(await road.records("to.cases-a")) == 1


async def test_consumers_begin_under_a_new_epoch(book: Record) -> None:
    async def nothing(_: Sequence[str]) -> None: ...

    assert await kafka_epoch(book.ledger.pool) == 1
    await republish(book.dsn, nothing)
    assert await kafka_epoch(book.ledger.pool) == 2


async def test_a_relay_that_does_not_stand_still_stops_the_republish_before_anything_is_deleted(book: Record) -> None:
    async def never(_: Sequence[str]) -> None:
        raise AssertionError("the topics are not touched")

    relay = await connect(book.dsn)
    await relay.fetchval("SELECT pg_advisory_lock_shared($1::int, 0)", REPUBLISH_LOCK)
    with pytest.raises(Unavailable, match="stand still"):
        await republish(book.dsn, never, wait=0.3)
    await relay.close()


async def test_a_republish_that_breaks_off_can_be_done_again(book: Record) -> None:
    await book.create()
    await book.fetch("DELETE FROM outbox")

    async def broken(_: Sequence[str]) -> None:
        raise Unavailable("Kafka does not answer")

    async def nothing(_: Sequence[str]) -> None:
        assert await book.value("SELECT count(*) FROM outbox") == 1, "refilled before the topics are emptied"

    with pytest.raises(Unavailable):
        await republish(book.dsn, broken)
    assert await book.value("SELECT count(*) FROM outbox") == 1, "whatever the topics have lost by then is on its way already"
    assert await kafka_epoch(book.ledger.pool) == 1
    assert (await republish(book.dsn, nothing)).events == 1
    assert await book.value("SELECT count(*) FROM outbox") == 1
