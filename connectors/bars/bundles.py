"""On the way out to BaRS senders: the resources that both kinds of response are made of, synchronous and asynchronous."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import NAMESPACE_URL, uuid5

from connectors.bars.headers import OUR_VERSION
from connectors.bars.systems import ACT_CODE, BUNDLE_PROFILE, DEFINITION, DOS, EVENTS, NHS, REASONS, UK_CORE, is_one
from schemas.fhir.build import HUB, REFERENCE_SYSTEM
from schemas.fhir.read import JsonObject, codings, objects, string
from schemas.fhir.strict_json import parse
from schemas.messages import Accepted
from schemas.rejection import Rejected

OURS = "/bars/FHIR/R4"
"""Where the hub stands as a BaRS receiver; `manifest.toml` says the same."""
_EPOCH = "1970-01-01T00:00:00Z"
_SHOWN = ("resourceType", "id", "meta", "identifier", "status", "intent", "category", "priority", "code", "authoredOn")
"""What of a ServiceRequest goes back to who sent it: nothing that anybody wrote of the person."""


@dataclass(frozen=True, slots=True)
class Sent:
    """What an answer needs of the message that it answers; anything may be missing, since it may not have been a message at all."""

    message_id: str | None = None
    reason: str | None = None
    timestamp: str = _EPOCH
    endpoint: str | None = None
    request_url: str | None = None
    request: JsonObject = field(default_factory=dict, repr=False)
    patient: JsonObject = field(default_factory=dict, repr=False)


def read_sent(body: bytes) -> Sent:
    """Reads what it can; never raises."""
    try:
        bundle = parse(body)
    except Rejected:
        return Sent()
    entries = [one for one in objects(bundle.get("entry")) if isinstance(one.get("resource"), dict)]

    def first(kind: str) -> JsonObject:
        return next((one for one in entries if one["resource"].get("resourceType") == kind), {"resource": {}})

    head, request = first("MessageHeader")["resource"], first("ServiceRequest")
    reason = next((one.code for one in codings(head, "reason", "")), None)
    source = next(iter(objects(head.get("source"))), {})
    moment, url = string(bundle, "timestamp") or _EPOCH, string(request, "fullUrl")
    return Sent(string(bundle, "id"), reason, moment, _identified(string(source, "endpoint")), url, request["resource"], first("Patient")["resource"])


def _identified(endpoint: str | None) -> str | None:
    """The sender's own service in the directory, as an identifier; an address that a message names is nothing that we repeat."""
    system, bar, value = (endpoint or "").partition("|")
    return f"{DOS}|{value}" if bar and is_one(system, DOS) and value.isascii() and value.isdigit() else None


def request_as_answered(accepted: Accepted, sent: Sent) -> JsonObject:
    """The ServiceRequest under our id: the sender's own identifiers and codes, our reference beside them, and no word about the person."""
    ours = next((one for one in accepted.resources if one.get("resourceType") == "ServiceRequest" and one.get("id") == accepted.referral_id), sent.request)
    about = next((one.get("subject") or one.get("for") for one in accepted.resources if one.get("intent") in ("filler-order", "order")), None)
    shown = {name: ours[name] for name in _SHOWN if name in ours}
    own = [one for one in objects(shown.get("identifier")) if one.get("system") != REFERENCE_SYSTEM]
    return shown | {
        "resourceType": "ServiceRequest",
        "id": accepted.referral_id,
        "meta": {**_meta(ours, sent), "versionId": str(accepted.version)},
        "identifier": [*own, {"system": REFERENCE_SYSTEM, "value": accepted.ref}],
        "subject": about or {"reference": f"Patient/{uuid5(NAMESPACE_URL, accepted.referral_id + '/patient')}"},
    }


def _meta(ours: JsonObject, sent: Sent) -> JsonObject:
    """What the hub says of its own copy; the sender's own meta is about another."""
    meta = {} if ours is sent.request else ours.get("meta")
    return meta if isinstance(meta, dict) else {}


def encounter(referral_id: str, ref: str, status: str, subject: JsonObject, at: str) -> JsonObject:
    """The receiver's Encounter: its identifier is our case number."""
    return {
        "resourceType": "Encounter",
        "id": str(uuid5(NAMESPACE_URL, f"{referral_id}/encounter")),
        "meta": {"lastUpdated": at, "profile": [f"{UK_CORE}/StructureDefinition/UKCore-Encounter"]},
        "identifier": [{"system": REFERENCE_SYSTEM, "value": ref}],
        "status": status,
        "class": {"system": ACT_CODE, "code": "AMB", "display": "ambulatory"},
        "subject": subject,
    }


def header(identity: str, sent: Sent, focus: Sequence[str], at: str, *, kind: str = "response-referral", details: str | None = None) -> JsonObject:
    """Our MessageHeader, a `servicerequest-response` that names the sender's message by its own id. `kind` is the end of its MessageDefinition,
    `details` the fullUrl of the OperationOutcome that comes with it."""
    made: JsonObject = {
        "resourceType": "MessageHeader",
        "id": identity,
        "meta": {"lastUpdated": at, "profile": [f"{NHS}/StructureDefinition/BARSMessageHeader-servicerequest-response"]},
        "eventCoding": {"system": EVENTS, "code": "servicerequest-response"},
        "source": {"name": "Referral hub", "endpoint": f"{HUB}{OURS}"},
        "reason": {"coding": [{"system": REASONS, "code": "new"}]},
        "focus": [{"reference": one} for one in focus],
        "definition": f"{DEFINITION}-{kind}",
    }
    if sent.endpoint:
        made["destination"] = [{"endpoint": sent.endpoint}]
    if sent.message_id:
        made["response"] = {"identifier": sent.message_id, "code": "ok"} | ({"details": {"reference": details}} if details else {})
    return made


def message_bundle(identity: str, entries: Sequence[tuple[str, JsonObject]], at: str, version: str = OUR_VERSION) -> JsonObject:
    """The Bundle of a message of ours: every entry with its fullUrl, the header first."""
    return {
        "resourceType": "Bundle",
        "id": identity,
        "meta": {"versionId": version, "lastUpdated": at, "profile": [BUNDLE_PROFILE]},
        "type": "message",
        "timestamp": at,
        "entry": [{"fullUrl": url, "resource": resource} for url, resource in entries],
    }
