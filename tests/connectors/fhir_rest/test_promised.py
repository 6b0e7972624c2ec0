"""The promised answers to bad input (C, JSON, FHIR and HTTP) at the doors of plain FHIR: the status, and the reason by its name."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.fhir_rest.connector import answer, identify, translate
from schemas.fhir.strict_json import dump
from schemas.messages import InboundMessage, Reply
from schemas.rejection import Rejected
from tests.connectors.awkward import GUID, body

DOOR, BUNDLES, LATER = "POST /fhir/ServiceRequest", "POST /fhir", "PUT /fhir/ServiceRequest/{id}"
SOUND = {"content-type": "application/fhir+json", "x-request-id": GUID}
WHO = {"identifier": {"system": "https://fhir.nhs.uk/Id/nhs-number", "value": "9990000018"}}
SR = {"resourceType": "ServiceRequest", "status": "active", "intent": "order", "code": {"text": "link worker"}, "subject": WHO}
MODIFIER = {"modifierExtension": [{"url": "https://x.example/not", "valueBoolean": True}]}


def sent(content: bytes, target: str = DOOR, **headers: str | None) -> InboundMessage:
    named = SOUND | {name.replace("_", "-"): value for name, value in headers.items() if value is not None}
    named = {name: value for name, value in named.items() if headers.get(name.replace("-", "_"), "") is not None}
    return InboundMessage(content, target, named, {"id": "0f8fad5b-d9cb-469f-a165-70867728950e"}, datetime(2026, 3, 2, 9, tzinfo=UTC))


def request(**more: Any) -> bytes:
    return json.dumps(SR | more).encode()


def bundle(*resources: dict[str, Any], **more: Any) -> bytes:
    entries = [{"fullUrl": f"urn:uuid:{number}", "resource": one} for number, one in enumerate(resources)]
    return json.dumps({"resourceType": "Bundle", "type": "transaction", "entry": entries} | more).encode()


def refusal(message: InboundMessage) -> Reply:
    try:
        identify(message)
        translate(message)
    except Rejected as rejected:
        return answer(message, rejected)
    raise AssertionError("it was taken")


CIRCLE = [{"resourceType": "Organization", "name": "x", "partOf": {"reference": f"urn:uuid:{other}"}} for other in (1, 0)]
WITHIN = {"resourceType": "Patient", "id": "p", "contained": [{"resourceType": "Organization", "id": "o", "name": "x"}]}
REFUSED = [
    ("C1", sent(b'{"a":' * 100_000), 400, "too-deep"),
    ("C2", sent(request().replace(b'"intent"', b'"status": "revoked", "intent"')), 400, "duplicate-key"),
    ("C3", sent(request(x=1).replace(b'"x": 1', b'"x": 1e999')), 400, "structure"),
    ("C4", sent(request(x=1).replace(b'"x": 1', b'"x": ' + b"9" * 5_000)), 400, "structure"),
    ("C5", sent(request(note=[{"text": "@"}]).replace(b'"@"', b'"\\ud800"')), 400, "structure"),
    ("C6 UTF-16", sent(request().decode().encode("utf-16")), 400, "encoding"),
    ("C6 another type", sent(request(), content_type="text/plain"), 415, "unsupported-media-type"),
    ("C6 no type", sent(request(), content_type=None), 415, "unsupported-media-type"),
    ("C13 XML by its type", sent(b"<ServiceRequest/>", content_type="application/fhir+xml"), 415, "unsupported-media-type"),
    ("C13 XML by its body", sent(b'<!DOCTYPE a [<!ENTITY b "c">]><ServiceRequest/>'), 415, "unsupported-media-type"),
    ("C14 wrong", sent(request(resourceType="Appointment")), 400, "unsupported-type"),
    ("C14 absent", sent(b"{}"), 400, "required"),
    ("C14 an array", sent(request(resourceType=["ServiceRequest"])), 400, "unsupported-type"),
    ("C15 unknown element, strictly", sent(request(colour="blue"), prefer="handling=strict"), 400, "unknown-element"),
    ("C15 unknown modifier", sent(request(**MODIFIER)), 422, "unknown-modifier-extension"),
    ("C15 unknown modifier in a Bundle", sent(bundle(SR, {"resourceType": "Patient", **MODIFIER}), BUNDLES), 422, "unknown-modifier-extension"),
    ("C15 unknown modifier of a cancellation", sent(request(status="revoked", **MODIFIER), LATER, if_match='W/"1"'), 422, "unknown-modifier-extension"),
    ("C16 unresolved", sent(bundle(SR | {"requester": {"reference": "urn:uuid:none"}}), BUNDLES), 422, "unresolved-reference"),
    ("C16 a circle", sent(bundle(*CIRCLE, SR), BUNDLES), 422, "unresolved-reference"),
    ("C16 many entries", sent(bundle(*[{"resourceType": "Organization", "name": "x"}] * 51), BUNDLES), 422, "unsupported-batch"),
    ("C17 depth", sent(request(subject={"reference": "#p"}, contained=[WITHIN])), 422, "invariant"),
    ("C17 itself", sent(bundle(SR | {"basedOn": [{"reference": "urn:uuid:0"}]}), BUNDLES), 422, "unresolved-reference"),
    ("C21 no id", sent(request(), x_request_id=None), 400, "required"),
    ("C21 no GUID", sent(request(), x_request_id="17"), 400, "invalid"),
    ("C21 two in one", sent(request(), x_request_id=f"{GUID}, {GUID}"), 400, "invalid"),
    ("C21 10 kB", sent(request(), x_request_id="a" * 10_240), 400, "invalid"),
    ("C27 an option that is active", sent(request(intent="option")), 422, "invariant"),
    ("C28", sent(request(), accept="application/xml; version=9"), 406, "not-acceptable"),
    ("C29 no version", sent(request(), LATER), 428, "version-required"),
    ("C32 an id of another shape", InboundMessage(request(), LATER, SOUND | {"if-match": 'W/"1"'}, {"id": "..%2f"}), 404, "not-found"),
    ("another release", sent(request(), content_type="application/fhir+json; fhirVersion=5.0"), 422, "unsupported-version"),
    ("a type of another release", sent(body("ServiceRequest", resourceType="ReferralRequest")), 422, "unsupported-version"),
    ("a batch", sent(bundle(SR, type="batch"), BUNDLES), 422, "unsupported-batch"),
    ("several, one of them wrong", sent(bundle(SR, SR | {"status": "draft"}), BUNDLES), 422, "no-referral"),
    ("a condition of no kind", sent(request(), if_none_exist="status=active"), 400, "invalid"),
    ("another specialty", sent(request(code={"text": "Cardiology"})), 422, "wrong-service"),
]


@pytest.mark.parametrize(("case", "message", "status", "reason"), REFUSED, ids=[row[0] for row in REFUSED])
def test_it_is_refused_as_promised(case: str, message: InboundMessage, status: int, reason: str) -> None:
    reply = refusal(message)
    issues = json.loads(reply.parts[0])["issue"]
    named = [coding["code"] for issue in issues for coding in issue["details"].get("coding", ())]
    assert (reply.status, reason in named) == (status, True), named
    first = issues[0]["details"]["text"]
    assert "nothing was sent" in first or "nothing was changed" in first


TAKEN = [
    ("C4 a decimal keeps its text", request(quantityQuantity=1).replace(b'"quantityQuantity": 1', b'"quantityQuantity": {"value": 1.10}'), b"1.10"),
    ("C6 a byte order mark", b"\xef\xbb\xbf" + request(), None),
    ("C15 an unknown element", request(colour="blue"), None),
    ("C19 an address inside", request(requester={"reference": "http://169.254.169.254/latest"}), b"169.254.169.254"),
    ("C27 stat", request(priority="stat"), b'"stat"'),
]  # fmt: skip


@pytest.mark.parametrize(("case", "content", "kept"), TAKEN, ids=[row[0] for row in TAKEN])
def test_it_is_taken_as_promised(case: str, content: bytes, kept: bytes | None) -> None:
    (fact,) = translate(sent(content)).facts
    assert kept is None or kept in dump(fact.bundle)
