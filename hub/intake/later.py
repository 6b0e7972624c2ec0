"""In intake: what a referrer says later of its own referral (changed, consent changed, cancel it, sent in error), under the referral's lock."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from hub.content import content_of, referral_of
from hub.deciding.clocks import PolicyClocks
from hub.deciding.triage import Result, Triage, risks_in
from hub.intake import answers
from hub.intake.creation import Arrival, Maker
from hub.intake.persons import hashes_of
from hub.ledger.changes import Audit, Decision, Locked, NewItem, NoEffect
from hub.recording import Recorder, fhir_task, tree_of
from hub.staying import carried_over
from schemas.events import FactType
from schemas.fhir.build import Entry
from schemas.fhir.person import Person
from schemas.identifiers import NhsNumber
from schemas.lifecycle import Applied, Refused, Update
from schemas.messages import Accepted, Fact, Target
from schemas.referral import Referral
from schemas.rejection import Issue, Reason, Rejected
from schemas.task import Party, TaskStatus
from schemas.words import Text

LATER = frozenset({FactType.UPDATED, FactType.CONSENT_CHANGED, FactType.CANCEL_REQUESTED, FactType.ENTERED_IN_ERROR})
_ENDED_SO = {FactType.CANCEL_REQUESTED: TaskStatus.CANCELLED, FactType.ENTERED_IN_ERROR: TaskStatus.ENTERED_IN_ERROR}
JsonObject = dict[str, Any]  # Any: FHIR JSON


@dataclass(frozen=True, slots=True)
class Later:
    """One later message about one referral. Pure: called under the lock, perhaps more than once."""

    maker: Maker
    arrival: Arrival
    fact: Fact

    @property
    def audit(self) -> Audit:
        """Who asked for it."""
        return Audit(self.arrival.client, f"referral.{self.fact.type.fact}", {"connector": self.arrival.connector})

    def decide(self, locked: Locked) -> Decision:
        """What the message changes. Its result is `Accepted`, or `Rejected`, which leaves the request key free."""
        if locked.client != self.arrival.client:
            return _refused(Reason.NOT_FOUND)
        if not locked.state.open and locked.state.coordination.status is _ENDED_SO.get(self.fact.type):
            return NoEffect(self._accepted(locked, Recorder(locked, "", "", self._clocks)))
        seen = (self.fact.target or Target()).if_match
        if seen is not None and seen != locked.content_version:
            return _refused(Reason.STALE_VERSION, locked)
        recorder = Recorder(locked, f"{self.arrival.client}|{self.arrival.key}|{locked.id}", f"/connectors/{self.arrival.connector}", self._clocks)
        return self._changed(locked, recorder) if self.fact.referral is not None else self._ended(locked, recorder)

    @property
    def _clocks(self) -> PolicyClocks:
        return PolicyClocks(self.maker.policy)

    # --- changed ------------------------------------------------------------------------------------------------------------------------

    def _changed(self, locked: Locked, recorder: Recorder) -> Decision:
        """The new content takes the old one's place. A risk that was not seen before stops it for a human, wherever it is."""
        now = self.fact.referral
        if now is None:
            raise ValueError("a change without a referral")
        before = referral_of(locked.content) if locked.content else now
        if _another(before.person, now.person):
            return NoEffect(Rejected(Reason.INVALID, [Issue(Reason.INVALID, "ServiceRequest.subject", "update.other-person")]), keep_request=False)
        found = recorder.apply(Update(self.fact.type, Party.REFERRER, reason=self.fact.reason), entries=tuple(_entries(self.fact)))
        if isinstance(found, Refused):
            return _refused(found.reason, locked)
        now = _still_refused(before, now)
        risk = self.maker.risk(now)
        if (reason := _new_risk(locked, risk)) is not None:
            recorder.apply(Update(FactType.HELD, Party.HUB, reason=reason.value))
        return recorder.effects(
            content=carried_over(locked.content, content_of(now, self.fact.bundle, risk)), traits=self.maker.traits(now),
            person=hashes_of(now.person, self.maker.sealing), result=self._accepted(locked, recorder, reason),
        )  # fmt: skip

    # --- ended --------------------------------------------------------------------------------------------------------------------------

    def _ended(self, locked: Locked, recorder: Recorder) -> Decision:
        """Sent in error ends everything at once. A cancellation is a request: nobody has it yet, and it is done; else whoever has it is asked.
        Words of risk in it reach a person all the same."""
        nobody_has_it = locked.state.hand_over is None
        found = recorder.apply(Update(self.fact.type, Party.REFERRER, reason=self.fact.reason or Reason.CANCELLED_BY_REFERRER.value))
        if not isinstance(found, Applied):
            return _refused(found.reason, locked) if isinstance(found, Refused) else NoEffect(self._accepted(locked, recorder))
        if self.fact.type is FactType.CANCEL_REQUESTED and nobody_has_it:
            recorder.apply(Update(FactType.CANCELLED, Party.HUB, reason=Reason.CANCELLED_BY_REFERRER.value))
        risk = next(iter(risks_in(self.fact.heard, self.maker.policy)), None)
        items = (NewItem("stepped-up", risk.value, self._clocks.alert_seconds),) if risk else ()
        return recorder.effects(items=items, result=self._accepted(locked, recorder, risk))

    # --- the answer ---------------------------------------------------------------------------------------------------------------------

    def _accepted(self, locked: Locked, recorder: Recorder, held: Reason | None = None) -> Accepted:
        tree = tree_of(locked)
        task = recorder.state.coordination
        shown = fhir_task(tree, task, locked.created.get(task.id, locked.now))
        version = locked.content_version + (self.fact.referral is not None)
        return Accepted(
            str(locked.id), locked.ref, version, self.fact.type, self._said(recorder, held), held, (*_request(self.fact, locked, version), shown)
        )

    def _said(self, recorder: Recorder, held: Reason | None) -> Text:
        if held is not None:
            return answers.held(held, self.maker.policy)
        if self.fact.type is FactType.CANCEL_REQUESTED and recorder.state.open:
            return answers.later("cancel-requested")
        return answers.later({FactType.CANCEL_REQUESTED: "cancelled", FactType.ENTERED_IN_ERROR: "entered-in-error"}.get(self.fact.type, "changed"))


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


def _new_risk(locked: Locked, risk: Triage) -> Reason | None:
    """The first reason for a human to look, unless one looks already; which service was meant is settled once somebody works on it."""
    if risk.result is not Result.HOLD or locked.held is not None:
        return None
    settled = {Reason.WRONG_SERVICE} if locked.state.hand_over is not None else set()
    return next((reason for reason in risk.reasons if reason not in settled), None)


def _still_refused(before: Referral, now: Referral) -> Referral:
    """The referral as changed, with each refusal of consent that the change says nothing of."""
    silent = {name: False for name in ("direct_care", "share_with_community") if getattr(now.consent, name) is None and getattr(before.consent, name) is False}
    return now.model_copy(update={"consent": now.consent.model_copy(update=silent)}) if silent else now


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
    named = {Reason.STALE_VERSION: {"version": version}, Reason.ILLEGAL_TRANSITION: {"status": status}}
    detail = f"update.referral-{reason}" if reason in named else None
    return NoEffect(Rejected(reason, [Issue(reason, "ServiceRequest.status", detail, named.get(reason, {}))]), keep_request=False)

