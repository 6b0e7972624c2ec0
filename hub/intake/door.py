"""Intake's one way through: identify → translate → triage → commit → answer, for every connector and transport, referrals and updates alike."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TypeVar
from uuid import UUID, uuid4

from hub.crashpoints import crash
from hub.deciding.clocks import PolicyClocks
from hub.deciding.triage import CLEAR
from hub.errors import Unavailable
from hub.intake import answers
from hub.intake.changes import PERSON_FACTS, AnswerWith, Changer, about
from hub.intake.creation import Arrival, Made, Maker, together
from hub.intake.gates import no_gate
from hub.intake.later import LATER, Later
from hub.intake.persons import hashes_of
from hub.intake.reads import marks_on, offered_before, referral_of_task, referrals_named, referrals_said_of
from hub.intake.turns import Turns
from hub.ledger import refusals
from hub.ledger.changes import Amendment, Audit, Creation, Done, Erased, KeyReused, Outcome, RepeatedRequest, RequestRow
from hub.ledger.commit import Ledger
from hub.ledger.create import stored_answer
from hub.ledger.database import lent
from hub.ledger.refusals import Refusal
from hub.ledger.sealing import body_hash
from hub.registry import Registered
from hub.security.client import Client
from hub.telemetry import LogEvent, count, current_trace, log
from schemas.events import FactType
from schemas.lifecycle import BEGINS
from schemas.messages import Accepted, Committed, Existing, Fact, InboundMessage, InFlight, NotStored, Repeated, Reply, Target, Translation
from schemas.rejection import Issue, Reason, Rejected

_LARGE = 64 * 1024
T = TypeVar("T")


@dataclass(slots=True)
class Intake:
    """The stage. `maker` and `changer` are pure; the ledger stores; `transport` names are for logs and crash points."""

    ledger: Ledger
    maker: Maker
    gate: Callable[[], None] = no_gate
    changer: Changer = field(init=False)
    _turns: Turns = field(default_factory=Turns)

    def __post_init__(self) -> None:
        self.changer = Changer(PolicyClocks(self.maker.policy), self.maker.sealing, self.maker.traits)

    async def receive(self, registered: Registered, message: InboundMessage, client: Client, transport: str) -> Reply:
        """Take one message and give its answer; every outcome has one. The answer is given only after the commit."""
        connector = registered.connector
        try:
            key = connector.identify(message)
        except Rejected as fault:
            return await self.refuse(registered, message, client, fault, transport)
        condition = self.maker.named(client.id, key.condition)
        async with self._turns.alone(client.id, key.key) as alone, self._turns.alone(client.id, *(one.hex() for one in condition)) as alone_so:
            if not alone or not alone_so:
                _tell("postponed", transport)
                return connector.answer(message, InFlight())
            try:
                if condition and (stands := await self._standing(registered, client, key.key, message, condition)) is not None:
                    return stands
                return await self._receive(registered, message, client, key.key, transport)
            except Rejected as fault:
                before = await self._answered_before(registered, client, key.key, message)
                if before is not None:
                    return before
                await self._refuse(registered, message, client, key.key, fault)
                return self._answer_refusal(registered, message, fault, transport)
            except Unavailable as fault:
                log(LogEvent.MESSAGE_POSTPONED, "warning", connector=registered.manifest.name, client=client.id, error=fault)
                _tell("unavailable", transport)
                return connector.answer(message, NotStored(max(1, int(fault.retry_after))))

    async def refuse(self, registered: Registered, message: InboundMessage, client: Client, fault: Rejected, transport: str) -> Reply:
        """The answer to a message that is wrong before it has a key of its own; it is kept as a refusal."""
        await self._refuse(registered, message, client, None, fault)
        return self._answer_refusal(registered, message, fault, transport)

    async def _receive(self, registered: Registered, message: InboundMessage, client: Client, key: str, transport: str) -> Reply:
        self.gate()
        translation = await _aside(message, registered.connector.translate, message)
        _together(translation.facts)
        translation = await self._offered_once(client, translation)
        trace = current_trace()
        if message.received_at is None:
            raise ValueError("a message at a door has a time")
        parent, agreement = trace.traceparent if trace else None, client.profile.covers_prescriber
        arrival = Arrival(client.id, registered.manifest.name, key, message.received_at, message.body, parent, agreement)
        crash(f"{transport}.before_commit")
        if any(fact.type in BEGINS for fact in translation.facts):
            reply = await self._create(registered, message, translation, arrival)
        else:
            reply = await self._change(registered, message, translation, arrival, client)
        crash("mllp.before_ack" if transport == "mllp" else "http.after_commit")
        return reply

    async def _offered_once(self, client: Client, translation: Translation) -> Translation:
        """A discharge that is told again, under another request key, offers nothing a second time: whoever said no is not asked again."""
        kept = [fact for fact in translation.facts if fact.type is not FactType.OFFERED or not await self._offered_before(client, fact)]
        return translation if len(kept) == len(translation.facts) else replace(translation, facts=tuple(kept))

    async def _offered_before(self, client: Client, fact: Fact) -> bool:
        names = self.maker.named(client.id, fact.about.identifiers)
        person = hashes_of(fact.referral.person, self.maker.sealing) if fact.referral and not names else ()
        return await offered_before(self.ledger.pool, client.id, names, [one.value for one in person])

    # --- referrals ----------------------------------------------------------------------------------------------------------------------

    async def _create(self, registered: Registered, message: InboundMessage, translation: Translation, arrival: Arrival) -> Reply:
        await self._beside(registered, translation, arrival)
        ids = [uuid4() for fact in translation.facts if fact.type in BEGINS]
        creation = await _aside(message, self._creation, registered, message, translation, arrival, ids, frozenset())
        return self._said(registered, message, await self.ledger.commit(creation), arrival, translation)

    async def _beside(self, registered: Registered, translation: Translation, arrival: Arrival) -> None:
        """What the same message says of the person (a discharge beside its offer) goes in first, under a request key of its own, so that a
        sender that must send again does nothing twice."""
        facts = tuple(fact for fact in translation.facts if fact.type in PERSON_FACTS)
        if facts:
            arrival = replace(arrival, key=f"{arrival.key}#person")
            outcome = await self.ledger.commit(self.changer.person(arrival, facts, lambda *_: Reply(200)))
            if isinstance(outcome, KeyReused):
                raise Rejected(Reason.KEY_REUSED, [_key_reused(registered)])

    def _creation(
        self, registered: Registered, message: InboundMessage, translation: Translation, arrival: Arrival, ids: list[UUID], marks: frozenset[str]
    ) -> Creation:
        received = [fact for fact in translation.facts if fact.type in BEGINS]
        made: list[Made] = [self.maker.make(arrival, fact, id_, marks) for fact, id_ in zip(received, ids, strict=True)]
        referrals, accepted = together(made)
        reply = registered.connector.answer(message, Committed(accepted, translation.warnings))
        request = RequestRow(arrival.client, arrival.key, body_hash(arrival.body), answers.freeze(reply), arrival.key)
        audit = Audit(arrival.client, "referral.received", {"connector": arrival.connector, "referrals": len(made)})
        return Creation(
            request, referrals, audit, lambda kinds: self._creation(registered, message, translation, arrival, ids, kinds)
        )

    # --- updates and persons ------------------------------------------------------------------------------------------------------------

    async def _change(self, registered: Registered, message: InboundMessage, translation: Translation, arrival: Arrival, client: Client) -> Reply:
        def answer(accepted: tuple[Accepted, ...], ignored: Reason | None) -> Reply:
            return registered.connector.answer(message, Committed(accepted, translation.warnings, None if accepted else ignored))

        facts = translation.facts
        if translation.asked is not None:
            change = await self._later(message, arrival, translation.asked, answer, only_asks=True)
        elif not facts:
            change = self.changer.nothing(arrival, translation.ignored or Reason.NOTHING_FOR_US, answer)
        elif all(fact.type in PERSON_FACTS for fact in facts):
            change = self.changer.person(arrival, facts, answer)
        elif facts[0].type in LATER:
            change = await self._later(message, arrival, facts[0], answer)
        else:
            change = await self._update(arrival, facts, answer, client)
        outcome = await self.ledger.commit(change)
        if isinstance(outcome, Done):
            for decision in outcome.decisions:
                if isinstance(decision.result, Rejected):
                    raise decision.result
        return self._said(registered, message, outcome, arrival, translation)

    async def _update(self, arrival: Arrival, facts: tuple[Fact, ...], answer: AnswerWith, client: Client) -> Amendment:
        fact = facts[0]
        task = about(fact.update.task_id) if fact.update else None
        referral = await referral_of_task(self.ledger.pool, task, client.id) if task else None
        if referral is None:
            raise Rejected(Reason.NOT_FOUND, [Issue(Reason.NOT_FOUND, "Task")])
        made = self.changer.update(arrival, fact, answer, client.id)
        return Amendment(made.decide, (referral,), request=made.request, audit=made.audit)

    async def _later(self, message: InboundMessage, arrival: Arrival, fact: Fact, answer: AnswerWith, *, only_asks: bool = False) -> Amendment:
        """Raises Rejected when this client has no such referral, or several that fit."""
        names = self.maker.named(arrival.client, fact.about.identifiers)
        found = await referrals_said_of(self.ledger.pool, arrival.client, fact.target or Target(), fact.about.correlation, names)
        if len(found) != 1:
            reason = Reason.MULTIPLE_MATCHES if found else Reason.NOT_FOUND
            raise Rejected(reason, [Issue(reason, "ServiceRequest")])
        risk = CLEAR
        if fact.referral is not None:
            hashes = [one.value for one in hashes_of(fact.referral.person, self.maker.sealing)]
            risk = await _aside(message, self.maker.risk, fact.referral, await marks_on(self.ledger.pool, hashes))
        later = Later(self.maker, arrival, fact, risk, found[0].named, only_asks)
        return Amendment(later.decide, (found[0].id,), request=self.changer.answered(arrival, answer), audit=later.audit)

    async def _standing(self, registered: Registered, client: Client, key: str, message: InboundMessage, names: tuple[bytes, ...]) -> Reply | None:
        """The answer where the request's condition is met already; None when there is no such referral, or the request's key stands: whether that
        is a repeat or a key used twice is then said as ever. Raises Rejected when several fit."""
        if await self._stored(client, key, message) is not None:
            return None
        found = await referrals_named(self.ledger.pool, client.id, names)
        if len(found) > 1:
            raise Rejected(Reason.MULTIPLE_MATCHES, [Issue(Reason.MULTIPLE_MATCHES, "If-None-Exist")])
        if not found:
            return None
        one = found[0]
        _tell("repeated", message.target)
        accepted = Accepted(str(one.id), one.ref, one.content_version, FactType.RECEIVED, answers.exists())
        return registered.connector.answer(message, Existing(accepted))

    # --- answers ------------------------------------------------------------------------------------------------------------------------

    def _said(self, registered: Registered, message: InboundMessage, outcome: Outcome, arrival: Arrival, translation: Translation) -> Reply:
        name = registered.manifest.name
        match outcome:
            case Done(answer=stored, referrals=referrals) if stored is not None:
                facts = [fact.type.value for fact in translation.facts]
                first = str(referrals[0]) if referrals else None
                said = LogEvent.MESSAGE_ACCEPTED if facts else LogEvent.MESSAGE_IGNORED
                log(said, connector=name, client=arrival.client, referral=first, fact=",".join(facts), warnings=len(translation.warnings))
                for fact in facts:
                    count("hub_facts_total", fact=fact)
                _tell("accepted" if facts else "ignored", message.target)
                return answers.thaw(stored)
            case RepeatedRequest(answer=stored):
                log(LogEvent.MESSAGE_REPEATED, connector=name, client=arrival.client)
                _tell("repeated", message.target)
                return registered.connector.answer(message, Repeated(answers.thaw(stored)))
            case Erased():
                log(LogEvent.MESSAGE_REPEATED, connector=name, client=arrival.client)
                _tell("repeated", message.target)
                return _received_before(registered, message)
            case KeyReused():
                raise Rejected(Reason.KEY_REUSED, [_key_reused(registered)])
            case _:
                raise AssertionError(type(outcome).__name__)

    async def _answered_before(self, registered: Registered, client: Client, key: str, message: InboundMessage) -> Reply | None:
        """A message that is wrong by today's rules but was accepted before hears its first answer again."""
        try:
            found = await self._stored(client, key, message)
        except Unavailable:
            return None
        if isinstance(found, Erased):
            return _received_before(registered, message)
        return registered.connector.answer(message, Repeated(answers.thaw(found.answer))) if isinstance(found, RepeatedRequest) else None

    async def _stored(self, client: Client, key: str, message: InboundMessage) -> RepeatedRequest | KeyReused | Erased | None:
        async with lent(self.ledger.pool) as connection:
            return await stored_answer(connection, client.id, key, body_hash(message.body), self.ledger.sealing)

    async def _refuse(self, registered: Registered, message: InboundMessage, client: Client, key: str | None, fault: Rejected) -> None:
        log(LogEvent.MESSAGE_REFUSED, "warning", connector=registered.manifest.name, client=client.id, reason=fault.reason.value, count=len(fault.issues))
        for issue in fault.issues[:1]:
            count("hub_refusals_total", reason=issue.reason.value)
        try:
            await refusals.record(
                self.ledger.pool, self.ledger.sealing,
                Refusal(uuid4(), client.id, key, registered.manifest.name, fault.reason, fault.issues, message.body),
            )  # fmt: skip
        except Unavailable as down:
            log(LogEvent.STORE_UNAVAILABLE, "warning", error=down, store="postgres")

    def _answer_refusal(self, registered: Registered, message: InboundMessage, fault: Rejected, transport: str) -> Reply:
        _tell("refused", transport)
        return registered.connector.answer(message, fault)


