"""What holds of every message: what a referral says survives FHIR and HL7, letters included; the same bytes give the same facts, in any process."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.fhir_rest import connector as fhir_rest
from connectors.hospital_hl7v2 import connector as hospital
from hub.content import content_of, read_content
from hub.kit.fixtures import Fixture, fixtures_of, inbound
from hub.kit.folders import Folders
from schemas.events import FactType
from schemas.fhir.strict_json import dump, parse
from schemas.hl7v2 import build, segment
from schemas.hl7v2.build import Raw
from schemas.identifiers import NhsNumber
from schemas.messages import InboundMessage
from schemas.profile import Profile
from schemas.referral import Referral, read_referral
from schemas.rejection import Rejected

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
ROOT = Path(__file__).resolve().parents[2]
_LETTERS = st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp"), exclude_characters="\u00a0\ufeff")
WORDS = st.text(_LETTERS | st.sampled_from("ŵŷŴŶâêîôûÂÊÎÔÛáëï'|^~\\&#\"<>"), min_size=1, max_size=60).map(str.strip).filter(bool)
NAMES = WORDS.filter(lambda said: said != '""')
DAYS = st.dates(date(1900, 1, 1), date(2026, 3, 1)).map(date.isoformat)
GRAVITY = "http://hl7.org/fhir/us/sdoh-clinicalcare/CodeSystem/SDOHCC-CodeSystemTemporaryCodes"
_NEEDS = ["social-connection", "food-insecurity", "homelessness", "financial-insecurity", "inadequate-housing"]
NEEDS = st.lists(st.sampled_from(_NEEDS), unique=True, max_size=4)


def _number(drawn: int) -> str | None:
    """A number of the test range that passes its check; None for the one in eleven that no digit completes."""
    return next((f"9{drawn:08d}{last}" for last in range(10) if _is_usable(f"9{drawn:08d}{last}")), None)


def _is_usable(number: str) -> bool:
    read = NhsNumber.read(number)
    return read is not None and read.usable


# --- Referral → FHIR → Referral ---------------------------------------------------------------------------------------------------------


@st.composite
def requests(draw: st.DrawFn) -> tuple[dict[str, Any], dict[str, Any]]:
    """A ServiceRequest and what the Referral must say of it: drawn first, then written as FHIR."""
    said = {
        "family": draw(NAMES), "given": draw(st.lists(NAMES, max_size=3)), "birth_date": draw(DAYS),
        "nhs_number": draw(st.integers(0, 99_999_999).map(_number) | st.none()),
        "language_spoken": draw(st.sampled_from(["cy", "en", "pl", None])),
        "deceased": draw(st.sampled_from([None, False])),
        "priority": draw(st.sampled_from(["routine", "urgent", "asap"])), "needs": draw(NEEDS), "narrative": draw(st.lists(WORDS, max_size=4)),
        "authored_on": draw(DAYS | st.none()), "identifier": draw(WORDS), "phone": draw(st.sampled_from(["029 2018 0000", None])),
    }  # fmt: skip
    number = {"system": "https://fhir.nhs.uk/Id/nhs-number", "value": said["nhs_number"]}
    language = {"language": {"coding": [{"system": "urn:ietf:bcp:47", "code": said["language_spoken"]}]}, "preferred": True}
    person = {
        "resourceType": "Patient", "id": "p", "name": [{"family": said["family"], "given": said["given"]}], "birthDate": said["birth_date"],
        "identifier": [number] if said["nhs_number"] else None, "communication": [language] if said["language_spoken"] else None,
        "deceasedBoolean": said["deceased"], "telecom": [{"system": "phone", "value": said["phone"]}] if said["phone"] else None,
    }  # fmt: skip
    request = {
        "resourceType": "ServiceRequest", "status": "active", "intent": "order", "code": {"text": "Social prescribing"}, "priority": said["priority"],
        "identifier": [{"system": "https://gp.example.wales", "value": said["identifier"]}], "subject": {"reference": "#p"}, "authoredOn": said["authored_on"],
        "reasonCode": [{"coding": [{"system": GRAVITY, "code": code}]} for code in said["needs"]], "note": [{"text": one} for one in said["narrative"]],
        "contained": [{name: value for name, value in person.items() if value is not None}],
    }  # fmt: skip
    if not said["given"]:
        del request["contained"][0]["name"][0]["given"]  # type: ignore[index]
    return {name: value for name, value in request.items() if value not in (None, [])}, said


@settings(max_examples=120, deadline=None)
@given(drawn=requests())
def test_what_a_referral_says_survives_fhir_both_ways(drawn: tuple[dict[str, Any], dict[str, Any]]) -> None:
    request, said = drawn
    translation = fhir_rest.translate(_posted(dump(request)))
    (fact,) = translation.facts
    assert fact.referral is not None
    assert _said_of(fact.referral) == {name: said[name] for name in _said_of(fact.referral)}
    assert [one.value for one in fact.about.identifiers] == [said["identifier"]]
    again = parse(dump(fact.bundle))
    assert again == fact.bundle
    assert _contract(again, "other") == fact.referral.contract()
    sent_on = next(entry["resource"] for entry in again["entry"] if entry["resource"]["resourceType"] == "ServiceRequest")
    if all(entry["resource"]["resourceType"] != "Patient" for entry in again["entry"]):
        (once_more,) = fhir_rest.translate(_posted(dump(sent_on))).facts
        assert once_more.referral is not None
        assert once_more.referral.contract() == fact.referral.contract()


def _posted(body: bytes) -> InboundMessage:
    return InboundMessage(body, "POST /fhir/ServiceRequest", {}, received_at=NOW, client="gp", profile=Profile())


def _said_of(referral: Referral) -> dict[str, Any]:
    person = referral.person
    return {
        "family": person.family, "given": list(person.given), "birth_date": person.birth_date, "nhs_number": person.nhs_number,
        "language_spoken": person.language_spoken, "deceased": person.deceased, "priority": referral.priority,
        "needs": [one.code for one in referral.needs], "narrative": list(referral.narrative), "authored_on": referral.authored_on,
    }  # fmt: skip


def _contract(bundle: dict[str, Any], source: str) -> dict[str, Any]:
    return read_referral(bundle, source, Profile(), NOW)[0].contract()


def _received() -> list[tuple[str, Fixture]]:
    folders = Folders.at(None)
    able = [name for name in folders.names if FactType.RECEIVED in folders[name].manifest.emits]
    return [(name, one) for name in able for one in fixtures_of(folders.root / name)]


@pytest.mark.parametrize("name", sorted({name for name, _ in _received()}))
def test_a_referral_read_again_from_its_own_bundle_is_the_same(name: str) -> None:
    """Every referral of every connector's fixtures: what the ledger keeps is what was translated, and who it is about stands in the bundle."""
    folders = Folders.at(None)
    seen = 0
    for _, fixture in (one for one in _received() if one[0] == name):
        try:
            messages = folders[name].messages(fixture.body)
            made = [folders[name].connector.translate(_as_given(folders, name, body, fixture)) for body in messages]
        except Rejected:
            continue
        for fact in (fact for translation in made for fact in translation.facts if fact.referral is not None):
            assert fact.referral is not None
            kept = read_content(content_of(fact.referral, fact.bundle))
            assert (kept.referral, kept.bundle) == (fact.referral, fact.bundle), fixture.path.name
            again = parse(dump(fact.bundle))
            try:
                read = read_referral(again, fact.referral.source.value, Profile(), fixture.given.received_at)[0].contract()
            except Rejected:
                continue  # what makes it a referral for us was agreed with its sender, and is not in the message
            assert _kept(read) == _kept(fact.referral.contract()), fixture.path.name
            seen += 1
    assert seen


