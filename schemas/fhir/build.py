"""Wherever a message is made: builders of the hub's own FHIR R4 resources, each a plain dict.

A connector builds its message bundle with `message_bundle`; intake adds the filler request and the Tasks; the readers and the
answers use `operation_outcome` and `capability_statement`. Nothing here reads a clock: every time is a parameter.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import NAMESPACE_URL, uuid5

from schemas.rejection import Issue, Reason
from schemas.words import Text

JsonObject = dict[str, Any]  # Any: FHIR JSON as it is written

HUB = "https://hub.example.wales"
FACT_SYSTEM = f"{HUB}/CodeSystem/fact"
REASON_SYSTEM = f"{HUB}/CodeSystem/reason"
TASK_KIND_SYSTEM = f"{HUB}/CodeSystem/task-kind"
BUSINESS_STATUS_SYSTEM = f"{HUB}/CodeSystem/sp-business-status"
REFERENCE_SYSTEM = f"{HUB}/Id/referral-reference"
TASK_CODE_SYSTEM = "http://hl7.org/fhir/CodeSystem/task-code"
TRANSLATION = "http://hl7.org/fhir/StructureDefinition/translation"
ABSENT_REASON = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"
FHIR_VERSION = "4.0.1"

TaskKind = Literal["coordination", "hand-over", "offer"]
Severity = Literal["fatal", "error", "warning", "information"]


# --- the message bundle (contracts.md, Bundle) ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a message bundle: a resource and the fullUrl by which the others refer to it."""

    full_url: str
    resource: JsonObject = field(repr=False)


def message_uuid(message: bytes, resource_type: str, ordinal: int) -> str:
    """The fullUrl of the `ordinal`-th (from 1) resource of a type that was made from `message`: the same bytes give the same ids."""
    return uuid_of_digest(digest_of(message), resource_type, ordinal)


def digest_of(message: bytes) -> str:
    """What the ids of one message's resources begin from; for many resources it is taken once."""
    return hashlib.sha256(message).hexdigest()


def uuid_of_digest(digest: str, resource_type: str, ordinal: int) -> str:
    """`message_uuid` of the message of this digest."""
    return f"urn:uuid:{uuid5(NAMESPACE_URL, f'sha256:{digest}/{resource_type}/{ordinal}')}"


def entries(message: bytes, resources: Iterable[tuple[str | None, JsonObject]]) -> tuple[Entry, ...]:
    """Entries in the order given; a resource that came with no fullUrl gets `message_uuid` of its type and place among that type."""
    return _entries(digest_of(message), resources)


def _entries(digest: str, resources: Iterable[tuple[str | None, JsonObject]]) -> tuple[Entry, ...]:
    counted: dict[str, int] = {}
    made = []
    for full_url, resource in resources:
        kind = str(resource["resourceType"])
        counted[kind] = ordinal = counted.get(kind, 0) + 1
        made.append(Entry(full_url or uuid_of_digest(digest, kind, ordinal), resource))
    return tuple(made)


def message_header(fact: str, connector: str, focus: Sequence[str], reason: str | None = None) -> JsonObject:
    """The hub's MessageHeader: `fact` is the event's type, `focus` the fullUrls of what it is about, `connector` who translated it."""
    header: JsonObject = {
        "resourceType": "MessageHeader",
        "eventCoding": {"system": FACT_SYSTEM, "code": fact},
        "source": {"endpoint": f"urn:hub:connector:{connector}"},
    }
    if reason is not None:
        header["reason"] = {"coding": [{"system": REASON_SYSTEM, "code": reason}]}
    if focus:
        header["focus"] = [{"reference": url} for url in focus]
    return header


def message_bundle(header: Entry, others: Iterable[Entry]) -> JsonObject:
    """The FHIR message Bundle: the header first, then the entries in message order; no timestamp of ours."""
    return {
        "resourceType": "Bundle",
        "type": "message",
        "entry": [{"fullUrl": entry.full_url, "resource": entry.resource} for entry in (header, *others)],
    }


def message(
    body: bytes, connector: str, fact: str, resources: Iterable[tuple[str | None, JsonObject]], *, focus: str, reason: str | None = None
) -> JsonObject:
    """What a connector makes of `body`: a message bundle about `resources`, each with its sender's fullUrl or None.

    `focus` is the resource type that the fact is about: its first resource, if there is one.
    """
    digest = digest_of(body)
    made = _entries(digest, resources)
    about = [entry.full_url for entry in made if entry.resource["resourceType"] == focus][:1]
    header = Entry(uuid_of_digest(digest, "MessageHeader", 1), message_header(fact, connector, about, reason))
    return message_bundle(header, made)


# --- what the hub adds at commit (design.md 4, Tasks) -----------------------------------------------------------------------------------


def filler_request(request_id: str, original: JsonObject, original_reference: str, authored_on: str) -> JsonObject:
    """The hub's own ServiceRequest: `intent` filler-order, `basedOn` the referrer's, whose subject and priority it keeps."""
    filler: JsonObject = {
        "resourceType": "ServiceRequest",
        "id": request_id,
        "basedOn": [{"reference": original_reference}],
        "status": "active",
        "intent": "filler-order",
        "subject": original["subject"],
        "authoredOn": authored_on,
    }
    return filler | {name: original[name] for name in ("priority", "code") if name in original}


@dataclass(frozen=True, slots=True)
class HubTask:
    """One of the hub's Tasks. References are FHIR references (`ServiceRequest/…`); times FHIR instants with an offset.

    `version` is the referral's version at which this Task last changed; `reason` a code of the closed list, with its words.
    """

    kind: TaskKind
    id: str
    version: int
    status: str
    business_status: str
    focus: str
    patient: JsonObject
    authored_on: str
    last_modified: str
    identifiers: tuple[JsonObject, ...] = ()
    part_of: JsonObject | None = None
    based_on: str | None = None
    requester: JsonObject | None = None
    owner: JsonObject | None = None
    priority: str | None = None
    due: str | None = None
    reason: tuple[str, Text] | None = None
    output: tuple[JsonObject, ...] = ()