def _received_before(registered: Registered, message: InboundMessage) -> Reply:
    """The same request came before and was accepted; its referral is erased, the first answer with it. Nothing is done twice, and nothing is
    wrong: the sender hears so (HTTP 200, HL7 AA) and need not send it again."""
    return registered.connector.answer(message, Committed((), (), Reason.DUPLICATE))


def _key_reused(registered: Registered) -> Issue:
    return Issue(Reason.KEY_REUSED, "MSH-10" if registered.manifest.transport == "mllp" else "X-Request-Id")


def _together(facts: tuple[Fact, ...]) -> None:
    """Raises Rejected unless intake can do all of it together: referrals or offers, one update alone, or one person's facts, these perhaps
    beside an offer."""
    begun = sum(fact.type in BEGINS for fact in facts)
    of_person = sum(fact.type in PERSON_FACTS for fact in facts)
    offered = sum(fact.type is FactType.OFFERED for fact in facts)
    if len(facts) not in (begun, of_person, of_person + offered, 1):
        raise Rejected(Reason.UNSUPPORTED_BATCH, [Issue(Reason.UNSUPPORTED_BATCH, "message")])


def _tell(outcome: str, transport: str) -> None:
    name = "kafka" if transport.startswith("from.") else {"mllp": "mllp", "folder": "drop-folder"}.get(transport, "http")
    count("hub_messages_total", transport=name, outcome=outcome)


async def _aside(message: InboundMessage, work: Callable[..., T], *arguments: object) -> T:
    """Do this work for the message; for a large one in a thread, so that the others at the door need not wait for it."""
    return await asyncio.to_thread(work, *arguments) if len(message.body) > _LARGE else work(*arguments)
