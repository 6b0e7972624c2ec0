"""In intake: makes of a received referral everything that the ledger records of it: state, first facts, content, and whom it waits for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from hub.content import content_of
from hub.deciding.clocks import PolicyClocks
from hub.deciding.policy import Policy
from hub.deciding.triage import Result, Triage, triage
from hub.intake import answers
from hub.intake.persons import hashes_of
from hub.ledger.changes import Locked, NewEvent, NewItem, NewReferral, PersonHash, Waiting
from hub.ledger.sealing import Sealing
from hub.places import Places
from hub.recording import Recorder, Tree, fhir_task, filler_id, patient_reference, request_reference, task_id, thin_json
from schemas.codes.needs import need_of
from schemas.events import FactType, event_id
from schemas.fhir import build
from schemas.fhir.strict_json import dump
from schemas.identifiers import ReferralRef
from schemas.lifecycle import Update, open_referral
from schemas.messages import Accepted, Fact
from schemas.place import Certainty
from schemas.referral import Referral
from schemas.rejection import Reason
from schemas.task import Clock, Party, Role

JsonObject = dict[str, Any]  # Any: FHIR JSON


@dataclass(frozen=True, slots=True)
class Arrival:
    """What intake knows of a message beside its content."""

    client: str
    connector: str
    key: str
    received_at: datetime
    body: bytes = field(repr=False)
    trace: str | None = None


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
        """The referral of one `received` fact; `marks` are what is known of the person from elsewhere (`died`)."""
        if fact.referral is None:
            raise ValueError("a received fact without a referral")
        risk = self._risk(fact.referral, marks)
        pending = _Pending(self, arrival, fact, fact.referral, referral_id, risk)
        return pending.made()

    def _risk(self, referral: Referral, marks: frozenset[str]) -> Triage:
        found = triage(referral, self.policy)
        if "died" not in marks:
            return found
        return Triage(Result.HOLD, (Reason.DECEASED, *(reason for reason in found.reasons if reason is not Reason.DECEASED)))


@dataclass(frozen=True, slots=True)
class _Pending:
    maker: Maker
    arrival: Arrival
    fact: Fact
    referral: Referral
    id: UUID
    risk: Triage

    def made(self) -> Made:
        state = open_referral(str(self.id), task_id(self.id, Role.COORDINATION, 1))
        clocks = PolicyClocks(self.maker.policy)
        first = self._received(state.coordination)
        locked = self._locked(state)
        recorder = Recorder(locked, f"{self._cause}/held", self._source, clocks, causation=str(first.id))
        reason = self.risk.reasons[0] if self.risk.result is Result.HOLD else None
        if reason is not None:
            recorder.apply(Update(FactType.HELD, Party.HUB, reason=reason.value))
        effects = recorder.effects()
        seconds = clocks.seconds(Clock.ROUTE, self.referral.priority, self.arrival.received_at)
        waiting = effects.waiting if isinstance(effects.waiting, Waiting) else Waiting(Party.HUB, "routing", Clock.ROUTE, seconds)
        items = (*effects.items, *self._practical(clocks))
        new = NewReferral(
            id=self.id, ref=ReferralRef.of(self.id).value, client=self.arrival.client, connector=self.arrival.connector,
            correlation=self.fact.about.correlation, state=effects.state, events=(first, *effects.events), waiting=waiting,
            priority=self.referral.priority, area=self._area, needs=self._needs, content=self._content, message=self.arrival.body,
            person=self._person, held=reason, items=items, trace=self.arrival.trace,
        )  # fmt: skip
        return Made(new, self._accepted(effects.state.version, reason, seconds, effects.state.coordination))

    @property
    def _cause(self) -> str:
        return f"{self.arrival.client}|{self.arrival.key}"

    @property
    def _source(self) -> str:
        return f"/connectors/{self.arrival.connector}"

    @property
    def _area(self) -> str | None:
        place = self.maker.places.resolve(self.referral.person.postcode or "")
        sure = [share.code for share in place.authorities if share.weight > 0.999]
        return sure[0] if sure and place.certainty is not Certainty.UNKNOWN else None

    @property
    def _needs(self) -> tuple[str, ...]:
        return tuple(sorted({code for need in self.referral.needs for code in need_of(need.system, need.code)}))

    @property
    def _person(self) -> tuple[PersonHash, ...]:
        return hashes_of(self.referral.person, self.maker.sealing)

    @property
    def _content(self) -> bytes:
        return content_of(self.referral, self.fact.bundle, self.risk)

    @property
    def _tree(self) -> Tree:
        return Tree(self.id, ReferralRef.of(self.id).value, self.referral.priority, self.arrival.client, self.arrival.received_at)

    def _received(self, coordination: Any) -> NewEvent:  # Any: TaskState
        state = open_referral(str(self.id), coordination.id)
        resources = [self._original, self._filler, fhir_task(self._tree, coordination, self.arrival.received_at)]
        payload = {**self.fact.bundle, "entry": [*self.fact.bundle["entry"], *({"fullUrl": _url(one), "resource": one} for one in resources[1:])]}
        return NewEvent(
            id=event_id(self._cause, f"{FactType.RECEIVED.fact}/{self.id}"), type=FactType.RECEIVED, version=1, subject=request_reference(self.id),
            source=self._source, payload=dump(payload), thin=thin_json(FactType.RECEIVED, state, coordination, self._area, self._needs, None),
            task_id=UUID(coordination.id), correlation=self.fact.about.correlation,
        )  # fmt: skip

    @property
    def _original(self) -> JsonObject:
        """The sender's ServiceRequest as it is read back: `id` and `meta` are ours, all else is theirs."""
        sent = next(entry["resource"] for entry in self.fact.bundle["entry"] if entry["resource"]["resourceType"] == "ServiceRequest")
        meta = {"versionId": "1", "lastUpdated": self.arrival.received_at.isoformat(timespec="milliseconds")}
        return {**sent, "id": str(self.id), "meta": meta}

    @property
    def _filler(self) -> JsonObject:
        authored = self.arrival.received_at.isoformat(timespec="milliseconds")
        subject = {**self._original, "subject": {"reference": patient_reference(self.id)}}
        return build.filler_request(filler_id(self.id), subject, request_reference(self.id), authored)

    def _locked(self, state: Any) -> Locked:  # Any: ReferralState
        return Locked(
            id=self.id, ref=ReferralRef.of(self.id).value, client=self.arrival.client, connector=self.arrival.connector,
            correlation=self.fact.about.correlation, state=state, content_version=1, held=None, clock=None, deadline_at=None, overdue=False,
            priority=self.referral.priority, area=self._area, needs=self._needs, tried=(), task_clients={}, created={}, trace=self.arrival.trace,
            now=self.arrival.received_at, content=b"", message=b"",
        )  # fmt: skip

    def _practical(self, clocks: PolicyClocks) -> tuple[NewItem, ...]:
        if self.risk.result is not Result.PRACTICAL:
            return ()
        return (NewItem("practical", Reason.PRACTICAL_TONIGHT.value, clocks.alert_seconds),)

    def _accepted(self, version: int, reason: Reason | None, seconds: int, coordination: Any) -> Accepted:  # Any: TaskState
        if reason is not None:
            words = answers.held(reason, self.maker.policy)
        elif self.risk.result is Result.PRACTICAL:
            words = answers.practical(max(1, seconds // 60))
        else:
            words = answers.searching(max(1, seconds // 60))
        task = fhir_task(self._tree, coordination, self.arrival.received_at)
        return Accepted(str(self.id), ReferralRef.of(self.id).value, version, self.fact.type, words, reason, (self._original, self._filler, task))


def _url(resource: Mapping[str, Any]) -> str:
    return f"urn:uuid:{resource['id']}"


def together(made: Sequence[Made]) -> tuple[tuple[NewReferral, ...], tuple[Accepted, ...]]:
    """Several referrals of one request: what is recorded, and what is answered."""
    return tuple(one.referral for one in made), tuple(one.accepted for one in made)