_OF_PERSON = ("nhs_number", "nhs_number_status", "family", "given", "birth_date", "language_spoken", "language_written")


def _kept(contract: dict[str, Any]) -> dict[str, Any]:
    """What must stand in the bundle itself. Not a death that is heard in an element which was left out, the place to which a discharge goes,
    a referrer whom the headers name, words of a document that goes on as a document, an urgency that one sender says in a place of its own, or
    where in the sender's message a service stands: the Referral is kept beside its bundle and holds them."""
    person = {name: contract["person"][name] for name in _OF_PERSON}
    rest = {name: contract[name] for name in ("needs", "authored_on")}
    return {**person, **rest, "service": contract["service"]["state"]}


def _as_given(folders: Folders, name: str, body: bytes, fixture: Fixture) -> InboundMessage:
    return inbound(folders[name], body, fixture.given)


# --- HL7 ----------------------------------------------------------------------------------------------------------------------------

CHARSETS = [("UNICODE UTF-8", "utf-8"), ("8859/1", "iso8859-1"), ("8859/14", "iso8859-14"), ("8859/15", "iso8859-15"), ("WINDOWS-1252", "cp1252")]


def _hl7(charset: str, family: str, note: str) -> str:
    msh = ("MSH", "WPAS", "7A3", "SPHUB", "SPHUB", "20260302090000", None, Raw("REF^I12^REF_I12"), "C1", "P", "2.4", *(None,) * 5, charset)
    return build(
        [
            segment(*msh),
            segment("RF1", "P", "R", ("SP", "Social prescribing", "L"), None, None, "R1", "20260302"),
            segment("PID", "1", None, Raw("9990000018^^^NHS^NH"), None, (family, "A"), None, "19500101", "F"),
            segment("NTE", "1", None, note),
        ]
    )


