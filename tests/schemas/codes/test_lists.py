"""The other lists: sources, languages, flags, discharge codes and HL7's tables."""

from __future__ import annotations

import pytest
from stdnum import verhoeff

from schemas.codes.data_files import SNOMED, data_file
from schemas.codes.discharge import Discharge, Ending, destination_known, discharge, method_known
from schemas.codes.flags import FLAG_SYSTEM, Flag, flags_of, flags_of_resource
from schemas.codes.hl7 import gender_of, names_nhs_number, priority_of, provider_role_of, referral_status_of
from schemas.codes.languages import language_name, language_of, languages
from schemas.codes.sources import SOURCE_SYSTEM, Source, source_of

LISTS = ("areas", "discharge", "flags", "hl7", "languages", "needs", "services", "sources")
BARS = "https://fhir.nhs.uk/CodeSystem/"


@pytest.mark.parametrize("name", LISTS)
def test_every_list_says_where_it_comes_from(name: str) -> None:
    assert data_file(name)["source"].strip()


def test_every_snomed_code_passes_its_check_digit() -> None:
    codes = {*data_file("flags")["snomed"], *data_file("sources")["snomed"]} - {"GP"}
    codes |= {code for row in data_file("needs")["needs"].values() for code in row["snomed"]}
    codes |= {*data_file("services")["social_prescribing"]["snomed"], *data_file("services")["generic"]["snomed"]}
    assert [code for code in codes if not verhoeff.is_valid(code)] == []
    assert not verhoeff.is_valid("871731000000107")  # the guard, shown a planted fault


@pytest.mark.parametrize(
    ("system", "code", "source"),
    [
        (SNOMED, "108161000000109", Source.GP),
        (SNOMED, "GP", Source.GP),  # Welsh eReferrals
        (SNOMED, "310434002", Source.SELF),
        (SNOMED, "185365002", Source.LOCAL_AUTHORITY),
        (SNOMED, "185373006", Source.OTHER),
        (SOURCE_SYSTEM, "housing", Source.HOUSING),
        (SOURCE_SYSTEM, "circus", None),
        (SNOMED, "1", None),
        ("urn:local", "108161000000109", None),  # another list's code
    ],
)
def test_a_source_of_service_request_means_a_kind_of_referrer(system: str, code: str, source: Source | None) -> None:
    assert source_of(system, code) == source


@pytest.mark.parametrize(
    ("code", "language"),
    [
        ("cy", "cy"),
        ("CY", "cy"),  # as hospitals write it
        ("wel", "cy"),
        ("cym", "cy"),
        ("Cymraeg", "cy"),
        ("cy-GB", "cy"),
        ("EN", "en"),
        ("en_GB", "en"),
        ("q4", "bfi"),  # UK Core's sign language
        ("pol", "pl"),
        ("ga", "ga"),
        ("xx", None),
        ("", None),
    ],
)
def test_a_language_is_known_by_any_of_its_codes(code: str, language: str | None) -> None:
    assert language_of(code) == language


def test_every_language_flag_and_source_has_a_name_in_both_languages() -> None:
    names = [language_name(code) for code in languages()] + [flag.label for flag in Flag] + [source.label for source in Source]
    assert all(name.en and name.cy for name in names)


