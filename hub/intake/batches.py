"""In intake: many messages that came as one, such as a file's rows. Each goes through the one door as a request of its own; the sender hears of all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from hub.errors import Unavailable
from hub.intake.door import Intake
from hub.registry import Registered
from hub.security.client import Client
from hub.telemetry import LogEvent, log
from schemas.messages import InboundMessage, NotStored, Reply
from schemas.rejection import Issue, Reason, Rejected

AT_ONCE = 16
"""So many messages of one file are on their way at a time: others at the door need not wait behind it."""
MOST_AT_A_DOOR = 1_000
"""So many a sender may wait for; a longer file comes by the drop folder, or in parts."""
_LATER = (425, 429, 503)
_TOLD_EVERY = 200
_KEPT_OF_A_REFUSED_FILE = 64 * 1024
Part = tuple[InboundMessage, Reply]


@dataclass(frozen=True, slots=True)
class Batches:
    """What doors and folders hand files to. Good messages go on, bad ones do not stop them; the same file twice does nothing twice, because each
    message has its own key."""

    intake: Intake

    async def receive(self, registered: Registered, whole: InboundMessage, client: Client, transport: str) -> Reply:
        """All of it, and the one answer that tells what became of each."""
        try:
            registered.connector.identify(whole)
            parts = await self.parts(registered, whole)
            if len(parts) > MOST_AT_A_DOOR:
                raise Rejected(Reason.TOO_LARGE, [Issue(Reason.TOO_LARGE, "file", "batch.too-many-rows", {"limit": str(MOST_AT_A_DOOR)})])
        except Rejected as fault:
            return await self.refuse(registered, whole, client, fault, transport)
        answered = [reply async for _, reply in self.each(registered, parts, client, transport)]
        return registered.together(whole, answered)

    async def parts(self, registered: Registered, whole: InboundMessage) -> tuple[InboundMessage, ...]:
        """The messages of a file, with what is known of all of them; what holds nothing is left out. Raises Rejected when it is no such file."""
        bodies = await asyncio.to_thread(registered.messages, whole.body)
        return tuple(replace(whole, body=body, number=number) for number, body in enumerate(bodies, start=1) if body)

    async def refuse(self, registered: Registered, whole: InboundMessage, client: Client, fault: Rejected, transport: str) -> Reply:
        """The answer to a file that cannot be read as one; its beginning is kept with the refusal."""
        return await self.intake.refuse(registered, replace(whole, body=whole.body[:_KEPT_OF_A_REFUSED_FILE]), client, fault, transport)

    async def each(
        self, registered: Registered, parts: Sequence[InboundMessage], client: Client, transport: str, done: Collection[int] = ()
    ) -> AsyncIterator[Part]:
        """Each message with its answer, in order; not those whose number is in `done`. What belongs to one journey goes one after another,
        and nothing of it goes on past what could not be stored; the rest goes side by side. Where nothing can be stored, the rest is not tried."""
        waiting = [one for one in parts if one.number not in done]
        name, told, halted = registered.manifest.name, 0, set[object]()
        log(LogEvent.BATCH_STARTED, connector=name, client=client.id, rows=len(parts), waiting=len(waiting))
        for begin in range(0, len(waiting), AT_ONCE):
            chains = _chains(registered, waiting[begin : begin + AT_ONCE])
            answered = sorted(await self._all(registered, chains, client, transport, halted), key=lambda one: one[0].number)
            for part in answered:
                yield part
            if all(later(reply) for _, reply in answered):
                for message in waiting[begin + AT_ONCE :]:
                    yield message, registered.connector.answer(message, NotStored())
                return
            so_far = min(begin + AT_ONCE, len(waiting))
            if so_far - told >= _TOLD_EVERY:
                told = so_far
                log(LogEvent.BATCH_PROGRESS, connector=name, client=client.id, rows=len(parts), count=len(parts) - len(waiting) + so_far)
        log(LogEvent.BATCH_FINISHED, connector=name, client=client.id, rows=len(parts))

    async def _all(
        self, registered: Registered, chains: Mapping[object, Sequence[InboundMessage]], client: Client, transport: str, halted: set[object]
    ) -> list[Part]:
        """Each message of these journeys with its answer. `halted`: journeys of which something could not be stored, for the rest of the file."""
        turns = (self._in_turn(registered, chain, client, transport, journey in halted) for journey, chain in chains.items())
        found = await asyncio.gather(*turns)
        halted.update(journey for journey, answered in zip(chains, found, strict=True) if later(answered[-1][1]))
        return [part for one in found for part in one]

    async def _in_turn(self, registered: Registered, chain: Sequence[InboundMessage], client: Client, transport: str, stopped: bool) -> list[Part]:
        answered: list[Part] = []
        for message in chain:
            reply = registered.connector.answer(message, NotStored()) if stopped else await self._one(registered, message, client, transport)
            stopped = later(reply)
            answered.append((message, reply))
        return answered

    async def _one(self, registered: Registered, message: InboundMessage, client: Client, transport: str) -> Reply:
        """One message's answer. A bug of ours in one of them must not take the answers from all others: it is refused by that name."""
        try:
            return await self.intake.receive(registered, message, client, transport)
        except Unavailable:
            return registered.connector.answer(message, NotStored())
        except Exception as fault:  # noqa: BLE001  whatever it is, it is one message's
            log(LogEvent.BUG, "error", fault, stage="intake", connector=registered.manifest.name)
            return await self.intake.refuse(registered, message, client, Rejected(Reason.POISON, [Issue(Reason.POISON, "")]), transport)


def later(reply: Reply) -> bool:
    """Whether the same message must be sent again: nothing is wrong with it."""
    return reply.status in _LATER


def _chains(registered: Registered, parts: Iterable[InboundMessage]) -> dict[object, list[InboundMessage]]:
    """The messages of one journey together, in order, under its name; one that names none is alone, under its number."""
    found: dict[object, list[InboundMessage]] = {}
    for one in parts:
        found.setdefault(_journey(registered, one) or one.number, []).append(one)
    return found


def _journey(registered: Registered, message: InboundMessage) -> str | None:
    try:
        return registered.connector.identify(message).journey
    except Rejected:
        return None
