"""What is recorded of a received referral: the hub's own resources beside the sender's, whom it waits for, and what the sender is told."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID

import orjson
import pytest

from connectors.fhir_rest import connector as fhir_rest
from hub.content import read_content
from hub.intake.creation import Arrival, Made, Maker
from hub.ledger.sealing import Sealing
from hub.places import Places
from hub.recording import filler_id, task_id
from schemas.events import FactType
from schemas.fhir.check import check
from schemas.messages import InboundMessage
from schemas.rejection import Reason
from schemas.task import Clock, Party, Role
from tests.hub.making import NOW, policy, service_request

ID = UUID("7c9e6679-7425-40de-944b-e07fc1f90ae7")
CRISIS = {"note": [{"text": "He told me that he wants to kill himself tonight."}]}
YES = {
    "resourceType": "Consent", "id": "yes", "status": "active", "patient": {"reference": "#person"}, "provision": {"type": "permit"},
    "scope": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy"}]},
    "category": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "DRC"}]}],
    "policyRule": {"text": "Said by the person"},
}  # fmt: skip
COLD = {"note": [{"text": "No heating and no food in the house tonight."}]}


def made(marks: frozenset[str] = frozenset(), key: str = "k", agreement: bool | None = None, **more: Any) -> Made:
    body = service_request(**{"identifier": [{"system": "https://gp.example.wales/referral", "value": "GP-1"}], **more})
    fact = fhir_rest.translate(InboundMessage(body, "POST /fhir/ServiceRequest", {}, received_at=NOW, client="gp")).facts[0]
    return Maker(policy(), Places.load(), Sealing.from_secret(bytes(range(32)))).make(
        Arrival("gp", "fhir_rest", key, NOW, body, agreement=agreement), fact, ID, marks
    )


def _resources(payload: bytes) -> list[dict[str, Any]]:
    return [entry["resource"] for entry in orjson.loads(payload)["entry"]]


def test_the_first_fact_carries_the_senders_resources_and_the_hubs_own() -> None:
    event = made().referral.events[0]
    kinds = [one["resourceType"] for one in _resources(event.payload)]
    assert kinds[0] == "MessageHeader"
    assert kinds.count("ServiceRequest") == 2
    assert kinds[-1] == "Task"
    assert check(orjson.loads(event.payload)) == ()
    assert (event.version, event.type, event.subject) == (1, FactType.RECEIVED, f"ServiceRequest/{ID}")


def test_the_hubs_request_is_based_on_the_senders_and_names_no_person() -> None:
    filler = next(one for one in _resources(made().referral.events[0].payload) if one.get("intent") == "filler-order")
    assert filler["id"] == filler_id(ID)
    assert filler["basedOn"] == [{"reference": f"ServiceRequest/{ID}"}]
    assert "identifier" not in filler["subject"]
    assert "display" not in filler["subject"]


def test_the_senders_request_reads_back_as_sent_under_our_id() -> None:
    accepted = made().accepted
    original = accepted.resources[0]
    sent = orjson.loads(service_request())
    assert original["id"] == accepted.referral_id == str(ID)
    assert {name for name, value in sent.items() if name not in ("identifier", "contained", "subject") and original.get(name) != value} == set()


def test_the_same_message_gives_the_same_ids() -> None:
    one, two = made(), made()
    assert [event.id for event in one.referral.events] == [event.id for event in two.referral.events]
    assert [task.id for task in one.referral.state.tasks] == [task_id(ID, Role.COORDINATION, 1)]
    assert made(key="other").referral.events[0].id != one.referral.events[0].id


@pytest.mark.parametrize(
    ("agreement", "more", "held"),
    [
        (False, {}, "no-agreement"),  # neither the person nor the organisation agreed: what routing would find, said at once
        (True, {}, None),
        (None, {}, None),  # the NHS's own direct care
        (False, {"contained_too": True}, None),  # the person said yes themselves
        (False, COLD, "no-agreement"),
        (False, CRISIS, "crisis"),  # the graver one is said
    ],
)
def test_a_referral_that_nobody_agreed_to_is_held_at_once_and_its_sender_hears_why(agreement: bool | None, more: dict[str, Any], held: str | None) -> None:
    given = dict(more)
    if given.pop("contained_too", False):
        given["contained"] = [*orjson.loads(service_request())["contained"], YES]
    new = made(agreement=agreement, **given)
    assert new.referral.held == {"no-agreement": Reason.CONSENT_UNCLEAR, "crisis": Reason.CRISIS, None: None}[held]
    assert new.accepted.held == new.referral.held
    assert ("no sharing agreement" in new.accepted.next_step.en) is (held == "no-agreement")
    assert ("cytundeb rhannu" in new.accepted.next_step.cy) is (held == "no-agreement")
    assert ("food bank" in new.accepted.next_step.en) is (more == COLD)  # what is needed tonight does not wait for an agreement
    assert ("banc bwyd" in new.accepted.next_step.cy) is (more == COLD)
    assert [item.kind for item in new.referral.items if item.reason == "consent-unclear"] == (["hold"] if held == "no-agreement" else [])


def test_a_clear_referral_waits_for_routing() -> None:
    new = made().referral
    assert (new.waiting.awaits, new.waiting.owner, new.waiting.clock, new.held, new.items) == (Party.HUB, "routing", Clock.ROUTE, None, ())
    assert made().accepted.held is None


def test_a_crisis_is_held_at_once_and_said_so() -> None:
    found = made(**CRISIS)
    assert [event.type for event in found.referral.events] == [FactType.RECEIVED, FactType.HELD]
    assert [event.version for event in found.referral.events] == [1, 2]
    assert (found.referral.held, found.referral.waiting.clock, found.referral.waiting.owner) == (Reason.CRISIS, Clock.HUMAN, "operations")
    (item,) = found.referral.items
    assert (item.kind, item.reason) == ("hold", "crisis")
    assert item.alert_seconds is not None
    assert (found.accepted.held, found.accepted.version) == (Reason.CRISIS, 2)
    assert found.accepted.next_step.en != found.accepted.next_step.cy
    assert "crisis" not in found.referral.events[1].thin


def test_a_need_for_tonight_goes_on_and_a_person_hears_of_it_too() -> None:
    found = made(**COLD)
    assert found.referral.held is None
    assert [item.kind for item in found.referral.items] == ["practical"]
    assert found.referral.waiting.clock is Clock.ROUTE
    assert found.accepted.next_step != made().accepted.next_step


def test_somebody_who_is_marked_as_dead_is_held_first_of_all() -> None:
    found = made(frozenset({"died"}), **CRISIS)
    assert found.referral.held is Reason.DECEASED
    assert "deceased" not in found.referral.events[1].thin


@pytest.mark.parametrize(
    ("postcode", "area"),
    [
        ("CF10 1AA", "W06000015"),  # the whole district lies in Cardiff
            ("SA1 1AA", None),  # a district in two authorities
        ("ZZ99 9ZZ", None),  # nowhere
        (None, None),
    ],
)
def test_the_area_stands_only_where_it_is_sure(postcode: str | None, area: str | None) -> None:
    person = {"resourceType": "Patient", "id": "person", "name": [{"family": "Prawf"}], "birthDate": "1950-01-01"}
    assert made(contained=[{**person, "address": [{"postalCode": postcode}]} if postcode else person]).referral.area == area


def test_what_is_kept_is_what_a_decision_reads() -> None:
    new = made().referral
    content = read_content(new.content)
    assert content.referral.person.family == "Prawf"
    assert content.bundle["resourceType"] == "Bundle"
    assert len(new.person) == 2, "by NHS number, and by name with birth date"


def test_a_fact_that_is_no_referral_makes_none() -> None:
    body = service_request()
    fact = fhir_rest.translate(InboundMessage(body, "POST /fhir/ServiceRequest", {}, received_at=NOW, client="gp")).facts[0]
    maker = Maker(policy(), Places.load(), Sealing.from_secret(bytes(range(32))))
    with pytest.raises(ValueError, match="without a referral"):
        maker.make(Arrival("gp", "fhir_rest", "k", NOW, body), replace(fact, referral=None), ID)