@pytest.mark.parametrize(
    ("system", "code", "flags"),
    [
        (f"{BARS}flag-categories-bars", "SG", (Flag.SAFEGUARDING,)),
        (f"{BARS}flag-categories-bars", "RS", ()),  # known, of no concern
        (f"{BARS}safeguarding-codes-bars", "707087005", (Flag.DOMESTIC_ABUSE,)),  # a SNOMED id in BaRS's own list
        (f"{BARS}safeguarding-codes-bars", "U", (Flag.SAFEGUARDING,)),
        (f"{BARS.lower()}household-composition-bars", "LivesAlone", (Flag.LIVES_ALONE,)),
        (SNOMED, "766561000000109", (Flag.SAFEGUARDING,)),
        (SNOMED, "861931000000100", ()),  # says that there is no issue
        (SNOMED, "6471006", (Flag.SELF_HARM,)),
        (SNOMED, "225444004", (Flag.SELF_HARM,)),
        (SNOMED, "425104003", (Flag.SELF_HARM,)),
        ("", "267073005", (Flag.SELF_HARM,)),  # no system: no other list has this number
        ("SCT", "44301001", (Flag.SELF_HARM,)),
        ("I10", "X60", (Flag.SELF_HARM,)),
        ("http://hl7.org/fhir/sid/icd-10-uk", "X84.9", (Flag.SELF_HARM,)),
        ("ICD10", "x849", (Flag.SELF_HARM,)),
        (None, "X60", (Flag.SELF_HARM,)),
        ("ICD-10", "Z91.5", (Flag.SELF_HARM,)),
        ("ICD-10", "T74.1", (Flag.SAFEGUARDING,)),
        ("ICD-10", "X85", None),  # assault: by whom is not said
        ("ICD-10", "Y87.1", None),
        ("ICD-10", "Z91.0", None),
        ("L", "X60", None),  # a local list: may be anything
        ("http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "R", (Flag.SENSITIVE_ADDRESS,)),
        ("http://hl7.org/fhir/us/sdoh-clinicalcare/CodeSystem/SDOHCC-CodeSystemTemporaryCodes", "elder-abuse", (Flag.SAFEGUARDING,)),
        (FLAG_SYSTEM, "crisis", (Flag.CRISIS,)),
        (FLAG_SYSTEM, "nothing-we-know", None),
        (SNOMED, "104586100000100", None),  # published, fails its check digit, unknown: never an error
        (None, "SG", None),
    ],
)
def test_a_coding_means_its_flags(system: str | None, code: str, flags: tuple[Flag, ...] | None) -> None:
    assert flags_of(system, code) == flags


@pytest.mark.parametrize(
    ("category", "code", "flags"),
    [
        ("SG", "861931000000100", ()),  # the code says that there is none: it outweighs the drawer it lies in
        ("SG", "707087005", (Flag.DOMESTIC_ABUSE,)),
        ("SG", "12345", (Flag.SAFEGUARDING,)),  # unknown code: the drawer counts
        ("SG", None, (Flag.SAFEGUARDING,)),
        ("XX", None, ()),
    ],
)
def test_a_flag_resource_is_read_by_its_codes_before_its_categories(category: str, code: str | None, flags: tuple[Flag, ...]) -> None:
    codes = [(f"{BARS}safeguarding-codes-bars", code)] if code else []
    assert flags_of_resource([(f"{BARS}flag-categories-bars", category)], codes) == flags


@pytest.mark.parametrize(
    ("destination", "method", "ending", "at"),
    [
        ("19", "1", Ending.DISCHARGED, "own-home"),
        ("22", None, Ending.DISCHARGED, "no-fixed-abode"),
        ("20", None, Ending.DISCHARGED, "care-home"),  # not the American "expired"
        ("79", None, Ending.DIED, None),
        ("19", "4", Ending.DIED, "own-home"),  # a death in either counts
        (None, "4", Ending.DIED, None),
        ("79", "5", Ending.DIED, None),
        ("19", "5", Ending.STILLBIRTH, "own-home"),
        ("51", "1", Ending.MOVED, "other-board"),
        ("98", "1", Ending.NOT_DISCHARGED, None),
        ("19", "8", Ending.NOT_DISCHARGED, "own-home"),
        (" 19 ", None, Ending.DISCHARGED, "own-home"),
        ("12", "77", Ending.UNKNOWN, None),
        (None, None, Ending.UNKNOWN, None),
    ],
)
def test_destination_and_method_together_say_how_a_stay_ended(destination: str | None, method: str | None, ending: Ending, at: str | None) -> None:
    assert discharge(destination, method) == Discharge(ending, at)


def test_a_discharge_code_is_known_or_not() -> None:
    assert (destination_known("19"), destination_known("12"), method_known("6"), method_known("77")) == (True, False, True, False)


@pytest.mark.parametrize(
    ("found", "wanted"),
    [
        (priority_of("r"), "routine"),
        (priority_of("S"), "stat"),
        (priority_of("Routine"), None),  # a word where a code should be
        (referral_status_of("P"), "active"),  # pending is how a new one is written
        (referral_status_of("R"), "revoked"),
        (referral_status_of("X"), None),
        (provider_role_of("RP"), "referring"),
        (gender_of("2"), "female"),  # the NHS's number
        (gender_of("9"), "unknown"),
        (gender_of("Q"), None),
    ],
)
def test_hl7_tables_are_said_in_the_words_of_fhir(found: str | None, wanted: str | None) -> None:
    assert found == wanted


@pytest.mark.parametrize(
    ("name", "nhs"), [("NHS", True), ("nh", True), ("NI", True), ("NHSNMBR", True), ("2.16.840.1.113883.2.1.4.1", True), ("PI", False), ("", False)]
)
def test_an_authority_or_type_says_that_it_is_an_nhs_number(name: str, nhs: bool) -> None:
    assert names_nhs_number(name) is nhs
