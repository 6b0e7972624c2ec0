"""In dispatch: carries deliveries of one transport to their recipients: claims what is due, sends, hears the verdict, records it.

Sending happens at least once: a process that dies between sending and recording sends the same message with the same key again.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from hub.crashpoints import crash
from hub.dispatch.breakers import Breakers
from hub.dispatch.consent import carries_content, consents
from hub.dispatch.packed import has_letter
from hub.dispatch.people import safe_ways
from hub.dispatch.recipients import Known
from hub.dispatch.schedule import SECONDS, next_pause
from hub.errors import Misconfigured, Unavailable
from hub.ledger import delivering
from hub.ledger.commit import Ledger
from hub.ledger.delivering import LETTER, MAIL, Claimed, DeliveredTogether, Wanted
from hub.registry import Registry
from hub.security.client import Client
from hub.telemetry import LogEvent, cleared, count, log, observe, trace_from
from schemas.messages import Delivered, OutboundMessage, ReceiverReply, Refused, TryAgain, Verdict
from schemas.rejection import Reason
from schemas.task import Party


class Send(Protocol):
    """One attempt by one transport; `client` is None for people, whose message names them. Raises Unavailable when there is no whole answer,
    Misconfigured when it must not be sent there."""

    async def __call__(self, client: Client | None, message: OutboundMessage) -> ReceiverReply: ...


_GATHER = 0.004
"""Seconds between being woken and looking, so that what ends or comes together is claimed together."""


@dataclass(frozen=True, slots=True)
class Pace:
    """`each`: deliveries at once to one recipient; `most`: in all; `lease`: seconds after which another may take over, longer than
    any attempt; `poll`: seconds between looks when nobody wakes it."""

    each: int = 8
    most: int = 32
    lease: float = 45.0
    poll: float = 0.5
    schedule: tuple[int, ...] = SECONDS
    alert_seconds: int = 120


@dataclass(slots=True)
class Carrier:
    """What carries one transport's deliveries. `wake()` when something may be due; it also looks by itself."""

    transport: str
    send: Send
    ledger: Ledger
    registry: Registry
    known: Known
    pace: Pace = Pace()
    breakers: Breakers = field(default_factory=Breakers)
    now: Callable[[], float] = time.monotonic
    delivered: DeliveredTogether = field(init=False)
    _awake: asyncio.Event = field(default_factory=asyncio.Event)
    _under_way: dict[asyncio.Task[None], str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.delivered = DeliveredTogether(self.ledger.pool)

    def wake(self) -> None:
        """Something may be due."""
        self._awake.set()

    async def run(self) -> None:
        """Deliver until cancelled; what is under way then is finished first, for at most 20 seconds."""
        try:
            while True:
                try:
                    await self.once()
                except Unavailable as fault:
                    log(LogEvent.STORE_UNAVAILABLE, "warning", error=fault, stage="dispatch", transport=self.transport)
                    await asyncio.sleep(1)
                await self._rest()
        finally:
            await self._finish(20)

    async def once(self) -> int:
        """Claim what is due and begin to send it; how many. Raises Unavailable."""
        self._awake.clear()
        free = self.pace.most - len(self._under_way)
        if free <= 0:
            await asyncio.wait(self._under_way, return_when=asyncio.FIRST_COMPLETED)
            return 1
        claimed = await delivering.claim(self.ledger.pool, self.ledger.sealing, self._wanted(free))
        for one in claimed:
            crash("webhook.claimed")
            task = asyncio.create_task(self._carry(one), name=f"deliver-{one.id}")
            self._under_way[task] = one.recipient
            task.add_done_callback(self._ended)
        return len(claimed)

    def _wanted(self, free: int) -> Wanted:
        """Not to whom as much is under way as may be, nor to who rests; one delivery to who has rested."""
        busy, trial = Counter(self._under_way.values()), self.breakers.on_trial
        full = {name for name, sending in busy.items() if sending >= (1 if name in trial else self.pace.each)}
        resting = tuple(sorted(full | self.breakers.resting(self.now())))
        return Wanted(self.transport, resting, tuple(sorted(trial)), self.pace.each, free, self.pace.lease)

    async def drain(self) -> None:
        """Wait until nothing is under way."""
        await self._finish(60)

    async def _rest(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.pace.poll):  # wait_for may lose a cancellation that comes with the waking (Python 3.11)
                await self._awake.wait()
        await asyncio.sleep(_GATHER)

    async def _finish(self, seconds: float) -> None:
        if self._under_way:
            _, late = await asyncio.wait(self._under_way, timeout=seconds)
            for task in late:
                task.cancel()

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._under_way.pop(task, None)
        self._awake.set()
        if not task.cancelled() and (fault := task.exception()) is not None:
            log(LogEvent.BUG if not isinstance(fault, Unavailable) else LogEvent.STORE_UNAVAILABLE, "error", error=fault, stage="dispatch")

    async def _carry(self, one: Claimed) -> None:
        with cleared(trace_from(one.trace), stage="dispatch", delivery=str(one.id), referral=str(one.referral_id)):
            if (why := _must_not_go(one)) is not None:
                await delivering.cancelled(self.ledger.pool, one.id, why)
                return
            started = self.now()
            verdict, outcome = await self._attempt(one)
            observe("hub_delivery_seconds", self.now() - started, transport=self.transport)
            await self._record(one, verdict, outcome, int((self.now() - started) * 1000))
            crash("webhook.recorded")

    async def _attempt(self, one: Claimed) -> tuple[Verdict, str]:
        """The verdict and a short outcome for the record, never the receiver's words."""
        client = self.known.by_id(one.recipient)
        if self.transport == MAIL:
            if one.recipient == "person" and MAIL not in safe_ways(one.content):
                return Refused(Reason.DELIVERY_REFUSED), "the address is not safe to use any more"
        elif client is None or client.outbound is None or client.outbound.transport != self.transport:
            return Refused(Reason.DELIVERY_REFUSED), "no endpoint is registered"
        message = OutboundMessage(one.transport, one.message_key, one.body, one.content_type, _ids(one))
        try:
            reply = await self.send(client, message)
        except Unavailable:
            self._failed(one.recipient)
            return TryAgain(), "no answer"
        except Misconfigured:
            return Refused(Reason.DELIVERY_REFUSED), "the endpoint may not be called"
        try:
            verdict = self.registry[one.connector].connector.judge(message, reply)
        except Exception as fault:  # noqa: BLE001  a bug of ours in reading an answer: bounded attempts, then a person
            log(LogEvent.BUG, "error", error=fault, connector=one.connector)
            return TryAgain(), "the answer could not be judged"
        self._heard(one.recipient, verdict, reply)
        return verdict, f"{'SMTP' if self.transport == MAIL else 'HTTP'} {reply.status}" if reply.status is not None else "answered"

    def _heard(self, recipient: str, verdict: Verdict, reply: ReceiverReply) -> None:
        """A receiver that answers in order is up, whatever it says; one that fails or asks for a pause is not."""
        if isinstance(verdict, TryAgain) and (reply.status is None or reply.status >= 500 or reply.status == 429):
            self._failed(recipient)
        elif self.breakers.succeeded(recipient):
            log(LogEvent.BREAKER_CLOSED, stage="dispatch", client=recipient, transport=self.transport)

    def _failed(self, recipient: str) -> None:
        if self.breakers.failed(recipient, self.now()):
            log(LogEvent.BREAKER_OPENED, "warning", stage="dispatch", client=recipient, transport=self.transport)

    async def _record(self, one: Claimed, verdict: Verdict, outcome: str, took: int) -> None:
        attempts = one.attempts + 1
        match verdict:
            case Delivered():
                await self.delivered.note(one.id, outcome)
                self._tell(one, LogEvent.DISPATCH_DELIVERED, "delivered", attempts, took)
            case TryAgain(after=after, limit=limit):
                pause = next_pause(attempts, after, limit, self.pace.schedule)
                if pause is None:
                    await self._give_up(one, Reason.DELIVERY_EXHAUSTED, outcome)
                    self._tell(one, LogEvent.DISPATCH_EXHAUSTED, "exhausted", attempts, took)
                else:
                    await delivering.postponed(self.ledger.pool, one.id, pause, outcome)
                    self._tell(one, LogEvent.DISPATCH_FAILED, "try-again", attempts, took, pause)
            case Refused(disable=gone):
                if gone and await delivering.disable(self.ledger.pool, one.recipient):
                    log(LogEvent.CLIENT_CHANGED, "warning", client=one.recipient, outcome="refused")
                await self._give_up(one, Reason.DELIVERY_REFUSED, outcome)
                self._tell(one, LogEvent.DISPATCH_REFUSED, "refused", attempts, took)

    async def _give_up(self, one: Claimed, reason: Reason, outcome: str) -> None:
        """A letter instead of an e-mail, where one was composed and it is safe to write; else a person."""
        may_write = self.transport == MAIL and has_letter(one.body) and LETTER in safe_ways(one.content)
        if may_write and await delivering.by_letter(self.ledger.pool, one.id, outcome):
            return
        await delivering.given_up(self.ledger.pool, one.id, reason, outcome, self.pace.alert_seconds)
        log(LogEvent.WORKLIST_ADDED, "warning", referral=str(one.referral_id), worklist=str(one.id), reason=reason.value, stage="dispatch")

    def _tell(self, one: Claimed, event: LogEvent, outcome: str, attempts: int, took: int, pause: int | None = None) -> None:
        count("hub_deliveries_total", transport=self.transport, outcome=outcome)
        log(
            event, "info" if outcome == "delivered" else "warning", fact=one.fact.value, client=one.recipient, connector=one.connector, ref=one.ref,
            transport=self.transport, outcome=outcome, attempts=attempts, duration_ms=took, retry_after=pause, waiting=round(one.age, 3), role=one.party.value,
        )  # fmt: skip


def _ids(one: Claimed) -> tuple[tuple[str, str], ...]:
    """The ids by which HTTP receivers know a message and its journey: the delivery's own, the same at every attempt; the journey goes to whoever
    named it."""
    journey = one.journey if one.party is Party.REFERRER else None
    return (("X-Request-Id", str(one.id)), *((("X-Correlation-Id", journey),) if journey else ()))


def _must_not_go(one: Claimed) -> str | None:
    """Looked at again just before sending: content goes to no prescriber against the person's will, nor for a hand-over that is over."""
    if not one.body:
        return "the referral was erased"
    if not carries_content(one.fact, one.party):
        return None
    if not consents(one.content):
        return "the person does not agree"
    return "the hand-over is over" if one.task_status in ("cancelled", "rejected", "entered-in-error") else None
