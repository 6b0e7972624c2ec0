"""What people read: the first line of every refusal is one plain sentence in each language; the rest is for systems."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any

import pytest

from hub.kit.fixtures import Fixture
from hub.registry import Registered, installed
from schemas.hl7v2 import split
from schemas.messages import InboundMessage, InFlight, NotStored, Outcome, Reply
from schemas.rejection import EFFECTS, Effect, Issue, Reason, Rejected
from schemas.words import text
from tests.connectors.golden import CONNECTORS, fixtures, golden_of

pytestmark = pytest.mark.no_cover  # many runs of what other tests reach: measuring them is slow and says nothing more

# What systems say to systems. A person who reads a first line knows none of these.
JARGON = re.compile(
    r"""\b(?: FHIR | HL7 | JSON | XML | CSV | NDJSON | XHTML | UTF-?8 | MLLP | HTTP | API | GUID | UUID | URL | URI | R4 | BaRS | ODS | SNOMED
    | segments? | segmentau? | resources? | adnodd(?:au)? | bundles? | elements? | elfen(?:nau)?
    | extensions? | estyniad(?:au)? | modifierExtension | headers? | pennawd | penawdau
    | schemas? | profiles? | objects? | gwrthrych(?:au)? | nested | nythu | parse[ds]?
    | tokens? | payload | invariants? | encoding | amgodiad | bytes? | beitiau
    | separators? | gwahanyddion | frames? | ffrâm | identifiers? | dynodydd(?:ion)? | null | boolean | string | array | endpoints?
    | ServiceRequest | Task | Patient | Composition | OperationOutcome | MessageHeader | Encounter | PID | MSH | RF1 | OBX )\b""",
    re.IGNORECASE | re.VERBOSE,
)
# A code or a path: camelCase, kebab-case of three parts, dots within words, indexes, carets, digits in letters, anything in quotes or braces.
CODE = re.compile(r"[a-z][A-Z]|\w\.\w|\[\d+\]|[\^{}\"`|/\\<>=_#$@]|\b[A-Z]{2,4}-?\d|\b\w+-\w+-\w+-\w+\b")
ALLOWED = re.compile(r"\b(?:999|111|24/7)\b|0808 80 10 800|24 awr")


def why_not_plain(sentence: str) -> str | None:
    """What is wrong with a first line; None when it is one plain sentence."""
    said = ALLOWED.sub(" ", sentence)
    if not sentence.strip() or sentence != sentence.strip() or "\n" in sentence:
        return "is not one line"
    if not sentence[0].isupper() or not sentence.endswith("."):
        return "does not begin with a capital and end with a full stop"
    if re.search(r"[.!?]\s+\S", said):
        return "is more than one sentence"
    if len(sentence) > 200:
        return "is long"
    found = JARGON.search(said) or CODE.search(said)
    return f"holds {found[0]!r}" if found else None


@dataclass(frozen=True)
class First:
    """The first line as each kind of answer has it."""

    en: str
    cy: str | None


def first_of(reply: Reply) -> First:
    """OperationOutcome: the first issue's words. HL7 v2: MSA-3, and the Welsh of the first ERR is not a first line. Rows and forms: their text."""
    body = reply.parts[0]
    if "hl7" in reply.content_type:
        return First(split(body, None, False).first("MSA").component(3), None)
    read: dict[str, Any] = json.loads(body)
    if read.get("resourceType") == "Bundle":
        read = read["entry"][0].get("resource") or read["entry"][0]["response"]["outcome"]
    if read.get("resourceType") == "OperationOutcome":
        details = read["issue"][0]["details"]
        return First(details["text"], details["_text"]["extension"][0]["extension"][1]["valueString"])
    words = read.get("text") or read["issues"][0]["text"]
    return First(words["en"], words["cy"])


REFUSING = [reason for reason, effect in EFFECTS.items() if effect is Effect.REJECTS]
INBOUND = [name for name in installed().names if "answer" in installed()[name].manifest.functions]


@cache
def sound(connector: str) -> InboundMessage:
    """Something that arrived at this door, as far as its answer looks at it."""
    fixture = next(one for one in fixtures() if one.parent.parent.name == connector)
    listener = installed()[connector].manifest.listeners[0]
    body = installed()[connector].messages(fixture.read_bytes())[0]
    return InboundMessage(body, listener.target, {"x-request-id": "1"}, {"id": "t-1"}, datetime(2026, 3, 2, 9, tzinfo=UTC), "client")


def hl7() -> bytes:
    return b"MSH|^~\\&|WPAS|7A3|SPHUB|SPHUB|20260302090000||REF^I12|REF0001|P|2.4\r"


def spoken(connector: str, outcome: Outcome, message: InboundMessage | None = None) -> Iterator[tuple[str, str]]:
    """The languages and first lines of one answer."""
    arrived = message or sound(connector)
    if connector == "hospital_hl7v2" and message is None:
        arrived = InboundMessage(hl7(), "mllp", None, {}, arrived.received_at, "client")
    reply = installed()[connector].connector.answer(arrived, outcome)
    if reply.parts and reply.parts[0]:
        first = first_of(reply)
        yield "en", first.en
        if first.cy is not None:
            yield "cy", first.cy


