"""What real senders write otherwise than the standard's examples, and what a link worker needs of it."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.hospital_hl7v2 import connector
from schemas.events import FactType
from schemas.identifiers import NhsNumberStatus
from schemas.messages import Translation
from schemas.referral import Referral
from schemas.rejection import Reason, Rejected
from tests.connectors.hospital_hl7v2.test_awkward import AGREED, PID, RF1, adt, inbound, letter, lines, pid, pv1

JsonObject = dict[str, Any]  # Any: FHIR JSON


def read(body: bytes) -> Translation:
    return connector.translate(inbound(body))


def referral_of(body: bytes) -> Referral:
    found = read(body).facts[0].referral
    assert found is not None
    return found


def resource(body: bytes, kind: str) -> JsonObject:
    """The first resource of a type in the first fact's bundle."""
    entries = read(body).facts[0].bundle["entry"]
    return next((one["resource"] for one in entries if one["resource"]["resourceType"] == kind), {})


def warned(body: bytes) -> set[tuple[Reason, str]]:
    return {(issue.reason, issue.at) for issue in read(body).warnings}


# --- how soon ---------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "priority"),
    [
        ("R^Routine", "routine"),
        ("U^Urgent", "urgent"),  # table 0280 is each site's own: British ones write U
        ("U", "urgent"),
        ("2^Urgent", "urgent"),  # PRIORITY TYPE CODE of the NHS data dictionary
        ("1^Routine", "routine"),
        ("URG^Urgent", "urgent"),
        ("brys", "urgent"),
        ("P2^Urgent", "urgent"),  # a code of their own that says what it means
        ("X^Arferol", "routine"),
        ("R^Urgent", "routine"),  # the code wins
        ("S^Soon", "asap"),  # to British senders S is no "stat"
        ("S^Stat", "stat"),
    ],
)
def test_a_priority_is_read_as_british_senders_write_it(code: str, priority: str) -> None:
    body = lines(f"RF1|P|{code}|SP^Social prescribing|||R1|20260301", PID)
    assert referral_of(body).priority == priority
    assert (Reason.CODE_UNKNOWN, "RF1[1]-2") not in warned(body)


@pytest.mark.parametrize("code", ["X", "U^Unknown", "2^Two week wait suspected", "3^Urgent?"])
def test_a_priority_that_says_nothing_known_or_two_things_is_said_to_be_unknown(code: str) -> None:
    body = lines(f"RF1|P|{code}|SP^Social prescribing|||R1|20260301", PID)
    assert (Reason.CODE_UNKNOWN, "RF1[1]-2") in warned(body)


# --- who --------------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "number",
    [
        *("9990000018^^^NHS Number", "9990000018^^^NHS_NUMBER", "9990000018^^^NHSNBR^MR", "9990000018^^^^NHSNMBR"),
        *("9990000018^^^GBR^NNGBR", "999 000 0018^^^nhs number^NH"),
    ],
)
def test_an_nhs_number_is_known_by_every_name_that_senders_give_it(number: str) -> None:
    assert referral_of(lines(RF1, pid(f3=f"{number}~123^^^7A3^PI"))).person.nhs_number == "9990000018"


@pytest.mark.parametrize("field", ["f2", "f4"])
def test_an_nhs_number_in_the_fields_of_older_versions_is_read_where_it_is_named(field: str) -> None:
    fields = {"f3": "123456^^^7A3^PI", field: "9990000018^^^NHS^NH"}
    assert referral_of(lines(RF1, pid(**fields))).person.nhs_number == "9990000018"
    moved = read(adt("A01", pid(**fields), pv1(f2="I"))).facts[0]
    assert [one.value for one in moved.about.identifiers] == ["123456", "9990000018"]


@pytest.mark.parametrize("field", ["f2", "f4"])
def test_another_nhs_number_in_the_fields_of_older_versions_is_a_conflict(field: str) -> None:
    person = referral_of(lines(RF1, pid(**{field: "9434765919^^^NHS^NH"}))).person
    assert (person.nhs_number, person.nhs_number_status) == (None, NhsNumberStatus.CONFLICTING)


def test_a_number_without_a_name_in_those_fields_is_nobodys_guess() -> None:
    person = referral_of(lines(RF1, pid(f2="9434765919", f4="9434765919^^^7A3"))).person
    assert person.nhs_number == "9990000018"


