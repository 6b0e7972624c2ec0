"""In intake: what a referrer says later of its own referral (changed, consent changed, cancel it, sent in error), under the referral's lock."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from hub.content import bundle_of, content_of, referral_of, triaged
from hub.deciding.clocks import PolicyClocks
from hub.deciding.triage import CLEAR, Result, Triage, risks_in
from hub.intake import answers
from hub.intake.creation import Arrival, Maker, gravest
from hub.intake.persons import hashes_of
from hub.ledger.changes import Audit, Decision, Locked, NewItem, NoEffect
from hub.recording import Recorder, fhir_task, tree_of
from hub.staying import carried_over
from schemas.events import FactType
from schemas.fhir.build import Entry
from schemas.fhir.person import Person, read_person
from schemas.fhir.read import Message, fhir_instant, identifiers, string
from schemas.identifiers import NhsNumber
from schemas.lifecycle import Applied, Refused, Update, asked_to_stop
from schemas.messages import Accepted, Fact, Identifier, Target
from schemas.referral import Referral
from schemas.rejection import Issue, Reason, Rejected
from schemas.task import Party, TaskStatus
from schemas.words import Text, text

LATER = frozenset({FactType.UPDATED, FactType.CONSENT_CHANGED, FactType.CANCEL_REQUESTED, FactType.ENTERED_IN_ERROR})
_WRONG_CLOCK = timedelta(days=1)
"""A sender's clock that is further ahead says nothing of what came before what: no later change would ever be taken."""
_ENDED_SO = {FactType.CANCEL_REQUESTED: TaskStatus.CANCELLED, FactType.ENTERED_IN_ERROR: TaskStatus.ENTERED_IN_ERROR}
JsonObject = dict[str, Any]  # Any: FHIR JSON


