"""What a referrer says later of its own referral, on the real record: changed, cancelled, sent in error, or a discharge that became an offer."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import orjson
import pytest

from connectors.fhir_rest import connector as fhir_rest
from hub.content import referral_of
from hub.registry import Registered, installed
from schemas.events import FactType
from schemas.lifecycle import Update
from schemas.messages import (
    About,
    Accepted,
    Committed,
    Existing,
    Fact,
    Identifier,
    InboundMessage,
    Outcome,
    Reply,
    RequestKey,
    Target,
    Translation,
)
from schemas.rejection import Reason, Rejected
from schemas.task import Party
from tests.hub.intake.conftest import Door, a_client
from tests.hub.making import NOW, service_request

JOURNEY = "7f0c1f4e-2a55-4d5e-9a3e-1f2b3c4d5e6f"
NUMBER = Identifier("https://gp.example.wales/referral", "GP-0001")
KNOWN = {"identifier": [{"system": NUMBER.system, "value": NUMBER.value}]}
SELF_HARM = {"note": [{"text": "Says she wants to kill herself."}]}


@dataclass(slots=True)
class Speaker:
    """A connector that says what a test gives it; the outcome that it was told stands in `heard`."""

    translation: Translation
    condition: tuple[Identifier, ...] = ()
    heard: list[Outcome] = field(default_factory=list)

    def registered(self, key: str) -> Registered:
        """As the registry would give it."""
        made = SimpleNamespace(
            identify=lambda _message: RequestKey(key, None, self.condition), translate=lambda _message: self.translation, answer=self._answer
        )
        return SimpleNamespace(connector=made, manifest=installed()["fhir_rest"].manifest)  # type: ignore[return-value]

    def _answer(self, _message: InboundMessage, outcome: Outcome) -> Reply:
        self.heard.append(outcome)
        return Reply(200, (b"said",))


def _translated(body: bytes, journey: str | None = JOURNEY) -> Fact:
    """The one fact of a plain FHIR referral."""
    headers = {"x-correlation-id": journey} if journey else {}
    return fhir_rest.translate(InboundMessage(body, "POST /fhir/ServiceRequest", headers, received_at=NOW)).facts[0]


def _later(kind: FactType, body: bytes | None = None, *, journey: str | None = JOURNEY, target: Target | None = None) -> Fact:
    fact = replace(_translated(body or service_request(**KNOWN), journey), type=kind, target=target)
    return fact if kind in (FactType.UPDATED, FactType.CONSENT_CHANGED, FactType.OFFERED) else replace(fact, referral=None)


async def _say(door: Door, *facts: Fact, client: str = "gp-prawf", key: str | None = None, body: bytes = b"{}", **more: Any) -> Outcome:
    speaker = Speaker(Translation(facts), **more)
    message = InboundMessage(body, "POST /fhir/ServiceRequest", {}, received_at=NOW, client=client)
    await door.intake.receive(speaker.registered(key or str(uuid4())), message, a_client(client), "http")
    return speaker.heard[-1]


async def _refer(door: Door, body: bytes | None = None, journey: str | None = JOURNEY) -> UUID:
    await _say(door, _translated(body or service_request(**KNOWN), journey))
    found: UUID = await door.book.value("SELECT id FROM referral ORDER BY created_at DESC LIMIT 1")
    return found


async def _facts(door: Door, referral: UUID) -> list[str]:
    return [event.type.value.split(".")[1] for event in await door.book.events(referral)]


def _accepted(outcome: Outcome) -> Accepted:
    assert isinstance(outcome, Committed), outcome
    return outcome.accepted[0]


def _reason(outcome: Outcome) -> Reason:
    assert isinstance(outcome, Rejected), outcome
    return outcome.reason


# --- found -------------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("journey", "named", "by_id"),
    [
        (JOURNEY, False, False),  # by the journey
        (None, True, False),  # by the sender's own number alone
        ("00000000-0000-4000-8000-000000000000", True, False),  # a journey that we never heard of, and a number that we know
        (None, False, True),  # by our own id
    ],
)
async def test_a_referral_is_found_again_by_what_its_sender_calls_it(door: Door, journey: str | None, named: bool, by_id: bool) -> None:
    referral = await _refer(door)
    body = service_request(**(KNOWN if named else {"identifier": []}))
    fact = _later(FactType.CANCEL_REQUESTED, body, journey=journey, target=Target(str(referral)) if by_id else None)
    assert _accepted(await _say(door, fact)).referral_id == str(referral)


@pytest.mark.parametrize(
    ("client", "target"),
    [
        ("gp-arall", None),  # another's journey and number
        ("gp-arall", "its own"),  # another's id
        ("gp-prawf", "nothing"),  # an id that is none
        ("gp-prawf", "0b5c2a52-0d4f-4c7e-9f0d-0c6d3c6f4a11"),  # an id that nobody has
    ],
)
async def test_absent_and_anothers_look_the_same(door: Door, client: str, target: str | None) -> None:
    referral = await _refer(door)
    named = Target(str(referral) if target == "its own" else target) if target else None
    assert _reason(await _say(door, _later(FactType.CANCEL_REQUESTED, target=named), client=client)) is Reason.NOT_FOUND
    assert await _facts(door, referral) == ["received"]


async def test_where_several_fit_nothing_is_done(door: Door) -> None:
    for _ in range(2):
        await _refer(door)
    assert _reason(await _say(door, _later(FactType.CANCEL_REQUESTED))) is Reason.MULTIPLE_MATCHES
    assert await door.book.value("SELECT count(*) FROM event WHERE type <> 'referral.received.v1'") == 0


async def test_of_several_on_one_journey_the_number_says_which_and_what_is_over_is_not_meant(door: Door) -> None:
    first = await _refer(door)
    second = await _refer(door, service_request(identifier=[{"system": NUMBER.system, "value": "GP-0002"}]))
    assert _accepted(await _say(door, _later(FactType.CANCEL_REQUESTED))).referral_id == str(first)
    other = service_request(identifier=[])
    assert _accepted(await _say(door, _later(FactType.CANCEL_REQUESTED, other))).referral_id == str(second)


def _another_number(name: str) -> bytes:
    return service_request(identifier=[{"system": NUMBER.system, "value": name}])


@pytest.mark.parametrize(
    ("named", "why"),
    [
        ("GP-0002", "the journey says one, the number another that stands too"),
        ("GP-0003", "a number that never arrived, on a journey that did"),
    ],
)
@pytest.mark.parametrize("kind", [FactType.CANCEL_REQUESTED, FactType.ENTERED_IN_ERROR, FactType.UPDATED])
async def test_a_journey_and_a_number_that_contradict_each_other_change_nothing(door: Door, kind: FactType, named: str, why: str) -> None:
    first = await _refer(door)
    other = await _refer(door, _another_number("GP-0002"), journey="00000000-0000-4000-8000-000000000002")
    reason = _reason(await _say(door, _later(kind, _another_number(named))))
    assert reason in (Reason.NOT_FOUND, Reason.MULTIPLE_MATCHES), why
    assert (await _facts(door, first), await _facts(door, other)) == (["received"], ["received"])


@pytest.mark.parametrize("kind", [FactType.CANCEL_REQUESTED, FactType.ENTERED_IN_ERROR])
async def test_a_cancellation_that_names_another_person_takes_nothing_back(door: Door, kind: FactType) -> None:
    referral = await _refer(door)
    sent = orjson.loads(service_request(**KNOWN))
    sent["contained"][0]["identifier"][0]["value"] = "9990000018"
    assert _reason(await _say(door, _later(kind, orjson.dumps(sent)))) is Reason.INVALID
    masked = replace(_later(kind), bundle={"entry": []}, person=_translated(orjson.dumps(sent)).referral.person)  # type: ignore[union-attr]
    assert _reason(await _say(door, masked)) is Reason.INVALID
    assert await _facts(door, referral) == ["received"]


# --- ended -------------------------------------------------------------------------------------------------------------------------------


async def test_a_cancellation_that_nobody_works_on_is_confirmed_at_once(door: Door) -> None:
    referral = await _refer(door)
    said = _accepted(await _say(door, _later(FactType.CANCEL_REQUESTED)))
    assert await _facts(door, referral) == ["received", "cancel-requested", "cancelled"]
    assert "nobody will contact" in said.next_step.en
    assert await door.book.value("SELECT closed_at IS NOT NULL FROM referral")


async def test_a_cancellation_asks_whoever_has_the_referral(door: Door) -> None:
    referral = await _refer(door)
    await door.book.list_prescriber("p-1", "P", client="cases-prawf")
    await door.book.assign(referral)
    said = _accepted(await _say(door, _later(FactType.CANCEL_REQUESTED)))
    assert await _facts(door, referral) == ["received", "assigned", "cancel-requested"]
    assert "asked the social prescriber" in said.next_step.en
    assert await door.book.value("SELECT clock FROM referral") == "cancel"


@pytest.mark.parametrize("kind", [FactType.CANCEL_REQUESTED, FactType.ENTERED_IN_ERROR])
async def test_what_has_ended_so_ends_once(door: Door, kind: FactType) -> None:
    referral = await _refer(door)
    first = await _say(door, _later(kind))
    facts = await _facts(door, referral)
    again = await _say(door, _later(kind))
    assert _accepted(first).referral_id == _accepted(again).referral_id == str(referral)
    assert await _facts(door, referral) == facts


async def test_sent_in_error_ends_everything_at_once_and_its_place_is_free(door: Door) -> None:
    referral = await _refer(door)
    await door.book.list_prescriber("p-1", "P", client="cases-prawf")
    await door.book.assign(referral)
    await _say(door, _later(FactType.ENTERED_IN_ERROR))
    assert await _facts(door, referral) == ["received", "assigned", "entered-in-error"]
    assert await door.book.value("SELECT count(*) FROM task WHERE status <> 'entered-in-error'") == 0
    assert await door.book.value("SELECT count(*) FROM place_taken WHERE released_at IS NULL") == 0


async def test_what_is_completed_cannot_be_cancelled_any_more(door: Door) -> None:
    referral = await _refer(door)
    await door.book.apply(referral, Update(FactType.CANCELLED, Party.HUB))
    outcome = await _say(door, _later(FactType.UPDATED))
    assert _reason(outcome) is Reason.ILLEGAL_TRANSITION


# --- changed -----------------------------------------------------------------------------------------------------------------------------


async def test_a_change_takes_the_place_of_what_stood(door: Door) -> None:
    referral = await _refer(door)
    body = service_request(**KNOWN, priority="urgent", note=[{"text": "Would like to meet people."}])
    said = _accepted(await _say(door, _later(FactType.UPDATED, body)))
    assert await _facts(door, referral) == ["received", "updated"]
    assert await door.book.value("SELECT priority FROM referral") == "urgent"
    assert (said.version, said.resources[0]["meta"]["versionId"]) == (2, "2")
    event = (await door.book.events(referral))[-1]
    assert "Would like to meet people." in orjson.dumps(orjson.loads(event.data)).decode()


async def test_a_change_of_another_version_than_stands_is_stale(door: Door) -> None:
    referral = await _refer(door)
    for if_match, stale in ((1, False), (1, True), (2, False)):
        outcome = await _say(door, _later(FactType.UPDATED, target=Target(str(referral), if_match)))
        assert (isinstance(outcome, Rejected) and outcome.reason is Reason.STALE_VERSION) is stale
        assert not isinstance(outcome, Rejected) or [one.at for one in outcome.issues] == ["If-Match"]  # it is the header that is wrong, no element


async def test_a_change_never_mixes_two_people(door: Door) -> None:
    referral = await _refer(door)
    sent = orjson.loads(service_request(**KNOWN))
    sent["contained"][0]["identifier"][0]["value"] = "9990000018"
    assert _reason(await _say(door, _later(FactType.UPDATED, orjson.dumps(sent)))) is Reason.INVALID
    assert await _facts(door, referral) == ["received"]


async def test_a_change_that_reads_like_a_crisis_stops_it_for_a_human(door: Door) -> None:
    referral = await _refer(door)
    said = _accepted(await _say(door, _later(FactType.UPDATED, service_request(**KNOWN, **SELF_HARM))))
    assert (said.held, said.next_step.en.startswith("Nothing was sent")) == (Reason.CRISIS, True)
    assert await _facts(door, referral) == ["received", "updated", "held"]
    assert await door.book.value("SELECT count(*) FROM worklist_item WHERE reason = 'crisis'") == 1


async def test_where_somebody_has_it_a_human_looks_and_nobody_says_that_nothing_was_sent(door: Door) -> None:
    referral = await _refer(door)
    await door.book.list_prescriber("p-1", "P", client="cases-prawf")
    await door.book.assign(referral)
    said = _accepted(await _say(door, _later(FactType.UPDATED, service_request(**KNOWN, **SELF_HARM))))
    assert said.held is Reason.CRISIS
    assert "999" in said.next_step.en
    assert "whoever is working on the referral is told" in said.next_step.en
    assert "Nothing was sent" not in said.next_step.en
    assert await _facts(door, referral) == ["received", "assigned", "updated"], "its prescriber is told by the change itself"
    assert await door.book.value("SELECT clock FROM referral") == "accept", "and is still expected to answer"
    assert await door.book.value("SELECT count(*) FROM worklist_item WHERE reason = 'crisis' AND alert_at IS NOT NULL") == 1


async def test_a_risk_that_comes_while_it_is_held_for_something_else_takes_its_place(door: Door) -> None:
    unstated = {"code": {"text": "Please help"}}
    referral = await _refer(door, service_request(**KNOWN, **unstated))
    assert await door.book.value("SELECT held_reason FROM referral") == "wrong-service"
    said = _accepted(await _say(door, _later(FactType.UPDATED, service_request(**KNOWN, **unstated, **SELF_HARM))))
    assert said.held is Reason.CRISIS
    assert "999" in said.next_step.en
    assert await _facts(door, referral) == ["received", "held", "updated", "held"]
    rows = await door.book.fetch("SELECT reason FROM worklist_item WHERE closed_at IS NULL")
    assert [row["reason"] for row in rows] == ["crisis"], "nobody lets it go on for the other reason"


@pytest.mark.parametrize(
    ("more", "again"),
    [
        ({}, False),  # a new telephone number does not make an old risk new
        ({"patientInstruction": "She took an overdose tonight."}, True),  # the same kind of risk, in new words
    ],
)
async def test_a_risk_that_somebody_looks_at_already_is_not_told_again_unless_there_is_more_of_it(door: Door, more: dict[str, Any], again: bool) -> None:
    await _refer(door, service_request(**KNOWN, **SELF_HARM))
    said = _accepted(await _say(door, _later(FactType.UPDATED, service_request(**KNOWN, **SELF_HARM, **more))))
    assert (said.held is Reason.CRISIS) is again


async def test_a_change_that_names_somebody_who_is_known_to_have_died_is_held(door: Door) -> None:
    sent = orjson.loads(service_request(**KNOWN))
    del sent["contained"][0]["identifier"]
    referral = await _refer(door, orjson.dumps(sent))
    died = replace(
        _later(FactType.PERSON_DIED), referral=None, about=About(None, (Identifier("https://fhir.nhs.uk/Id/nhs-number", "9990000026"),)), reason=None
    )
    await _say(door, died, client="ysbyty-prawf")
    said = _accepted(await _say(door, _later(FactType.UPDATED, service_request(**KNOWN))))
    assert said.held is Reason.DECEASED
    assert await _facts(door, referral) == ["received", "updated", "held"]


async def test_what_was_asked_to_be_taken_back_is_not_changed_any_more(door: Door) -> None:
    referral = await _refer(door)
    await door.book.list_prescriber("p-1", "P", client="cases-prawf")
    await door.book.assign(referral)
    await _say(door, _later(FactType.CANCEL_REQUESTED))
    outcome = await _say(door, _later(FactType.UPDATED))
    assert _reason(outcome) is Reason.ILLEGAL_TRANSITION
    assert isinstance(outcome, Rejected)
    assert "send a new referral" in outcome.issues[0].text.en


async def test_asking_again_to_take_it_back_tells_nobody_twice_and_gives_no_more_time(door: Door) -> None:
    referral = await _refer(door)
    await door.book.list_prescriber("p-1", "P", client="cases-prawf")
    await door.book.assign(referral)
    await _say(door, _later(FactType.CANCEL_REQUESTED))
    until = await door.book.value("SELECT deadline_at FROM referral")
    said = _accepted(await _say(door, _later(FactType.CANCEL_REQUESTED)))
    assert "asked the social prescriber" in said.next_step.en
    assert await _facts(door, referral) == ["received", "assigned", "cancel-requested"]
    await _say(door, replace(_later(FactType.CANCEL_REQUESTED), heard=("She says she wants to kill herself.",)))
    assert await door.book.value("SELECT count(*) FROM worklist_item WHERE reason = 'crisis'") == 1, "but a risk is heard however often it was asked"
    assert await door.book.value("SELECT deadline_at FROM referral") == until


async def test_the_same_change_again_hears_its_first_answer_and_does_nothing(door: Door) -> None:
    referral, key = await _refer(door), str(uuid4())
    for _ in range(2):
        await _say(door, _later(FactType.UPDATED), key=key)
    assert await _facts(door, referral) == ["received", "updated"]


# --- only if there is none ---------------------------------------------------------------------------------------------------------------


async def test_a_request_that_asks_for_it_makes_no_second_referral(door: Door) -> None:
    fact = _translated(service_request(**KNOWN))
    outcomes = await asyncio.gather(*(_say(door, fact, condition=(NUMBER,)) for _ in range(4)))
    assert sorted(type(one).__name__ for one in outcomes) == ["Committed", "Existing", "Existing", "Existing"]
    assert await door.book.value("SELECT count(*) FROM referral") == 1
    (made,) = (one for one in outcomes if isinstance(one, Committed))
    assert {one.accepted.referral_id for one in outcomes if isinstance(one, Existing)} == {made.accepted[0].referral_id}


async def test_where_two_stand_already_it_is_not_known_which_is_meant(door: Door) -> None:
    for _ in range(2):
        await _refer(door)
    outcome = await _say(door, _translated(service_request(**KNOWN)), condition=(NUMBER,))
    assert _reason(outcome) is Reason.MULTIPLE_MATCHES


async def test_a_repeat_of_the_request_that_made_it_hears_its_own_answer(door: Door) -> None:
    key = str(uuid4())
    outcomes = [await _say(door, _translated(service_request(**KNOWN)), key=key, condition=(NUMBER,)) for _ in range(2)]
    assert [type(one).__name__ for one in outcomes] == ["Committed", "Repeated"]


# --- an offer ----------------------------------------------------------------------------------------------------------------------------


async def test_an_offer_waits_for_somebody_to_ask_the_person(door: Door) -> None:
    said = _accepted(await _say(door, _later(FactType.OFFERED)))
    referral = UUID(said.referral_id)
    assert await _facts(door, referral) == ["offered", "held"]
    assert said.held is Reason.OFFER_TO_CONFIRM
    assert await door.book.value("SELECT held_reason FROM referral") == "offer-to-confirm"
    assert await door.book.value("SELECT tells FROM event WHERE type = 'referral.held.v1'") == ["operations"]
    assert await door.book.value("SELECT count(*) FROM worklist_item WHERE reason = 'offer-to-confirm'") == 1


async def test_an_offer_beside_a_discharge_is_taken_once_however_often_it_is_sent(door: Door) -> None:
    earlier = await _refer(door)
    person = (Identifier("https://fhir.nhs.uk/Id/nhs-number", "9990000026"),)
    offer = _later(FactType.OFFERED, service_request(identifier=[]), journey=None)
    moved = replace(offer, type=FactType.PERSON_MOVED, referral=None, about=replace(offer.about, identifiers=person), reason="discharged")
    key = str(uuid4())
    for _ in range(2):
        await _say(door, moved, offer, key=key)
    assert await _facts(door, earlier) == ["received", "person-moved"]
    assert await door.book.value("SELECT count(*) FROM referral") == 2


# --- what a cancellation says beside -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [FactType.CANCEL_REQUESTED, FactType.ENTERED_IN_ERROR])
async def test_a_risk_named_when_a_referral_is_taken_back_reaches_a_person(door: Door, kind: FactType) -> None:
    referral = await _refer(door)
    said = _accepted(await _say(door, replace(_later(kind), heard=("She says she wants to kill herself.",))))
    assert said.held is Reason.CRISIS
    assert "999" in said.next_step.en
    assert await door.book.value("SELECT closed_at IS NOT NULL FROM referral WHERE id = $1", referral), "and it is taken back"
    assert await door.book.value("SELECT count(*) FROM worklist_item WHERE reason = 'crisis' AND closed_at IS NULL") == 1


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        (None, False),  # the change says nothing of it: the refusal stands
        (True, True),  # the person has agreed since
    ],
)
async def test_a_refusal_stands_until_the_person_agrees(door: Door, said: bool | None, kept: bool) -> None:
    referral = await _refer(door)
    for agreed in (False, said):
        fact = _later(FactType.UPDATED)
        assert fact.referral is not None
        consent = fact.referral.consent.model_copy(update={"direct_care": agreed})
        await _say(door, replace(fact, referral=fact.referral.model_copy(update={"consent": consent})))
    stored = await _locked_content(door, referral)
    assert referral_of(stored).consent.direct_care is kept


async def _locked_content(door: Door, referral: UUID) -> bytes:
    row = (await door.book.fetch("SELECT sealing_key, content FROM referral WHERE id = $1", referral))[0]
    return door.book.ledger.sealing.key(referral, row["sealing_key"]).open("content", row["content"])


# --- a change that comes late ------------------------------------------------------------------------------------------------------------


def _written(at: str, **more: Any) -> bytes:
    return service_request(**KNOWN, meta={"lastUpdated": at}, **more)


async def test_a_risk_in_a_change_that_was_overtaken_reaches_a_person_and_undoes_nothing(door: Door) -> None:
    referral = await _refer(door, _written("2026-03-02T10:00:00Z", priority="urgent"))
    said = _accepted(await _say(door, _later(FactType.UPDATED, _written("2026-03-02T09:00:00Z", **SELF_HARM))))
    assert said.held is Reason.CRISIS
    assert "999" in said.next_step.en
    assert "nothing was changed" in said.next_step.en
    assert await _facts(door, referral) == ["received", "held"]
    assert referral_of(await _locked_content(door, referral)).priority == "urgent"
    again = await _say(door, _later(FactType.UPDATED, _written("2026-03-02T09:00:00Z")))
    assert _reason(again) is Reason.STALE_VERSION


async def test_a_refusal_in_a_change_that_was_overtaken_reaches_a_person(door: Door) -> None:
    referral = await _refer(door, _written("2026-03-02T10:00:00Z"))
    said = _accepted(await _say(door, _later(FactType.UPDATED, _written("2026-03-02T09:00:00Z", note=[{"text": "She has withdrawn consent."}]))))
    assert said.held is Reason.CONSENT_UNCLEAR
    assert await _facts(door, referral) == ["received", "held"]


async def test_a_clock_that_is_years_ahead_shuts_no_later_change_out(door: Door) -> None:
    referral = await _refer(door, _written("2099-01-01T00:00:00Z"))
    _accepted(await _say(door, _later(FactType.UPDATED, _written("2026-03-02T09:00:00Z"))))
    assert await _facts(door, referral) == ["received", "updated"]
