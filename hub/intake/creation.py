"""In intake: makes of a received referral everything that the ledger records of it: state, first facts, content, and whom it waits for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any
from uuid import UUID

from hub.content import content_of
from hub.deciding.clocks import PolicyClocks
from hub.deciding.policy import Policy
from hub.deciding.triage import Result, Triage, triage
from hub.intake import answers
from hub.intake.persons import hashes_of
from hub.ledger.changes import Locked, NewEvent, NewItem, NewReferral, Traits, Waiting
from hub.ledger.sealing import Sealing
from hub.places import Places
from hub.recording import Recorder, Tree, fhir_task, filler_id, patient_reference, request_reference, task_id, thin_json
from schemas.codes.needs import need_of
from schemas.events import FactType, event_id
from schemas.fhir import build
from schemas.fhir.strict_json import dump
from schemas.identifiers import ReferralRef
from schemas.lifecycle import Update, open_referral
from schemas.messages import Accepted, Fact, Identifier
from schemas.place import Certainty
from schemas.referral import Referral
from schemas.rejection import Reason
from schemas.rest import referrers_task
from schemas.task import Clock, Party, ReferralState, Role
from schemas.words import Text

JsonObject = dict[str, Any]  # Any: FHIR JSON


@dataclass(frozen=True, slots=True)
class Arrival:
    """What intake knows of a message beside its content. `agreement`: whether the sender's covers the prescriber service (`Profile`)."""

    client: str
    connector: str
    key: str
    received_at: datetime
    body: bytes = field(repr=False)
    trace: str | None = None
    agreement: bool | None = None


@dataclass(frozen=True, slots=True)
class Made:
    """A referral ready for the ledger, and what its sender is told."""

    referral: NewReferral
    accepted: Accepted


@dataclass(frozen=True, slots=True)
class Maker:
    """Makes referrals of facts. All that it needs is given; it reads no clock."""

    policy: Policy
    places: Places
    sealing: Sealing

    def make(self, arrival: Arrival, fact: Fact, referral_id: UUID, marks: frozenset[str] = frozenset()) -> Made:
        """The referral of one `received` fact, or the offer of one `offered` fact, which waits until the person was asked; `marks` are what is
        known of the person from elsewhere (`died`)."""
        if fact.referral is None:
            raise ValueError("a received fact without a referral")
        risk = self.risk(fact.referral, marks)
        if fact.type is FactType.OFFERED and risk.result is not Result.HOLD:
            risk = Triage(Result.HOLD, (Reason.OFFER_TO_CONFIRM, *risk.reasons))
        pending = _Pending(self, arrival, fact, fact.referral, referral_id, risk)
        return pending.made()

    def risk(self, referral: Referral, marks: frozenset[str] = frozenset()) -> Triage:
        """What triage finds, a death that is known from elsewhere first."""
        found = triage(referral, self.policy)
        if "died" not in marks:
            return found
        return Triage(Result.HOLD, (Reason.DECEASED, *(reason for reason in found.reasons if reason is not Reason.DECEASED)))

    def traits(self, referral: Referral) -> Traits:
        """What of this content stands in the open: its priority, the area if it is sure, the needs that we know."""
        place = self.places.resolve(referral.person.postcode or "")
        sure = [share.code for share in place.authorities if share.weight > 0.999]
        area = sure[0] if sure and place.certainty is not Certainty.UNKNOWN else None
        return Traits(referral.priority, area, tuple(sorted({code for need in referral.needs for code in need_of(need.system, need.code)})))

    def named(self, client: str, identifiers: Iterable[Identifier]) -> tuple[bytes, ...]:
        """The keyed hashes of a client's own identifiers of a referral."""
        kept = (one for one in identifiers if one.value.strip())
        return tuple(dict.fromkeys(self.sealing.identifier_hash(client, one.system, one.value) for one in kept))


