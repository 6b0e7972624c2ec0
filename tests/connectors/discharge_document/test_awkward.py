"""Whatever arrives as a discharge document becomes facts or a refusal, is answered, and is never said back."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from connectors.discharge_document.connector import answer, identify, translate
from schemas.fhir.check import check
from schemas.messages import Committed, InboundMessage, Translation
from schemas.rejection import Rejected
from tests.connectors.awkward import CANARY, HEADERS, REQUESTS
from tests.connectors.discharge_document.documents import PATIENT, PLAN, REQUEST, document, message, section
from tests.connectors.test_awkward import assert_an_operation_outcome, said

pytestmark = pytest.mark.no_cover  # many runs of what other tests reach: measuring them is slow and says nothing more

STAY = {
    "resourceType": "Encounter", "id": "e", "status": "finished", "class": {"code": "IMP"}, "subject": {"reference": "Patient/p"},
    "hospitalization": {"dischargeDisposition": {"coding": [{"system": "x", "code": "19"}]}, "destination": {"reference": "Location/l"}},
}  # fmt: skip
WHOLE = document(
    section("social-context", "<p>Lives alone.</p>", entry=[{"reference": "Observation/o"}]),
    section("outbound-referral", PLAN, entry=[{"reference": "ServiceRequest/s"}]),
    section("safeguarding", "<p>None.</p>"),
    resources=(
        PATIENT | {"deceasedBoolean": False, "generalPractitioner": [{"reference": "Organization/g"}]},
        REQUEST | {"reasonCode": [{"text": "lonely"}], "requester": {"reference": "PractitionerRole/w"}, "note": [{"text": "ring first"}]},
        STAY,
        {"resourceType": "Location", "id": "l", "address": {"postalCode": "CF10 1EP"}},
        {"resourceType": "PractitionerRole", "id": "w", "organization": {"reference": "Organization/g"}},
        {"resourceType": "Organization", "id": "g", "name": "A ward"},
        {"resourceType": "Observation", "id": "o", "status": "final", "code": {"text": "x"}, "valueBoolean": True},
    ),
)
ODD: tuple[Any, ...] = (None, 7, True, CANARY, "", [], {}, [None], [[CANARY]], {CANARY: CANARY}, [{"reference": "#"}], {"div": "<" * 500})


def take(sent: InboundMessage) -> None:
    """As intake does, up to the answer; nothing but a refusal may be raised, and nothing of the message said."""
    try:
        identify(sent)
        made = translate(sent)
        outcome: Translation | Rejected = made
        reply = answer(sent, Committed((), made.warnings, made.ignored))
    except Rejected as rejected:
        outcome, reply = rejected, answer(sent, rejected)
        assert_an_operation_outcome(reply)
    told = said(outcome, reply)
    assert "9990000018" not in told
    assert not [word for word in CANARY.split() if word in told]


def test_a_whole_document_is_a_referral() -> None:
    assert translate(message(WHOLE)).facts[0].referral


@pytest.mark.parametrize("name", REQUESTS)
def test_an_awkward_body_is_refused_and_not_said_back(name: str) -> None:
    take(message(REQUESTS[name]))


@pytest.mark.parametrize("name", HEADERS)
def test_awkward_headers_are_read_or_refused_and_not_said_back(name: str) -> None:
    take(replace(message(WHOLE), headers={"content-type": "application/fhir+json"} | HEADERS[name]))


def test_whatever_stands_in_any_place_of_a_document_it_is_read_or_refused() -> None:
    places = list(_places(WHOLE))
    assert len(places) > 100
    for place in places:
        for odd in ODD:
            changed = copy.deepcopy(WHOLE)
            _put(changed, place, odd)
            take(message(changed))


def test_a_document_may_lose_any_of_its_parts() -> None:
    for place in _places(WHOLE):
        changed = copy.deepcopy(WHOLE)
        _take_out(changed, place)
        take(message(changed))


def _places(node: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    for key, value in node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ():
        yield (*path, key)
        yield from _places(value, (*path, key))


def _put(node: Any, place: tuple[str | int, ...], value: Any) -> None:
    for part in place[:-1]:
        node = node[part]
    node[place[-1]] = value


def _take_out(node: Any, place: tuple[str | int, ...]) -> None:
    for part in place[:-1]:
        node = node[part]
    del node[place[-1]]


LETTER = {"resourceType": "Binary", "contentType": "application/pdf", "data": "A" * 700_000}
ROUND = {"resourceType": "PractitionerRole", "id": "w", "organization": {"reference": "PractitionerRole/w"}}
LARGE: dict[str, dict[str, Any] | bytes] = {
    "10,000 entries": WHOLE | {"entry": [*WHOLE["entry"], *({"resource": {"resourceType": "Basic"}} for _ in range(10_000))]},
    "400 sections": document(*(section("outbound-referral", PLAN) for _ in range(400))),
    "sections 25 deep": json.dumps(document(section("x", section=[json.loads('{"section":[' * 20 + "]}" * 20)]))).encode(),
    "a text of 60,000 opening brackets": document(section("outbound-referral", "<" * 60_000)),
    "a text of 60,000 references": document(section("outbound-referral", "&lt;" * 15_000)),
    "a text that is too long": document(section("outbound-referral", "x" * 70_000)),
    "a letter of 700 kB": document(section("outbound-referral", PLAN), resources=(LETTER,)),
    "documents within a message twice": {"resourceType": "Bundle", "type": "message", "entry": [{"resource": WHOLE}, {"resource": WHOLE}]},
    "a document within a document": {"resourceType": "Bundle", "type": "document", "entry": [{"resource": WHOLE}]},
    "references in a circle": document(section("outbound-referral", PLAN), resources=(ROUND,)),
}


@pytest.mark.parametrize("name", LARGE)
def test_a_large_or_twisted_document_is_read_or_refused(name: str) -> None:
    take(message(LARGE[name]))


def test_a_letter_beside_the_request_does_not_stand_in_its_way() -> None:
    assert translate(message(LARGE["a letter of 700 kB"])).facts


@pytest.mark.parametrize("system", ["urn:a b", " urn:a", "urn:a\n"])
def test_an_identifier_of_the_document_whose_system_is_no_uri_goes_on_as_sound_fhir(system: str) -> None:
    sent = document(section("outbound-referral", PLAN), resources=(PATIENT,)) | {"identifier": {"system": system, "value": "D-1"}}
    resources = [entry["resource"] for entry in translate(message(sent)).facts[0].bundle["entry"]]
    request = next(one for one in resources if one["resourceType"] == "ServiceRequest")
    (own,) = (one for one in request["identifier"] if one["value"] == "D-1")
    assert own.get("system") in (None, system.strip())
    assert check(request) == ()