@dataclass(frozen=True, slots=True)
class Later:
    """One later message about one referral. Pure: called under the lock, perhaps more than once. `risk`: what triage found in a change, before the
    lock; `is_named`: the referral was found by its sender's own identifier; `only_asks`: how it stands is told, and nothing is done."""

    maker: Maker
    arrival: Arrival
    fact: Fact
    risk: Triage = CLEAR
    is_named: bool = False
    only_asks: bool = False

    @property
    def audit(self) -> Audit:
        """Who asked for it."""
        what = "asked" if self.only_asks else self.fact.type.fact
        return Audit(self.arrival.client, f"referral.{what}", {"connector": self.arrival.connector})

    def decide(self, locked: Locked) -> Decision:
        """What the message changes. Its result is `Accepted`, or `Rejected`, which leaves the request key free."""
        if locked.client != self.arrival.client:
            return _refused(Reason.NOT_FOUND)
        if self._is_of_another_referral(locked):
            return _refused(Reason.NOT_FOUND)
        before = referral_of(locked.content) if locked.content else None
        if before is not None and any(_another(before.person, one) for one in self._persons()):
            return NoEffect(Rejected(Reason.INVALID, [Issue(Reason.INVALID, "ServiceRequest.subject", "update.other-person")]), keep_request=False)
        if self.only_asks:
            task = fhir_task(tree_of(locked), locked.state.coordination, locked.created.get(locked.state.coordination.id, locked.now))
            said = answers.stands(locked.state.coordination.status, locked.held)
            return NoEffect(Accepted(str(locked.id), locked.ref, locked.content_version, self.fact.type, said, None, (task,)))
        if self._is_said_already(locked):
            return NoEffect(self._accepted(locked, Recorder(locked, "", "", self._clocks)))
        seen = (self.fact.target or Target()).if_match
        if seen is not None and seen != locked.content_version:
            return _refused(Reason.STALE_VERSION, locked)
        recorder = Recorder(locked, f"{self.arrival.client}|{self.arrival.key}|{locked.id}", f"/connectors/{self.arrival.connector}", self._clocks)
        if self._is_overtaken(locked):
            return self._overtaken(locked, recorder, before)
        return self._changed(locked, recorder, before) if self.fact.referral is not None else self._ended(locked, recorder)

    @property
    def _clocks(self) -> PolicyClocks:
        return PolicyClocks(self.maker.policy)

    # --- which referral -----------------------------------------------------------------------------------------------------------------

    def _is_of_another_referral(self, locked: Locked) -> bool:
        """Whether the sender's own identifiers contradict the journey by which the referral was found: none is the same, and in one system the
        values differ. Our own id says which, whatever else is said."""
        if self.fact.target is not None or self.is_named or not locked.content:
            return False
        known, said = _identifiers_of(locked.content), self.fact.about.identifiers
        return known.isdisjoint(said) and not {one.system for one in known}.isdisjoint(one.system for one in said)

    def _persons(self) -> Iterator[Person]:
        """Whom the message names, as far as it does."""
        if self.fact.referral is not None:
            yield self.fact.referral.person
        elif self.fact.person is not None:
            yield self.fact.person
        elif (request := (message := Message(self.fact.bundle)).first("ServiceRequest")) is not None:
            yield read_person(message, request, None)[0]

    def _is_said_already(self, locked: Locked) -> bool:
        """Whether the referral has ended so, or its end was asked for, and nothing new is heard beside it."""
        if self._heard() is not None:
            return False
        coordination = locked.state.coordination
        ended = not locked.state.open and coordination.status is _ENDED_SO.get(self.fact.type)
        return ended or (self.fact.type is FactType.CANCEL_REQUESTED and asked_to_stop(coordination))

    def _is_overtaken(self, locked: Locked) -> bool:
        """Whether a change was written before what stands, by the clock of their sender: late on its way, it must not undo what came after it. A
        sender who names the version that it saw has said so already."""
        if self.fact.referral is None or self.fact.target is not None or not locked.content:
            return False
        stands, said = _written_at(bundle_of(locked.content)), _written_at(self.fact.bundle)
        if stands is None or said is None or stands > self.arrival.received_at + _WRONG_CLOCK:
            return False
        return said < stands

    def _overtaken(self, locked: Locked, recorder: Recorder, before: Referral | None) -> Decision:
        """Nothing is changed; but a risk, a death or a refusal that nobody has seen reaches a person, however late it comes."""
        now = self.fact.referral
        reason = self._new_risk(locked, before, now, self.risk) if now and locked.state.open else None
        if reason is None:
            at = Issue(Reason.STALE_VERSION, "ServiceRequest.meta.lastUpdated", "update.referral-newer")
            return NoEffect(Rejected(Reason.STALE_VERSION, [at]), keep_request=False)
        more = self._looked_at(locked, recorder, reason)
        told = answers.looked_at(reason, text("update.referral-newer"), self.maker.policy)
        task = recorder.state.coordination
        shown = fhir_task(tree_of(locked), task, locked.created.get(task.id, locked.now))
        accepted = Accepted(str(locked.id), locked.ref, locked.content_version, self.fact.type, told, reason, (shown,))
        return recorder.effects(result=accepted, **more)

    # --- changed ------------------------------------------------------------------------------------------------------------------------

    def _changed(self, locked: Locked, recorder: Recorder, before: Referral | None) -> Decision:
        """The new content takes the old one's place. A risk that was not seen before stops it for a human; whoever has it already is told by
        the change itself, and a human is asked all the same."""
        now = self.fact.referral
        if now is None:
            raise ValueError("a change without a referral")
        if asked_to_stop(locked.state.coordination):
            return _refused(Reason.ILLEGAL_TRANSITION, locked)
        found = recorder.apply(Update(self.fact.type, Party.REFERRER, reason=self.fact.reason), entries=tuple(_entries(self.fact)))
        if isinstance(found, Refused):
            return _refused(found.reason, locked)
        now, risk = _still_refused(before or now, now, self.risk)
        reason = self._new_risk(locked, before, now, risk)
        more = self._looked_at(locked, recorder, reason) if reason is not None else {}
        return recorder.effects(
            content=carried_over(locked.content, content_of(now, self.fact.bundle, risk)), traits=self.maker.traits(now),
            person=hashes_of(now.person, self.maker.sealing), result=self._accepted(locked, recorder, reason), **more,
        )  # fmt: skip

    def _looked_at(self, locked: Locked, recorder: Recorder, reason: Reason) -> dict[str, Any]:  # Any: fields of Effects by name
        """What brings a risk to a human: an item where somebody has the referral already, else a hold."""
        if locked.state.hand_over is not None:
            return {"items": (NewItem("stepped-up", reason.value, self._clocks.alert_seconds),)}
        recorder.apply(Update(FactType.HELD, Party.HUB, reason=reason.value))
        return {"close_items": locked.held is not None}  # a hold for another reason must not be released without a look at this one

    def _new_risk(self, locked: Locked, before: Referral | None, now: Referral, risk: Triage) -> Reason | None:
        """The gravest reason for a human to look. Where one looks already, or somebody has the referral, only what was not seen before counts;
        which service was meant is settled then."""
        if risk.result is not Result.HOLD:
            return None
        if before is None or (locked.held is None and locked.state.hand_over is None):
            return gravest(risk.reasons)
        seen = {*triaged(locked.content), locked.held, Reason.WRONG_SERVICE, Reason.PRACTICAL_TONIGHT}
        if unseen := [reason for reason in risk.reasons if reason not in seen]:
            return gravest(unseen)
        return gravest(risks_in((word for word in now.words if word not in before.words), self.maker.policy))

    # --- ended --------------------------------------------------------------------------------------------------------------------------

    def _ended(self, locked: Locked, recorder: Recorder) -> Decision:
        """Sent in error ends everything at once. A cancellation is a request: nobody has it yet, and it is done; else whoever has it is asked.
        Words of risk in it reach a person all the same."""
        risk = self._heard()
        items = (NewItem("stepped-up", risk.value, self._clocks.alert_seconds),) if risk else ()
        if not locked.state.open and locked.state.coordination.status is _ENDED_SO[self.fact.type]:
            return recorder.effects(items=items, result=self._accepted(locked, recorder, risk))
        nobody_has_it = locked.state.hand_over is None
        found = recorder.apply(Update(self.fact.type, Party.REFERRER, reason=self.fact.reason or Reason.CANCELLED_BY_REFERRER.value))
        if not isinstance(found, Applied):
            return _refused(found.reason, locked) if isinstance(found, Refused) else NoEffect(self._accepted(locked, recorder))
        if self.fact.type is FactType.CANCEL_REQUESTED and nobody_has_it:
            recorder.apply(Update(FactType.CANCELLED, Party.HUB, reason=Reason.CANCELLED_BY_REFERRER.value))
        return recorder.effects(items=items, result=self._accepted(locked, recorder, risk))

    def _heard(self) -> Reason | None:
        """The gravest risk in the words of a message that takes a referral back."""
        return gravest(risks_in(self.fact.heard, self.maker.policy))

    # --- the answer ---------------------------------------------------------------------------------------------------------------------

    def _accepted(self, locked: Locked, recorder: Recorder, held: Reason | None = None) -> Accepted:
        tree = tree_of(locked)
        task = recorder.state.coordination
        shown = fhir_task(tree, task, locked.created.get(task.id, locked.now))
        version = locked.content_version + (self.fact.referral is not None)
        return Accepted(
            str(locked.id), locked.ref, version, self.fact.type, self._said(locked, recorder, held), held, (*_request(self.fact, locked, version), shown)
        )

    def _said(self, locked: Locked, recorder: Recorder, held: Reason | None) -> Text:
        """What is done now; of a risk first what its sender must do, and nothing was sent only where nobody has it."""
        if held is not None and self.fact.referral is not None and locked.state.hand_over is None:
            return answers.held(held, self.maker.policy)
        done = answers.later(self._done(recorder))
        return done if held is None else answers.looked_at(held, done, self.maker.policy)

    def _done(self, recorder: Recorder) -> str:
        if self.fact.type is FactType.CANCEL_REQUESTED:
            return "cancel-requested" if recorder.state.open else "cancelled"
        return "entered-in-error" if self.fact.type is FactType.ENTERED_IN_ERROR else "changed"


