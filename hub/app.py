"""Beside the flow: the composition root. Settings in, running stages out; nothing else knows all the parts."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager

from aiokafka.errors import KafkaError

from hub.consuming import Consumer, attach, new_broker
from hub.crashpoints import arm
from hub.deciding.policy import load_policy
from hub.doors import open_http, open_mllp
from hub.errors import Misconfigured, Unavailable
from hub.intake.batches import Batches
from hub.intake.creation import Maker
from hub.intake.door import Intake
from hub.intake.from_clients import FromClients
from hub.intake.from_folders import FromFolders
from hub.intake.gates import DiskGate
from hub.ledger.audit import keep_chained
from hub.ledger.commit import Ledger
from hub.ledger.database import open_pool
from hub.ledger.epoch import check_key, kafka_epoch
from hub.ledger.relay import Relay
from hub.ledger.waking import Notifier
from hub.metrics_door import metrics_door
from hub.parts import Hub
from hub.places import Places
from hub.registry import installed
from hub.security.clients import Clients
from hub.security.hub_key import open_sealing
from hub.settings import Settings
from hub.telemetry import LogEvent, log
from hub.transports.drop_folder import DropFolder
from hub.transports.kafka import KafkaLogin
from schemas.topics import REFERRALS

STAGES = ("intake", "relay", "routing", "dispatch", "watch", "reading")
_EVERY = 1.0
_PAUSE = 1.0


def access_of(settings: Settings) -> KafkaLogin:
    """How this process reaches Kafka. Raises Misconfigured when no address is set."""
    if not settings.kafka_servers:
        raise Misconfigured("HUB_KAFKA is not set: a single stage needs the address of Kafka; `hub serve` starts one of its own.")
    return KafkaLogin(
        tuple(settings.kafka_servers), settings.kafka_user, settings.kafka_secret, settings.topic_prefix, settings.instance, settings.kafka_session_ms
    )


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Hub]:
    """Connect to the record and load what every stage needs. Raises Unavailable or Misconfigured."""
    if settings.database_dsn is None:
        raise Misconfigured("HUB_DATABASE is not set: a single stage needs the address of PostgreSQL; `hub serve` starts one of its own.")
    if settings.crash is not None and settings.crash_points == "on":
        arm(settings.crash.name, settings.crash.hit, settings.crash_marker)
    dsn, sealing = settings.database_dsn, open_sealing(settings, make=True)
    pool = await open_pool(dsn, size=settings.database_connections)
    notifier = Notifier(dsn)
    ledger = Ledger(pool, sealing, notify=notifier)
    clients = Clients(pool, sealing)
    policy = load_policy(settings.policy, settings.production)
    try:
        await check_key(pool, sealing)
        await clients.load()
        ledger.start()
        yield Hub(settings, dsn, access_of(settings), sealing, ledger, clients, policy, Places.load(settings.places), installed(), notifier)
    finally:
        await ledger.stop()
        with contextlib.suppress(Unavailable):
            await clients.note_used()
        await pool.close()


async def run_stages(hub: Hub, stages: Sequence[str], stop: asyncio.Event) -> None:
    """Run these stages until `stop` is set, then end them in good order. Raises what ended a stage that must not end."""
    async with contextlib.AsyncExitStack() as doors:
        if hub.settings.metrics is not None:
            await doors.enter_async_context(metrics_door(hub.settings.metrics, lambda: all(door() for door in hub.doors)))
        tasks = [hub.clients.run(), hub.notifier.run()]
        for stage in stages:
            tasks += await _STARTS[stage](hub, doors)
            log(LogEvent.STAGE_STARTED, stage=stage)
        running = [asyncio.create_task(task) for task in tasks]
        stopping = asyncio.create_task(stop.wait())
        try:
            done, _ = await asyncio.wait([*running, stopping], return_when=asyncio.FIRST_COMPLETED)
            for task in done - {stopping}:
                task.result()
        finally:
            await doors.aclose()
            for task in (*running, stopping):
                task.cancel()
            await asyncio.gather(*running, stopping, return_exceptions=True)
            for stage in stages:
                log(LogEvent.STAGE_STOPPED, stage=stage)


Parts = list[Coroutine[object, object, None]]


async def _intake(hub: Hub, doors: contextlib.AsyncExitStack) -> Parts:
    gate = DiskGate(hub.settings.data, hub.settings.minimum_free_mb * 2**20)
    intake = Intake(hub.ledger, Maker(hub.policy, hub.places, hub.sealing), gate)
    await open_mllp(hub, intake, doors)
    await open_http(hub, intake, doors)
    parts: Parts = []
    for registered, _ in hub.registry.listeners("kafka"):
        parts.append(FromClients(intake, registered, hub.clients, hub.access).run())
    if hub.settings.drop is not None:
        for registered, listener in hub.registry.listeners("folder"):
            parts.append(DropFolder(hub.settings.drop, FromFolders(Batches(intake), registered, listener, hub.clients)).run())
    return parts


async def _relay(hub: Hub, _doors: contextlib.AsyncExitStack) -> Parts:
    return [Relay(hub.dsn, hub.access, hub.sealing, batch=hub.settings.relay_batch).run()]


async def _routing(hub: Hub, _doors: contextlib.AsyncExitStack) -> Parts:
    from hub.routing.stage import STAGE, Routing

    consumer = Consumer(STAGE, REFERRALS.name, hub.ledger, Routing(hub.ledger, hub.policy, hub.places, hub.clients))
    return [consume(hub, consumer, hub.settings.routing_batch)]


async def _dispatch(hub: Hub, doors: contextlib.AsyncExitStack) -> Parts:
    from hub.dispatch import STAGE, Courier, Dispatch, sender_of

    consumer = Consumer(STAGE, REFERRALS.name, hub.ledger, Dispatch(hub.ledger, hub.clients, hub.registry, hub.policy, sender_of(hub.settings)))
    courier = Courier.of(hub.ledger, hub.clients, hub.registry, hub.settings)
    doors.push_async_callback(courier.close)
    return [consume(hub, consumer, hub.settings.dispatch_batch), courier.run()]


async def _watch(hub: Hub, _doors: contextlib.AsyncExitStack) -> Parts:
    from hub.watch import Watch

    return [Watch(hub.ledger, hub.policy).run(), keep_chained(hub.ledger.pool, hub.sealing)]


async def _reading(_hub: Hub, _doors: contextlib.AsyncExitStack) -> Parts:
    return []  # its routes stand at intake's HTTP door; see hub/doors.py


_STARTS = {"intake": _intake, "relay": _relay, "routing": _routing, "dispatch": _dispatch, "watch": _watch, "reading": _reading}


async def consume(hub: Hub, consumer: Consumer, most: int) -> None:
    """Keep one consumer going: under the group of the current epoch, started again whenever Kafka or its own loop ends it."""
    while True:
        try:
            await _consume(hub, consumer, most)
        except (Unavailable, KafkaError, OSError, TimeoutError) as fault:
            log(LogEvent.STAGE_FAILED, "warning", error=fault, stage=consumer.stage)
            await asyncio.sleep(_PAUSE)


async def _consume(hub: Hub, consumer: Consumer, most: int) -> None:
    epoch = await kafka_epoch(hub.ledger.pool)
    broker = new_broker(hub.access)
    subscriber = attach(broker, consumer, hub.access, group=f"{consumer.stage}-e{epoch}", most=most)
    try:
        await asyncio.wait_for(broker.start(), 30)
        while epoch == await _epoch_or(hub, epoch):
            await asyncio.sleep(_EVERY)
            if any(task.done() for task in subscriber.tasks):
                raise Unavailable("The consumer's loop ended")
            with contextlib.suppress(Unavailable):
                await consumer.retry()
    finally:
        with contextlib.suppress(KafkaError, OSError, TimeoutError):
            await asyncio.wait_for(broker.stop(), 25)


async def _epoch_or(hub: Hub, known: int) -> int:
    """The epoch now; while the record does not answer, the one that is known."""
    try:
        return await kafka_epoch(hub.ledger.pool)
    except Unavailable:
        return known
