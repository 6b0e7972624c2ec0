"""Shared by the stages that read Kafka: one wrapper around every handler. A batch of records is one transaction; offsets go after it.

If the batch fails, each event has a transaction of its own; what still fails becomes a dead letter and parks its referral, while all
others flow. `Unavailable` waits and re-reads. A flood of dead letters stops the line.
"""

from __future__ import annotations

import asyncio
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol
from uuid import UUID

from aiokafka import ConsumerRecord
from faststream import AckPolicy
from faststream.kafka import KafkaBroker, KafkaMessage
from faststream.security import SASLScram256

from hub.crashpoints import POINTS, crash
from hub.errors import Unavailable
from hub.ledger import parking
from hub.ledger.changes import Amendment, Outcome, RepeatedEvent
from hub.ledger.commit import Ledger
from hub.ledger.parking import DeadLetter
from hub.telemetry import LogEvent, cleared, count, gauge, log, trace_from
from hub.transports.kafka import KafkaLogin, consumer_settings
from schemas.events import Event, NotAnEvent, from_record
from schemas.rejection import Reason

TRIES = 3
FLOOD = 25
_PAUSE = 1.0
_OPEN_SECONDS = 30.0


class Prepare(Protocol):
    """A stage's own work: one amendment for each event, or None where it has nothing to do with it."""

    async def __call__(self, events: Sequence[Event]) -> Sequence[Amendment | None]: ...


@dataclass(slots=True)
class Consumer:
    """One stage's consumer of one topic. After `FLOOD` new dead letters in a row the line stands still (the breaker): for `open_seconds` at
    a time nothing is read, then one record is tried; the first that succeeds closes it."""

    stage: str
    topic: str
    ledger: Ledger
    prepare: Prepare
    failures_in_row: int = 0
    pause: float = _PAUSE
    open_seconds: float = _OPEN_SECONDS
    _open_until: float | None = None
    _retrying: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def take(self, records: Sequence[ConsumerRecord]) -> None:
        """Digest a batch; when it returns, every record is committed, parked or a dead letter. Raises Unavailable after a short wait."""
        self._crash("fetched")
        try:
            async with self._retrying:
                await self._past_breaker(records)
                await self._take(records)
        except Unavailable as fault:
            log(LogEvent.STORE_UNAVAILABLE, "warning", error=fault, stage=self.stage)
            await asyncio.sleep(self.pause)
            raise
        except Exception as fault:  # a bug of this wrapper: the same records come again, but never in a hot, silent loop
            log(LogEvent.BUG, "error", error=fault, stage=self.stage)
            await asyncio.sleep(self.pause)
            raise
        self._crash("after_commit")

    async def retry(self) -> int:
        """Deal with the dead letters that somebody asked to retry; how many were dealt with."""
        done = 0
        for letter, referral in await parking.asked_again(self.ledger.pool, self.stage):
            async with self._retrying:
                done += await self._retry(letter, referral)
        return done

    async def _past_breaker(self, records: Sequence[ConsumerRecord]) -> None:
        """While the breaker is open: wait, then try one event without writing a letter. Raises Unavailable while that still fails."""
        if self._open_until is None:
            return
        if (left := self._open_until - time.monotonic()) > 0:
            raise Unavailable("The line stands still: too many events in a row could not be digested", retry_after=left)
        trial = next((event for record in records if (event := _event(record)) is not None), None)
        if trial is not None and (fault := await self._tried(trial)) is not None:
            self._open_until = time.monotonic() + self.open_seconds
            raise Unavailable(f"The line still stands still ({type(fault).__name__})", retry_after=self.open_seconds)
        self._close_breaker()

    async def _take(self, records: Sequence[ConsumerRecord]) -> None:
        events: list[tuple[Event, ConsumerRecord]] = []
        for record in records:
            try:
                event = from_record(record.key, record.headers, record.value)
                UUID(event.key)
                events.append((event, record))
            except NotAnEvent as fault:
                await self._give_up(record, None, Reason.POISON, str(fault))
            except ValueError:
                await self._give_up(record, None, Reason.POISON, "the key is no referral's")
        waiting = await parking.parked(self.ledger.pool, self.stage, [UUID(event.key) for event, _ in events])
        held = [event for event, _ in events if UUID(event.key) in waiting]
        if held:
            await parking.park(self.ledger.pool, self.stage, held)
            count("hub_events_total", len(held), stage=self.stage, outcome="parked")
            log(LogEvent.EVENT_PARKED, "warning", stage=self.stage, count=len(held))
        await self._digest([pair for pair in events if UUID(pair[0].key) not in waiting])

    async def _digest(self, live: list[tuple[Event, ConsumerRecord]]) -> None:
        if not live:
            return
        try:
            self._counted(await self._commit([event for event, _ in live]))
        except Unavailable:
            raise
        except Exception as fault:  # noqa: BLE001  one bad event must not harm the others: each alone
            log(LogEvent.COMMIT_SINGLY, "warning", error=fault, stage=self.stage, batch=len(live))
            await self._one_by_one(live)

    async def _one_by_one(self, live: list[tuple[Event, ConsumerRecord]]) -> None:
        bad: set[str] = set()
        for event, record in live:
            if event.key in bad:
                await parking.park(self.ledger.pool, self.stage, [event])
            elif (fault := await self._tried(event)) is not None:
                bad.add(event.key)
                await self._give_up(record, event, Reason.POISON, _named(fault))

    async def _tried(self, event: Event) -> Exception | None:
        for attempt in range(1, TRIES + 1):
            try:
                self._counted(await self._commit([event]))
            except Unavailable:
                raise
            except Exception as fault:  # noqa: BLE001  a bug: bounded attempts, then a dead letter
                if attempt == TRIES:
                    return fault
            else:
                return None
        return None

    async def _commit(self, events: Sequence[Event]) -> list[Outcome]:
        changes = [change for change in await self.prepare(events) if change is not None]
        point = f"{self.stage}.before_commit"
        return await self.ledger.commit_together(changes, point=point if point in POINTS else None) if changes else []

    async def _give_up(self, record: ConsumerRecord, event: Event | None, reason: Reason, detail: str) -> None:
        key = event.key if event else (record.key or b"").decode("utf-8", "replace")
        letter = DeadLetter(
            self.stage, self.topic, record.partition, record.offset, reason, detail, _referral(key), event.id if event else None, record.value or b""
        )
        fresh = await parking.write(self.ledger.pool, self.ledger.sealing, letter)
        if not fresh:
            return
        self.failures_in_row += 1
        count("hub_dead_letters_total", stage=self.stage)
        log(LogEvent.DEAD_LETTER_WRITTEN, "error", stage=self.stage, referral=str(letter.referral_id), partition=record.partition, offset=record.offset)
        if self.failures_in_row > FLOOD:
            self._open_breaker()

    def _open_breaker(self) -> None:
        self._open_until = time.monotonic() + self.open_seconds
        gauge("hub_breaker_open", 1, stage=self.stage)
        log(LogEvent.BREAKER_OPENED, "error", stage=self.stage, count=self.failures_in_row)
        raise Unavailable("Too many events in a row could not be digested: the line stands still until one can", retry_after=self.open_seconds)

    def _close_breaker(self) -> None:
        self._open_until, self.failures_in_row = None, 0
        gauge("hub_breaker_open", 0, stage=self.stage)
        log(LogEvent.BREAKER_CLOSED, stage=self.stage)

    async def _retry(self, letter: UUID, referral: UUID | None) -> int:
        try:
            while await self._catch_up(letter, referral):
                pass
        except Unavailable:
            raise
        except Exception as fault:  # noqa: BLE001  it failed again: the letter is open again, with the new reason
            await parking.failed_again(self.ledger.pool, letter, _named(fault))
            return 0
        if self._open_until is not None:
            self._close_breaker()
        log(LogEvent.DEAD_LETTER_RETRIED, stage=self.stage, referral=str(referral))
        return 1

    async def _catch_up(self, letter: UUID, referral: UUID | None) -> bool:
        """Digest everything of the referral that the stage missed, then close; True when more was parked meanwhile."""
        events = await parking.missed(self.ledger.pool, self.ledger.sealing, self.stage, referral) if referral else []
        for event in events:
            await self._commit([event])
        return await parking.close(self.ledger.pool, self.stage, letter, referral, [event.id for event in events])

    def _counted(self, outcomes: Sequence[Outcome]) -> None:
        self.failures_in_row = 0
        for outcome in outcomes:
            count("hub_events_total", stage=self.stage, outcome="repeated" if isinstance(outcome, RepeatedEvent) else "done")

    def _crash(self, point: str) -> None:
        name = f"{self.stage}.{point}"
        if name in POINTS:
            crash(name)