def _entries(fact: Fact) -> Iterator[Entry]:
    """The sender's resources as they stand in the message's bundle, without its header."""
    return (Entry(entry.get("fullUrl", ""), entry["resource"]) for entry in fact.bundle["entry"][1:])


def _request(fact: Fact, locked: Locked, version: int) -> tuple[JsonObject, ...]:
    """The sender's ServiceRequest under our id, as it is read back from now on."""
    sent = next((entry["resource"] for entry in fact.bundle["entry"] if entry["resource"]["resourceType"] == "ServiceRequest"), None)
    if sent is None:
        return ()
    at = locked.now.isoformat(timespec="milliseconds")
    return ({**sent, "id": str(locked.id), "meta": {"versionId": str(version), "lastUpdated": at}},)


def _written_at(bundle: JsonObject) -> datetime | None:
    """When its sender last touched the ServiceRequest; None where that is not said."""
    request = Message(bundle).first("ServiceRequest")
    meta = request.resource.get("meta") if request else None
    return fhir_instant(string(meta, "lastUpdated")) if isinstance(meta, dict) else None


def _identifiers_of(content: bytes) -> frozenset[Identifier]:
    """The sender's own identifiers of a referral that stands."""
    request = Message(bundle_of(content)).first("ServiceRequest")
    return frozenset(Identifier(one.system, one.value) for one in identifiers(request.resource, "")) if request else frozenset()