@settings(max_examples=80, deadline=None)
@pytest.mark.parametrize(("declared", "codec"), CHARSETS)
@given(family=NAMES, note=WORDS)
def test_words_survive_escapes_and_character_sets_in_hl7(declared: str, codec: str, family: str, note: str) -> None:
    """Whatever letters a character set has reach the referral as they were, separators and escapes included. A letter that it has not is not
    sent in it."""
    try:
        body = _hl7(declared, family, note).encode(codec)
    except UnicodeEncodeError:
        return
    if codec != "utf-8" and not body.isascii() and _reads_as_utf8(body):
        return  # bytes that are also UTF-8 are read as UTF-8, with a warning: charset.py says why
    (fact,) = hospital.translate(InboundMessage(body, "mllp", received_at=NOW, client="ward", profile=Profile())).facts
    assert fact.referral is not None
    assert " ".join((fact.referral.person.family or "").split()) == " ".join(family.split())
    assert [" ".join(one.split()) for one in fact.referral.narrative] == [" ".join(note.split())]


def _reads_as_utf8(body: bytes) -> bool:
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


@pytest.mark.parametrize("letters", ["ŵŷ", "Ŵŷn", "Siôn ap Gwilym", "Llŷr ŵyl â'i thŷ"])
@pytest.mark.parametrize("declared", ["UNICODE UTF-8", "8859/14"])
def test_welsh_letters_come_back_as_they_were(letters: str, declared: str) -> None:
    body = _hl7(declared, letters, letters).encode(dict(CHARSETS)[declared])
    (fact,) = hospital.translate(InboundMessage(body, "mllp", received_at=NOW, client="ward")).facts
    assert fact.referral is not None
    assert (fact.referral.person.family, fact.referral.narrative) == (letters, (letters,))


# --- the same again -----------------------------------------------------------------------------------------------------------------

_IN_ANOTHER_PROCESS = """
import hashlib, sys
from hub.kit.fixtures import fixtures_of, translated
from hub.kit.folders import Folders
folders, sum_ = Folders.at(None), hashlib.sha256()
for name in folders.names:
    for fixture in fixtures_of(folders.root / name):
        sum_.update(translated(folders[name], fixture))
print(sum_.hexdigest())
"""


def test_every_fixture_becomes_the_same_bytes_in_other_processes_with_other_seeds() -> None:
    """Sets and dicts of another process are ordered otherwise: nothing of that may show."""
    sums = set()
    for seed in ("1", "2"):
        environment = {"PYTHONHASHSEED": seed, "PATH": "/usr/bin:/bin"}
        done = subprocess.run([sys.executable, "-c", _IN_ANOTHER_PROCESS], capture_output=True, cwd=ROOT, env=environment, timeout=300, check=True)
        sums.add(done.stdout)
    assert len(sums) == 1
    assert sums != {hashlib.sha256().hexdigest().encode() + b"\n"}


@settings(max_examples=60, deadline=None)
@given(drawn=requests())
def test_a_repeat_gives_the_same_facts_and_another_text_gives_others(drawn: tuple[dict[str, Any], dict[str, Any]]) -> None:
    body = json.dumps(drawn[0]).encode()
    assert fhir_rest.translate(_posted(body)) == fhir_rest.translate(_posted(body))
    assert fhir_rest.translate(_posted(body)).facts[0].bundle != fhir_rest.translate(_posted(body + b" ")).facts[0].bundle, "ids are made from the bytes"
