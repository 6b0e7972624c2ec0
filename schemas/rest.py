"""At the HTTP door: what FHIR's REST interface says in headers, and which HTTP status a reason has (FHIR R4 3.1.0)."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import assert_never

from schemas.fhir.build import operation_outcome
from schemas.fhir.read import Message, objects
from schemas.fhir.resource_types import RESOURCE_TYPES
from schemas.fhir.strict_json import JsonObject, dump
from schemas.messages import Existing, InboundMessage, InFlight, NotStored, Repeated, Reply
from schemas.rejection import Issue, Reason, Rejected
from schemas.words import Text, text

FHIR_JSON = "application/fhir+json; fhirVersion=4.0"

_STATUS_ROWS: Mapping[int, str] = {
    400: """structure too-deep duplicate-key not-json encoding frame separators required invalid code-unknown unknown-element element-removed
        unsupported-type""",
    401: "not-authenticated",
    403: "not-permitted",
    404: "not-found",
    405: "method-not-allowed",
    406: "not-acceptable",
    408: "timeout",
    409: "illegal-transition duplicate",
    412: "stale-version multiple-matches",
    413: "too-large",
    415: "unsupported-media-type",
    428: "version-required",
    429: "too-many-requests",
    503: "in-flight store-unavailable",
}
_STATUS: Mapping[str, int] = {code: status for status, codes in _STATUS_ROWS.items() for code in codes.split()}


def status_of(reason: Reason) -> int:
    """The HTTP status of a refusal; 422 for what is sound FHIR that the hub cannot take."""
    return _STATUS.get(reason.value, 422)


# --- reading headers --------------------------------------------------------------------------------------------------------------------

_GUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_LONGEST = 4_096
Headers = Mapping[str, str]


def guid(headers: Headers, name: str) -> str | None:
    """The GUID in a header, in small letters; None when the header is absent. Raises Rejected (invalid) when it holds anything else, as when
    it was sent twice."""
    sent = headers.get(name.lower())
    if sent is None:
        return None
    found = sent.strip().strip('"').lower()
    if len(found) != 36 or not _GUID.fullmatch(found):
        raise Rejected(Reason.INVALID, [Issue(Reason.INVALID, name, "rest.guid", {"header": name})])
    return found


@dataclass(frozen=True, slots=True)
class SentIds:
    """The ids of a request's headers. `key` is Idempotency-Key, else X-Request-Id; `journey` X-Correlation-Id; `faults` each that is no GUID."""

    key: str | None
    journey: str | None
    faults: tuple[Issue, ...]


def sent_ids(headers: Headers, *, required: bool = True) -> SentIds:
    """What the sender calls its request; with `required` one without a key has a fault."""
    found: dict[str, str | None] = {}
    faults: list[Issue] = []
    for name in ("Idempotency-Key", "X-Request-Id", "X-Correlation-Id"):
        try:
            found[name] = guid(headers, name)
        except Rejected as fault:
            faults += fault.issues
    if required and not headers.get("idempotency-key") and not headers.get("x-request-id"):
        faults.append(Issue(Reason.REQUIRED, "X-Request-Id", "rest.request-id"))
    return SentIds(found.get("Idempotency-Key") or found.get("X-Request-Id"), found.get("X-Correlation-Id"), tuple(faults))


@dataclass(frozen=True, slots=True)
class MediaType:
    """One media type of a Content-Type or Accept header; `parameters` have lower-case names."""

    name: str
    parameters: Mapping[str, str]


def media_types(value: str) -> tuple[MediaType, ...]:
    """The media types of a header, in order, in small letters. Nothing that a sender can write raises."""
    return tuple(_media_type(part) for part in value[:_LONGEST].split(",") if part.strip())


def _media_type(written: str) -> MediaType:
    name, *rest = (part.strip() for part in written.split(";"))
    pairs = (part.partition("=") for part in rest)
    return MediaType(name.lower(), {key.strip().lower(): value.strip().strip('"') for key, _, value in pairs})


_JSON = frozenset({"application/fhir+json", "application/json", "text/json", "application/json+fhir"})
_ANY = frozenset({"*/*", "application/*"})
_OUR_RELEASE = frozenset({"", "4.0", "4.0.0", "4.0.1"})