def test_an_nhs_number_that_stands_where_american_senders_write_theirs_is_said_and_not_read() -> None:
    body = lines(RF1, pid(f3="123456^^^7A3^PI", f19="9990000018"))
    assert referral_of(body).person.nhs_number is None
    assert (Reason.FIELD_SHIFTED, "PID[1]-19") in warned(body)


@pytest.mark.parametrize(("said", "gender"), [("Male", "male"), ("FEMALE", "female"), ("Benyw", "female"), ("I", None), ("X", None)])
def test_a_sex_in_words_is_read(said: str, gender: str | None) -> None:
    assert resource(lines(RF1, pid(f8=said)), "Patient").get("gender") == gender


@pytest.mark.parametrize(("said", "code"), [("W", "cy"), ("w^Welsh^PAS", "cy"), ("E", "en"), ("BSL", "bfi"), ("CYM", "cy"), ("wel", "cy")])
def test_a_language_is_read_as_welsh_systems_write_it(said: str, code: str) -> None:
    assert referral_of(lines(RF1, pid(f15=said))).person.language_spoken == code


def test_a_message_that_names_nobody_hears_which_fields_could_not_be_read() -> None:
    with pytest.raises(Rejected) as refused:
        read(lines(RF1, pid(f3="12345^^^NHS^NH", f7="19500230", f11="")))
    assert [one.at for one in refused.value.issues] == ["PID[1]", "PID[1]-3[1]", "PID[1]-7"]
    with pytest.raises(Rejected) as refused:
        read(adt("A08", pid(f3="", f7="01/02/1950", f11="")))
    assert [one.at for one in refused.value.issues] == ["PID[1]-3", "PID[1]-7"]


# --- where ------------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("left", "postcode"),
    [
        ("2 HEN STRYD^^ABERTAWE^^SA2 8AA^^H^^^^^20010101&20200101", "CF10 1AA"),  # XAD-12: from and to
        ("2 HEN STRYD^^ABERTAWE^^SA2 8AA^^H^^^^^^20010101^20200101", "CF10 1AA"),  # XAD-13 and 14
        ("2 HEN STRYD^^ABERTAWE^^SA2 8AA^^H^^^^^20010101&20300101", "SA2 8AA"),  # still lived at
        ("2 HEN STRYD^^ABERTAWE^^SA2 8AA^^H^^^^^20010101", "SA2 8AA"),
        ("2 HEN STRYD^^ABERTAWE^^SA2 8AA^^BDL", "CF10 1AA"),  # where somebody was born
        ("2 HEN STRYD^^ABERTAWE^^SA2 8AA^^BA", "CF10 1AA"),
    ],
)
def test_an_address_that_was_left_is_not_where_somebody_lives(left: str, postcode: str) -> None:
    assert referral_of(lines(RF1, pid(f11=f"{left}~5 STRYD NEWYDD^^CAERDYDD^^CF10 1AA^^H^^^^^20200101"))).person.postcode == postcode


def test_an_address_under_protection_is_a_sensitive_one() -> None:
    assert referral_of(lines(RF1, PID, "PD1||||||||||||Y")).flags == ("sensitive-address",)
    assert referral_of(lines(RF1, PID, "PD1||||||||||||N")).flags == ()


# --- how to reach them, and whoever asks ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "number"),
    [
        ("^PRN^CP^^44^7700^900003", "+447700900003"),  # without its country code nobody could ring it
        ("^PRN^CP^^+44^07700^900003", "07700900003"),
        ("^PRN^PH^^^01792^000001", "01792000001"),
        ("^PRN^PH^^44^^1792000001", "+441792000001"),
        ("^PRN^PH^^^01792^000001^204", "01792000001 ext 204"),
        ("01792 000000^PRN^PH^^44^1792^000000", "01792 000000"),
    ],
)
def test_a_telephone_number_in_parts_can_be_rung(said: str, number: str) -> None:
    assert [one["value"] for one in resource(lines(RF1, pid(f13=said)), "Patient")["telecom"]] == [number]


def test_whoever_refers_can_be_reached() -> None:
    prd = "PRD|RP|Prawf^Sian^^^Dr||^^^7A3C7|01792 000002^WPN^PH~^NET^Internet^ward5@example.org||C1234567^GMC"
    assert resource(lines(RF1, prd, PID), "PractitionerRole")["telecom"] == [
        {"system": "phone", "value": "01792 000002", "use": "work"},
        {"system": "email", "value": "ward5@example.org"},
    ]


