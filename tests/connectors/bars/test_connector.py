"""BaRS at the door: what the headers must say, what each pair of reason and status means, what is refused and what only warned about."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.bars.connector import identify, translate
from connectors.bars.systems import NHS
from schemas.events import FactType
from schemas.messages import Target
from schemas.profile import Profile
from schemas.rejection import Reason, Rejected
from tests.connectors.bars.making import FIXTURES, JOURNEY, REQUEST, WALES, bundle, encoded, message, resource

# --- headers ----------------------------------------------------------------------------------------------------------------------------


def test_the_request_id_is_the_key_since_messages_of_one_journey_may_share_a_bundle_id() -> None:
    key = identify(message(bundle(), x_request_id=REQUEST.upper()))
    assert (key.key, key.journey) == (REQUEST, JOURNEY)
    assert identify(message(bundle("cancel"), x_request_id=JOURNEY)).key != key.key


TARGET = {"value": "9900000001", "system": "https://fhir.nhs.uk/Id/dos-service-id"}
GOOD = {
    "padded": {"nhsd_target_identifier": encoded(TARGET)},
    "not padded": {"nhsd_target_identifier": encoded(TARGET, padded=False)},
    "white space in the JSON": {"nhsd_target_identifier": encoded(TARGET, indent=4)},
    "white space in the base64": {"nhsd_target_identifier": " " + encoded(TARGET)[:20] + "\t" + encoded(TARGET)[20:]},
    "the URL alphabet": {"nhsd_requesting_software": encoded({"resourceType": "Device", "note": [{"text": "ŵ?>~"}]}).replace("+", "-").replace("/", "_")},
    "no practitioner": {"nhsd_requesting_practitioner": None},
    "a practitioner instead of a role": {"nhsd_requesting_practitioner": encoded({"resourceType": "Practitioner"})},
    "no Accept": {"accept": None},
    "any version": {"accept": "application/fhir+json"},
    "version 1": {"accept": "application/fhir+json; version=1"},
    "version 1.0.5": {"accept": "application/fhir+json; version=1.0.5"},
    "one version of two": {"accept": "application/fhir+json;version=3.0.0, application/fhir+json;version=1.4.0"},
    "no use-context": {"use_context": None},
    "a use-context that nobody knows": {"use_context": "x|y"},
}


@pytest.mark.parametrize("name", GOOD)
def test_a_sound_header_in_any_of_its_forms_is_taken(name: str) -> None:
    assert identify(message(bundle(), **GOOD[name])).key == REQUEST


BAD = {
    "no request id": ({"x_request_id": None}, "X-Request-Id", Reason.REQUIRED),
    "an empty request id": ({"x_request_id": " "}, "X-Request-Id", Reason.REQUIRED),
    "two request ids": ({"x_request_id": f"{REQUEST}, {JOURNEY}"}, "X-Request-Id", Reason.INVALID),
    "a request id of 10 kB": ({"x_request_id": "a" * 10_240}, "X-Request-Id", Reason.INVALID),
    "no journey": ({"x_correlation_id": None}, "X-Correlation-Id", Reason.REQUIRED),
    "no target": ({"nhsd_target_identifier": None}, "NHSD-Target-Identifier", Reason.REQUIRED),
    "no organisation": ({"nhsd_end_user_organisation": ""}, "NHSD-End-User-Organisation", Reason.REQUIRED),
    "no software": ({"nhsd_requesting_software": None}, "NHSD-Requesting-Software", Reason.REQUIRED),
    "no base64": ({"nhsd_target_identifier": '{"value": "1"}'}, "NHSD-Target-Identifier", Reason.INVALID),
    "one letter of base64": ({"nhsd_target_identifier": "e"}, "NHSD-Target-Identifier", Reason.INVALID),
    "padding alone": ({"nhsd_target_identifier": "===="}, "NHSD-Target-Identifier", Reason.INVALID),
    "base64 of no JSON": ({"nhsd_target_identifier": "bm90IEpTT04="}, "NHSD-Target-Identifier", Reason.INVALID),
    "base64 of a list": ({"nhsd_requesting_software": encoded(["Device"])}, "NHSD-Requesting-Software", Reason.INVALID),
    "a target without a system": ({"nhsd_target_identifier": encoded({"value": "1"})}, "NHSD-Target-Identifier", Reason.INVALID),
    "another resource": ({"nhsd_requesting_software": encoded({"resourceType": "Patient"})}, "NHSD-Requesting-Software", Reason.INVALID),
    "an organisation of no code": ({"nhsd_end_user_organisation": encoded({"resourceType": "Organization"})}, "NHSD-End-User-Organisation", Reason.INVALID),
    "deep JSON": ({"nhsd_requesting_software": "eyJhIjo" * 900}, "NHSD-Requesting-Software", Reason.INVALID),
    "a wrong practitioner": ({"nhsd_requesting_practitioner": "%%%"}, "NHSD-Requesting-Practitioner", Reason.INVALID),
    "version 2": ({"accept": "application/fhir+json; version=2.0.0"}, "Accept", Reason.NOT_ACCEPTABLE),
    "XML, version 9": ({"accept": "application/xml; version=9"}, "Accept", Reason.NOT_ACCEPTABLE),
    "no content type": ({"content_type": None}, "Content-Type", Reason.UNSUPPORTED_MEDIA),
    "XML sent": ({"content_type": "application/fhir+xml"}, "Content-Type", Reason.UNSUPPORTED_MEDIA),
}


@pytest.mark.parametrize("name", BAD)
def test_a_wrong_header_is_named(name: str) -> None:
    headers, at, reason = BAD[name]
    with pytest.raises(Rejected) as refused:
        identify(message(bundle(), **headers))
    assert {(one.at, one.reason) for one in refused.value.issues} == {(at, reason)}


def test_every_fault_of_the_headers_is_said_at_once() -> None:
    with pytest.raises(Rejected) as refused:
        identify(message(bundle(), WALES, **dict.fromkeys(("x_request_id", "x_correlation_id", "nhsd_target_identifier", "content_type"))))
    assert {one.at for one in refused.value.issues} == {"X-Request-Id", "X-Correlation-Id", "NHSD-Target-Identifier", "Content-Type", "use-context"}


def test_a_use_context_is_asked_of_the_welsh_service_alone() -> None:
    assert identify(message(bundle(), WALES, use_context="a5t1|referral|servicerequest-request|new")).key == REQUEST
    with pytest.raises(Rejected):
        identify(message(bundle(), WALES))


# --- what the message is for ------------------------------------------------------------------------------------------------------------

PAIRS = {
    ("new", "active"): FactType.RECEIVED,
    ("update", "active"): FactType.UPDATED,
    ("update", "revoked"): FactType.CANCEL_REQUESTED,
    ("update", "entered-in-error"): FactType.ENTERED_IN_ERROR,
    ("delete", "entered-in-error"): FactType.ENTERED_IN_ERROR,
}
STATUSES = ("active", "revoked", "entered-in-error", "draft", "on-hold", "completed", "unknown")


@pytest.mark.parametrize("profile", [Profile(), WALES], ids=["England", "Wales"])
@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("reason", ["new", "update", "delete"])
def test_reason_and_status_together_say_what_it_is_for_and_any_other_pair_is_refused(reason: str, status: str, profile: Profile) -> None:
    body = bundle()
    resource(body, "MessageHeader")["reason"]["coding"][0]["code"] = reason
    resource(body, "ServiceRequest")["status"] = status
    wanted = PAIRS.get((reason, status))
    if wanted is None:
        with pytest.raises(Rejected) as refused:
            translate(message(body, profile))
        assert refused.value.issues[0].at == "Bundle.entry[0].resource.reason"
        return
    fact = translate(message(body, profile)).facts[0]
    assert fact.type is wanted
    assert (fact.referral is not None) is (wanted in (FactType.RECEIVED, FactType.UPDATED))
    assert fact.about.correlation == JOURNEY
    assert [one.value for one in fact.about.identifiers] == ["SP-2026-0042"]


def test_the_focus_of_the_hubs_message_is_the_senders_request_as_it_was_sent() -> None:
    body = bundle()
    fact = translate(message(body)).facts[0]
    ours, *theirs = fact.bundle["entry"]
    assert ours["resource"]["focus"] == [{"reference": body["entry"][1]["fullUrl"]}]
    assert theirs == body["entry"][1:], "every resource but the sender's header, unchanged and in order"


def test_a_referral_is_named_by_the_hubs_own_address_or_else_found_by_its_journey() -> None:
    named, other = bundle("cancel_by_our_own_address"), bundle("cancel")
    assert translate(message(named)).facts[0].target == Target("11111111-2222-4333-8444-555555555555", 3)
    assert translate(message(other)).facts[0].target is None
    for base in ("FHIR/R4", "fhir", "api/fhir"):
        other["entry"][1]["fullUrl"] = f"https://sender.example.wales/{base}/ServiceRequest/11111111-2222-4333-8444-555555555555"
        assert translate(message(other)).facts[0].target is None, "an address of the sender's own is none of ours"


def _with_another_person(**named: Any) -> dict[str, Any]:  # Any: FHIR JSON
    """The published message with a second Patient, who permits sharing, and a Condition of theirs; `named` replaces how these say whose they are."""
    body, other = bundle(), "urn:uuid:aaaaaaaa-2222-4333-8444-555555555555"
    whose = named or {"reference": other}
    body["entry"] += [
        {"fullUrl": other, "resource": {"resourceType": "Patient", "identifier": [{"system": f"{NHS}/Id/nhs-number", "value": "9990000026"}]}},
        {"resource": {"resourceType": "Condition", "code": {"text": "Gwdihw"}, "subject": whose}},
        {
            "resource": {
                "resourceType": "Consent", "status": "active", "patient": whose, "provision": {"type": "permit"}, "policyRule": {"coding": [{"code": "OPTIN"}]},
                "scope": {"coding": [{"code": "patient-privacy"}]}, "category": [{"coding": [{"code": "IDSCL"}]}],
            }
        },
    ]  # fmt: skip
    return body


@pytest.mark.parametrize("named", [{}, {"identifier": {"system": "https://fhir.nhs.uk/Id/nhs-number", "value": "999 000 0026"}}])
def test_what_is_about_another_person_goes_no_further(named: dict[str, Any]) -> None:
    alone, both = translate(message(bundle())), translate(message(_with_another_person(**named)))
    before, after = alone.facts[0], both.facts[0]
    assert (after.referral, after.bundle["entry"][1:]) == (before.referral, before.bundle["entry"][1:])
    assert [one.at for one in both.warnings if one.detail == "fhir.of-another"] == [f"Bundle.entry[{len(bundle()['entry']) + at}].resource" for at in range(3)]


def test_the_same_person_twice_is_one_person() -> None:
    body = bundle()
    again = {"fullUrl": "urn:uuid:aaaaaaaa-2222-4333-8444-555555555555", "resource": {**resource(body, "Patient"), "id": "again"}}
    body["entry"].append(again)
    assert again in translate(message(body)).facts[0].bundle["entry"]


def test_a_cancellation_needs_no_more_than_the_published_five_resources() -> None:
    fact = translate(message(bundle("cancel_in_the_published_welsh_form"), WALES)).facts[0]
    assert fact.type is FactType.CANCEL_REQUESTED
    assert [entry["resource"]["resourceType"] for entry in fact.bundle["entry"]] == [
        "MessageHeader", "ServiceRequest", "Patient", "Organization", "Organization",
    ]  # fmt: skip


# --- refused, and why -------------------------------------------------------------------------------------------------------------------

REFUSED: dict[str, Reason] = {
    "validation_request": Reason.UNSUPPORTED_TYPE,
    "booking_request": Reason.UNSUPPORTED_TYPE,
    "response_to_nothing_of_ours": Reason.UNSUPPORTED_TYPE,
    "event_unknown": Reason.UNSUPPORTED_TYPE,
    "request_that_answers_nothing_of_ours": Reason.NOT_FOUND,
    "version_2": Reason.UNSUPPORTED_VERSION,
    "collection": Reason.INVALID,
    "operation_outcome": Reason.UNSUPPORTED_TYPE,
    "no_request": Reason.NO_REFERRAL,
    "two_requests": Reason.UNSUPPORTED_BATCH,
    "too_many_entries": Reason.TOO_LARGE,
    "reference_to_nothing": Reason.UNRESOLVED_REFERENCE,
    "reference_to_itself": Reason.UNRESOLVED_REFERENCE,
    "unknown_modifier_extension": Reason.UNKNOWN_MODIFIER,
    "nobody_is_named": Reason.NO_IDENTITY,
    "use_case_of_another_service": Reason.WRONG_SERVICE,
    "wales_specialty_of_a_clinic": Reason.WRONG_SERVICE,
    "duplicate_key": Reason.DUPLICATE_KEY,
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_taken_is_refused_for_its_own_reason(name: str) -> None:
    with pytest.raises(Rejected) as refused:
        translate(message((FIXTURES / f"{name}.json").read_bytes()))
    assert refused.value.reason is REFUSED[name]


@pytest.mark.parametrize("name", ["validation_request", "booking_request", "response_to_nothing_of_ours", "event_unknown"])
def test_what_is_supported_is_named_when_something_else_came(name: str) -> None:
    with pytest.raises(Rejected) as refused:
        translate(message(bundle(name)))
    assert "referral" in refused.value.issues[0].text.en


def test_faults_of_frame_structure_and_meaning_are_said_together() -> None:
    with pytest.raises(Rejected) as refused:
        translate(message(bundle("wrong_in_several_places")))
    assert {one.at for one in refused.value.issues} == {"Bundle.meta.versionId", "ServiceRequest.intent", "ServiceRequest.subject"}


# --- kept, with a warning ---------------------------------------------------------------------------------------------------------------


def _warned(body: dict[str, Any]) -> set[str]:  # Any: FHIR JSON
    return {one.at for one in translate(message(body)).warnings}


def test_a_system_in_another_spelling_is_read_and_warned_about() -> None:
    found = translate(message(bundle("systems_spelt_otherwise")))
    referral = found.facts[0].referral
    assert referral is not None
    assert referral.person.nhs_number == "9990000018"
    assert referral.referrer.ods == "W99998"
    assert sum(one.detail == "bars.system" for one in found.warnings) == 6


def test_ids_versions_and_category_codes_that_real_senders_leave_out_or_invent_are_warnings() -> None:
    assert _warned(bundle("without_bundle_id_version_and_time")) >= {"Bundle.id", "Bundle.timestamp", "Bundle.meta.versionId"}
    assert len([one for one in _warned(bundle("category_codes_local")) if ".category[0].coding[" in one]) == 2


def test_an_address_that_is_no_directory_id_is_normal_in_wales() -> None:
    body = bundle()
    resource(body, "MessageHeader")["source"]["endpoint"] = "https://ereferrals.example.wales"
    assert _warned(body) == set()


# --- Wales ------------------------------------------------------------------------------------------------------------------------------


def test_a_welsh_message_says_who_refers_by_its_members_and_how_soon_by_its_letter() -> None:
    referral = translate(message(bundle("wales_urgent_by_its_letter"), WALES)).facts[0].referral
    assert referral is not None
    assert (referral.referrer.ods, referral.priority, referral.source.value) == ("W99998", "urgent", "gp")


def test_local_systems_in_order_detail_stay_in_the_bundle_though_the_request_has_no_code() -> None:
    body = bundle("wales_new")
    sent = resource(body, "ServiceRequest")
    del sent["code"]
    sent["note"] = [{"text": "Please refer to the link worker."}]
    kept = resource(translate(message(body, WALES)).facts[0].bundle, "ServiceRequest")
    assert kept["orderDetail"] == sent["orderDetail"]


def test_a_need_beside_a_local_specialty_sends_nobody_past_the_clinic_that_was_meant() -> None:
    body = bundle("wales_specialty_of_a_clinic")
    resource(body, "ServiceRequest")["reasonCode"] = [{"coding": [{"system": "http://snomed.info/sct", "code": "422650009"}]}]
    with pytest.raises(Rejected) as refused:
        translate(message(body, WALES))
    assert refused.value.reason is Reason.WRONG_SERVICE
    agreed = translate(message(body, Profile(dialect=("wales",), service="social-prescribing")))
    assert agreed.facts[0].type is FactType.RECEIVED
