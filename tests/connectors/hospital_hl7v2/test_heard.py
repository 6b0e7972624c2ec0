"""Every text of a hospital's referral reaches triage, wherever it stands; names, addresses and plain denials do not make it hold."""

from __future__ import annotations

import base64

import pytest

from connectors.hospital_hl7v2 import connector
from hub.deciding.policy import load_policy
from hub.deciding.triage import Result, triage
from schemas.referral import Referral
from schemas.rejection import Reason
from tests.connectors.hospital_hl7v2.test_awkward import PID, RF1, inbound, lines, pid

SAID = "Suicidal, took an overdose last night"
POLICY = load_policy()


def referral_of(*segments: str) -> Referral:
    found = connector.translate(inbound(lines(*segments))).facts[0].referral
    assert found is not None
    return found


def document(kind: str, encoding: str, data: str) -> str:
    return f"OBX|1|ED|DOC^Letter||^{kind}^plain^{encoding}^{data}"


RISKS: dict[str, str] = {
    "DG1-4 beside a filled DG1-3": f"DG1|1||F32^Depression^I10|{SAID}",
    "the second repetition of DG1-3": f"DG1|1||F32^Depression^I10~X^{SAID}^I10",
    "a coded risk in the second repetition of DG1-3": "DG1|1||F32^Depression^I10~6471006^^SCT",
    "the second repetition of a coded OBX-5": f"OBX|1|CE|N^Note||1^ok^L~2^{SAID}^L",
    "a coded risk in the second repetition of OBX-5": "OBX|1|CE|N^Note||1^ok^L~6471006^^SCT",
    "the alternative of a coded OBX-5": f"OBX|1|CWE|N^Note||1^ok^L^2^{SAID}^L",
    "the original text of a coded OBX-5": f"OBX|1|CWE|N^Note||1^ok^L^^^^^^{SAID}",
    "OBX of type CF": f"OBX|1|CF|N^Note||1^{SAID}",
    "OBX of a type nobody knows": f"OBX|1|UT|N^Note||{SAID}",
    "a number that says yes": "OBX|1|NM|RISK^Suicidal ideation^L||1",
    "a coded risk that a number says yes to": "OBX|1|NM|6471006^^SCT||1",
    "a structured number that says yes": "OBX|1|SN|RISK^Suicidal ideation^L||>^2",
    "a code that says yes": "OBX|1|ID|RISK^Suicidal ideation^L||Y",
    "a word that says yes": "OBX|1|ST|RISK^Suicidal ideation^L||Present",
    "one yes among noes": "OBX|1|ID|RISK^Suicidal ideation^L||N~Y",
    "a denial that is denied": "OBX|1|ID|RISK^No suicidal ideation^L||N",
    "a statement in OBX-3 alone": f"OBX|1||RISK^{SAID}^L",
    "a consent's words": f"OBX|1|ST|C^Consent to referral||Refused. {SAID}",
    "OBR-13": f"OBR|1||||||||||||{SAID}",
    "OBR-31": f"OBR|1{'|' * 30}X^{SAID}",
    "PV2-3": f"PV2|||X^{SAID}",
    "NTE-2": f"NTE|1|{SAID}",
    "NTE-4": f"NTE|1||ok|X^{SAID}",
    "a Z segment": f"ZNT|1|{SAID}",
    "a component that nobody expects": f"ZNT|1|a&{SAID}",
    "a segment nobody reads": f"AL1|1||X^{SAID}",
    "a phrase over repetitions": "ZNT|1|she took an~overdose",
    "a document of plain text": document("TEXT", "A", SAID),
    "a document of encoded plain text": document("TEXT", "Base64", base64.b64encode(SAID.encode()).decode()),
}
HARMLESS: dict[str, str] = {
    "a plain no": "OBX|1|ST|RISK^Suicidal ideation^L||No",
    "a coded no": "OBX|1|CE|RISK^Suicidal ideation^L||0^No^L",
    "a Welsh no": "OBX|1|ST|RISK^Suicidal ideation^L||Nac oes",
    "zero": "OBX|1|NM|RISK^Suicidal ideation^L||0",
    "a denial that is so": "OBX|1|ID|RISK^No suicidal ideation^L||Y",
    "a question that nobody answered": "OBX|1|ST|RISK^Suicidal thoughts?^L||",
    "a document that is no text": "OBX|1|ED|PDF^Letter||^application^pdf^Base64^" + base64.b64encode(SAID.encode()).decode(),
    "a ward's name": "PV1|1|I|Overdose Unit",
    "a doctor's name": "PRD|RP|Suicidal^Overdose||Stabbing Lane||Overdose House",
}


@pytest.mark.parametrize("segment", RISKS.values(), ids=RISKS.keys())
def test_a_risk_is_heard_wherever_it_stands(segment: str) -> None:
    found = triage(referral_of(RF1, PID, segment), POLICY)
    assert (found.result, Reason.CRISIS in found.reasons) == (Result.HOLD, True)


@pytest.mark.parametrize("segment", HARMLESS.values(), ids=HARMLESS.keys())
def test_what_says_no_risk_does_not_hold(segment: str) -> None:
    assert triage(referral_of(RF1, PID, segment), POLICY).reasons == ()


def test_a_persons_name_and_address_say_nothing() -> None:
    assert triage(referral_of(RF1, pid(f5="Overdose^Suicidal", f11="Overdose Lane^^ABERTAWE^^SA1 1AA")), POLICY).reasons == ()


def test_names_addresses_and_numbers_of_a_person_are_not_among_the_words() -> None:
    said = " ".join(referral_of(RF1, pid(f5="GWDIHWZZ^TYLLUAN", f11="1 STRYD TYLLUAN", f13="07700900000"), "NK1|1|TYLLUAN^X|SPO|TYLLUAN").words)
    assert "TYLLUAN" not in said
    assert "9990000018" not in said
