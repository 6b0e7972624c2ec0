"""A discharge document at the door: which request it is, what goes on of it, and what its sender hears."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from connectors.discharge_document.connector import answer, identify, translate
from connectors.discharge_document.headings import CARRIED, KNOWN, RISKS
from hub.deciding.policy import load_policy
from hub.deciding.triage import Result, triage
from schemas.events import FactType
from schemas.fhir.check import check
from schemas.messages import Accepted, Committed, Existing, InboundMessage, InFlight, NotStored, Repeated, Translation
from schemas.profile import Profile
from schemas.rejection import Issue, Reason, Rejected
from schemas.words import Text
from tests.connectors.discharge_document.documents import GUID, PATIENT, PLAN, REQUEST, SCT, document, message, section

NEXT = Text("We look for somebody now.", "Rydym yn chwilio am rywun nawr.")
SECRET = "Zzgwdihw"


def kinds(made: Translation) -> list[FactType]:
    return [fact.type for fact in made.facts]


def words(made: Translation) -> str:
    return " ".join(f"{one.at} {one.text.en} {one.text.cy} {one.params}" for one in made.warnings)


def unnumbered(sent: dict[str, Any]) -> InboundMessage:
    return replace(message(sent), headers={"content-type": "application/fhir+json"})


# --- identify ---------------------------------------------------------------------------------------------------------------------------


def test_the_request_id_is_the_key_and_the_document_the_condition() -> None:
    key = identify(message(document(), x_correlation_id=GUID))
    assert (key.key, key.journey, len(key.condition)) == (GUID, GUID, 1)


def test_without_a_request_id_what_the_document_says_is_the_key_and_names_nobody() -> None:
    one, other = (identify(unnumbered(document() | {"identifier": {"value": value}})) for value in ("9990000018", "b"))
    assert one.key != other.key
    assert "9990000018" not in one.key


def test_a_body_that_is_no_document_and_has_no_id_is_refused_for_its_headers() -> None:
    with pytest.raises(Rejected) as refused:
        identify(unnumbered({"resourceType": "Bundle"}))
    assert [issue.at for issue in refused.value.issues] == ["X-Request-Id"]


SAME: list[tuple[str, dict[str, Any], bool]] = [
    ("sent again at another time", {"timestamp": "2026-03-02T00:00:00Z", "meta": {"lastUpdated": "2026-03-02T00:00:00Z"}, "id": "x"}, True),
    ("another document", {"identifier": {"value": "b"}}, False),
    ("amended under the same identifier", {"entry": document(status="amended")["entry"]}, False),
    ("of a death under the same identifier", {"entry": document(resources=(PATIENT | {"deceasedBoolean": True},))["entry"]}, False),
]


@pytest.mark.parametrize(("why", "changed", "same"), SAME, ids=[why for why, _, _ in SAME])
def test_a_document_is_the_same_by_what_it_says(why: str, changed: dict[str, Any], same: bool) -> None:
    assert (identify(message(document() | changed)).condition == identify(message(document())).condition) is same, why


def test_it_is_the_same_in_an_envelope_and_of_two_requests_the_first_is_known_by_it() -> None:
    bare = document(resources=(REQUEST, REQUEST | {"id": "s2"}))
    enveloped = {"resourceType": "Bundle", "type": "message", "entry": [{"resource": {"resourceType": "MessageHeader"}}, {"resource": bare}]}
    condition = identify(message(bare)).condition
    assert identify(message(enveloped)).condition == condition
    assert [condition[0] in fact.about.identifiers for fact in translate(message(bare)).facts] == [True, False]


# --- what goes on -----------------------------------------------------------------------------------------------------------------------


def test_nothing_of_a_heading_that_is_not_on_the_list_goes_on_and_its_text_is_said_nowhere() -> None:
    dropped = sorted(KNOWN - CARRIED - RISKS.keys())
    sections = [section(code, f"<p>{SECRET}</p>") for code in dropped] + [section(f"{SECRET}-heading", f"<p>{SECRET}</p>")]
    made = translate(message(document(*sections, section("plan-and-requested-actions", PLAN))))
    assert kinds(made) == [FactType.RECEIVED]
    assert SECRET not in json.dumps(made.facts[0].bundle)
    assert SECRET not in words(made)
    (told,) = [one for one in made.warnings if one.at == "Composition.section"]
    assert all(code in told.params["headings"] for code in dropped)


RESOURCES: list[dict[str, Any]] = [
    {"resourceType": "MedicationStatement", "status": "active", "medicationCodeableConcept": {"text": SECRET}, "subject": {"reference": "Patient/p"}},
    {"resourceType": "Observation", "status": "final", "code": {"text": SECRET}, "subject": {"reference": "Patient/p"}},
    {"resourceType": "Condition", "code": {"coding": [{"system": SCT, "code": "233604007", "display": SECRET}]}, "subject": {"reference": "Patient/p"}},
    {"resourceType": "Procedure", "status": "completed", "code": {"text": SECRET}, "subject": {"reference": "Patient/p"}},
    {"resourceType": "DocumentReference", "status": "current", "content": [{"attachment": {"contentType": "text/plain", "title": SECRET}}]},
    {"resourceType": "Flag", "status": "active", "code": {"text": SECRET}, "subject": {"reference": "Patient/p"}},
    {"resourceType": "Practitioner", "name": [{"family": SECRET}]},  # nobody whom the request names
]


@pytest.mark.parametrize("resource", RESOURCES, ids=[one["resourceType"] for one in RESOURCES])
def test_a_resource_that_the_worker_does_not_need_stays_behind(resource: dict[str, Any]) -> None:
    found = {**resource, "id": "x"}
    plan = section("plan-and-requested-actions", PLAN, entry=[{"reference": f"{resource['resourceType']}/x"}])
    coded = REQUEST | {"supportingInfo": [{"reference": f"{resource['resourceType']}/x"}], "reasonReference": [{"reference": "Condition/x"}]}
    for more in ((found,), (found, coded)):
        made = translate(message(document(plan, resources=more)))
        assert SECRET not in json.dumps(made.facts[0].bundle)
        assert SECRET not in words(made)


def test_a_diagnosis_among_the_reasons_stays_behind_and_a_need_goes_on() -> None:
    reasons = [{"coding": [{"system": SCT, "code": code}], "text": code} for code in ("422650009", "233604007")]
    made = translate(message(document(resources=(REQUEST | {"reasonCode": reasons},))))
    referral = made.facts[0].referral
    assert referral is not None
    assert [need.code for need in referral.needs] == ["422650009"]
    assert "233604007" not in json.dumps(made.facts[0].bundle)
    assert [one.detail for one in made.warnings] == ["discharge.reasons-left-out"]


def test_every_resource_that_goes_on_follows_the_standard() -> None:
    made = translate(message(document(section("social-context", "<p>Alone.</p>"), section("safeguarding", "<p>x</p>"), section("outbound-referral", PLAN))))
    assert [check(entry["resource"]) for entry in made.facts[0].bundle["entry"][1:]] == [()] * 5


# --- risk -------------------------------------------------------------------------------------------------------------------------------

RISKY: list[tuple[str, str, Result]] = [
    ("risks-to-self", "<p>Low mood, see letter.</p>", Result.HOLD),  # no word of the screen: the heading holds
    ("risks-to-others", "<p>Has threatened neighbours.</p>", Result.HOLD),
    ("risk-from-others", "<p>Visitors take her things.</p>", Result.HOLD),
    ("safeguarding", "<p>Referred to the team.</p>", Result.HOLD),
    ("safeguarding-issues", "<p>Nothing in the notes, but the daughter is worried.</p>", Result.HOLD),  # not only a denial
    ("safeguarding", "<p>None</p>", Result.CLEAR),
    ("safeguarding", "<h2>Safeguarding</h2><p>No concerns identified.</p>", Result.CLEAR),
    ("risks-to-self", "<p>No known risks to self or others.</p>", Result.CLEAR),
    ("risks-to-self", "<p>Dim</p>", Result.CLEAR),
    ("safeguarding", "", Result.CLEAR),
]


@pytest.mark.parametrize(("heading", "markup", "result"), RISKY)
def test_a_risk_under_its_heading_is_held_and_not_carried(heading: str, markup: str, result: Result) -> None:
    made = translate(message(document(section(heading, markup) | {"title": heading.title()}, section("outbound-referral", PLAN))))
    referral = made.facts[0].referral
    assert referral is not None
    assert triage(referral, load_policy()).result is result
    assert "notes" not in json.dumps(made.facts[0].bundle)


HEARD = [
    ("in the clinical summary", section("clinical-summary", "<p>Took an overdose.</p>"), ()),
    ("in a section nobody knows", section("anything", "<p>She wants to end her life.</p>"), ()),
    ("in a title nobody knows", {"title": "Overdose last week", "text": {"div": "<div>-</div>"}}, ()),
    ("in a section below another", section("history", section=[section("more", "<p>Overdose.</p>")]), ()),
    ("in the wrong shape", section("social-context") | {"text": "<div>Took an overdose.</div>"}, ()),
    ("in a resource that stays behind", section("x", "<p>-</p>"), ({"resourceType": "Observation", "id": "o", "valueString": "Took an overdose."},)),
    ("in a code that stays behind", section("x", "<p>-</p>"), ({"resourceType": "Condition", "code": {"coding": [{"system": SCT, "code": "6471006"}]}},)),
    ("in the request's own reason", section("x", "<p>-</p>"), (REQUEST | {"reasonCode": [{"coding": [{"code": "x"}], "text": "overdose"}]},)),
]


@pytest.mark.parametrize(("where", "found", "resources"), HEARD, ids=[where for where, _, _ in HEARD])
def test_risk_is_heard_wherever_it_stands(where: str, found: dict[str, Any], resources: tuple[dict[str, Any], ...]) -> None:
    made = translate(message(document(found, section("outbound-referral", PLAN), resources=resources)))
    referral = made.facts[0].referral
    assert referral is not None
    assert Reason.CRISIS in triage(referral, load_policy()).reasons, where


# --- the end of the stay ----------------------------------------------------------------------------------------------------------------


def stay(system: str, code: str, **more: Any) -> dict[str, Any]:
    disposition = {"dischargeDisposition": {"coding": [{"system": system, "code": code}]}}
    return {"resourceType": "Encounter", "id": "e", "status": "finished", "class": {"code": "IMP"}, "hospitalization": disposition | more}


WELSH = "https://fhir.hl7.org.uk/CodeSystem/UKCore-DischargeDestinationWales"
ENDS: list[tuple[str, str, FactType, str | None]] = [
    (WELSH, "19", FactType.RECEIVED, "SA1 1AA"),
    (WELSH, "20", FactType.RECEIVED, None),
    (WELSH, "22", FactType.RECEIVED, None),
    (WELSH, "51", FactType.RECEIVED, None),
    (WELSH, "79", FactType.PERSON_DIED, None),
    (WELSH, "77", FactType.RECEIVED, None),  # no code of the list: they may be anywhere
    (SCT, "306689006", FactType.RECEIVED, "SA1 1AA"),
    ("https://fhir.hl7.org.uk/CodeSystem/UKCore-DischargeMethodWales", "4", FactType.PERSON_DIED, None),
    ("", "4", FactType.PERSON_DIED, None),  # a code that is no destination is a method
    ("http://terminology.hl7.org/CodeSystem/discharge-disposition", "exp", FactType.PERSON_DIED, None),
    ("http://terminology.hl7.org/CodeSystem/discharge-disposition", "home", FactType.RECEIVED, "SA1 1AA"),
    (SCT, "371828006", FactType.PERSON_DIED, None),
]


@pytest.mark.parametrize(("system", "code", "kind", "postcode"), ENDS)
def test_the_end_of_the_stay_says_who_died_and_where_the_others_are(system: str, code: str, kind: FactType, postcode: str | None) -> None:
    made = translate(message(document(section("outbound-referral", PLAN), resources=(stay(system, code),))))
    assert kinds(made) == [kind]
    referral = made.facts[0].referral
    assert (referral.person.postcode if referral else None) == postcode
    assert any(one.reason is Reason.CODE_UNKNOWN for one in made.warnings) is (code == "77")


@pytest.mark.parametrize(("words", "postcode"), [("Usual place of residence", "SA1 1AA"), ("Gartref", "SA1 1AA"), ("Nursing home", None)])
def test_a_destination_in_words_is_home_only_where_it_says_so(words: str, postcode: str | None) -> None:
    end = {"resourceType": "Encounter", "id": "e", "status": "finished", "class": {"code": "IMP"}, "hospitalization": {"dischargeDisposition": {"text": words}}}
    made = translate(message(document(section("outbound-referral", PLAN), resources=(end,))))
    referral = made.facts[0].referral
    assert referral is not None
    assert referral.person.postcode == postcode
    assert any(one.reason is Reason.AREA_UNCERTAIN for one in made.warnings) is (postcode is None)


def test_the_place_is_where_the_person_went_even_when_it_is_called_home() -> None:
    home = {"resourceType": "Location", "id": "l", "address": {"postalCode": "cf101ep"}}
    made = translate(message(document(section("outbound-referral", PLAN), resources=(stay(WELSH, "19", destination={"reference": "Location/l"}), home))))
    referral = made.facts[0].referral
    assert referral is not None
    assert referral.person.postcode == "CF10 1EP"


DEAD = [{"deceasedBoolean": True}, {"deceasedDateTime": "2026-02-31"}, {"deceasedBoolean": "yes"}, {"deceasedDateTime": "last Tuesday"}]


@pytest.mark.parametrize("said", DEAD)
def test_whoever_is_said_to_have_died_is_not_referred_or_offered_anything(said: dict[str, Any]) -> None:
    triggers = Profile(organisation_type="hospital", triggers=("373942005",))
    for sections in ((section("outbound-referral", PLAN),), ()):
        assert kinds(translate(message(document(*sections, resources=(PATIENT | said, REQUEST)), triggers))) == [FactType.PERSON_DIED]


def test_somebody_who_is_said_to_live_is_referred() -> None:
    assert kinds(translate(message(document(section("outbound-referral", PLAN), resources=(PATIENT | {"deceasedBoolean": False},))))) == [FactType.RECEIVED]


# --- the agreed trigger -----------------------------------------------------------------------------------------------------------------

OFFERS: list[tuple[str, tuple[str, ...], FactType | None]] = [
    ("nothing agreed", (), None),
    ("the code", ("SP-1",), FactType.OFFERED),
    ("the code with its system", ("https://ward.example|SP-1",), FactType.OFFERED),
    ("the code of another system", ("https://other.example|SP-1",), None),
    ("another code", ("SP-2",), None),
]


@pytest.mark.parametrize(("why", "triggers", "kind"), OFFERS, ids=[why for why, _, _ in OFFERS])
def test_a_discharge_is_offered_only_by_what_was_agreed(why: str, triggers: tuple[str, ...], kind: FactType | None) -> None:
    sign = {"resourceType": "Observation", "id": "o", "status": "final", "code": {"coding": [{"system": "https://ward.example", "code": "SP-1"}]}}
    sent = document(section("social-context", "<p>Alone.</p>", entry=[{"reference": "Observation/o"}]), resources=(sign,))
    made = translate(message(sent, Profile(organisation_type="hospital", triggers=triggers)))
    assert kinds(made) == ([kind] if kind else []), why
    assert made.ignored is (None if kind else Reason.DISCHARGE_WITHOUT_TRIGGER)


DENIED = [{"valueBoolean": False}, {"valueString": "No"}, {"valueCodeableConcept": {"text": "no"}}, {"status": "entered-in-error"}]


@pytest.mark.parametrize("said", DENIED)
def test_an_agreed_sign_that_is_denied_is_none(said: dict[str, Any]) -> None:
    sign = {"resourceType": "Observation", "id": "o", "status": "final", "code": {"coding": [{"code": "SP-1"}]}} | said
    sent = document(section("social-context", "<p>Alone.</p>", entry=[{"reference": "Observation/o"}]), resources=(sign,))
    assert not translate(message(sent, Profile(triggers=("SP-1",)))).facts


# --- the answer -------------------------------------------------------------------------------------------------------------------------

OURS: tuple[dict[str, Any], ...] = ({"resourceType": "ServiceRequest", "id": "r-1", "intent": "plan"}, {"resourceType": "Task", "id": "c-1"})
ACCEPTED = Accepted("r-1", "7K2M-9QXA", 1, FactType.RECEIVED, NEXT, resources=OURS)


def test_a_referral_is_201_and_says_first_what_happens_next() -> None:
    reply = answer(message(document()), Committed((ACCEPTED,), (Issue(Reason.ELEMENT_REMOVED, "Composition.section"),)))
    said = json.loads(reply.parts[0])["issue"]
    assert (reply.status, dict(reply.headers)["Location"]) == (201, "/fhir/ServiceRequest/r-1")
    assert [one["severity"] for one in said] == ["information", "information", "warning"]
    assert said[0]["details"]["text"] == NEXT.en
    assert "7K2M-9QXA" in said[1]["details"]["text"]


def test_what_begins_nothing_is_200_and_says_why() -> None:
    reply = answer(message(document()), Committed((), (), Reason.DISCHARGE_WITHOUT_TRIGGER))
    assert reply.status == 200
    assert "not a referral" in json.loads(reply.parts[0])["issue"][0]["details"]["text"]


def test_a_death_and_a_withdrawal_are_200() -> None:
    for kind in (FactType.PERSON_DIED, FactType.ENTERED_IN_ERROR):
        reply = answer(message(document()), Committed((Accepted("r-1", "7K2M-9QXA", 2, kind, NEXT),)))
        assert reply.status == 200
        assert json.loads(reply.parts[0])["issue"][0]["details"]["text"] == NEXT.en


def test_the_other_outcomes_are_answered_as_at_every_fhir_door() -> None:
    sent = message(document())
    first = answer(sent, Committed((ACCEPTED,)))
    with pytest.raises(Rejected) as refused:
        translate(message(document() | {"type": "collection"}))
    replies = [answer(sent, one) for one in (Repeated(first), Existing(ACCEPTED), InFlight(), NotStored(), refused.value)]
    assert [reply.status for reply in replies] == [201, 200, 503, 503, 400]


def test_the_same_bytes_give_the_same_facts() -> None:
    sent = message(document(section("outbound-referral", PLAN), resources=(REQUEST,)))
    assert translate(sent) == translate(sent)


def test_what_is_about_another_person_of_the_document_stays_behind() -> None:
    child = {"resourceType": "Patient", "id": "child", "identifier": [{"system": "https://fhir.nhs.uk/Id/nhs-number", "value": "9990000026"}]}
    theirs = {"resourceType": "Condition", "id": "c", "code": {"coding": [{"system": SCT, "code": "422650009"}]}, "subject": {"reference": "Patient/child"}}
    found = translate(message(document(section("plan-and-requested-actions", PLAN), resources=(PATIENT, child, theirs))))
    (fact,) = found.facts
    assert fact.referral is not None
    assert fact.referral.needs == ()
    assert [entry["resource"]["resourceType"] for entry in fact.bundle["entry"]].count("Condition") == 0
    assert [one.detail for one in found.warnings].count("fhir.of-another") == 2
