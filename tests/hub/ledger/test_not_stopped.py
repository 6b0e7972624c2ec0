"""One bad record, topic or client never stops the others; and a flood of bad ones does stop the line, until one event succeeds."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from uuid import uuid4

import pytest
from aiokafka import ConsumerRecord

from hub.errors import Unavailable
from hub.transports.kafka import close, open_producer
from schemas.events import to_record
from tests.hub.ledger.road import Road, relaying, until
from tests.hub.ledger.test_parking import Line, Stage
from tests.hub.ledger.test_relay import _owe
from tests.hub.making import Record


def _junk(offset: int, key: bytes | None = b"no referral", value: bytes = b"\x00\xff") -> ConsumerRecord:
    return ConsumerRecord("referrals", 0, offset, 0, 0, key, value, None, 0, len(value), ())


async def test_junk_is_kept_once_and_the_line_goes_on_however_often_it_is_read(book: Record) -> None:
    line = Line(book, Stage())
    records = [_junk(offset) for offset in range(20)]
    for _ in range(3):  # a batch that is read again counts nothing twice
        await line.consumer.take(records)
    assert line.consumer.failures_in_row == 20
    assert len(await line.shown()) == 20


async def test_a_sound_event_under_a_key_that_is_no_referral_is_a_dead_letter(book: Record) -> None:
    line = Line(book, Stage())
    event = (await book.events(await book.create()))[0]
    key, headers, value = to_record(replace(event, key="not-a-uuid"))
    record = ConsumerRecord("referrals", 0, 1, 0, 0, key, value, None, 0, 0, tuple(headers))
    await line.consumer.take([record, replace(record, offset=2)])
    assert {one.detail for one in await line.shown()} == {"the key is no referral's"}


async def test_a_flood_stops_the_line_and_the_first_success_starts_it_again(book: Record) -> None:
    stage = Stage()
    line = Line(book, stage)
    line.consumer.open_seconds = 0.05
    ids = [await book.create() for _ in range(40)]
    stage.bad = {str(id_) for id_ in ids}
    events = [event for id_ in ids for event in await book.events(id_)]
    with pytest.raises(Unavailable):
        await line.take(*events)
    written = len(await line.shown())
    assert written == 26
    for _ in range(3):  # while it stands still nothing more becomes a dead letter
        with pytest.raises(Unavailable):
            await line.take(*events)
        await asyncio.sleep(0.06)
    assert len(await line.shown()) == written
    stage.bad = set()
    await line.take(*events)
    assert len(stage.had) >= 40 - written


async def test_a_missing_topic_of_one_client_stops_nobody_else(book: Record, road: Road) -> None:
    lost = await book.create()
    await _owe(book, lost, "nobody-made-this-topic", b"{}")
    others = [await book.create() for _ in range(5)]

    async def others_are_out() -> bool:
        return not await book.value("SELECT count(*) FROM outbox WHERE topic IS NULL")

    async with relaying(book, road):
        await until(others_are_out, 30)
    events = await road.events()
    assert sorted(event.key for event in events) == sorted(str(id_) for id_ in (lost, *others))  # each once: nothing was sent again meanwhile
    assert await book.value("SELECT count(*) FROM outbox") == 1


async def test_a_topic_that_stays_missing_becomes_a_persons_work(book: Record, road: Road) -> None:
    delivery = await _owe(book, await book.create(), "nobody-made-this-topic", b"{}")

    async def given_up() -> bool:
        return await book.value("SELECT state FROM delivery WHERE id = $1", delivery) == "exhausted"

    async with relaying(book, road, give_up_seconds=0.0):
        await until(given_up, 30)
    assert await book.value("SELECT kind FROM worklist_item WHERE id = $1", delivery) == "tell-by-hand"
    assert await book.value("SELECT count(*) FROM outbox") == 0


async def test_a_producer_that_cannot_stop_in_time_is_cut_off(road: Road) -> None:
    producer = await open_producer(road.login)
    await producer.send(road.login.topic("referrals"), b"x", key=str(uuid4()).encode())
    await close(producer, seconds=0.0)
    assert producer._sender.sender_task.done()
