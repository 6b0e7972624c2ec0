"""Items that the data set does not name: a death or a refusal among them is heard, a word that only looks like one is not."""

from __future__ import annotations

import pytest

from connectors.pcr_dataset.unnamed import may_have_died, may_refuse


@pytest.mark.parametrize(
    ("name", "said", "died"),
    [
        ("PatientDeceased", "Y", True),
        ("DateOfDeath", "2026-01-02", True),
        ("DATEOFDEATH", "2026-01-02", True),
        ("CauseOfDeath", "Stroke", True),
        ("Patient.Passed_away", "true", True),
        ("WediMarw", "Ie", True),
        ("PatientDeceased", "N", False),
        ("Deceased", "Alive", False),
        ("DateOfDeath", "Not applicable", False),
        ("DateOfDeath", "9999-12-31", False),  # as records write that there is none
        ("Studied", "Yes", False),
        ("PartnerDeceased", "Y", False),  # somebody else's
    ],
)
def test_a_death_in_an_item_of_any_name(name: str, said: str, died: bool) -> None:
    assert may_have_died({name: said}) is died


@pytest.mark.parametrize(
    ("name", "said", "refused"),
    [
        ("ConsentGiven", "No", True),
        ("consentgiven", "no", True),
        ("Consent", "Refused by patient", True),
        ("ConsentStatus", "Withdrawn 12/11/2026", True),
        ("Opt_out", "Y", True),
        ("OptOut", "2026-01-02", True),
        ("DoNotContact", "Y", True),
        ("ReferralDeclinedDate", "2026-01-02", True),
        ("CydsyniadRhoddwyd", "Na", True),
        ("ConsentGiven", "Yes", False),
        ("OptOut", "No", False),
        ("ReferralObjective", "Company at home", False),  # what is hoped for, and not an objection
        ("ObjectId", "17", False),
        ("ConsentType", "Verbal", False),
    ],
)
def test_a_refusal_in_an_item_of_any_name(name: str, said: str, refused: bool) -> None:
    assert may_refuse({name: said}) is refused