def attach(broker: KafkaBroker, consumer: Consumer, access: KafkaLogin, *, group: str, most: int = 100) -> Any:  # Any: FastStream's subscriber
    """Declare the consumer's subscriber on the broker: raw batches, one commit a batch, NACK on error, from the earliest record."""
    settings = {name: value for name, value in consumer_settings(access).items() if name not in ("enable_auto_commit", "metadata_max_age_ms")}
    subscriber = broker.subscriber(
        access.topic(consumer.topic),
        batch=True,
        max_records=most,
        batch_timeout_ms=100,
        group_id=access.topic(group),
        group_instance_id=f"{access.instance}-{consumer.stage}-{consumer.topic}" if access.instance else None,
        ack_policy=AckPolicy.NACK_ON_ERROR,
        parser=_raw_records,
        decoder=_as_they_are,
        **settings,
    )

    @subscriber  # type: ignore[untyped-decorator]
    async def consume(records: Any) -> None:  # Any: what `_as_they_are` gives, a tuple of ConsumerRecord
        with cleared(trace_from(None), stage=consumer.stage):
            await consumer.take(records)

    return subscriber


async def _raw_records(message: Any, original: Any) -> KafkaMessage:  # Any: FastStream's own types are not public
    """FastStream's parser reads header values as UTF-8 and would re-read a bad record for ever; it sees none, the wrapper sees all."""
    parsed: KafkaMessage = await original(tuple(replace(record, headers=()) for record in message))
    parsed.body = tuple(message)
    return parsed


async def _as_they_are(message: Any) -> Any:  # Any: see `_raw_records`
    return message.body


def new_broker(access: KafkaLogin) -> KafkaBroker:
    """A quiet broker that never makes a topic, never casts a body and lets handlers finish when it stops."""
    security = SASLScram256(username=access.user, password=access.password or "", use_ssl=False) if access.user is not None else None
    return KafkaBroker(
        list(access.servers), security=security, apply_types=False, logger=None, allow_auto_create_topics=False, graceful_timeout=20, metadata_max_age_ms=10_000
    )


def _event(record: ConsumerRecord) -> Event | None:
    try:
        return from_record(record.key, record.headers, record.value)
    except NotAnEvent:
        return None


def _referral(key: str) -> UUID | None:
    try:
        return UUID(key)
    except ValueError:
        return None


def _named(fault: BaseException) -> str:
    """The fault's type and our innermost frame; never its message, which may hold what a person wrote."""
    frames = [frame for frame in traceback.extract_tb(fault.__traceback__) if "site-packages" not in frame.filename]
    place = f" at {frames[-1].filename.rsplit('/', 1)[-1]}:{frames[-1].lineno}" if frames else ""
    return type(fault).__name__ + place
