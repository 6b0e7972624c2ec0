"""In dispatch: a fact becomes the messages that are owed for it, composed under the referral's lock and written in one commit with the inbox."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID, uuid5

import orjson

from hub.content import bundle_of
from hub.deciding.clocks import PolicyClocks
from hub.deciding.policy import Policy
from hub.dispatch.consent import carries_content, consents
from hub.dispatch.packed import packed
from hub.dispatch.people import CONNECTOR, NOBODY, Told, organisation, people
from hub.dispatch.reading import Fact, PrescriberName, read_facts, read_prescribers
from hub.dispatch.recipients import Known, Recipient, recipients
from hub.dispatch.wording import About, contact_by, day_of, words
from hub.ledger.changes import Amendment, Consumed, Decision, Effects, Locked, NewDelivery, NoEffect
from hub.ledger.commit import Ledger
from hub.ledger.delivering import BY_HAND
from hub.recording import fhir_task, tree_of
from hub.registry import Registry
from hub.staying import is_inside
from hub.telemetry import LogEvent, log
from schemas.addressee import Addressee, Reader, Sender
from schemas.events import Event, FactType
from schemas.messages import Identifier, Notice, OutboundMessage
from schemas.profile import Profile
from schemas.rejection import Reason, Rejected
from schemas.task import Party, Role
from schemas.words import Text, text

STAGE = "dispatch"
_CASE_SYSTEM = "case_management"
_TELL_REFERRER = frozenset(
    {FactType.HELD, FactType.ASSIGNED, FactType.STEPPED_UP, FactType.HANDED_BACK, FactType.FAILED, FactType.CLOSED, FactType.CANCELLED, FactType.COMPLETED}
)
"""What a person tells a referrer whom no system of theirs can be told."""
_ASKS_NOTHING = frozenset({FactType.ASSIGNED, FactType.COMPLETED})
"""Of these, what a referrer who reads its Tasks from us finds there and need not act on."""


@dataclass(frozen=True, slots=True)
class Dispatch:
    """The consumer's own work: one amendment for each fact that somebody must be told of."""

    ledger: Ledger
    known: Known
    registry: Registry
    policy: Policy
    sender: Sender = NOBODY
    clocks: PolicyClocks = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "clocks", PolicyClocks(self.policy))

    async def __call__(self, events: Sequence[Event]) -> list[Amendment | None]:
        """None for a fact that nobody must be told of, or that the ledger does not have. Raises Unavailable."""
        facts = await read_facts(self.ledger.pool, self.ledger.sealing, [event.id for event in events])
        telling = [fact.referral_id for fact in facts.values() if fact.tells]
        names = await read_prescribers(self.ledger.pool, telling) if telling else {}
        return [self._amendment(facts.get(event.id), names) for event in events]

    def _amendment(self, fact: Fact | None, names: Mapping[str, PrescriberName]) -> Amendment | None:
        if fact is None or not fact.tells:
            return None
        return Amendment(lambda locked: self.decide(fact, locked, names), (fact.referral_id,), consumed=Consumed(STAGE, fact.id))

    def decide(self, fact: Fact, locked: Locked, names: Mapping[str, PrescriberName]) -> Decision:
        """What is owed for one fact, as the referral stands now. Of an erased referral nobody is told any more."""
        if not locked.content and not locked.message:
            return NoEffect()
        composing = _Composing(self, fact, locked, names)
        owed = tuple(one for to in recipients(fact, locked, self.known, names) for one in composing.owed(to))
        log(LogEvent.DISPATCH_PLANNED, referral=str(locked.id), fact=fact.type.value, event_id=str(fact.id), version=fact.version, count=len(owed))
        return Effects(locked.state, deliveries=owed) if owed else NoEffect()