def test_a_contact_of_whoever_refers_stands_in_where_they_give_no_number() -> None:
    body = lines(RF1, "PRD|RP|Prawf^Sian", "CTD|PR|Prawf^Gwen|||01792 000003^WPN^PH", PID)
    assert resource(body, "PractitionerRole")["telecom"] == [{"system": "phone", "value": "01792 000003", "use": "work"}]
    of_another = lines(RF1, "PRD|RP|Prawf^Sian", "PRD|RT|Link Worker", "CTD|PR|Prawf^Gwen|||01792 000003^WPN^PH", PID)
    assert "telecom" not in resource(of_another, "PractitionerRole")


@pytest.mark.parametrize(
    ("prd", "ods", "name"),
    [
        ("PRD|RP|PRAWF^ASHA|1 STRYD FAWR^^CAERDYDD^^CF10 1AA|7A4BV^^^UHW", "7A4BV", "UHW"),  # a site's code as point of care; a street is no name
        ("PRD|RP|PRAWF^ASHA||W95295", "W95295", None),
        ("PRD|RP|PRAWF^ASHA||||PH|7A3C7^ODS~C1234567^GMC", "7A3C7", None),
        ("PRD|RP|PRAWF^ASHA||Ward 5^^^^^^^^Ysbyty Prawf", None, "Ysbyty Prawf"),
        ("PRD|RP|PRAWF^ASHA||WARD5", None, "WARD5"),  # no code, though it has the letters of one
    ],
)
def test_the_organisation_of_whoever_refers_is_its_own_and_not_its_street(prd: str, ods: str | None, name: str | None) -> None:
    organization = resource(lines(RF1, prd, PID), "Organization")
    assert [one["value"] for one in organization.get("identifier", [])] == ([ods] if ods else [])
    assert organization.get("name") == name


@pytest.mark.parametrize("field", [5, 9])
def test_the_writer_of_a_letter_refers(field: int) -> None:
    txa = ["TXA", "1", "CN", "TX", "20260301", *[""] * 5]
    txa[field] = "C1234567^PRAWF^Sian^^^Dr"
    found = referral_of(letter("|".join([*txa, "", "", "D1"]), "OBX|1|TX|L||Social prescribing, please."))
    assert found.referrer.name == "Dr Sian PRAWF"


# --- codes ------------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("named", "system"),
    [
        ("SCT", "http://snomed.info/sct"),
        ("SNOMED CT", "http://snomed.info/sct"),
        ("SNOMED-CT-UK", "http://snomed.info/sct"),
        ("snomedct_uk", "http://snomed.info/sct"),
        ("2.16.840.1.113883.6.96", "http://snomed.info/sct"),
        ("http://snomed.info/sct", "http://snomed.info/sct"),
        ("ICD-10", "http://hl7.org/fhir/sid/icd-10"),
        ("2.16.840.1.113883.6.3", "http://hl7.org/fhir/sid/icd-10"),
        ("https://example.org/CodeSystem/need", "https://example.org/CodeSystem/need"),
        ("WPAS", "urn:hl7v2:7A3:-:WPAS"),
    ],
)
def test_a_code_system_is_known_by_every_name_that_senders_give_it(named: str, system: str) -> None:
    assert referral_of(lines(RF1, PID, f"DG1|1||422650009^Social isolation^{named}")).needs[0].system == system


def test_a_code_of_risk_counts_by_whatever_name_its_system_goes() -> None:
    assert referral_of(lines(RF1, PID, "OBX|1|CE|A^Alert||766561000000109^Alert^SNOMED CT")).flags == ("safeguarding",)


# --- how a stay ended -------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "died"),
    [
        ({"f36": "20^Expired"}, True),  # HL7's own table 0112, where 20 is a care home in Wales
        ({"f36": "Deceased"}, True),
        ({"f36": "EXP"}, True),
        ({"f37": "7^Patient died"}, True),
        ({"f37": "7^Died - no post mortem"}, True),  # a no to something else
        ({"f37": "7^Deceased, not for resuscitation"}, True),
        ({"f37": "7^Wedi marw, dim crwner"}, True),
        ({"f37": "7^Passed away"}, True),
        ({"f36": "19^Not deceased"}, False),
        ({"f36": "19^Nid yw wedi marw"}, False),
        ({"f36": "19^Home (wife deceased)"}, False),  # somebody else's
        ({"f36": "29^Temporary: lease expired"}, False),
        ({"f36": "19", "f37": "X^Bu farw"}, True),
        ({"f36": "20^Care home"}, False),
        ({"f36": "19^Home, not expired"}, False),
    ],
)
def test_a_death_in_words_is_a_death(fields: dict[str, str], died: bool) -> None:
    facts = [fact.type for fact in read(adt("A03", PID, pv1(f2="I", **fields))).facts]
    assert (FactType.PERSON_DIED in facts) is died