def task(of: HubTask) -> JsonObject:
    """The Task as FHIR: `intent` order, `code` fulfill and its kind, `businessStatus` in the hub's own system."""
    made: JsonObject = {
        "resourceType": "Task",
        "id": of.id,
        "meta": {"versionId": str(of.version), "lastUpdated": of.last_modified},
        "identifier": list(of.identifiers),
        "basedOn": [{"reference": of.based_on}] if of.based_on else None,
        "partOf": [of.part_of] if of.part_of else None,
        "status": of.status,
        "statusReason": _status_reason(of.reason),
        "businessStatus": {"coding": [{"system": BUSINESS_STATUS_SYSTEM, "code": of.business_status}]},
        "intent": "order",
        "priority": of.priority,
        "code": {"coding": [{"system": TASK_CODE_SYSTEM, "code": "fulfill"}, {"system": TASK_KIND_SYSTEM, "code": of.kind}]},
        "focus": {"reference": of.focus},
        "for": of.patient,
        "authoredOn": of.authored_on,
        "lastModified": of.last_modified,
        "requester": of.requester,
        "owner": of.owner,
        "restriction": {"period": {"end": of.due}} if of.due else None,
        "output": list(of.output),
    }
    return {name: value for name, value in made.items() if value not in (None, [])}


def _status_reason(reason: tuple[str, Text] | None) -> JsonObject | None:
    if reason is None:
        return None
    code, words = reason
    return {"coding": [{"system": REASON_SYSTEM, "code": code}], **bilingual("text", words)}


def bilingual(element: str, words: Text) -> JsonObject:
    """A string element in English with its Welsh beside it (translation extension, FHIR R4 2.24.0.1): `{element: …, _element: …}`."""
    welsh = {"url": TRANSLATION, "extension": [{"url": "lang", "valueCode": "cy"}, {"url": "content", "valueString": words.cy}]}
    return {element: words.en, f"_{element}": {"extension": [welsh]}}


# --- answers ----------------------------------------------------------------------------------------------------------------------------

_ISSUE_TYPES: Mapping[str, str] = {
    "structure": """structure too-deep duplicate-key not-json encoding frame separators unknown-element segment-ends field-shifted
        element-removed""",
    "too-long": "too-large",
    "required": "required headers-not-checked time-not-given version-required",
    "value": "date-impossible nhs-number-failed-check nhs-number-format charset-mismatch escape-unterminated date-in-future",
    "invalid": "invalid",
    "code-invalid": "code-unknown",
    "extension": "unknown-modifier-extension",
    "not-found": "not-found unresolved-reference organisation-unknown",
    "invariant": "invariant",
    "not-supported": "unsupported-type unsupported-version unsupported-media-type unsupported-batch method-not-allowed not-acceptable",
    "business-rule": "no-referral wrong-service no-identity illegal-transition request-key-reused",
    "forbidden": "not-permitted",
    "login": "not-authenticated",
    "duplicate": "duplicate",
    "conflict": "stale-version identity-conflict identity-mismatch",
    "transient": "in-flight store-unavailable",
    "throttled": "too-many-requests",
    "timeout": "timeout",
    "informational": "priority-stat priority-text no-consent-stated",
    "exception": "poison",
}
ISSUE_TYPE: Mapping[str, str] = {reason: kind for kind, reasons in _ISSUE_TYPES.items() for reason in reasons.split()}


_FHIRPATH = re.compile(r"[A-Z]\w+(\[\d+\])?(\.\w+(\[\d+\])?)*")


def issue_type(reason: Reason) -> str:
    """The FHIR issue-type code of a reason; what happened after acceptance is `processing`."""
    return ISSUE_TYPE.get(reason.value, "processing")


def operation_outcome(issues: Iterable[Issue], severity: Severity = "error", *, lead: Text | None = None) -> JsonObject:
    """Every issue with its path; `details.text` is a plain sentence, English with the Welsh beside it.

    `lead`, if given, is said first: what happened to the message as a whole. Without it there must be an issue (R4: issue 1..*).
    """
    said = [_issue(issue, severity) for issue in issues]
    if lead is not None:
        said.insert(0, {"severity": severity, "code": "processing" if said else "informational", "details": bilingual("text", lead)})
    return {"resourceType": "OperationOutcome", "issue": said}


def _issue(issue: Issue, severity: Severity) -> JsonObject:
    details = {"coding": [{"system": REASON_SYSTEM, "code": issue.reason.value}], **bilingual("text", issue.text)}
    made: JsonObject = {"severity": severity, "code": issue_type(issue.reason), "details": details}
    if _FHIRPATH.fullmatch(issue.at):
        made["expression"] = [issue.at]
    elif issue.at:
        made["diagnostics"] = issue.at
    return made


def capability_statement(version: str, date: str, base: str, resources: Mapping[str, Sequence[str]]) -> JsonObject:
    """What this server does: resource type → its interactions (`create`, `read`, `update`, `search-type`); FHIR 4.0.1, JSON only."""
    served = [
        {"type": kind, "interaction": [{"code": code} for code in codes], "versioning": "versioned"} for kind, codes in resources.items()
    ]
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": date,
        "kind": "instance",
        "software": {"name": "Referral hub", "version": version},
        "implementation": {"description": "Social prescribing referrals in Wales", "url": base},
        "fhirVersion": FHIR_VERSION,
        "format": ["application/fhir+json"],
        "rest": [{"mode": "server", "resource": served}],
    }
