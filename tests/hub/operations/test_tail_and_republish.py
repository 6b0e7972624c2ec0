"""`hub tail` and `hub republish` on the real Kafka, with a real relay between the ledger and them."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import pytest

from hub.embedded.stores import StoreAddresses
from hub.ledger.relay import Relay
from hub.operations.facts import FactLine, fact_line
from hub.operations.following import Follower, Wanted
from hub.security.kafka_access import KafkaAccess
from hub.serving import topic_specs
from hub.transports.kafka import KafkaLogin
from schemas.events import Event, FactType
from schemas.identifiers import ReferralRef
from schemas.lifecycle import Update
from schemas.task import Party
from tests.faults.running import until
from tests.hub.making import Record
from tests.hub.operations.commands import Commands
from tests.hub.operations.test_trace import CANARY, SEEDS


@pytest.fixture
def login(stores: StoreAddresses, topic_prefix: str) -> KafkaLogin:
    return KafkaLogin((stores.kafka,), stores.kafka_user, stores.kafka_password, topic_prefix)


@asynccontextmanager
async def relaying(opened: Record, login: KafkaLogin) -> AsyncIterator[None]:
    """Topics and a relay; both gone at the end."""
    access = KafkaAccess(login.servers[0], login.user, login.password, login.prefix)
    await access.ensure_topics(topic_specs([]))
    relay = asyncio.create_task(Relay(opened.dsn, login, opened.ledger.sealing, poll=0.05).run())
    try:
        yield
    finally:
        relay.cancel()
        await asyncio.gather(relay, return_exceptions=True)
        await access.delete_topics([topic.name for topic in topic_specs([])])


async def drained(opened: Record) -> None:
    """Until everything is on Kafka."""

    async def empty() -> bool:
        return not await opened.value("SELECT count(*) FROM outbox")

    await until(empty, 30, "the outbox to be empty")


async def test_tail_shows_each_fact_in_words_with_status_owner_and_reason_and_nobody(opened: Record, hub: Commands, login: KafkaLogin) -> None:
    async with relaying(opened, login):
        referral = await opened.create(body=CANARY)
        await opened.assign(referral, "p-7")
        await opened.apply(referral, Update(FactType.HELD, Party.HUB, reason="crisis"))
        await drained(opened)
        ended = await hub("tail", "--since", "10m", "--limit", "3", "--json")
        shown = await hub("tail", "--since", "10m", "--limit", "3", "--language", "cy")
    assert [(line["fact"], line["owner"], line["reason"]) for line in ended.lines] == [
        ("referral.received.v1", None, None), ("referral.assigned.v1", "p-7", None), ("referral.held.v1", None, "crisis"),
    ]  # fmt: skip
    assert [line["task"]["status"] for line in ended.lines] == ["requested"] * 3
    assert {line["ref"] for line in ended.lines} == {ReferralRef.of(referral).spoken}
    assert "Daeth yr atgyfeiriad i law." in shown.out
    assert [seed for seed in SEEDS if seed in ended.out + shown.out + ended.err] == []


async def test_tail_keeps_to_one_referral_or_one_stage(opened: Record, hub: Commands, login: KafkaLogin) -> None:
    async with relaying(opened, login):
        first, second = await opened.create(), await opened.create()
        await opened.assign(first)
        await opened.assign(second)
        await drained(opened)
        one = await hub("tail", "--since", "10m", "--limit", "2", "--json", "--referral", ReferralRef.of(second).spoken)
        routed = await hub("tail", "--since", "10m", "--limit", "2", "--json", "--stage", "routing")
    assert {line["referral"] for line in one.lines} == {str(second)}
    assert [(line["stage"], line["fact"]) for line in routed.lines] == [("routing", "referral.assigned.v1")] * 2


async def test_without_since_only_what_happens_from_now_on_is_shown(opened: Record, login: KafkaLogin) -> None:
    async with relaying(opened, login):
        await opened.create()
        await drained(opened)
        follower = Follower(login, lambda _sentence: None)
        async with _first(follower, Wanted()) as line:
            await asyncio.wait_for(follower.opened.wait(), 20)
            second = await opened.create()
            assert (await asyncio.wait_for(line, 20)).referral == second


async def test_a_rebuilt_topic_shows_no_fact_again_and_the_follower_goes_on(opened: Record, hub: Commands, login: KafkaLogin) -> None:
    seen: list[tuple[UUID, str]] = []

    def note(line: FactLine) -> None:
        seen.append((line.referral, line.fact))

    async def are_seen(count: int) -> bool:
        return len(seen) == count

    async with relaying(opened, login):
        follower = Follower(login, lambda _sentence: None)

        async def follow() -> None:
            async for line in follower.lines(Wanted()):
                note(line)

        following = asyncio.create_task(follow())
        await asyncio.wait_for(follower.opened.wait(), 20)
        first = await opened.create()
        await until(lambda: are_seen(1), 40, "the first fact")
        await drained(opened)
        assert (await hub("republish", "--yes")).code == 0
        second = await opened.create()
        await until(lambda: are_seen(2), 40, "the second fact")
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
    assert seen == [(first, "received"), (second, "received")]


async def test_while_kafka_is_away_the_follower_says_so_and_tries_again() -> None:
    said: list[str] = []
    follower = Follower(KafkaLogin(("127.0.0.1:1",)), said.append)

    async def told_twice() -> bool:
        return len(said) >= 2

    async with _first(follower, Wanted()):
        await until(told_twice, 20, "two sentences")
    assert said[0].startswith("Kafka does not answer")


async def test_an_interrupt_is_how_following_ends_well(hub: Commands, opened: Record, login: KafkaLogin) -> None:
    async with relaying(opened, login):
        referral = await opened.create()
        await drained(opened)
        environment = {**{name: value for name, value in os.environ.items() if not name.startswith("HUB_")}, **hub.environment}
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(sys.executable, "-m", "hub", "tail", "--since", "10m", env=environment, stdout=pipe, stderr=pipe)
        assert process.stdout is not None
        line = await asyncio.wait_for(process.stdout.readline(), 40)
        process.send_signal(signal.SIGINT)
        _, err = await asyncio.wait_for(process.communicate(), 20)
    assert (ReferralRef.of(referral).spoken in line.decode(), process.returncode, err) == (True, 0, b"")


async def test_republish_first_says_what_it_would_do_and_does_nothing(opened: Record, hub: Commands, login: KafkaLogin) -> None:
    referral = await opened.create()
    await opened.assign(referral)
    ended = await hub("republish")
    assert (ended.code, "facts 2, of referrals 1" in ended.out, "add --yes" in ended.out) == (0, True, True)
    assert await opened.value("SELECT kafka FROM epoch") == 1


async def test_republish_rebuilds_the_same_ids_in_the_same_order(opened: Record, hub: Commands, login: KafkaLogin) -> None:
    async with relaying(opened, login):
        for _ in range(3):
            await opened.assign(await opened.create())
        await drained(opened)
        before = (await hub("tail", "--since", "10m", "--limit", "6", "--json")).lines
        ended = await hub("republish", "--yes")
        assert (ended.code, "facts 6" in ended.out, "All of it is on Kafka." in ended.out) == (0, True, True)
        after = (await hub("tail", "--since", "10m", "--limit", "6", "--json")).lines
    by_referral = [{line["referral"]: [one for one in lines if one["referral"] == line["referral"]] for line in lines} for lines in (before, after)]
    assert by_referral[0] == by_referral[1]
    assert await opened.value("SELECT kafka FROM epoch") == 2


async def test_republish_refuses_a_client_that_has_no_topic(opened: Record, hub: Commands) -> None:
    ended = await hub("republish", "--client", "nobody-here", "--yes")
    assert (ended.code, "no client nobody-here" in ended.err) == (64, True)


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"[]",
        b"null",
        b"\xff\xfe",
        b"{}",
        b'{"resourceType":"Bundle"}',
        b'{"resourceType":"Bundle","entry":[1,{"resource":2}]}',  # not a message
        b'{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"Task","id":"t","status":"Zzcanari"}}]}',  # a status that is none
        b'{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"Task","id":"t","code":"Zzcanari","owner":5}}]}',  # other shapes
        b'{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"MessageHeader","reason":{"coding":[{"code":"Zzcanari"}]}}}]}',  # a sender's own code
        b'{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"Task","id":"t","owner":{"identifier":'
        b'{"system":"https://hub.example.wales/Id/prescriber","value":"Zzcanari Qqfelin"}}}}]}',  # a name where an id stands
    ],
)
def test_whatever_a_payload_holds_only_listed_codes_are_shown(payload: bytes) -> None:
    line = fact_line(_event(payload))
    assert isinstance(line, FactLine)
    assert "Zzcanari" not in repr(line) + repr(line.as_dict()) + repr(line.cells("en"))


def test_an_event_of_no_referral_has_no_line() -> None:
    event = _event(b"{}")
    assert fact_line(Event(event.id, event.type, "W06000011", event.subject, event.time, event.source, 1)) is None


def _event(payload: bytes) -> Event:
    from tests.hub.making import NOW

    id_ = UUID(int=7)
    return Event(id_, FactType.ASSIGNED, str(id_), "Task/t", NOW, "/Zzcanari/x", 2, data=payload)


@asynccontextmanager
async def _first(follower: Follower, wanted: Wanted) -> AsyncIterator[asyncio.Task[FactLine]]:
    """The first line that comes."""
    lines = follower.lines(wanted)

    async def take() -> FactLine:
        return await anext(lines)

    task = asyncio.create_task(take())
    try:
        yield task
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        await lines.aclose()
