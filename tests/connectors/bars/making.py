"""What the tests of BaRS share: its fixtures as messages, and a sender's sound headers."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from schemas.events import FactType
from schemas.messages import Accepted, InboundMessage
from schemas.profile import Profile
from schemas.rejection import Reason
from schemas.words import Text

FIXTURES = Path(__file__).resolve().parents[3] / "connectors" / "bars" / "fixtures"
REQUEST, JOURNEY = "3f2a9c1e-5b7d-4c7e-9a55-0d6e2b1f8a43", "7d0b4d0c-52ad-4b4c-8ad0-0f8f1c3a9f11"
MESSAGE_ID = "0b5c2a52-0d4f-4c7e-9f0d-0c6d3c6f4a11"
REFERRAL = "11111111-2222-4333-8444-555555555555"
NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
NEXT = Text("A link worker will telephone within three working days.", "Bydd gweithiwr cyswllt yn ffonio o fewn tri diwrnod gwaith.")


def encoded(value: object, *, padded: bool = True, indent: int | None = None) -> str:
    """A header's JSON in base64."""
    written = base64.b64encode(json.dumps(value, indent=indent).encode()).decode()
    return written if padded else written.rstrip("=")


PRACTICE = {"resourceType": "Organization", "identifier": [{"system": "https://fhir.nhs.uk/Id/ods-organization-code", "value": "W99998"}]}
HEADERS = {
    "host": "hub.example.wales",
    "content-type": "application/fhir+json; version=1.4.0",
    "x-request-id": REQUEST,
    "x-correlation-id": JOURNEY,
    "nhsd-target-identifier": encoded({"value": "9900000001", "system": "https://fhir.nhs.uk/Id/dos-service-id"}),
    "nhsd-end-user-organisation": encoded(PRACTICE),
    "nhsd-requesting-software": encoded({"resourceType": "Device"}),
    "accept": "application/fhir+json; version=1.2.0",
}
WALES = Profile(dialect=("wales",))


def bundle(name: str = "new") -> dict[str, Any]:  # Any: FHIR JSON
    """One fixture's body."""
    found: dict[str, Any] = json.loads((FIXTURES / f"{name}.json").read_text("utf-8"))
    return found


def resource(body: dict[str, Any], kind: str) -> dict[str, Any]:  # Any: FHIR JSON
    """The first resource of a type."""
    found: dict[str, Any] = next(entry["resource"] for entry in body["entry"] if entry["resource"]["resourceType"] == kind)
    return found


def message(body: dict[str, Any] | bytes, profile: Profile | None = None, **headers: str | None) -> InboundMessage:
    """It as it arrives; a header given as None is missing."""
    named = HEADERS | {name.replace("_", "-"): value for name, value in headers.items()}
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    sent = {name: value for name, value in named.items() if value is not None}
    return InboundMessage(content, "POST /bars/FHIR/R4/$process-message", sent, {}, NOW, "gp", profile or Profile())


def accepted(held: Reason | None = None, fact: FactType = FactType.RECEIVED, **changes: Any) -> Accepted:  # Any: FHIR JSON
    """What intake says of a referral that it commits."""
    original = resource(bundle(), "ServiceRequest") | {"id": REFERRAL, "meta": {"versionId": "1", "lastUpdated": NOW.isoformat()}} | changes
    patient = {"reference": f"Patient/{REFERRAL}"}
    filler = {"resourceType": "ServiceRequest", "id": "f-1", "intent": "filler-order", "status": "active", "subject": patient}
    task = {"resourceType": "Task", "id": "66666666-2222-4333-8444-555555555555", "status": "requested", "intent": "order", "for": patient}
    return Accepted(REFERRAL, "7K2M9QXA3B4C", 1, fact, NEXT, held, (original, filler, task))