def test_a_death_in_words_makes_no_offer() -> None:
    body = adt("A03", PID, pv1(f2="I", f36="20^Expired"), "OBX|1|CE|SP||Y", "OBX|2|CE|CONSENT-DIRECT-CARE||Y")
    assert FactType.OFFERED not in [fact.type for fact in read(body).facts]
    assert AGREED.triggers


@pytest.mark.parametrize(
    ("event", "stay", "evn", "period"),
    [
        ("A03", {}, "EVN|A03|20260302090000|||U|20260301143000+0000", {"end": "2026-03-01T14:30:00+00:00"}),  # recorded late
        ("A03", {"f45": "20260228"}, "EVN|A03|20260302|||U|20260301", {"end": "2026-02-28"}),
        ("A01", {}, "EVN|A01|20260302|||U|20260301", {"start": "2026-03-01"}),
        ("A01", {"f44": "20260227"}, "EVN|A01|20260302|||U|20260301", {"start": "2026-02-27"}),
        ("A03", {}, "EVN|A03|20260302", None),  # when it was recorded is not when it happened
        ("A02", {}, "EVN|A02|20260302|||U|20260301", None),
        ("A13", {}, "EVN|A13|20260302|||U|20260301", None),
    ],
)
def test_when_it_happened_is_read_where_the_stay_does_not_say(event: str, stay: dict[str, str], evn: str, period: JsonObject | None) -> None:
    assert resource(adt(event, evn, PID, pv1(f2="I", **stay)), "Encounter").get("period") == period


OBX_CONSENT = "OBX|9|CE|CONSENT-DIRECT-CARE||Y"


@pytest.mark.parametrize(
    ("answer", "offered"),
    [("Yes - agreed", True), ("Yes, verbal", True), ("Y", True), ("No", False), ("Perhaps", False), ("Yes if family agree", False)],
)
def test_a_trigger_is_answered_as_people_write_it(answer: str, offered: bool) -> None:
    found = read(adt("A03", PID, pv1(f2="I", f36="19", f37="1"), f"OBX|1|ST|SP||{answer}", OBX_CONSENT))
    assert (FactType.OFFERED in [fact.type for fact in found.facts]) is offered


@pytest.mark.parametrize(
    ("answer", "status", "is_said"),
    [("Perhaps", "F", True), ("Yes if family agree", "F", True), ("No", "F", False), ("Yes", "D", False), ("", "F", False)],
)
def test_a_trigger_that_is_answered_unclearly_is_said_to_be(answer: str, status: str, is_said: bool) -> None:
    body = adt("A03", PID, pv1(f2="I", f36="19", f37="1"), f"OBX|1|ST|SP||{answer}||||||{status}", OBX_CONSENT)
    assert ((Reason.DISCHARGE_WITHOUT_TRIGGER, "OBX[1]-5") in warned(body)) is is_said


# --- what a note refuses ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("note", "held"),
    [
        ("Patient declined referral to the community.", True),
        ("She refused a social prescribing referral.", True),
        ("He does not want to be referred.", True),
        ("Didn't wish to be referred, but daughter insists", True),
        ("He didn't consent to this.", True),
        ("Doesn’t agree to be contacted", True),
        ("Mae wedi gwrthod cael ei atgyfeirio.", True),
        ("Dyw hi ddim eisiau cael ei hatgyfeirio", True),
        ("Declined referral to physiotherapy.", False),
        ("Declined dementia care package, would like company.", False),
        ("She wants to be referred.", False),
    ],
)
def test_a_note_that_says_that_the_person_does_not_want_it_is_for_a_human(note: str, held: bool) -> None:
    assert referral_of(lines(RF1, PID, f"NTE|1||{note}")).consent.unclear is held


# --- merges -----------------------------------------------------------------------------------------------------------------------------


def test_a_number_that_survives_a_merge_is_not_replaced() -> None:
    body = adt("A40", pid(f3="D1^^^7A3^PI~9990000018^^^NHS^NH"), "MRG|D2^^^7A3^PI~9990000018^^^NHS^NH")
    links = resource(body, "Patient")["link"]
    assert [one["other"]["identifier"]["value"] for one in links] == ["D2"]
