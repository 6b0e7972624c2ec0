"""What a hospital says of consent: a yes is only what plainly is one, and what may be a no is for a human."""

from __future__ import annotations

import pytest

from connectors.hospital_hl7v2 import connector
from schemas.referral import Referral
from schemas.rejection import Reason
from tests.connectors.hospital_hl7v2.test_awkward import PID, RF1, inbound, lines


def referral_of(*segments: str) -> Referral:
    found = connector.translate(inbound(lines(RF1, PID, *segments))).facts[0].referral
    assert found is not None
    return found


DIRECT, COMMUNITY = "CONSENT-DIRECT-CARE", "CONSENT-COMMUNITY"
ASKED, SHARED = "C^Consent to referral", "C^Consent to share with community groups"

CONSENTS: list[tuple[str, str, str, bool | None, bool | None, bool]] = [
    # type, OBX-3, OBX-5 and what follows, direct care, community, unclear
    ("ID", DIRECT, "Y", True, None, False),
    ("CE", DIRECT, "Y^Yes^HL70136", True, None, False),
    ("CE", DIRECT, "1^Yes", True, None, False),  # a number beside words is their code
    ("ST", ASKED, "Yes, verbal consent given", True, None, False),
    ("ST", "C^Cydsyniad i atgyfeirio", "Ydw", True, None, False),
    ("ID", COMMUNITY, "Y", None, True, False),
    ("ID", DIRECT, "N", False, None, False),
    ("ST", ASKED, "Refused", False, None, False),
    ("TX", ASKED, "Declined", False, None, False),
    ("ST", ASKED, "No - does not want contact", False, None, False),
    ("ST", ASKED, "Na, nid yw'n dymuno hyn", False, None, False),
    ("ST", ASKED, "Gwrthodwyd", False, None, False),
    ("CE", SHARED, "0^No", None, False, False),
    ("CE", ASKED, "Y^No", False, None, False),  # code and words differ: the refusal wins
    ("ID", DIRECT, "Y~N", False, None, False),  # any refusal wins
    ("ST", "C^Consent withdrawn for referral", "Y", False, None, False),
    ("ST", "C^Refuses consent to referral", "Y", False, None, False),
    ("ST", "C^Nid yw yn cydsynio i atgyfeirio", "Y", False, None, False),
    ("ST", "C^Consent to sharing referral with direct care team", "N", False, False, False),  # a refusal counts for all that it may mean
    ("ST", "C^Consent to sharing referral with direct care team", "Y", True, None, False),  # a permission for the narrowest alone
    ("ST", "C^Consent withdrawn for referral", "N", None, None, True),  # a denied denial is nobody's guess
    ("ST", "C^Consent withdrawn for referral", "", None, None, True),
    ("ST", ASKED, "Yes, but not her sister", None, None, True),  # a condition is for a human
    ("ST", ASKED, "Yes, only by phone", None, None, True),
    ("ST", ASKED, "Y/N", None, None, True),  # a form that nobody filled in
    ("ST", ASKED, "Consent not given", False, None, False),
    ("ST", ASKED, "maybe", None, None, True),
    ("ST", ASKED, "Not asked", None, None, True),
    ("ST", ASKED, "N/A", None, None, True),
    ("NM", DIRECT, "1", None, None, True),  # a number alone is nobody's yes
    ("ID", DIRECT, '""', None, None, True),  # deleted
    ("ID", DIRECT, "Y||||||W", None, None, True),  # entered wrongly (OBX-11)
    ("ID", DIRECT, "Y~perhaps", None, None, True),
    ("ID", DIRECT, "", None, None, False),  # a question without an answer says nothing
    ("ST", "C^Consent", "No", None, None, True),  # to what, nobody says
    ("ST", "C^Consent to photography", "Yes", None, None, False),
    ("TX", "N^Note", "Patient does not consent to this referral", None, None, True),
    ("TX", "N^Note", "Nid yw'r claf yn cydsynio i hyn", None, None, True),
    ("TX", "N^Note", "Consent was later withdrawn", None, None, True),
    ("TX", "N^Note", "Patient consents to this referral", None, None, False),
]


@pytest.mark.parametrize(("kind", "asked", "answer", "direct", "community", "unclear"), CONSENTS)
def test_a_consent_is_what_its_words_plainly_say(kind: str, asked: str, answer: str, direct: bool | None, community: bool | None, unclear: bool) -> None:
    said = referral_of(f"OBX|1|{kind}|{asked}||{answer}").consent
    assert (said.direct_care, said.share_with_community, said.unclear) == (direct, community, unclear)


def test_an_unclear_answer_takes_back_a_permission_of_the_same_kind() -> None:
    said = referral_of(f"OBX|1|ID|{DIRECT}||Y", f"OBX|2|ST|{ASKED}||maybe").consent
    assert (said.direct_care, said.unclear) == (None, True)


def test_a_note_that_refuses_is_unclear() -> None:
    assert referral_of("NTE|1||She refused consent to be contacted.").consent.unclear


@pytest.mark.parametrize("answer", ["Refused", "maybe, ask her daughter", "Y"])
def test_the_words_of_an_answer_stay_in_the_narrative(answer: str) -> None:
    assert answer in referral_of(f"OBX|1|ST|{ASKED}||{answer}").narrative


def test_a_consent_that_cannot_be_read_is_warned_about() -> None:
    found = connector.translate(inbound(lines(RF1, PID, f"OBX|1|ST|{ASKED}||maybe")))
    assert (Reason.CODE_UNKNOWN, "OBX[1]-5") in {(issue.reason, issue.at) for issue in found.warnings}


@pytest.mark.parametrize(
    "obx", ["OBX|1|CE|CONSENT-DIRECT-CARE|N", "OBX|1|CE|CONSENT-DIRECT-CARE|||N", "OBX|1|ST|^Consent to referral|Declined|", "OBX|1|CE|CONSENT-DIRECT-CARE|Y"]
)
def test_an_answer_that_stands_beside_its_field_is_not_silence(obx: str) -> None:
    referral = connector.translate(inbound(lines(RF1, PID, obx))).facts[0].referral
    assert referral is not None
    assert (referral.consent.direct_care, referral.consent.unclear) == (None, True)


@pytest.mark.parametrize("obx", ["OBX|1|CE|CONSENT-DIRECT-CARE|1|", "OBX|1|CE|CONSENT-DIRECT-CARE|1||%"])
def test_a_sub_id_and_a_unit_are_no_answer(obx: str) -> None:
    referral = connector.translate(inbound(lines(RF1, PID, obx))).facts[0].referral
    assert referral is not None
    assert (referral.consent.direct_care, referral.consent.unclear) == (None, False)