# --- the reasons in their own words: wherever one stands alone, it is the first line ----------------------------------------------------


@pytest.mark.parametrize("reason", Reason)
def test_a_reason_is_one_plain_sentence(reason: Reason) -> None:
    said = text(f"reason.{reason}")
    assert {language: why_not_plain(words) for language, words in said.as_dict().items()} == {"en": None, "cy": None}, said


# --- every reason, through every connector ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("connector", INBOUND)
def test_the_first_line_of_a_refusal_is_one_plain_sentence_whatever_the_reason(connector: str) -> None:
    wrong: dict[tuple[str, str], tuple[str, str]] = {}
    for reason in REFUSING:
        for faults in (1, 2):
            refused = Rejected(reason, [Issue(reason, "ServiceRequest.subject")] * faults)
            wrong |= {(reason.value, language): (words, why) for language, words in spoken(connector, refused) if (why := why_not_plain(words))}
    assert not wrong


@pytest.mark.parametrize("connector", INBOUND)
@pytest.mark.parametrize("outcome", [InFlight(), NotStored()], ids=["in flight", "not stored"])
def test_so_is_that_of_an_answer_that_asks_for_patience(connector: str, outcome: Outcome) -> None:
    if connector == "self_referral":
        return  # the page has its own words (tests/hub/web)
    assert not [(words, why) for _, words in spoken(connector, outcome) if (why := why_not_plain(words))]


def rejected_fixtures() -> list[Any]:
    found = []
    for one in fixtures():
        golden = golden_of(one)
        if golden.exists() and any(line["outcome"] == "rejected" for line in json.loads(golden.read_text("utf-8"))):
            found.append(pytest.param(one, id=str(one.relative_to(CONNECTORS))))
    return found


@pytest.mark.parametrize("fixture", rejected_fixtures())
def test_so_is_that_of_every_refusal_among_the_fixtures(fixture: Any) -> None:
    name, given = fixture.parent.parent.name, Fixture(fixture).given
    registered = installed()[name]
    try:
        bodies = registered.messages(fixture.read_bytes())
    except Rejected:
        return
    headers = given.headers or {"content-type": registered.manifest.content_types[0], "x-request-id": "3f2a9c1e-5b7d-4c7e-9a55-0d6e2b1f8a43"}
    target = registered.manifest.listeners[0].target
    for body in bodies:
        message = InboundMessage(body, target, headers, {"id": "t-1"}, given.received_at, given.client, given.profile)
        refused = refusal_of(registered, message)
        found = [(words, why) for _, words in (spoken(name, refused, message) if refused else ()) if (why := why_not_plain(words))]
        if name == "self_referral":  # a field may say how to fill it in; the page has a first line of its own
            found = [(words, why) for words, why in found if why != "is more than one sentence"]
        assert not found


def refusal_of(registered: Registered, message: InboundMessage) -> Rejected | None:
    try:
        registered.connector.identify(message)
        registered.connector.translate(message)
    except Rejected as refused:
        return refused
    return None


# --- what the hub says at first ---------------------------------------------------------------------------------------------------------


def test_another_service_is_said_in_one_sentence_with_what_was_done() -> None:
    for connector in INBOUND:
        refused = Rejected(Reason.WRONG_SERVICE, [Issue(Reason.WRONG_SERVICE, "ServiceRequest.code")])
        said = dict(spoken(connector, refused))
        if connector not in ("self_referral", "case_management"):  # neither can ask for another service
            assert "nothing was sent" in said["en"], connector
            assert "social prescribing" in said["en"], connector


# --- the rule itself --------------------------------------------------------------------------------------------------------------------

PLAIN = [
    "The referral was not taken and nothing was sent on; what to correct stands below.",
    "If life is at risk phone 999; otherwise phone NHS 111 and press 2 now.",
    "Ni dderbyniwyd yr atgyfeiriad ac ni anfonwyd dim ymlaen; mae'r hyn i'w gywiro isod.",
]
NOT_PLAIN = [
    "", "no capital.", "No full stop", "Two sentences. One too many.", "The JSON is wrong.", "Look at PID[1]-3.", "Patient.birthDate is wrong.",
    "It is {element}.", "Two\nlines.", "The segment is missing.", "Send REF^I12.", "Mae'r elfen yn anghywir.", "X" * 200 + ".",
]  # fmt: skip


@pytest.mark.parametrize("sentence", PLAIN)
def test_a_plain_sentence_passes(sentence: str) -> None:
    assert why_not_plain(sentence) is None


@pytest.mark.parametrize("sentence", NOT_PLAIN)
def test_what_is_not_plain_fails(sentence: str) -> None:
    assert why_not_plain(sentence) is not None
