"""What a hospital says of death, of who it is and of a merge is never lost between its fields."""

from __future__ import annotations

import pytest

from connectors.hospital_hl7v2 import connector
from schemas.events import FactType
from schemas.messages import Translation
from schemas.rejection import Reason
from tests.connectors.hospital_hl7v2.test_awkward import PID, RF1, adt, inbound, lines, pid, pv1


def read(body: bytes) -> Translation:
    return connector.translate(inbound(body))


def warned(found: Translation) -> set[tuple[Reason, str]]:
    return {(issue.reason, issue.at) for issue in found.warnings}


# --- death ------------------------------------------------------------------------------------------------------------------------------

DEATHS: list[tuple[str, str, bool | None, bool]] = [
    # PID-29, PID-30, what a referral says, whether an ADT tells a death
    ("20260201", "", True, True),
    ("20260201", "N", True, True),  # a date that exists outweighs the flag
    ("01/02/2026", "", True, True),  # as people write it
    ("20260231", "", True, True),  # a day that does not exist
    ("202602012460", "", True, True),  # an hour that does not exist
    ("01/02/2026", "Y", True, True),
    ("01/02/2026", "N", False, False),  # nothing but noise beside a plain no
    ("", "Y", True, True),
    ("", "1", True, True),
    ("", "TRUE", True, True),
    ("", "Yes", True, True),
    ("", "20260201", True, True),  # the date a field too late
    ("", "0", False, False),
    ("", "FALSE", False, False),
    ("", "Q", True, False),  # a flag nobody knows: a human looks at the referral, and nobody is declared dead
    ("00000000", "", True, False),  # what some systems write for no date: likewise
    ("", "U", None, False),  # not known is nothing said
    ("", "", None, False),
    ('""', '""', None, False),
]


@pytest.mark.parametrize(("when", "flag", "deceased", "_tells"), DEATHS)
def test_a_referral_about_somebody_who_may_have_died_says_so(when: str, flag: str, deceased: bool | None, _tells: bool) -> None:
    referral = read(lines(RF1, pid(f29=when, f30=flag))).facts[0].referral
    assert referral is not None
    assert referral.person.deceased is deceased


@pytest.mark.parametrize(("when", "flag", "_deceased", "tells"), DEATHS)
def test_a_death_is_told_however_its_date_is_written(when: str, flag: str, _deceased: bool | None, tells: bool) -> None:
    found = read(adt("A31", pid(f29=when, f30=flag)))
    assert (FactType.PERSON_DIED in [fact.type for fact in found.facts]) is tells


@pytest.mark.parametrize(("when", "flag", "at"), [("01/02/2026", "", "PID[1]-29"), ("20260231", "N", "PID[1]-29"), ("00000000", "", "PID[1]-29")])
def test_a_death_date_that_cannot_be_read_is_warned_about(when: str, flag: str, at: str) -> None:
    assert (Reason.DATE_IMPOSSIBLE, at) in warned(read(adt("A31", pid(f29=when, f30=flag))))


def test_a_death_flag_that_cannot_be_read_is_warned_about() -> None:
    assert (Reason.CODE_UNKNOWN, "PID[1]-30") in warned(read(adt("A31", pid(f30="Q"))))


@pytest.mark.parametrize(
    ("fields", "died"),
    [
        ({"f36": "79"}, True),
        ({"f37": "79"}, True),
        ({"f36": "19", "f37": "79"}, True),  # the method's place holds the destination
        ({"f36": "4", "f37": "19"}, True),
        ({"f36": "19", "f37": "4"}, True),
        ({"f35": "79", "f36": "4"}, True),
        ({"f35": "79"}, True),  # a field too early
        ({"f38": "79"}, True),  # a field too late
        ({"f35": "4", "f36": "19"}, True),  # method and destination, both a field too early
        ({"f37": "19", "f38": "4"}, True),  # destination and method, both a field too late
        ({"f36": "19", "f37": "1"}, False),
        ({"f38": "4"}, False),  # a diet of that code and nothing else: not clearly shifted
        ({"f36": "19", "f37": "1", "f38": "4"}, False),
        ({}, False),
    ],
)
def test_a_stay_that_ended_in_death_tells_it_wherever_the_code_stands(fields: dict[str, str], died: bool) -> None:
    found = read(adt("A03", PID, pv1(f2="I", **fields)))
    assert (FactType.PERSON_DIED in [fact.type for fact in found.facts]) is died


