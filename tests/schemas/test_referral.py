"""Reading a referral from its message bundle: each rule of what a decision may look at."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from schemas.fhir.build import message
from schemas.fhir.check import check
from schemas.profile import Profile
from schemas.referral import Referral, read_referral, who_is_enough
from schemas.rejection import Issue, Reason, Rejected

NHS = "https://fhir.nhs.uk/Id/nhs-number"
SCT = "http://snomed.info/sct"
RECEIVED_AT = datetime(2026, 3, 3, 12, tzinfo=UTC)


def nhs(value: str) -> dict[str, Any]:
    return {"system": NHS, "value": value}


def coded(code: str, system: str = SCT, display: str | None = None) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code, **({"display": display} if display else {})}]}


def patient(**changed: Any) -> dict[str, Any]:
    made = {
        "resourceType": "Patient",
        "id": "p",
        "identifier": [nhs("9990000018")],
        "name": [{"family": "Enghraifft", "given": ["Prawf", "Un"]}],
    }
    return {name: value for name, value in (made | changed).items() if value is not None}


def request(**changed: Any) -> dict[str, Any]:
    made: dict[str, Any] = {
        "resourceType": "ServiceRequest",
        "status": "active",
        "intent": "order",
        "code": coded("871731000000106"),
        "subject": {"reference": "#p"},
        "authoredOn": "2026-03-02T09:00:00Z",
        "contained": [patient()],
    }
    return {name: value for name, value in (made | changed).items() if value is not None}


def bundle_of(sent: dict[str, Any], *others: dict[str, Any]) -> dict[str, Any]:
    return message(b"bytes", "fhir_rest", "referral.received.v1", [(None, sent), *((None, one) for one in others)], focus="ServiceRequest")


def read(
    sent: dict[str, Any], *others: dict[str, Any], profile: Profile | None = None, default: str = "other"
) -> tuple[Referral, tuple[Issue, ...]]:
    return read_referral(bundle_of(sent, *others), default, profile or Profile(), RECEIVED_AT)


def at(node: Any, dotted: str) -> Any:
    for part in dotted.split("."):
        node = node[int(part)] if isinstance(node, list) else node[part]
    return node


def test_the_contract_of_a_plain_referral_has_every_key() -> None:
    referral, warnings = read(request())
    assert warnings == ()
    assert referral.contract() == {
        "source": "other",
        "service": {"state": "social-prescribing", "at": "ServiceRequest.code.coding[0]"},
        "referrer": {"ods": None, "name": None},
        "person": {
            "nhs_number": "9990000018",
            "nhs_number_status": "test-range",
            "family": "Enghraifft",
            "given": ["Prawf", "Un"],
            "birth_date": None,
            "postcode": None,
            "language_spoken": None,
            "language_written": None,
            "deceased": None,
        },
        "priority": "routine",
        "needs": [],
        "narrative": [],
        "flags": [],
        "consent": {"direct_care": None, "share_with_community": None},
        "authored_on": "2026-03-02T09:00:00Z",
    }


def test_a_referral_survives_its_own_contract() -> None:
    contract = read(request())[0].contract()
    assert Referral.model_validate(contract).contract() == contract


PERSON = [
    # why, the Patient, where to look, what is found, warnings
    ("spaces go", {"identifier": [nhs(" 999 000 0018 ")]}, "nhs_number", "9990000018", []),
    (
        "the system is compared without case and scheme",
        {"identifier": [{"system": "http://fhir.nhs.uk/id/NHS-number/", "value": "9990000018"}]},
        "nhs_number_status",
        "test-range",
        [],
    ),
    (
        "a failing number stays as sent",
        {"identifier": [nhs("9990000019")]},
        "nhs_number",
        "9990000019",
        [(Reason.NHS_NUMBER_FAILED, "ServiceRequest.contained[0].identifier[0].value")],
    ),
    (
        "one digit ten times fails though mod 11 passes",
        {"identifier": [nhs("1111111111")]},
        "nhs_number_status",
        "failed-check",
        [(Reason.NHS_NUMBER_FAILED, "ServiceRequest.contained[0].identifier[0].value")],
    ),
    (
        "full-width digits are no digits",
        {"identifier": [nhs("９９９００００００１８")]},
        "nhs_number",
        None,
        [(Reason.NHS_NUMBER_FORMAT, "ServiceRequest.contained[0].identifier[0].value")],
    ),
    (
        "eleven digits",
        {"identifier": [nhs("99900000188")]},
        "nhs_number_status",
        "absent",
        [(Reason.NHS_NUMBER_FORMAT, "ServiceRequest.contained[0].identifier[0].value")],
    ),
    ("outside the test range", {"identifier": [nhs("4000000632")]}, "nhs_number_status", "verified-format", []),
    ("one number twice is one", {"identifier": [nhs("9990000018"), nhs("999 000 0018")]}, "nhs_number_status", "test-range", []),
    (
        "two numbers conflict and neither is used",
        {"identifier": [nhs("9990000018"), nhs("9434765919")], "birthDate": "1950-01-01"},
        "nhs_number",
        None,
        [],
    ),
    (
        "two numbers conflict",
        {"identifier": [nhs("9990000018"), nhs("9434765919")], "birthDate": "1950-01-01"},
        "nhs_number_status",
        "conflicting",
        [],
    ),
    ("an old number is not one", {"identifier": [nhs("9990000018"), {**nhs("9434765919"), "use": "old"}]}, "nhs_number", "9990000018", []),
    ("a partial birth date is a birth date", {"birthDate": "1950-03"}, "birth_date", "1950-03", []),
    (
        "an impossible one is left out",
        {"birthDate": "1900-02-30"},
        "birth_date",
        None,
        [(Reason.DATE_IMPOSSIBLE, "ServiceRequest.contained[0].birthDate")],
    ),
    (
        "one in the future too",
        {"birthDate": "2026-03-04"},
        "birth_date",
        None,
        [(Reason.DATE_FUTURE, "ServiceRequest.contained[0].birthDate")],
    ),
    ("born today is possible", {"birthDate": "2026-03-03"}, "birth_date", "2026-03-03", []),
    ("the official name is meant", {"name": [{"use": "nickname", "family": "X"}, {"use": "official", "family": "Y"}]}, "family", "Y", []),
    ("an old name is never meant", {"name": [{"use": "old", "family": "X"}]}, "family", None, []),
    ("the postcode in its usual form", {"address": [{"postalCode": "sa11aa"}]}, "postcode", "SA1 1AA", []),
    (
        "the home address is meant",
        {"address": [{"use": "work", "postalCode": "CF10 1AA"}, {"use": "home", "postalCode": "SA1 1AA"}]},
        "postcode",
        "SA1 1AA",
        [],
    ),
    ("an old address is never meant", {"address": [{"use": "old", "postalCode": "SA1 1AA"}]}, "postcode", None, []),
    (
        "an address whose time is over is never meant",
        {"address": [{"use": "home", "postalCode": "CF10 1AA", "period": {"end": "2019"}}, {"use": "temp", "postalCode": "SA1 1AA"}]},
        "postcode",
        "SA1 1AA",
        [],
    ),
    (
        "a home that is to be left one day is the home until then",
        {"address": [{"use": "work", "postalCode": "CF10 1AA"}, {"use": "home", "postalCode": "SA1 1AA", "period": {"end": "2027-06-01"}}]},
        "postcode",
        "SA1 1AA",
        [],
    ),
    ("one that lasts into this year is", {"address": [{"postalCode": "SA1 1AA", "period": {"end": "2026"}}]}, "postcode", "SA1 1AA", []),
    ("the only one, over", {"address": [{"postalCode": "SA1 1AA", "period": {"end": "2025-12-31"}}]}, "postcode", None, []),
    (
        "a name with an end to it comes after one without",
        {"name": [{"use": "official", "family": "Cynt", "period": {"end": "1999"}}, {"use": "usual", "family": "Enghraifft"}]},
        "family",
        "Enghraifft",
        [],
    ),
    (
        "a name that is to end one day is the name until then",
        {"name": [{"use": "official", "family": "Enghraifft", "period": {"end": "2030"}}, {"use": "nickname", "family": "Cynt"}]},
        "family",
        "Enghraifft",
        [],
    ),
    ("a postcode among the lines", {"address": [{"line": ["1 Stryd y Prawf", "Abertawe sa1 1aa"]}]}, "postcode", "SA1 1AA", []),
    ("a postcode within the text", {"address": [{"text": "1 Stryd y Prawf, Abertawe, SA11AA"}]}, "postcode", "SA1 1AA", []),
    ("two of them are nobody's", {"address": [{"line": ["SA1 1AA", "CF10 1AA"]}]}, "postcode", None, []),
    ("a malformed postcode is kept as sent", {"address": [{"postalCode": "Abertawe"}]}, "postcode", "Abertawe", []),
    ("alive is stated", {"deceasedBoolean": False}, "deceased", False, []),
    ("a date of death is a death", {"deceasedDateTime": "2026"}, "deceased", True, []),
    ("the only language", {"communication": [{"language": coded("cy", "urn:ietf:bcp:47")}]}, "language_spoken", "cy", []),
    (
        "UK Core's older list",
        {"communication": [{"language": coded("cy", "https://fhir.hl7.org.uk/CodeSystem/UKCore-HumanLanguage")}]},
        "language_spoken",
        "cy",
        [],
    ),
    ("a language in words", {"communication": [{"language": {"text": "Cymraeg"}}]}, "language_spoken", "cy", []),
    ("a code of another list that is named", {"communication": [{"language": coded("315568003", display="Welsh")}]}, "language_spoken", "cy", []),
    ("words for none that we know", {"communication": [{"language": {"text": "Klingon"}}]}, "language_spoken", None, []),
    ("a region says nothing more", {"communication": [{"language": coded("en-GB", "urn:ietf:bcp:47")}]}, "language_spoken", "en", []),
    (
        "the preferred of two",
        {"communication": [{"language": coded("en")}, {"language": coded("cy"), "preferred": True}]},
        "language_spoken",
        "cy",
        [],
    ),
    (
        "two and no preference: not asked",
        {"communication": [{"language": coded("en")}, {"language": coded("cy")}]},
        "language_spoken",
        None,
        [],
    ),
    (
        "a written language is null unless stated",
        {"communication": [{"language": coded("cy"), "preferred": True}]},
        "language_written",
        None,
        [],
    ),
    (
        "a language that nobody knows",
        {"communication": [{"language": coded("qqq")}]},
        "language_spoken",
        None,
        [(Reason.CODE_UNKNOWN, "ServiceRequest.contained[0].communication[0].language.coding[0]")],
    ),
]


@pytest.mark.parametrize(("why", "changed", "path", "found", "warned"), PERSON, ids=[row[0] for row in PERSON])
def test_the_person_is_read(why: str, changed: dict[str, Any], path: str, found: object, warned: list[tuple[Reason, str]]) -> None:
    referral, warnings = read(request(contained=[patient(telecom=[{"system": "phone", "value": "07700900000"}], **changed)]))
    assert at(referral.contract()["person"], path) == found
    assert [(issue.reason, issue.at) for issue in warnings] == warned


def test_spoken_and_written_language_are_kept_apart_where_the_mode_is_stated() -> None:
    def mode(*codes: str) -> list[dict[str, Any]]:
        return [
            {
                "url": "http://hl7.org/fhir/StructureDefinition/patient-proficiency",
                "extension": [{"url": "type", "valueCoding": {"code": code}}],
            }
            for code in codes
        ]

    spoken = {"language": coded("cy"), "extension": mode("ESP", "RSP")}
    written = {"language": coded("en"), "extension": mode("RWR")}
    sent = request(contained=[patient(communication=[spoken, written])])
    assert check(sent) == ()
    person = read(sent)[0].person
    assert (person.language_spoken, person.language_written) == ("cy", "en")


ENOUGH = [
    ("an NHS number", {"name": None}, True),
    ("a failing number alone", {"name": None, "identifier": [nhs("9990000019")]}, False),
    ("two conflicting numbers alone", {"name": None, "identifier": [nhs("9990000018"), nhs("9434765919")]}, False),
    (
        "a local number with its system",
        {"name": None, "identifier": [{"system": "https://fhir.sbuhb.nhs.wales/Id/pas-identifier", "value": "8"}]},
        True,
    ),
    ("a local number of nobody", {"name": None, "identifier": [{"value": "8"}]}, False),
    ("an HL7 number whose authority is not said", {"name": None, "identifier": [{"system": "urn:hl7v2:7A3:-:-", "value": "8"}]}, False),
    ("an HL7 number of an authority", {"name": None, "identifier": [{"system": "urn:hl7v2:7A3:108:PI", "value": "8"}]}, True),
    ("a family name alone", {"identifier": None}, False),
    ("a family name and a birth date", {"identifier": None, "birthDate": "1950"}, True),
    ("a family name and an impossible birth date", {"identifier": None, "birthDate": "1900-02-30"}, False),
    ("a family name and an address", {"identifier": None, "address": [{"line": ["1 Stryd Fawr"]}]}, True),
    ("a family name and an empty address", {"identifier": None, "address": [{"line": [" "]}]}, False),
    ("a family name and a phone", {"identifier": None, "telecom": [{"system": "phone", "value": "07700900000"}]}, True),
    ("a family name and an e-mail", {"identifier": None, "telecom": [{"system": "email", "value": "a@example.wales"}]}, True),
    ("a family name and a fax", {"identifier": None, "telecom": [{"system": "fax", "value": "1"}]}, False),
    ("a given name and a birth date", {"identifier": None, "name": [{"given": ["Prawf"]}], "birthDate": "1950"}, False),
]


@pytest.mark.parametrize(("why", "changed", "enough"), ENOUGH, ids=[row[0] for row in ENOUGH])
def test_who_is_enough(why: str, changed: dict[str, Any], enough: bool) -> None:
    sent = request(contained=[patient(**changed)])
    if enough:
        assert who_is_enough(read(sent)[0])
        return
    with pytest.raises(Rejected) as refused:
        read(sent)
    assert [issue.at for issue in refused.value.issues if issue.reason is Reason.NO_IDENTITY] == ["ServiceRequest.subject"]
    assert "subject" in refused.value.issues[0].text.en


@pytest.mark.parametrize(
    ("changed", "also"),
    [
        ({"name": None, "identifier": [nhs("9990000019")]}, [(Reason.NHS_NUMBER_FAILED, "ServiceRequest.contained[0].identifier[0].value")]),
        ({"identifier": None, "birthDate": "1900-02-30"}, [(Reason.DATE_IMPOSSIBLE, "ServiceRequest.contained[0].birthDate")]),
        ({"identifier": None}, []),
    ],
)
def test_who_names_nobody_hears_what_could_not_be_relied_on(changed: dict[str, Any], also: list[tuple[Reason, str]]) -> None:
    with pytest.raises(Rejected) as refused:
        read(request(contained=[patient(**changed)]))
    assert [(issue.reason, issue.at) for issue in refused.value.issues[1:]] == also


@pytest.mark.parametrize(
    ("subject", "enough"),
    [
        ({"reference": "Patient/elsewhere"}, False),  # a relative reference that leads nowhere here
        ({"display": "Prawf Enghraifft"}, False),  # a display is no identity
        ({"reference": "Patient/elsewhere", "identifier": nhs("9990000018")}, True),  # a logical reference is
        ({"type": "Device", "identifier": {"system": "urn:x", "value": "8"}}, False),  # a device is nobody
    ],
)
def test_a_subject_without_a_patient_in_the_message(subject: dict[str, Any], enough: bool) -> None:
    sent = request(subject=subject, contained=None)
    if enough:
        assert read(sent)[0].person.nhs_number == "9990000018"
    else:
        with pytest.raises(Rejected):
            read(sent)


@pytest.mark.parametrize(
    ("named", "others", "dead"),
    [
        (nhs("999 000 0018"), (patient(deceasedBoolean=True),), True),  # the same number: what stands there is the person's
        ({"system": "http://fhir.nhs.uk/id/nhs-number", "value": "9990000018"}, (patient(deceasedBoolean=True),), True),  # and so it is in another spelling
        (nhs("9990000026"), (patient(deceasedBoolean=True),), None),  # another's number: another person
        (nhs("9990000018"), (patient(deceasedBoolean=True), patient(id="q")), None),  # two with one number: nobody knows which
        ({"value": "9990000018"}, (patient(deceasedBoolean=True, name=None, identifier=[{"value": "9990000018"}]),), None),  # a number of no system
    ],
)
def test_a_subject_by_identifier_is_the_one_patient_who_has_it(named: dict[str, Any], others: tuple[dict[str, Any], ...], dead: bool | None) -> None:
    try:
        found = read(request(subject={"identifier": named}, contained=None), *others)[0].person.deceased
    except Rejected:
        found = None
    assert found is dead


SERVICE = [
    ("the service list", {}, (), "social-prescribing"),
    ("the words in Welsh", {"code": {"text": "Presgripsiynu cymdeithasol"}}, (), "social-prescribing"),
    ("a generic referral says nothing", {"code": coded("3457005", display="Patient referral")}, (), "unstated"),
    ("a need is no specialty", {"code": coded("710925007", display="Provision of food")}, (), "unstated"),
    ("the category after the code", {"code": coded("3457005"), "category": [coded("871731000000106")]}, (), "social-prescribing"),
    (
        "the service that is named as performer",
        {"code": None},
        ({"resourceType": "HealthcareService", "type": [{"text": "Link worker service"}]},),
        "social-prescribing",
    ),
    (
        "the encounter's service type",
        {"code": None},
        ({"resourceType": "Encounter", "serviceType": {"text": "Link worker"}},),
        "social-prescribing",
    ),
    ("nothing", {"code": None}, (), "unstated"),
]


@pytest.mark.parametrize(("why", "changed", "others", "state"), SERVICE, ids=[row[0] for row in SERVICE])
def test_the_service_asked_for(why: str, changed: dict[str, Any], others: tuple[dict[str, Any], ...], state: str) -> None:
    service = read(request(**changed), *others)[0].service
    assert service.state == state
    assert (service.at is None) == (service.state == "unstated")


def test_another_specialty_is_refused_with_its_place_and_with_every_other_reason() -> None:
    with pytest.raises(Rejected) as refused:
        read(request(code={"text": "Cardiology"}, subject={"display": "x"}, intent="option"))
    assert {(issue.reason, issue.at) for issue in refused.value.issues} == {
        (Reason.WRONG_SERVICE, "ServiceRequest.code.text"),
        (Reason.NO_IDENTITY, "ServiceRequest.subject"),
        (Reason.INVARIANT, "ServiceRequest.intent"),
    }


def test_needs_are_the_senders_codings_in_order_each_once() -> None:
    condition = {"resourceType": "Condition", "subject": {"display": "x"}, "code": coded("733423003")}
    over = {**condition, "code": coded("32911000"), "clinicalStatus": coded("resolved")}
    finding = {"resourceType": "Observation", "id": "o", "status": "final", "code": coded("105531004")}
    sent = request(
        category=[coded("social-connection", "http://hl7.org/fhir/us/sdoh-clinicalcare/CodeSystem/SDOHCC-CodeSystemTemporaryCodes")],
        reasonCode=[coded("422650009", display="Social isolation"), coded("422650009"), coded("999999999")],
        reasonReference=[{"reference": "Observation/o"}],
    )
    referral, warnings = read(sent, condition, over, finding)
    assert [need.code for need in referral.needs] == ["social-connection", "422650009", "999999999", "733423003", "105531004"]
    assert referral.needs[1].display == "Social isolation"
    assert [(issue.reason, issue.at) for issue in warnings] == [(Reason.CODE_UNKNOWN, "ServiceRequest.reasonCode[2].coding[0]")]


def test_every_note_is_one_string_and_other_words_are_screened_too() -> None:
    plan = {"resourceType": "CarePlan", "activity": [{"outcomeCodeableConcept": [{"text": "tri"}]}], "title": "pedwar"}
    answers = {"resourceType": "QuestionnaireResponse", "item": [{"item": [{"answer": [{"valueString": "pump"}]}]}]}
    referral, _ = read(request(note=[{"text": "un"}, {"text": "dau\nddwy"}], reasonCode=[{"text": "chwech"}]), plan, answers)
    assert referral.narrative == ("un", "dau\nddwy", "tri")
    assert {"pedwar", "pump", "chwech"} <= set(referral.words)
    assert "pump" not in str(referral.contract())


PRIORITY = [
    ("none", {}, "routine", []),
    ("coded", {"priority": "asap"}, "asap", []),
    ("stat stays and is warned about", {"priority": "stat"}, "stat", [(Reason.PRIORITY_STAT, "ServiceRequest.priority")]),
    ("text only warns", {"note": [{"text": "URGENT please"}]}, "routine", [(Reason.PRIORITY_TEXT, "ServiceRequest.priority")]),
    (
        "text in Welsh too",
        {"note": [{"text": "Mae hyn yn frys; achos brys"}]},
        "routine",
        [(Reason.PRIORITY_TEXT, "ServiceRequest.priority")],
    ),
    ("text beside a coded priority says nothing new", {"priority": "urgent", "note": [{"text": "urgent"}]}, "urgent", []),
    ("in capitals it is no code of R4, and urgent all the same", {"priority": "URGENT"}, "urgent", []),
    ("no priority at all", {"priority": "soonish"}, "routine", []),
    ("a word that holds it is another word", {"note": [{"text": "an insurgent painter"}]}, "routine", []),
]


@pytest.mark.parametrize(("why", "changed", "priority", "warned"), PRIORITY, ids=[row[0] for row in PRIORITY])
def test_priority(why: str, changed: dict[str, Any], priority: str, warned: list[tuple[Reason, str]]) -> None:
    referral, warnings = read(request(**changed))
    assert referral.priority == priority
    assert [(issue.reason, issue.at) for issue in warnings] == warned


def _from(code: str) -> list[dict[str, Any]]:
    url = "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-SourceOfServiceRequest"
    return [{"url": url, "valueCodeableConcept": coded(code)}]


@pytest.mark.parametrize(
    ("extension", "agreed", "source", "warned"),
    [
        (None, None, "other", 0),  # the connector's own
        (_from("108161000000109"), None, "gp", 0),  # what the message says
        (_from("108161000000109"), "housing", "housing", 0),  # what was agreed wins
        (_from("999999999"), None, "other", 1),  # a code that nobody knows
    ],
)
def test_where_it_comes_from(extension: Any, agreed: Any, source: str, warned: int) -> None:
    referral, warnings = read(request(extension=extension), profile=Profile(organisation_type=agreed))
    assert (referral.source, len(warnings)) == (source, warned)


def _consent(category: str, **changed: Any) -> dict[str, Any]:
    return {"resourceType": "Consent", "status": "active", "category": [coded(category, "urn:x")], **changed}


CONSENT = [
    ("nothing stated", [], None, None),
    ("direct care", [_consent("DRC")], True, None),
    ("the community", [_consent("IDSCL")], None, True),
    ("withdrawn", [_consent("IDSCL", status="inactive")], None, False),
    ("denied", [_consent("DRC", provision={"type": "deny"})], False, None),
    ("a refusal outweighs", [_consent("IDSCL"), _consent("IDSCL", status="rejected")], None, False),
    ("only proposed", [_consent("IDSCL", status="proposed")], None, None),
    ("entered in error", [_consent("IDSCL", status="entered-in-error")], None, None),
    ("of another kind", [_consent("research")], None, None),
    ("opted in", [_consent("IDSCL", policyRule=coded("OPTIN", "urn:x"))], None, True),
    ("opted out, which is a refusal by its rule alone", [_consent("IDSCL", policyRule=coded("OPTOUT", "urn:x"))], None, False),
    ("opted out but for exceptions", [_consent("IDSCL", policyRule=coded("OPTOUTE", "urn:x"))], None, None),
    ("opted out, with a provision", [_consent("IDSCL", policyRule=coded("OPTOUT", "urn:x"), provision={"type": "permit"})], None, None),
]


@pytest.mark.parametrize(("why", "consents", "direct", "community"), CONSENT, ids=[row[0] for row in CONSENT])
def test_consent(why: str, consents: list[dict[str, Any]], direct: bool | None, community: bool | None) -> None:
    consent = read(request(), *consents)[0].consent
    assert (consent.direct_care, consent.share_with_community) == (direct, community)


@pytest.mark.parametrize(
    ("resource", "unclear"),
    [
        ({"resourceType": "Observation", "status": "final", "code": coded("871711000000103")}, True),
        ({"resourceType": "Condition", "code": coded("871711000000103")}, True),
        ({"resourceType": "Condition", "code": coded("871711000000103"), "verificationStatus": coded("refuted", "urn:x")}, False),
        ({"resourceType": "Observation", "status": "final", "code": coded("871691000000100")}, False),  # offered
    ],
)
def test_social_prescribing_declined_in_codes_makes_the_consent_unclear(resource: dict[str, Any], unclear: bool) -> None:
    assert read(request(), resource)[0].consent.unclear is unclear


def test_a_request_for_what_was_declined_names_no_service() -> None:
    referral, _ = read(request(code=coded("871711000000103", display="Social prescribing declined")))
    assert (referral.service.state, referral.consent.unclear) == ("unstated", True)


def test_a_clinic_named_in_what_was_left_out_is_named_all_the_same() -> None:
    asked = request(code=coded("422650009"))
    clinic = {"resourceType": "Encounter", "status": "finished", "serviceType": coded("x", "urn:x", "Cardiology")}
    sent = {"resourceType": "Bundle", "entry": [{"resource": one} for one in (asked, patient(), clinic)]}
    bundle = message(b"x", "test", "referral.received.v1", [(None, asked), (None, patient())], focus="ServiceRequest")
    with pytest.raises(Rejected) as refused:
        read_referral(bundle, "other", Profile(), RECEIVED_AT, sent)
    assert [issue.at for issue in refused.value.issues] == ["Encounter.serviceType.coding[0]"]


BARS = "https://fhir.nhs.uk/CodeSystem/"


def _flag(category: str, code: dict[str, Any], **changed: Any) -> dict[str, Any]:
    return {
        "resourceType": "Flag",
        "status": "active",
        "category": [coded(category, f"{BARS}flag-categories-bars")],
        "code": code,
        **changed,
    }


FLAGS = [
    ("a known code", [_flag("SG", coded("766561000000109"))], ["safeguarding"], 0),
    ("a code that says there is nothing", [_flag("SG", coded("861931000000100"))], [], 0),
    ("an unknown code: the category counts, and a warning", [_flag("SG", coded("104586100000100"))], ["safeguarding"], 1),
    ("in words of its own: a warning, for nobody read them", [_flag("ZZ", {"text": "Dog at home, visit in pairs"})], [], 1),
    ("in words under a known category", [_flag("SS", {"text": "Dog at home"})], ["scene-safety"], 0),
    ("no longer in force", [_flag("SG", coded("766561000000109"), status="inactive")], [], 0),
    ("risk coded as a finding", [{"resourceType": "Condition", "code": coded("6471006")}], ["self-harm"], 0),
    (
        "a finding that was refuted",
        [{"resourceType": "Condition", "code": coded("6471006"), "verificationStatus": coded("refuted")}],
        [],
        0,
    ),
]


@pytest.mark.parametrize(("why", "others", "flags", "unknown"), FLAGS, ids=[row[0] for row in FLAGS])
def test_flags(why: str, others: list[dict[str, Any]], flags: list[str], unknown: int) -> None:
    referral, warnings = read(request(), *others)
    assert list(referral.flags) == flags
    assert sum(issue.at.startswith("Flag") for issue in warnings) == unknown


def test_a_security_label_on_the_patient_is_a_sensitive_address() -> None:
    label = {"security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"}]}
    assert list(read(request(contained=[patient(meta=label)]))[0].flags) == ["sensitive-address"]


def test_who_refers_is_read_through_role_and_organisation() -> None:
    role = {"resourceType": "PractitionerRole", "id": "r", "practitioner": {"reference": "#d"}, "organization": {"reference": "#o"}}
    doctor = {"resourceType": "Practitioner", "id": "d", "name": [{"prefix": ["Dr"], "given": ["Prawf"], "family": "Meddyg"}]}
    practice = {
        "resourceType": "Organization",
        "id": "o",
        "identifier": [{"system": "https://fhir.nhs.uk/Id/ods-organization-code", "value": "W95295"}],
    }
    referrer = read(request(requester={"reference": "#r"}, contained=[patient(), role, doctor, practice]))[0].referrer
    assert (referrer.ods, referrer.name) == ("W95295", "Dr Prawf Meddyg")
    logical = {"identifier": {"system": "https://fhir.nhs.uk/Id/ods-organization-code", "value": "W95295"}}
    assert read(request(requester=logical))[0].referrer.ods == "W95295"


def test_times() -> None:
    assert read(request(authoredOn="2026-03-04T00:00:00Z"))[1][0].reason is Reason.DATE_FUTURE
    impossible, warnings = read(request(authoredOn="2026-02-30"))
    assert (impossible.authored_on, [issue.reason for issue in warnings]) == (None, [Reason.DATE_IMPOSSIBLE])
    _, untimed = read_referral(bundle_of(request(authoredOn="2096-03-04")), "gp", Profile())
    assert [issue.reason for issue in untimed] == [Reason.TIME_NOT_GIVEN]


def test_a_message_without_a_request_is_no_referral() -> None:
    with pytest.raises(Rejected) as refused:
        read_referral(bundle_of(patient()), "gp", Profile())
    assert refused.value.reason is Reason.NO_REFERRAL


def _places(node: Any, where: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    for key, value in node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ():
        yield (*where, key)
        yield from _places(value, (*where, key))


@pytest.mark.parametrize("odd", [None, 5, True, "", "x", [], {}, [None], [[]], [5], {"x": []}, {"coding": 5}, {"reference": []}], ids=repr)
def test_whatever_stands_wherever_the_reader_gives_a_referral_or_a_refusal(odd: Any) -> None:
    consent, flag = _consent("DRC", provision={"type": "permit"}), _flag("SG", coded("766561000000109"))
    sent = request(
        note=[{"text": "x"}],
        reasonCode=[coded("422650009")],
        extension=_from("GP"),
        requester={"reference": "#p"},
        performer=[{"reference": "#p"}],
        contained=[
            patient(
                address=[{"line": ["x"], "postalCode": "SA1 1AA"}],
                telecom=[{"system": "phone", "value": "x"}],
                communication=[{"language": coded("cy")}],
                meta={"security": [{"code": "R"}]},
            )
        ],
    )
    whole = bundle_of(sent, consent, flag, {"resourceType": "QuestionnaireResponse", "item": [{"answer": [{"valueString": "x"}]}]})
    for place in _places(whole):
        made = copy.deepcopy(whole)
        node: Any = made
        for part in place[:-1]:
            node = node[part]
        node[place[-1]] = odd
        try:
            read_referral(made, "gp", Profile(), RECEIVED_AT)
        except Rejected:
            continue


def test_a_profile_refuses_a_key_that_it_does_not_know() -> None:
    assert Profile.model_validate({"channel": "housing", "triggers": ["SP"]}).channel == "housing"
    with pytest.raises(ValueError, match="chanel"):
        Profile.model_validate({"chanel": "housing"})


OTHER_SERVICES = [
    ("a Welsh specialty code", {"orderDetail": [coded("320", "dhcw/SPEC")]}, ()),
    ("a specialty beside the code", {"category": [coded("410", "https://example.wales/specialty")]}, ()),
    (
        "the performer's specialty",
        {"performer": [{"reference": "#r"}]},
        ({"resourceType": "PractitionerRole", "id": "r", "specialty": [coded("320")]},),
    ),
    ("the service's specialty", {}, ({"resourceType": "HealthcareService", "specialty": [{"text": "Cardiology"}]},)),
]


@pytest.mark.parametrize(("why", "changed", "others"), OTHER_SERVICES, ids=[row[0] for row in OTHER_SERVICES])
def test_a_specialty_that_is_not_ours_is_refused_wherever_it_is_named(
    why: str, changed: dict[str, Any], others: tuple[dict[str, Any], ...]
) -> None:
    with pytest.raises(Rejected) as refused:
        read(request(code=None, contained=[patient(), *others], **changed))
    assert refused.value.reason is Reason.WRONG_SERVICE


def test_what_the_service_is_wins_over_a_specialty_that_comes_later() -> None:
    assert read(request(orderDetail=[coded("320", "dhcw/SPEC")]))[0].service.state == "social-prescribing"


def test_messages_and_observations_are_narrative_too_and_contact_preferences_are_read() -> None:
    said = {"resourceType": "Communication", "payload": [{"contentString": "un"}]}
    found = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}, "valueString": "dau"}
    preference = {
        "url": "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-ContactPreference",
        "extension": [{"url": "PreferredContactMethod", "valueCodeableConcept": coded("9")}],
    }
    interpreter = {"url": "http://hl7.org/fhir/StructureDefinition/patient-interpreterRequired", "valueBoolean": True}
    referral, _ = read(request(contained=[patient(extension=[preference, interpreter], gender="female")]), said, found)
    assert referral.narrative == ("un", "dau")
    assert referral.person.contact_preferences == ("9",)
    assert referral.person.interpreter_required is True
    assert referral.person.gender == "female"


def test_the_performer_that_is_named_is_kept_for_matching() -> None:
    service = {"identifier": {"system": "https://fhir.nhs.uk/Id/dos-service-id", "value": "9900000001"}}
    assert read(request(performer=[service, service]))[0].requested == ("9900000001",)