@dataclass(frozen=True, slots=True)
class _Composing:
    stage: Dispatch
    fact: Fact
    locked: Locked
    names: Mapping[str, PrescriberName]

    def owed(self, to: Recipient) -> Iterator[NewDelivery]:
        if carries_content(self.fact.type, to.party):
            if not to.task.open:
                return
            if not consents(self.locked.content):
                yield _by_hand(self.fact, Recipient(Party.OPERATIONS, "operations", None, to.task), Reason.CONSENT_REFUSED.value, b"{}")
                return
        transports = _transports(to)
        without_system = self._without_system(to) if to.party is Party.REFERRER else ()
        yield from self._people(to, [one for one in without_system if one.reader == "person" or (to.wants and not transports)])
        if transports and to.wants:
            yield from self._composed(to, transports)
        elif to.wants and not without_system:
            yield from self._told_by_hand(to)

    def _without_system(self, to: Recipient) -> tuple[Told, ...]:
        """The people of a form; else the organisation, where it is told by e-mail."""
        return tuple(people(self.fact, self.locked, self.stage.sender)) or organisation(to.client, self.stage.sender)

    def _people(self, to: Recipient, told: Sequence[Told]) -> Iterator[NewDelivery]:
        """The person, and a professional without a system, each by the first way that is theirs; a person tells who has none."""
        for one in told:
            if one.addressees:
                yield self._written(to, one)
            elif not one.silent and self._is_news():
                yield _by_hand(self.fact, replace(to, name=one.reader), self.fact.type.fact, self._said(to, one.reader))

    def _written(self, to: Recipient, told: Told) -> NewDelivery:
        way = told.addressees[0].way
        id_ = delivery_id(self.fact.id, told.reader, way)
        try:
            made = {one.way: self._composed_for(to, one, id_) for one in told.addressees if one.way in (way, "letter")}
        except Rejected as fault:
            return _by_hand(self.fact, replace(to, name=told.reader), fault.reason.value, self._said(to, told.reader))
        body = packed(told.reader, self._words(told.reader), made)
        message = OutboundMessage(way, str(id_), body)
        return _delivery(self.fact, replace(to, name=told.reader), id_, CONNECTOR, way, message)

    def _composed_for(self, to: Recipient, addressee: Addressee, id_: UUID) -> bytes:
        """Who it is that helps stands in a letter and in a professional's e-mail; the person's own e-mail is thin."""
        who = text("person.somebody") if addressee.reader == "person" and addressee.way == "mail" else None
        notice = replace(self._notice(to, id_), words=self._words(addressee.reader, who), bundle=None, first_message=None, addressee=addressee)
        return self.stage.registry[CONNECTOR].connector.compose(notice, Profile()).body

    def _composed(self, to: Recipient, transports: tuple[str, ...]) -> Iterator[NewDelivery]:
        """The same message by each transport; where the recipient's connector is gone or has no words for this fact, a person tells it."""
        name = self._connector(to)
        if to.client is None or name not in self.stage.registry or self.fact.type not in self.stage.registry[name].manifest.accepts:
            yield _by_hand(self.fact, to, self.fact.type.fact, self._said(to))
            return
        for transport in transports:
            id_ = delivery_id(self.fact.id, to.name, transport)
            try:
                message = self.stage.registry[name].connector.compose(self._notice(to, id_), to.client.profile)
            except Rejected as fault:  # the recipient's own format cannot say it, such as a letter outside its character set
                yield _by_hand(self.fact, to, fault.reason.value, self._said(to))
                return
            yield _delivery(self.fact, to, id_, name, transport, message)

    def _connector(self, to: Recipient) -> str:
        if to.client is not None and to.client.outbound is not None:
            return to.client.outbound.connector
        return _CASE_SYSTEM if to.party is Party.PRESCRIBER else self.locked.connector

    def _notice(self, to: Recipient, id_: UUID) -> Notice:
        fact, locked, who = self.fact, self.locked, self._prescriber()
        by = contact_by(fact, self._about(), self.stage.clocks)
        tree = tree_of(locked, by)
        return Notice(
            id=str(id_), fact=fact.type, referral_id=str(locked.id), ref=locked.ref, version=fact.version, occurred_at=fact.time,
            words=self._words(to.party),
            task=fhir_task(tree, to.task, locked.created.get(to.task.id, locked.now)), identifiers=_identifiers(locked.content),
            message_id=fact.message_id, journey=locked.correlation, reason=fact.reason, contact_by=day_of(by) if by else None,
            prescriber=who.name.en if who else None, first_message=locked.message,
            bundle=bundle_of(locked.content) if carries_content(fact.type, to.party) and locked.content else None,
        )  # fmt: skip

    def _told_by_hand(self, to: Recipient) -> Iterator[NewDelivery]:
        """Nobody hears nothing: whom no system can be told, a person tells, unless they know already or can ask us."""
        if to.party is Party.REFERRER and not self._must_be_rung(to):
            return
        yield _by_hand(self.fact, to, self.fact.type.fact, self._said(to))

    def _must_be_rung(self, to: Recipient) -> bool:
        asks_us = to.client is not None and to.client.mllp is None
        return self._is_news() and not (asks_us and self.fact.type in _ASKS_NOTHING)

    def _is_news(self) -> bool:
        """Whether somebody rings about it at all; a hold at the door was said there."""
        return self.fact.type in _TELL_REFERRER and not (self.fact.type is FactType.HELD and self.fact.at_the_door)

    def _said(self, to: Recipient, reader: Reader | None = None) -> bytes:
        return packed(reader or to.name, self._words(reader or to.party), {})

    def _words(self, reader: Party | Reader, who: Text | None = None) -> Text:
        """`who` stands for the prescriber's name where that is not said."""
        known = self._prescriber()
        nobody = text("person.somebody") if reader in ("person", "professional") else None
        named = who or (known.name if known else nobody)
        return words(self.fact, reader, self._about(), named, self.stage.clocks)

    def _about(self) -> About:
        return About(self.locked.ref, self.locked.priority, is_inside(self.locked.content))

    def _prescriber(self) -> PrescriberName | None:
        """Of the hand-over that the fact is about, else of the open one."""
        state = self.locked.state
        about = next((task for task in state.tasks if task.id == self.fact.task_id and task.role is Role.HAND_OVER), state.hand_over)
        return self.names.get(about.owner) if about is not None and about.owner is not None else None