def content_faults(headers: Headers, others: Collection[str] = ()) -> Iterable[Issue]:
    """What is wrong with Content-Type: it must be FHIR JSON in UTF-8, release R4; or, where a sender posts something else, one of `others`."""
    words = ("rest.content-type.others", {"types": ", ".join(sorted(others))}) if others else ("rest.content-type", {})
    for kind in media_types(headers.get("content-type", "")) or (MediaType("", {}),):
        if kind.name not in (others or _JSON):
            yield Issue(Reason.UNSUPPORTED_MEDIA, "Content-Type", *words)
        elif kind.parameters.get("charset", "utf-8").lower() not in ("utf-8", "utf8"):
            yield Issue(Reason.UNSUPPORTED_MEDIA, "Content-Type", "rest.charset")
        elif kind.parameters.get("fhirversion", "") not in _OUR_RELEASE:
            yield Issue(Reason.UNSUPPORTED_VERSION, "Content-Type", "rest.release")


def accept_faults(headers: Headers) -> Iterable[Issue]:
    """What is wrong with Accept: one of what it allows must be FHIR JSON, release R4. Absent allows anything."""
    kinds = media_types(headers.get("accept", ""))
    if not kinds:
        return
    readable = [kind for kind in kinds if kind.name in _JSON | _ANY and not re.fullmatch(r"0(\.0*)?", kind.parameters.get("q", "1"))]
    if not readable:
        yield Issue(Reason.NOT_ACCEPTABLE, "Accept", "rest.accept")
    elif all(kind.parameters.get("fhirversion", "") not in _OUR_RELEASE for kind in readable):
        yield Issue(Reason.NOT_ACCEPTABLE, "Accept", "rest.release")


def preferences(headers: Headers | None) -> Mapping[str, str]:
    """The preferences of a Prefer header (RFC 7240), names and values in small letters: `return`, `handling`."""
    parts = (part.partition("=") for part in re.split(r"[,;]", (headers or {}).get("prefer", "")[:_LONGEST]))
    return {name.strip().lower(): value.strip().strip('"').lower() for name, _, value in parts if name.strip()}


_ETAG = re.compile(r'W/"([0-9]{1,9})"|"([0-9]{1,9})"')


def if_match(headers: Headers) -> int:
    """The version that If-Match names: `W/"3"`. Raises Rejected: version-required when absent, invalid when it is not one such version."""
    sent = headers.get("if-match")
    if sent is None or not sent.strip():
        raise Rejected(Reason.VERSION_REQUIRED, [Issue(Reason.VERSION_REQUIRED, "If-Match", "rest.if-match")])
    found = _ETAG.fullmatch(sent.strip()[:64])
    if found is None:
        raise Rejected(Reason.INVALID, [Issue(Reason.INVALID, "If-Match", "rest.if-match")])
    return int(found[1] or found[2])


# --- reading bodies ---------------------------------------------------------------------------------------------------------------------

_ALSO_FHIR = """Account AllergyIntolerance AppointmentResponse AuditEvent Claim ClinicalImpression CodeSystem DeviceRequest DiagnosticReport
FamilyMemberHistory ImagingStudy Immunization Library Measure Media Medication MedicationRequest MedicationStatement NutritionOrder
OperationDefinition RequestGroup RiskAssessment SearchParameter Specimen StructureDefinition Subscription SupplyRequest ValueSet
VisionPrescription"""
_KNOWN_TYPES = RESOURCE_TYPES | frozenset(_ALSO_FHIR.split())


def type_fault(body: JsonObject, wanted: str) -> Issue | None:
    """What is wrong with `resourceType`, or None. The type found is named only when FHIR knows it: anything else could be anything."""
    found = body.get("resourceType")
    if found == wanted:
        return None
    if isinstance(found, str) and found in _KNOWN_TYPES:
        return Issue(Reason.UNSUPPORTED_TYPE, "resourceType", "rest.resource-type-named", {"found": found, "wanted": wanted})
    reason = Reason.REQUIRED if found is None else Reason.UNSUPPORTED_TYPE
    return Issue(reason, "resourceType", "rest.resource-type", {"wanted": wanted})


def referrers_task(bundle: JsonObject) -> JsonObject | None:
    """A reference to the Task by which the referrer asked, of which the hub's coordination Task is part: the first whose `focus` is the message's
    ServiceRequest. By its address where it has one, else by its identifier; None when there is no such Task."""
    message = Message(bundle)
    request = message.first("ServiceRequest")
    for one in message.of_type("Task"):
        if request is not None and message.follow(one.resource.get("focus"), one) is request:
            named = next((item for item in objects(one.resource.get("identifier")) if item.get("value")), None)
            is_address = (one.full_url or "").startswith(("http://", "https://"))
            found = {"reference": one.full_url if is_address or named is None else None, "type": "Task", "identifier": named}
            return {name: value for name, value in found.items() if value}
    return None


