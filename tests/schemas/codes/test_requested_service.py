"""Whether a referral asks for social prescribing: a wrong `other` would refuse a person, so it must be sure."""

from __future__ import annotations

import pytest

from schemas.codes.data_files import SNOMED
from schemas.codes.requested_service import SERVICE_SYSTEM, ServiceState, service_of, service_of_specialty, service_of_text, specialty_name

SP, OTHER, UNSTATED = ServiceState.SOCIAL_PRESCRIBING, ServiceState.OTHER, ServiceState.UNSTATED


@pytest.mark.parametrize(
    ("system", "code", "words", "state"),
    [
        (SNOMED, "871731000000106", None, SP),
        (SERVICE_SYSTEM, "social-prescribing", None, SP),
        ("L", "SP", "Social prescribing", SP),  # a local code is known by its words
        ("L", "SP", None, UNSTATED),  # and is nothing without them: SP may be speech therapy
        (None, None, "Link worker please", SP),
        (SNOMED, "3457005", "Patient referral", UNSTATED),  # generic
        (SNOMED, "3457005", "Referral to social prescribing", SP),  # generic code, plain words
        (SNOMED, "710925007", "Provision of food (procedure)", UNSTATED),  # an activity is no specialty
        (SNOMED, "422650009", "Social isolation", UNSTATED),  # nor is a need
        ("http://terminology.hl7.org/CodeSystem/v2-0281", "PSY", None, OTHER),
        ("HL70281", "MED", "Medical", OTHER),
        (SNOMED, "306118006", "Referral to cardiology service", OTHER),
        (SNOMED, "306165004", "Referral to dietitian (procedure)", OTHER),  # SNOMED CT names who works there
        (SNOMED, "871711000000103", "Social prescribing declined", UNSTATED),  # asks for nothing
        (SNOMED, "999999999", None, UNSTATED),  # not known: looked at, not refused
        (None, None, None, UNSTATED),
    ],
)
def test_a_coding_says_which_service(system: str | None, code: str | None, words: str | None, state: ServiceState) -> None:
    assert service_of(system, code, words) is state


@pytest.mark.parametrize(
    ("words", "state"),
    [
        ("Social Prescribing", SP),
        ("social-prescribing link-worker", SP),
        ("Social prescribers' team", SP),
        ("presgripsiynu cymdeithasol", SP),
        ("Atgyfeiriad i Bresgripsiynu Cymdeithasol", SP),  # softened after i
        ("Cardiology; please also refer to social prescribing", SP),  # ours anywhere wins
        ("Cardiology (not social prescribing)", OTHER),  # unless it is what they say no to
        ("Not for social prescribing", OTHER),
        ("Cardiology rather than social prescribing", OTHER),
        ("Social worker, declined link worker", OTHER),
        ("Cardioleg, nid presgripsiynu cymdeithasol", OTHER),
        ("Not suitable for referral to social prescribing", OTHER),
        ("Social prescribing, not cardiology", SP),
        ("Cardiology? No. Social prescribing", SP),  # the no answers something else
        ("Not only cardiology but social prescribing", SP),
        ("Social prescribing: link worker, no social prescriber known", SP),  # said twice, once without a no
        ("Cardiology", OTHER),
        ("Referral to Trauma & Orthopaedics outpatient clinic", OTHER),
        ("Adran Cardioleg", OTHER),
        ("A&E", OTHER),
        ("Referral to community mental health team", OTHER),
        ("Atgyfeirio at ffisiotherapydd", OTHER),
        ("Mental health", UNSTATED),  # a need as well
        ("Seen by the physiotherapist, lonely", UNSTATED),
        ("support after cardiology treatment", UNSTATED),  # names more than a specialty
        ("lonely since leaving general surgery ward", UNSTATED),
        ("entertainment", UNSTATED),  # holds the letters of ENT
        ("Referral Note", UNSTATED),
        ("to the", UNSTATED),
        ("", UNSTATED),
    ],
)
def test_words_say_another_service_only_when_they_name_nothing_more(words: str, state: ServiceState) -> None:
    assert service_of_text(words) is state


@pytest.mark.parametrize(
    ("code", "words", "state"),
    [
        ("320", None, OTHER),
        ("898", None, OTHER),  # in the range, not in the list
        ("320", "Social prescribing", SP),  # what it is called wins
        ("MED", None, OTHER),
        ("Dermatology", None, OTHER),  # words where a code should be
        ("99", None, UNSTATED),
        ("３２０", None, UNSTATED),  # full-width digits
        ("", None, UNSTATED),
        (None, None, UNSTATED),
    ],
)
def test_a_specialty_field_holds_a_specialty(code: str | None, words: str | None, state: ServiceState) -> None:
    assert service_of_specialty(code, words) is state


def test_a_specialty_has_a_name() -> None:
    assert specialty_name("320") == "cardiology"
    assert specialty_name("898") is None