# --- who it is --------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "written",
    [
        "9990000018^^^NHS^NH",
        "9990000018^^^&2.16.840.1.113883.2.1.4.1&ISO",  # by its OID alone
        "9990000018^^^&2.16.840.1.113883.2.1.4.1&ISO^PI",
        "9990000018^^^2.16.840.1.113883.2.1.4.1",
        "9990000018^^^NHSNMBR^NHSNO",
        "9990000018^^^^NHSNMBR",
        "9990000018^^^X&https://fhir.nhs.uk/Id/nhs-number&URI",
        "9990000018^^^nhs^nh",
    ],
)
def test_an_nhs_number_is_known_by_each_of_its_names(written: str) -> None:
    fact = read(lines(RF1, pid(f3=written))).facts[0]
    assert fact.referral is not None
    assert fact.referral.person.nhs_number == "9990000018"


def test_another_authoritys_number_is_no_nhs_number() -> None:
    fact = read(lines(RF1, pid(f3="9990000018^^^&2.16.840.1.113883.2.1.4.2&ISO^PI"))).facts[0]
    assert fact.referral is not None
    assert fact.referral.person.nhs_number is None


# --- merges -----------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("event", ["A18", "A30", "A34", "A35", "A36", "A39", "A41", "A42", "A46", "A47"])
def test_a_merge_that_is_not_read_is_named(event: str) -> None:
    found = read(adt(event, PID, "MRG|7^^^7A3^PI"))
    assert found.ignored is Reason.NOTHING_FOR_US
    (warning,) = found.warnings
    assert warning.at == "MSH[1]-9.2"
    assert event in warning.text.en
    assert event in warning.text.cy


def test_an_event_that_merges_nobody_is_ignored_without_a_word() -> None:
    assert read(adt("A04", PID)).warnings == ()


@pytest.mark.parametrize(("when", "flag"), [("", "Q"), ("00000000", "")])
def test_nobody_is_offered_anything_who_may_have_died(when: str, flag: str) -> None:
    agreed, consent = "OBX|1|CE|SP||Y", "OBX|2|CE|CONSENT-DIRECT-CARE||Y"
    found = connector.translate(inbound(adt("A03", pid(f29=when, f30=flag), pv1(f36="19"), agreed, consent)))
    assert [fact.type for fact in found.facts] == [FactType.PERSON_MOVED]
    assert (Reason.DISCHARGE_WITHOUT_TRIGGER, "PID[1]-30") in warned(found)
    sure = connector.translate(inbound(adt("A03", PID, pv1(f36="19"), agreed, consent)))
    assert FactType.OFFERED in [fact.type for fact in sure.facts]


# --- fields that stand beside where they belong -------------------------------------------------------------------------------------------

SHIFTED = [
    # segments; where the warning is (None: nothing is shifted)
    ((pid(f11="", f12="1 STRYD^^ABERTAWE^^SA1 1AA"),), "PID[1]-12"),
    ((pid(f10="1 STRYD^^ABERTAWE^^SA1 1AA", f11=""),), "PID[1]-10"),
    ((pid(f7="", f8="19480517"),), "PID[1]-8"),
    ((PID, "DG1|1|422650009^Social isolation^SCT"), "DG1[1]-2"),
    ((PID, "NTE|1|Prefers mornings, and Welsh"), "NTE[1]-2"),
    ((PID, "NTE|1|||Prefers mornings, and Welsh"), "NTE[1]-4"),
    ((PID, "NTE|1|L|Prefers mornings"), None),
    ((PID, "DG1|1|I10|F32^Depressive episode^I10"), None),
    ((pid(f10="2106-3", f11="1 STRYD^^ABERTAWE^^SA1 1AA", f12="W06000011"),), None),
]


@pytest.mark.parametrize(("segments", "at"), SHIFTED)
def test_what_stands_beside_its_field_is_said_and_never_read_from_there(segments: tuple[str, ...], at: str | None) -> None:
    found = read(lines(RF1, *segments))
    assert [issue.at for issue in found.warnings if issue.reason is Reason.FIELD_SHIFTED] == ([at] if at else [])
    referral = found.facts[0].referral
    assert referral is not None
    if at and at.startswith("PID"):
        assert None in (referral.person.postcode, referral.person.birth_date)
        told = read(adt("A31", *segments))
        assert (Reason.FIELD_SHIFTED, at) in warned(told)