def _still_refused(before: Referral, now: Referral, risk: Triage) -> tuple[Referral, Triage]:
    """The referral as changed, with each refusal of consent that the change says nothing of, and what triage finds in that."""
    silent = {name: False for name in ("direct_care", "share_with_community") if getattr(now.consent, name) is None and getattr(before.consent, name) is False}
    if not silent:
        return now, risk
    kept = now.model_copy(update={"consent": now.consent.model_copy(update=silent)})
    return kept, Triage(Result.HOLD, (Reason.CONSENT_REFUSED, *risk.reasons)) if "direct_care" in silent else risk


def _another(before: Person, now: Person) -> bool:
    """Whether these are two people: two sound NHS numbers that differ; or without two of them, another name and another birth date."""
    numbers = [one.nhs_number for one in (before, now) if one.nhs_number and NhsNumber(one.nhs_number).usable]
    if len(numbers) == 2:
        return numbers[0] != numbers[1]
    names = [one.family.casefold() for one in (before, now) if one.family]
    births = [one.birth_date for one in (before, now) if one.birth_date]
    return len(set(names)) == 2 and len(set(births)) == 2


def _refused(reason: Reason, locked: Locked | None = None) -> NoEffect:
    """Nothing is changed; of a referral that the sender may see it is said how it stands."""
    if locked is None:
        return NoEffect(Rejected(reason, [Issue(reason, "ServiceRequest")]), keep_request=False)
    status, version = locked.state.coordination.status.value, str(locked.content_version)
    if reason is Reason.ILLEGAL_TRANSITION and asked_to_stop(locked.state.coordination):
        return NoEffect(Rejected(reason, [Issue(reason, "ServiceRequest.status", "update.referral-taken-back")]), keep_request=False)
    named = {Reason.STALE_VERSION: {"version": version}, Reason.ILLEGAL_TRANSITION: {"status": status}}
    detail = f"update.referral-{reason}" if reason in named else None
    where = "If-Match" if reason is Reason.STALE_VERSION else "ServiceRequest.status"
    return NoEffect(Rejected(reason, [Issue(reason, where, detail, named.get(reason, {}))]), keep_request=False)

