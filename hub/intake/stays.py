"""In intake: what a hospital says of a person (admitted, moved, home again, changed, merged, died) becomes a change of each open referral of theirs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from hub.content import referral_of
from hub.intake.persons import hashes_of_identifiers, nhs_numbers
from hub.ledger.changes import Effects, Leave, Locked, Mark, NewItem, NoEffect, PersonHash, Traits, Waiting
from hub.ledger.sealing import Sealing
from hub.recording import STANDS_STILL, Clocks, Recorder, anew, pause
from hub.staying import is_inside, moved, own_visit, told_anew
from schemas.events import FactType
from schemas.fhir.person import Person
from schemas.fhir.stay import Stay, read_stay
from schemas.identifiers import NhsNumber
from schemas.lifecycle import Update
from schemas.messages import Fact
from schemas.referral import Referral
from schemas.rejection import Reason
from schemas.task import Clock, Party, ReferralState, TaskStatus

JsonObject = dict[str, Any]  # Any: FHIR JSON
TraitsOf = Callable[[Referral], Traits]
_SAME_NUMBERS = ("merged", "details")


@dataclass(frozen=True, slots=True)
class PersonNews:
    """The facts of one message about one person. Pure: `change` is called under the lock of each of their referrals, perhaps more than once."""

    facts: tuple[Fact, ...]
    sealing: Sealing
    clocks: Clocks
    traits: TraitsOf | None = None

    @property
    def hashes(self) -> tuple[PersonHash, ...]:
        """By which the person is found."""
        return hashes_of_identifiers((one for fact in self.facts for one in fact.about.identifiers), self.sealing)

    @property
    def is_alive(self) -> bool:
        """Whether the sender says that the person lives (PID-30 N, or a discharge or move undone that leaves them on a ward): its own word of a
        death, if it gave one, was wrong. Silence says nothing."""
        if self._has(FactType.PERSON_DIED):
            return False
        return any(_resource(fact, "Patient").get("deceasedBoolean") is False for fact in self.facts) or any(one.inside for one in self._undone())

    @property
    def lifts(self) -> tuple[Mark, ...]:
        """The marks that the message takes back, where this sender set them."""
        return tuple(Mark(one, "died") for one in self.hashes) if self.is_alive else ()

    @property
    def marks(self) -> tuple[Mark, ...]:
        """A death under every number; of a merge every other number points to the surviving one: the first by which a person can be found."""
        hashes = self.hashes
        died = [Mark(one, "died") for one in hashes] if self._has(FactType.PERSON_DIED) else []
        in_order = (one for fact in self.facts for one in fact.about.identifiers)
        surviving = next((found[0] for one in in_order if (found := hashes_of_identifiers((one,), self.sealing))), None)
        if surviving is None or not self._says("merged") or len(self._numbers) > 1:
            return tuple(died)
        return (*died, *(Mark(one, "merged", surviving.value) for one in hashes if one != surviving))

    def change(self, locked: Locked, recorder: Recorder) -> Effects | NoEffect:
        """What the facts change of this referral. One that is another person's is left alone and shown to a human."""
        if self._mixes(locked):
            item = NewItem("other-person", Reason.IDENTITY_MISMATCH.value, self.clocks.alert_seconds)
            return Effects(locked.state, items=(item,), unsure=self._says("merged"))
        if not locked.state.open:
            item = NewItem("not-dead", Reason.DIED.value, self.clocks.alert_seconds)
            return Effects(locked.state, items=(item,)) if self.is_alive else NoEffect()
        for fact in self.facts:
            recorder.apply(Update(fact.type, Party.HOSPITAL, reason=fact.reason), resources=_resources(fact))
        if recorder.state.open and self._undoes_an_offer(locked):
            recorder.apply(Update(FactType.CLOSED, Party.HUB, reason=Reason.CANCELLED_BY_REFERRER.value, ends=TaskStatus.CANCELLED))
        if not recorder.last_event:
            return NoEffect()
        return recorder.effects(**self._more(locked, recorder))

    def _more(self, locked: Locked, recorder: Recorder) -> dict[str, Any]:  # Any: fields of Effects by name
        content = self._content(locked.content) if locked.content else b""
        same = any(map(self._says, _SAME_NUMBERS))
        more: dict[str, Any] = {"person": self.hashes if same else ()}
        if content and content != locked.content:
            more["content"] = content
            if self.traits is not None:
                more["traits"] = self.traits(referral_of(content))
        clock = self._clock(locked, recorder.state, content)
        return more | ({} if clock is Leave.AS_IS or not recorder.state.open else {"waiting": clock})

    # --- whose it is --------------------------------------------------------------------------------------------------------------------

    @property
    def _numbers(self) -> frozenset[str]:
        """The sound NHS numbers of the message."""
        return nhs_numbers(one for fact in self.facts for one in fact.about.identifiers)

    def _mixes(self, locked: Locked) -> bool:
        """Whether a referral that was found by one number is another person's by what else is known. A merge that would join two people (two
        sound NHS numbers, in it or in the referrals that it would join) is none at all, for none of their referrals."""
        contents = (locked.content, *locked.beside) if self._says("merged") else (locked.content,)
        people = [referral_of(content).person for content in contents if content]
        known = {one.nhs_number for one in people if one.nhs_number and NhsNumber(one.nhs_number).usable}
        joined = len(known | self._numbers) > 1 if self._says("merged") else False
        return joined or any(map(self._another, people))

    def _another(self, person: Person) -> bool:
        """Two sound NHS numbers that differ; or without two of them, another family name and another birth date."""
        if self._numbers and person.nhs_number and NhsNumber(person.nhs_number).usable:
            return person.nhs_number not in self._numbers
        patient = _resource(self.facts[0], "Patient") if self.facts else {}
        families = {one.get("family", "").casefold() for one in patient.get("name", ()) if one.get("family")}
        born = patient.get("birthDate")
        known = person.family.casefold() if person.family else None
        return bool(families and born and known and person.birth_date) and known not in families and born != person.birth_date

    # --- where they are -----------------------------------------------------------------------------------------------------------------

    def _content(self, content: bytes) -> bytes:
        for fact in self.facts:
            patient, encounter = _resource(fact, "Patient"), _resource(fact, "Encounter")
            if fact.type is FactType.PERSON_MOVED and encounter:
                content = moved(content, encounter, patient)
            elif fact.type is FactType.PERSON_CHANGED and fact.reason == "details":
                content = told_anew(content, patient)
        return content

    def _clock(self, locked: Locked, state: ReferralState, content: bytes) -> Waiting | Leave:
        """In hospital, what needs the person at home stands still; home again, it starts anew. What stands still already goes on doing so."""
        if not content or not self._has(FactType.PERSON_MOVED):
            return Leave.AS_IS
        inside = is_inside(content)
        if inside and locked.clock in STANDS_STILL:
            return pause(locked, state, Party.PRESCRIBER, self.clocks)
        if not inside and locked.clock == Clock.STAY:
            return anew(locked, state, self.clocks)
        return Leave.AS_IS

    def _undoes_an_offer(self, locked: Locked) -> bool:
        """A discharge that never was offered nothing: the person is in hospital still. An offer of another stay stays, and one that somebody holds
        for a risk stays theirs."""
        own = own_visit(locked.content) if locked.content else None
        undone = (one for one in self._undone() if one.inside and (own is None or one.visit is None or one.visit == own))
        return locked.held == Reason.OFFER_TO_CONFIRM and next(undone, None) is not None

    def _undone(self) -> Iterator[Stay]:
        """The stays of which the message says that something did not happen."""
        return (read_stay(_resource(fact, "Encounter")) for fact in self.facts if fact.reason == "undone")

    def _has(self, kind: FactType) -> bool:
        return any(fact.type is kind for fact in self.facts)

    def _says(self, reason: str) -> bool:
        return any(fact.type is FactType.PERSON_CHANGED and fact.reason == reason for fact in self.facts)


def _resources(fact: Fact) -> list[JsonObject]:
    return [entry["resource"] for entry in fact.bundle["entry"][1:]]


def _resource(fact: Fact, kind: str) -> JsonObject:
    found: Iterator[JsonObject] = (one for one in _resources(fact) if one["resourceType"] == kind)
    return next(found, {})
