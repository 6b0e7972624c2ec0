"""Any referrer is a client: what makes a housing officer's, a charity's or a police officer's referral different is configuration alone."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, get_args

import pytest

from hub.deciding.decide import decide
from hub.deciding.decision import Assign, Hold
from hub.deciding.policy import load_policy
from hub.deciding.triage import Result, Triage, triage
from hub.registry import installed
from schemas.messages import InboundMessage, Reply
from schemas.profile import Profile, SourceCode
from schemas.referral import Referral
from schemas.rejection import Rejected
from tests.connectors.awkward import GUID
from tests.hub.deciding.directories import directory, prescriber
from tests.hub.deciding.referrals import moment_of

FIXTURES = Path(__file__).resolve().parents[2] / "connectors"
OUTSIDE_THE_NHS: tuple[SourceCode, ...] = ("housing", "local-authority", "third-sector", "police", "fire", "education", "other")
DOORS = ("fhir_rest", "bars", "batch_csv")
_TARGETS = {"fhir_rest": "POST /fhir/ServiceRequest", "bars": "POST /$process-message"}
POLICY = load_policy()


@dataclass(frozen=True)
class Asked:
    """What a referral says of the service that it is for, and of why."""

    service: str | None = "Social prescribing"
    note: str | None = None


# --- the same referral at three doors: no NHS number, no need, no consent ---------------------------------------------------------------


def fhir_rest(asked: Asked) -> bytes:
    person = {
        "resourceType": "Patient", "id": "p", "name": [{"family": "Prawf", "given": ["Sam"]}], "telecom": [{"system": "phone", "value": "07700900123"}],
        "address": [{"postalCode": "CF10 1AA"}],
    }  # fmt: skip
    made: dict[str, Any] = {
        "resourceType": "ServiceRequest", "status": "active", "intent": "order", "contained": [person], "subject": {"reference": "#p"},
    }  # fmt: skip
    return json.dumps(made | stated(asked)).encode()


def stated(asked: Asked) -> dict[str, Any]:
    made: dict[str, Any] = {"code": {"text": asked.service}} if asked.service else {}
    return made | ({"note": [{"text": asked.note}]} if asked.note else {})


def bars(asked: Asked) -> bytes:
    sent: dict[str, Any] = json.loads((FIXTURES / "bars/fixtures/no_nhs_number_but_name_and_birth_date.json").read_text("utf-8"))
    entries = [one for one in sent["entry"] if one["resource"]["resourceType"] not in ("Consent", "CarePlan", "Condition", "HealthcareService")]
    for one in entries:
        found = one["resource"]
        if found["resourceType"] == "ServiceRequest":
            for name in ("code", "reasonCode", "reasonReference", "supportingInfo", "note", "performer", "basedOn"):
                found.pop(name, None)
            found |= stated(asked)
        if found["resourceType"] == "Patient":
            found["address"] = [{"postalCode": "CF10 1AA"}]
    return json.dumps(sent | {"entry": entries}).encode()


def batch_csv(asked: Asked) -> bytes:
    """A row as the connector cuts it from a file."""
    whole = f"name,phone,postcode,service,note\nSam Prawf,07700900123,CF10 1AA,{asked.service or ''},{asked.note or ''}\n".encode()
    return installed()["batch_csv"].messages(whole)[0]


MADE = {"fhir_rest": fhir_rest, "bars": bars, "batch_csv": batch_csv}


@cache
def target(connector: str) -> str:
    return _TARGETS.get(connector) or installed()[connector].manifest.listeners[0].target


def arriving(connector: str, asked: Asked, profile: Profile) -> InboundMessage:
    headers = {"content-type": "application/fhir+json", "x-request-id": GUID}
    return InboundMessage(MADE[connector](asked), target(connector), headers, {}, datetime(2026, 3, 2, 9, tzinfo=UTC), "client", profile)


def referral(connector: str, asked: Asked, profile: Profile) -> tuple[Referral, Triage]:
    (fact,) = installed()[connector].connector.translate(arriving(connector, asked, profile)).facts
    assert fact.referral is not None
    return fact.referral, triage(fact.referral, POLICY)


def everyone(*, agreed: bool | None = True) -> list[Profile]:
    return [Profile(organisation_type=one, sharing_agreement=agreed) for one in OUTSIDE_THE_NHS]


def kind(profile: Profile) -> str:
    return str(profile.organisation_type)


# --- what is normal ---------------------------------------------------------------------------------------------------------------------


def test_every_kind_of_organisation_is_here() -> None:
    assert {*OUTSIDE_THE_NHS, "gp", "hospital", "self"} == set(get_args(SourceCode))


@pytest.mark.parametrize("connector", DOORS)
@pytest.mark.parametrize("profile", everyone(), ids=kind)
def test_no_nhs_number_no_need_and_no_consent_are_normal(connector: str, profile: Profile) -> None:
    found, risk = referral(connector, Asked(), profile)
    assert (found.source, risk.result) == (profile.organisation_type, Result.CLEAR)
    assert (found.person.nhs_number, found.needs, found.consent.direct_care) == (None, (), None)
    decided = decide(found, directory((prescriber(),)), POLICY, moment_of(found, agreement=profile.covers_prescriber))
    assert isinstance(decided, Assign), decided
    assert [need.code for need in decided.record.needs] == ["conversation"]


@pytest.mark.parametrize("connector", DOORS)
@pytest.mark.parametrize("profile", everyone(), ids=kind)
def test_another_specialty_is_refused_in_one_plain_sentence_and_nothing_is_sent(connector: str, profile: Profile) -> None:
    message = arriving(connector, Asked("Cardiology"), profile)
    offered = installed()[connector].connector
    with pytest.raises(Rejected) as refused:
        offered.translate(message)
    assert refused.value.reason == "wrong-service"
    first = first_words(offered.answer(message, refused.value))
    assert "nothing was sent" in first
    assert first.count(".") == 1
    assert first.endswith(".")


def first_words(reply: Reply) -> str:
    read: dict[str, Any] = json.loads(reply.parts[0])
    said: str = read["issue"][0]["details"]["text"] if "issue" in read else read["text"]["en"]
    return said


@pytest.mark.parametrize("connector", DOORS)
@pytest.mark.parametrize("profile", everyone(), ids=kind)
def test_no_specialty_is_held_when_nothing_says_social_prescribing(connector: str, profile: Profile) -> None:
    found, risk = referral(connector, Asked(None, "He would like somebody to call round on Tuesday."), profile)
    assert found.service.state == "unstated"
    by_kind = profile.organisation_type == "housing"  # a housing officer's referral is for social prescribing by where it comes from
    assert (risk.result, [*risk.reasons]) == ((Result.CLEAR, []) if by_kind else (Result.HOLD, ["wrong-service"]))


@pytest.mark.parametrize("connector", DOORS)
def test_plain_words_or_the_channel_say_it_too(connector: str) -> None:
    police = Profile(organisation_type="police", sharing_agreement=True)
    assert referral(connector, Asked(None, "He is lonely and would like a lunch club."), police)[1].result is Result.CLEAR
    by_channel = Profile(organisation_type="police", sharing_agreement=True, channel="form")
    assert referral(connector, Asked(None, "Please ring."), by_channel)[1].result is Result.CLEAR


# --- the sharing agreement (design.md 7) ------------------------------------------------------------------------------------------------

AGREEMENTS: list[tuple[SourceCode | None, bool | None, bool | None]] = [
    ("gp", None, None),  # the NHS's own direct care
    ("hospital", None, None),
    ("self", None, None),  # the person themself
    (None, None, None),  # not said what it is: as it was before
    ("gp", False, False),  # said no, whoever it is
    *((one, None, False) for one in OUTSIDE_THE_NHS),
    *((one, True, True) for one in OUTSIDE_THE_NHS),
    *((one, False, False) for one in OUTSIDE_THE_NHS),
]


@pytest.mark.parametrize(("organisation", "agreed", "covers"), AGREEMENTS)
def test_outside_the_nhs_only_an_agreement_covers_the_prescriber(organisation: SourceCode | None, agreed: bool | None, covers: bool | None) -> None:
    assert Profile(organisation_type=organisation, sharing_agreement=agreed).covers_prescriber is covers


@pytest.mark.parametrize("agreed", [None, False])
@pytest.mark.parametrize("organisation", OUTSIDE_THE_NHS)
def test_without_an_agreement_a_person_is_asked_unless_they_said_yes_themselves(organisation: SourceCode, agreed: bool | None) -> None:
    profile = Profile(organisation_type=organisation, sharing_agreement=agreed)
    found, _ = referral("fhir_rest", Asked(), profile)
    here = directory((prescriber(),))
    silent = decide(found, here, POLICY, moment_of(found, agreement=profile.covers_prescriber))
    assert isinstance(silent, Hold)
    assert [ground.reason for ground in silent.record.reasons] == ["consent-unclear"]
    said_yes = found.model_copy(update={"consent": found.consent.model_copy(update={"direct_care": True})})
    assert isinstance(decide(said_yes, here, POLICY, moment_of(said_yes, agreement=profile.covers_prescriber)), Assign)
    said_no = found.model_copy(update={"consent": found.consent.model_copy(update={"direct_care": False})})
    refused = decide(said_no, here, POLICY, moment_of(said_no, agreement=True))
    assert isinstance(refused, Hold)
    assert "consent-refused" in [ground.reason for ground in refused.record.reasons]
