"""Shared by the stages: what the ledger keeps of a referral's content (the Referral, the sender's bundle, what triage found), sealed at rest."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import orjson

from hub.deciding.triage import Triage
from schemas.events import FactType
from schemas.fhir.strict_json import Caps, dump, parse
from schemas.referral import Referral
from schemas.rest import referrers_task

JsonObject = dict[str, Any]  # Any: FHIR JSON
_ACT_CODE = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
_ASKED = "asked"
_CAPS = Caps(body=16 * 2**20, depth=80, keys=200_000, items=200_000, string=2 * 2**20)


@dataclass(frozen=True, slots=True)
class Content:
    """What decisions, assignments and reads see of one referral. Numbers in the bundle keep their text."""

    referral: Referral = field(repr=False)
    bundle: JsonObject = field(repr=False)


def content_of(referral: Referral, bundle: JsonObject, risk: Triage | None = None) -> bytes:
    """The bytes to keep."""
    found = risk.contract() if risk else None
    return b'{"bundle":' + dump(bundle) + b',"referral":' + referral.model_dump_json().encode() + b',"triage":' + orjson.dumps(found) + b"}"


def referral_of(stored: bytes) -> Referral:
    """The Referral alone, quickly."""
    return Referral.model_validate(orjson.loads(stored)["referral"])


def triaged(stored: bytes) -> tuple[str, ...]:
    """The reasons that triage found in it when it was kept."""
    return tuple((orjson.loads(stored).get("triage") or {}).get("reasons", ()))


def read_content(stored: bytes) -> Content:
    """All of it."""
    return Content(referral_of(stored), bundle_of(stored))


def bundle_of(stored: bytes) -> JsonObject:
    """The sender's bundle as it was translated."""
    bundle: JsonObject = parse(stored, _CAPS)["bundle"]
    return bundle


def with_consent(stored: bytes, url: str, given_on: str) -> bytes:
    """The content once the person was asked and said yes to being referred: `direct_care` given, nothing unclear, and in the bundle a Consent of
    our own under `url` (the sender's resources stay as they are)."""
    content = parse(stored, _CAPS)
    referral = Referral.model_validate(content["referral"])
    consent = referral.consent.model_copy(update={"direct_care": True, "unclear": False, "child_alone": False})
    about = next((entry["resource"].get("subject") for entry in content["bundle"]["entry"] if entry["resource"]["resourceType"] == "ServiceRequest"), None)
    entries = [*content["bundle"]["entry"], {"fullUrl": url, "resource": _consent(about, given_on)}]
    told = {"bundle": {**content["bundle"], "entry": entries}, "referral": referral.model_copy(update={"consent": consent}).model_dump(mode="json")}
    return dump({**content, **told, _ASKED: given_on})


def still_agreed(before: bytes, now: bytes) -> bytes:
    """New content of a referral whose person was asked by us: their yes stays where the change says nothing of consent."""
    if f'"{_ASKED}"'.encode() not in before or (asked := parse(before, _CAPS).get(_ASKED)) is None:
        return now
    content = parse(now, _CAPS)
    referral = Referral.model_validate(content["referral"])
    if referral.consent.direct_care is not None or referral.consent.unclear:
        return now
    agreed = referral.model_copy(update={"consent": referral.consent.model_copy(update={"direct_care": True})})
    return dump({**content, "referral": agreed.model_dump(mode="json"), _ASKED: asked})


def must_be_asked(stored: bytes) -> bool:
    """Whether nobody has asked the person yet, whatever it is held for: of an offer, from a discharge; of an agreement that is not clear."""
    if stored and referral_of(stored).consent.unclear:
        return True
    if f'"{FactType.OFFERED.value}"'.encode() not in stored:
        return False
    content = parse(stored, _CAPS)
    return _ASKED not in content and content["bundle"]["entry"][0]["resource"].get("eventCoding", {}).get("code") == FactType.OFFERED.value


def _consent(patient: JsonObject | None, given_on: str) -> JsonObject:
    """FHIR R4 Consent to direct care, given to us by the person."""
    consent = {
        "resourceType": "Consent",
        "status": "active",
        "scope": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy"}]},
        "category": [{"coding": [{"system": _ACT_CODE, "code": "DRC"}]}],
        "dateTime": given_on,
        "policyRule": {"coding": [{"system": _ACT_CODE, "code": "OPTIN"}]},
        "provision": {"type": "permit"},
    }
    return consent | ({"patient": patient} if patient else {})


def referrers_task_of(stored: bytes) -> JsonObject | None:
    """A reference to the referrer's own Task, where it sent one; most send none, and then nothing is read."""
    return referrers_task(bundle_of(stored)) if b'"resourceType":"Task"' in stored else None