@dataclass(frozen=True)
class _Pending:
    """One referral being made; what several parts need is worked out once."""

    maker: Maker
    arrival: Arrival
    fact: Fact
    referral: Referral
    id: UUID
    risk: Triage

    def made(self) -> Made:
        state = open_referral(str(self.id), task_id(self.id, Role.COORDINATION, 1), self.fact.type)
        clocks = PolicyClocks(self.maker.policy)
        task = fhir_task(self._tree, state.coordination, self.arrival.received_at)
        first = self._received(state, task)
        recorder = Recorder(self._locked(state), f"{self._cause}/{self.id}/held", self._source, clocks, causation=str(first.id))
        reason = gravest(self.risk.reasons) if self.risk.result is Result.HOLD else Reason.CONSENT_UNCLEAR if self._nobody_agreed else None
        if reason is not None:
            recorder.apply(Update(FactType.HELD, Party.HUB, reason=reason.value), tells=frozenset({Party.OPERATIONS}) if self._is_offer else None)
            task = fhir_task(self._tree, recorder.state.coordination, self.arrival.received_at)
        effects = recorder.effects()
        seconds = clocks.seconds(Clock.ROUTE, self.referral.priority, self.arrival.received_at)
        waiting = effects.waiting if isinstance(effects.waiting, Waiting) else Waiting(Party.HUB, "routing", Clock.ROUTE, seconds)
        new = NewReferral(
            id=self.id, ref=self._ref, client=self.arrival.client, connector=self.arrival.connector, correlation=self.fact.about.correlation,
            state=effects.state, events=(first, *effects.events), waiting=waiting,
            priority=self._traits.priority, area=self._traits.area, needs=self._traits.needs,
            content=content_of(self.referral, self.fact.bundle, self.risk), message=self.arrival.body,
            person=hashes_of(self.referral.person, self.maker.sealing), held=reason, items=(*effects.items, *self._practical(clocks)),
            trace=self.arrival.trace, named=self.maker.named(self.arrival.client, self.fact.about.identifiers),
        )  # fmt: skip
        said = Accepted(str(self.id), self._ref, effects.state.version, self.fact.type, self._words(reason, seconds), reason, (*self._requests, task))
        return Made(new, said)

    @property
    def _is_offer(self) -> bool:
        """Nobody has asked for it yet: whoever sent the discharge is owed no word of it."""
        return self.fact.type is FactType.OFFERED

    @property
    def _nobody_agreed(self) -> bool:
        """Neither the person nor, by an agreement, the sender's organisation: routing would hold it, so it is held and said at once."""
        return self.arrival.agreement is False and self.referral.consent.direct_care is None

    @property
    def _cause(self) -> str:
        return f"{self.arrival.client}|{self.arrival.key}"

    @property
    def _source(self) -> str:
        return f"/connectors/{self.arrival.connector}"

    @cached_property
    def _ref(self) -> str:
        return ReferralRef.of(self.id).value

    @cached_property
    def _traits(self) -> Traits:
        return self.maker.traits(self.referral)

    @cached_property
    def _tree(self) -> Tree:
        own = referrers_task(self.fact.bundle)
        return Tree(self.id, self._ref, self.referral.priority, self.arrival.client, self.arrival.received_at, part_of=own)

    @cached_property
    def _requests(self) -> tuple[JsonObject, JsonObject]:
        """The sender's ServiceRequest as it is read back (`id` and `meta` are ours, all else is theirs), and the hub's own."""
        sent = next(entry["resource"] for entry in self.fact.bundle["entry"] if entry["resource"]["resourceType"] == "ServiceRequest")
        at = self.arrival.received_at.isoformat(timespec="milliseconds")
        original = {**sent, "id": str(self.id), "meta": {"versionId": "1", "lastUpdated": at}}
        about = {**sent, "subject": {"reference": patient_reference(self.id)}}
        return original, build.filler_request(filler_id(self.id), about, request_reference(self.id), at)

    def _received(self, state: ReferralState, task: JsonObject) -> NewEvent:
        ours = [{"fullUrl": f"urn:uuid:{one['id']}", "resource": one} for one in (self._requests[1], task)]
        return NewEvent(
            id=event_id(self._cause, f"{self.fact.type.fact}/{self.id}"), type=self.fact.type, version=1, subject=request_reference(self.id),
            source=self._source, payload=dump({**self.fact.bundle, "entry": [*self.fact.bundle["entry"], *ours]}),
            thin=thin_json(self.fact.type, state, state.coordination, self._traits.area, self._traits.needs, None), task_id=UUID(state.coordination.id),
            correlation=self.fact.about.correlation,
        )  # fmt: skip

    def _locked(self, state: ReferralState) -> Locked:
        return Locked(
            id=self.id, ref=self._ref, client=self.arrival.client, connector=self.arrival.connector, correlation=self.fact.about.correlation, state=state,
            content_version=1, held=None, clock=None, deadline_at=None, overdue=False,
            priority=self._traits.priority, area=self._traits.area, needs=self._traits.needs,
            tried=(), task_clients={}, created={}, trace=self.arrival.trace, now=self.arrival.received_at, content=b"", message=b"",
        )  # fmt: skip

    def _practical(self, clocks: PolicyClocks) -> tuple[NewItem, ...]:
        if self.risk.result is not Result.PRACTICAL:
            return ()
        return (NewItem("practical", Reason.PRACTICAL_TONIGHT.value, clocks.alert_seconds),)

    def _words(self, reason: Reason | None, seconds: int) -> Text:
        minutes = max(1, seconds // 60)
        if reason is not None and self.risk.result is not Result.HOLD:
            return answers.no_agreement(self.maker.policy, tonight=self.risk.result is Result.PRACTICAL)
        if reason is not None:
            return answers.held(reason, self.maker.policy)
        return answers.practical(minutes) if self.risk.result is Result.PRACTICAL else answers.searching(minutes)


_GRAVEST = (Reason.DECEASED, Reason.CRISIS, Reason.SAFEGUARDING, Reason.DOMESTIC_ABUSE, Reason.CLINICAL)


def gravest(reasons: Iterable[Reason]) -> Reason | None:
    """The reason by which a referral is held, and its sender told what to do: of several the one that can wait least."""
    found = tuple(reasons)
    return next((one for one in _GRAVEST if one in found), next(iter(found), None))


def together(made: Sequence[Made]) -> tuple[tuple[NewReferral, ...], tuple[Accepted, ...]]:
    """Several referrals of one request: what is recorded, and what is answered."""
    return tuple(one.referral for one in made), tuple(one.accepted for one in made)
