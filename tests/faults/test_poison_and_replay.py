"""A record that cannot be digested parks its own referral and nobody else's; a topic that is read again from its beginning changes nothing."""

from __future__ import annotations

from pathlib import Path

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from hub.demo.checker import examine, settled
from hub.embedded.stores import StoreAddresses
from hub.transports.kafka import close, open_producer
from schemas.topics import REFERRALS
from tests.faults.campaign import broken
from tests.faults.running import Running, command, login, running, until

Shown = list[tuple[str, str]]
GARBAGE = (
    (b"not an event at all", [("content-type", b"text/plain")]),  # no envelope
    (b"{}", [("ce_specversion", b"1.0"), ("ce_id", b"x"), ("ce_type", b"referral.accepted.v1"), ("ce_source", b"/x"), ("ce_sequence", b"one")]),
    (b"\xff\xfe", [("ce_id", b"\xff")]),  # header bytes that are no text
)


async def test_poison_parks_its_own_referral_and_one_command_takes_it_up_again(
    stores: StoreAddresses, database: str, topic_prefix: str, tmp_path: Path, shown: Shown
) -> None:
    async with running(stores, database, topic_prefix, tmp_path) as hub:
        gp, cases = await hub.gp(), await hub.case_system(script="")
        hub.start()
        await hub.ready()
        posted = await gp.order("post", postcode="SA1 1AA")
        referral = str(posted["location"]).rpartition("/")[2]
        await until(lambda: _told(cases.lines(), referral, 1), 60, "the assignment")
        await _produce(hub, referral)
        await until(lambda: _letters(hub, 2 * len(GARBAGE)), 60, "a dead letter for each record in routing and in dispatch")
        task = next(line["task"] for line in cases.lines() if line.get("referral") == referral)
        assert (await cases.order("update", task=task, step="accept", version="2"))["status"] == 200  # intake knows nothing of it

        await cases.order("script", steps=["accept", "first-contact", "complete"])
        other = str((await gp.order("post", postcode="SA1 1AA"))["location"]).rpartition("/")[2]
        await until(lambda: _told(gp.lines(), other, 4), 60, "another referral's whole way")
        assert [line["type"] for line in gp.lines() if line.get("referral") == referral] == ["referral.assigned.v1"]

        code, said = await command(hub, "dead-letters", "retry", "--all")
        assert code == 0, said
        await until(lambda: _told(gp.lines(), referral, 2), 60, "what was parked to be told")
        assert await settled(hub.pool, 90)
        findings = await examine(hub.pool, login(hub), hub.journals)
        left = [one for one in broken(findings) if not one.startswith("off-the-road")]  # our own garbage is no event of the ledger
        shown.append(("poison events", "parked, others flow, taken up by one command" if not left else "; ".join(left)))
        assert not left
        assert not await hub.rows("SELECT 1 FROM parked")


async def test_the_whole_topic_read_again_changes_nothing(
    stores: StoreAddresses, database: str, topic_prefix: str, tmp_path: Path, shown: Shown
) -> None:
    async with running(stores, database, topic_prefix, tmp_path) as hub:
        gp, hospital, _ = await hub.gp(), await hub.hospital(), await hub.case_system()
        hub.start()
        await hub.ready()
        assert (await gp.order("send", count=15, at_once=8))["stored"] == 15
        assert (await hospital.order("send", count=3))["stored"] == 3
        assert await settled(hub.pool, 90)
        before = await _sizes(hub)
        await hub.rows("UPDATE epoch SET kafka = kafka + 1 RETURNING kafka")  # every consumer begins again, under new groups
        await until(lambda: _read_to_the_end(hub, epoch=2), 90, "both consumers to have read everything again")
        assert await settled(hub.pool, 90)
        assert await _sizes(hub) == before
        findings = await examine(hub.pool, login(hub), hub.journals)
        shown.append(("the whole topic read again", "no effect" if not list(broken(findings)) else "; ".join(broken(findings))))
        assert not list(broken(findings))


async def _told(lines: list[dict[str, object]], referral: str, times: int) -> bool:
    return sum(line.get("referral") == referral for line in lines) >= times


async def _letters(hub: Running, count: int) -> bool:
    return len(await hub.rows("SELECT 1 FROM dead_letter WHERE state = 'open'")) == count


async def _produce(hub: Running, referral: str) -> None:
    producer = await open_producer(login(hub))
    try:
        for value, headers in GARBAGE:
            await producer.send_and_wait(login(hub).topic(REFERRALS.name), value, key=referral.encode(), headers=headers)
    finally:
        await close(producer)


async def _sizes(hub: Running) -> dict[str, int]:
    tables = ("event", "delivery", "task", "place_taken", "worklist_item", "inbox", "audit", "request", "dead_letter")
    return {table: (await hub.rows(f"SELECT count(*) FROM {table}"))[0][0] for table in tables}


async def _read_to_the_end(hub: Running, *, epoch: int) -> bool:
    parts = [TopicPartition(login(hub).topic(REFERRALS.name), number) for number in range(REFERRALS.partitions)]
    admin, consumer = AIOKafkaAdminClient(**login(hub).client_settings()), AIOKafkaConsumer(**login(hub).client_settings())
    await admin.start()
    await consumer.start()
    try:
        ends = {part: end for part, end in (await consumer.end_offsets(parts)).items() if end}
        groups = [await admin.list_consumer_group_offsets(login(hub).topic(f"{stage}-e{epoch}")) for stage in ("routing", "dispatch")]
        return all(part in group and group[part].offset >= end for group in groups for part, end in ends.items())
    finally:
        await admin.close()
        await consumer.stop()