def refuse(issues: Iterable[Issue]) -> None:
    """Raises Rejected with every issue, each place and detail once, for the reason of the first; returns when there is none."""
    once = {(issue.at, issue.reason, issue.detail, *issue.params.items()): issue for issue in issues}
    if once:
        found = tuple(once.values())
        raise Rejected(found[0].reason, found)


# --- answering --------------------------------------------------------------------------------------------------------------------------

_ECHOED = ("X-Request-Id", "X-Correlation-Id")
_ECHO = re.compile(r"[\x21-\x7e]{1,128}")


def echoed(message: InboundMessage) -> tuple[tuple[str, str], ...]:
    """The sender's own ids, said back on every answer as far as they can stand in a header."""
    sent = ((name, (message.headers or {}).get(name.lower(), "")) for name in _ECHOED)
    return tuple((name, value) for name, value in sent if _ECHO.fullmatch(value))


def etag(resource: JsonObject, otherwise: int) -> tuple[str, str]:
    """The resource's version as a header, `W/"3"`; `otherwise` when its meta says none."""
    meta = resource.get("meta")
    written = str(meta.get("versionId", "")) if isinstance(meta, dict) else ""
    return "ETag", f'W/"{written if written.isascii() and written.isdigit() else otherwise}"'


def resource_reply(message: InboundMessage, status: int, resource: JsonObject | None, *headers: tuple[str, str]) -> Reply:
    """An answer whose body is `resource` (none if None), with the sender's ids and the given headers."""
    body = b"" if resource is None else dump(resource)
    return Reply(status, (body,), FHIR_JSON, (*echoed(message), *headers))


def refusal_reply(message: InboundMessage, rejected: Rejected, lead: Text) -> Reply:
    """An OperationOutcome with a plain sentence first (its own for another service than ours), then every fault with its path. The status is the
    main reason's."""
    reason = main_reason(rejected)
    lead = text("rest.wrong-service") if rejected.reason is Reason.WRONG_SERVICE else lead
    later = (("Retry-After", "5"),) if status_of(reason) in (429, 503) else ()
    return resource_reply(message, status_of(reason), operation_outcome(rejected.issues, lead=lead), *later)


def other_reply(message: InboundMessage, outcome: Repeated | Existing | InFlight | NotStored | Rejected, lead: Text) -> Reply:
    """The answer to whatever was not committed now: the first answer again, 503, or every fault. `lead` is said first of a refusal."""
    match outcome:
        case Repeated(first=first):
            kept = tuple(header for header in first.headers if header[0] not in _ECHOED)
            return replace(first, headers=(*echoed(message), *kept, ("Idempotency-Replayed", "true")))
        case Existing(accepted=stands):
            said = operation_outcome([], "information", lead=stands.next_step)
            return resource_reply(message, 200, said, ("Location", f"/fhir/ServiceRequest/{stands.referral_id}"), ("ETag", f'W/"{stands.version}"'))
        case InFlight(retry_after=seconds):
            return later_reply(message, Reason.IN_FLIGHT, seconds)
        case NotStored(retry_after=seconds):
            return later_reply(message, Reason.STORE_UNAVAILABLE, seconds)
        case Rejected():
            return refusal_reply(message, outcome, lead)
        case _ as never:
            assert_never(never)


def later_reply(message: InboundMessage, reason: Reason, seconds: int) -> Reply:
    """503 with Retry-After: nothing is wrong with the message, and the same one may be sent again."""
    return resource_reply(message, 503, operation_outcome([Issue(reason, "")]), ("Retry-After", str(max(1, seconds))))


_FIRST = (415, 413, 406, 405, 428, 412)


def main_reason(rejected: Rejected) -> Reason:
    """The reason that decides the status when there are several faults: what concerns the whole request, then what cannot be read, then the
    reason that it was rejected for."""
    if any(issue.reason is Reason.UNKNOWN_MODIFIER for issue in rejected.issues):
        return Reason.UNKNOWN_MODIFIER
    by_status = {status_of(issue.reason): issue.reason for issue in reversed(rejected.issues)}
    whole = next((by_status[status] for status in _FIRST if status in by_status), None)
    if whole is not None:
        return whole
    return by_status.get(400, rejected.reason) if status_of(rejected.reason) == 422 else rejected.reason