def delivery_id(event: UUID, recipient: str, transport: str) -> UUID:
    """The same fact to the same recipient by the same transport is the same delivery, and the receiver's message id."""
    return uuid5(event, f"{recipient}/{transport}")


def _transports(to: Recipient) -> tuple[str, ...]:
    """By webhook or MLLP, and on `to.<client>` too for a client of Kafka."""
    if to.client is None:
        return ()
    outbound = (to.client.outbound.transport,) if to.client.outbound is not None else ()
    return (*outbound, "kafka") if to.client.kafka else outbound


def _by_hand(fact: Fact, to: Recipient, reason: str, said: bytes) -> NewDelivery:
    id_ = delivery_id(fact.id, to.name, BY_HAND)
    return NewDelivery(id_, fact.id, fact.type, to.name, to.party, BY_HAND, BY_HAND, reason, "application/json", fact.version, said)


def _delivery(fact: Fact, to: Recipient, id_: UUID, connector: str, transport: str, message: OutboundMessage) -> NewDelivery:
    return NewDelivery(id_, fact.id, fact.type, to.name, to.party, connector, transport, message.key, message.content_type, fact.version, message.body)


def _identifiers(content: bytes) -> tuple[Identifier, ...]:
    """The sender's own identifiers of the referral."""
    bundle: dict[str, Any] = orjson.loads(content).get("bundle") or {} if content else {}  # Any: FHIR JSON
    requests = [entry["resource"] for entry in bundle.get("entry", ()) if entry["resource"].get("resourceType") == "ServiceRequest"]
    sent = (requests[0].get("identifier") or ()) if requests else ()
    return tuple(Identifier(str(one.get("system") or ""), str(one["value"])) for one in sent if isinstance(one, dict) and one.get("value"))
