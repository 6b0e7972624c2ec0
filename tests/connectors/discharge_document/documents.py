"""Discharge documents for the tests: one that is sound, with sections and resources put in as a test needs."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from connectors.discharge_document.headings import HEADINGS_SYSTEM
from schemas.messages import InboundMessage
from schemas.profile import Profile
from tests.connectors.awkward import GUID, SOUND_HEADERS

SCT = "http://snomed.info/sct"
BUNDLE_ID = "0d9b7a62-5f43-4d8b-b0a4-6c1f0a3e7001"
PATIENT: dict[str, Any] = {
    "resourceType": "Patient",
    "id": "p",
    "identifier": [{"system": "https://fhir.nhs.uk/Id/nhs-number", "value": "9990000018"}],
    "name": [{"family": "Prawf", "given": ["Mair"]}],
    "address": [{"use": "home", "postalCode": "SA1 1AA"}],
}
REQUEST: dict[str, Any] = {
    "resourceType": "ServiceRequest", "id": "s", "status": "active", "intent": "plan", "subject": {"reference": "Patient/p"},
    "code": {"coding": [{"system": SCT, "code": "871731000000106"}]},
}  # fmt: skip
PLAN = "<p>Please refer to social prescribing.</p>"


def section(code: str, markup: str | None = None, **more: Any) -> dict[str, Any]:  # Any: JSON
    """One section under a heading; `markup` stands within its div."""
    made: dict[str, Any] = {"title": code, "code": {"coding": [{"system": HEADINGS_SYSTEM, "code": code}]}}
    if markup is not None:
        made["text"] = {"status": "generated", "div": f'<div xmlns="http://www.w3.org/1999/xhtml">{markup}</div>'}
    return made | more


def document(*sections: dict[str, Any], resources: tuple[dict[str, Any], ...] = (), **composition: Any) -> dict[str, Any]:
    """A document Bundle about PATIENT (replaced by a Patient among the resources) with these sections."""
    first = {
        "resourceType": "Composition", "status": "final", "type": {"coding": [{"system": SCT, "code": "373942005"}]}, "subject": {"reference": "Patient/p"},
        "date": "2026-03-01T14:05:00Z", "author": [{"display": "A ward"}], "title": "Discharge summary", "section": list(sections),
    }  # fmt: skip
    people = () if any(one["resourceType"] == "Patient" for one in resources) else (PATIENT,)
    made = [first | composition, *people, *resources]
    return {"resourceType": "Bundle", "identifier": {"value": BUNDLE_ID}, "type": "document", "entry": [{"resource": one} for one in made]}


def message(sent: dict[str, Any] | bytes, profile: Profile | None = None, **headers: str) -> InboundMessage:
    """It as it arrives."""
    body = sent if isinstance(sent, bytes) else json.dumps(sent).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return InboundMessage(
        body, "POST /fhir/document", SOUND_HEADERS | named, {}, datetime(2026, 3, 2, 9, tzinfo=UTC), "ward", profile or Profile(organisation_type="hospital")
    )


__all__ = ["BUNDLE_ID", "GUID", "PATIENT", "PLAN", "REQUEST", "SCT", "document", "message", "section"]
