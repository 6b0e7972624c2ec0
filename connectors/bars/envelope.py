"""In translating BaRS: what the message is for, told by its MessageHeader and the status of its ServiceRequest (BaRS, message events and reasons)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from connectors.bars.headers import is_our_version
from connectors.bars.systems import CATEGORY, EVENTS, REASONS, USE_CASES, is_one
from schemas.codes.bars import use_case_known
from schemas.events import FactType
from schemas.fhir.read import Coded, JsonObject, codings, objects, same_url, string
from schemas.messages import Target
from schemas.rejection import Issue, Reason
from schemas.rest import refuse, type_fault

MOST_ENTRIES = 50
_REQUEST = "servicerequest-request"
_OTHER_EVENTS = frozenset({"servicerequest-response", "booking-request", "booking-response"})
_MEANT: Mapping[tuple[str, str], FactType] = {
    ("new", "active"): FactType.RECEIVED,
    ("update", "active"): FactType.UPDATED,
    ("update", "revoked"): FactType.CANCEL_REQUESTED,
    ("update", "entered-in-error"): FactType.ENTERED_IN_ERROR,
    ("delete", "entered-in-error"): FactType.ENTERED_IN_ERROR,
}
"""Reason and status together; both spellings of a withdrawal. Any other pair is against the workflow."""
_KNOWN_REASONS = frozenset({"new", "update", "delete"})
_CATEGORIES = frozenset({"referral", "validation"})


@dataclass(frozen=True, slots=True)
class Envelope:
    """One message: what it is for (None when its faults do not let it be known), its header and its request, and where they stand."""

    fact: FactType | None
    header: JsonObject = field(repr=False)
    header_index: int
    request: JsonObject = field(repr=False)
    request_path: str
    full_url: str | None
    faults: tuple[Issue, ...]
    warnings: tuple[Issue, ...]


def read_envelope(body: JsonObject) -> Envelope:
    """What the message is for, with every fault and warning of its frame.

    Raises Rejected for what is no message that the hub takes at all: another resource, too many entries, an event that is not supported.
    """
    refuse(_no_message(body))
    entries = _entries(body)
    header_at = next((index for index, _, one in entries if one.get("resourceType") == "MessageHeader"), None)
    header = next((one for index, _, one in entries if index == header_at), {})
    header_path = f"Bundle.entry[{header_at or 0}].resource"
    requests = [(index, url, one) for index, url, one in entries if one.get("resourceType") == "ServiceRequest"]
    refuse(_unsupported(header, header_path, [one for _, _, one in requests]))
    index, url, request = next(iter(requests), (0, None, {}))
    path = f"Bundle.entry[{index}].resource"
    reason, about_reason = _reason(header, header_path)
    status = string(request, "status")
    fact = _MEANT.get((reason or "", status or ""))
    faults = [*about_reason, *_frame_faults(header, header_path, len(requests))]
    if (version := _version(body)) is not None and not is_our_version(version):
        faults.append(Issue(Reason.UNSUPPORTED_VERSION, "Bundle.meta.versionId", "bars.version"))
    if reason and status and fact is None:
        faults.append(Issue(Reason.INVALID, f"{header_path}.reason", "bars.workflow"))
    warnings = (*_bundle_warnings(body), *_header_warnings(header, header_path, url), *_category_warnings(request, path))
    return Envelope(fact, header, header_at or 0, request, path, url, tuple(faults), warnings)


def _entries(body: JsonObject) -> list[tuple[int, str | None, JsonObject]]:
    """Index, fullUrl and resource of every entry that has one."""
    sent = body.get("entry")
    numbered = enumerate(sent if isinstance(sent, list) else ())
    return [(index, string(one, "fullUrl"), one["resource"]) for index, one in numbered if isinstance(one, dict) and isinstance(one.get("resource"), dict)]


# --- what is refused whatever else the message says -------------------------------------------------------------------------------------


def _no_message(body: JsonObject) -> Iterator[Issue]:
    if fault := type_fault(body, "Bundle"):
        yield fault
        return
    if body.get("type") != "message":
        yield Issue(Reason.INVALID, "Bundle.type", "bars.bundle-type")
    entries = body.get("entry")
    if not isinstance(entries, list) or not entries:
        yield Issue(Reason.REQUIRED, "Bundle.entry", "fhir.required", {"element": "entry"})
    elif len(entries) > MOST_ENTRIES:
        yield Issue(Reason.TOO_LARGE, "Bundle.entry", "bars.too-many-entries", {"limit": str(MOST_ENTRIES)})


def _unsupported(header: JsonObject, path: str, requests: list[JsonObject]) -> Iterator[Issue]:
    """Events and purposes that the hub does not take: bookings, responses, validation; and what answers a message that we never sent."""
    event = next((one.code for one in codings(header, "eventCoding", path)), None)
    if event in _OTHER_EVENTS:
        yield Issue(Reason.UNSUPPORTED_TYPE, f"{path}.eventCoding", "bars.event-named", {"event": event})
    elif event is not None and event != _REQUEST:
        yield Issue(Reason.UNSUPPORTED_TYPE, f"{path}.eventCoding", "bars.event")
    elif _is_for_validation(header, path, requests):
        yield Issue(Reason.UNSUPPORTED_TYPE, f"{path}.definition", "bars.validation")
    if "response" in header:
        yield Issue(Reason.NOT_FOUND, f"{path}.response.identifier", "bars.response-unknown")


def _is_for_validation(header: JsonObject, path: str, requests: list[JsonObject]) -> bool:
    """A request to validate a triage, not to take a person on. A published cancellation carries the same category and is none."""
    if any(one.get("status") in ("revoked", "entered-in-error") for one in requests):
        return False
    kinds = {one.code for request in requests for one in codings(request, "category", path) if is_one(one.system, CATEGORY)}
    definition = (string(header, "definition") or "").lower()
    return "referral" not in kinds and ("validation" in kinds or definition.endswith("request-validation"))


# --- what is said together with the faults of the content -------------------------------------------------------------------------------


def _reason(header: JsonObject, path: str) -> tuple[str | None, list[Issue]]:
    """The reason of the message, and what is wrong with it. A coding of the standard's list comes before any other."""
    given = list(codings(header, "reason", path))
    ours = [one for one in given if is_one(one.system, REASONS)] or given
    known = next((one for one in ours if one.code in _KNOWN_REASONS), None)
    if known is not None:
        return known.code, []
    if not header:
        return None, []
    missing = not given
    return None, [Issue(Reason.REQUIRED if missing else Reason.INVALID, f"{path}.reason", "bars.reason-missing" if missing else "bars.reason")]


def _frame_faults(header: JsonObject, path: str, requests: int) -> Iterator[Issue]:
    if not header:
        yield Issue(Reason.REQUIRED, "Bundle.entry[0].resource", "bars.no-header")
    elif not any(codings(header, "eventCoding", path)):
        yield Issue(Reason.REQUIRED, f"{path}.eventCoding", "bars.event-missing")
    if requests == 0:
        yield Issue(Reason.NO_REFERRAL, "Bundle.entry", "bars.no-request")
    elif requests > 1:
        yield Issue(Reason.UNSUPPORTED_BATCH, "Bundle.entry", "bars.two-requests")


# --- what is kept with a warning --------------------------------------------------------------------------------------------------------


def _bundle_warnings(body: JsonObject) -> Iterator[Issue]:
    if not string(body, "id"):
        yield Issue(Reason.RULE_NOT_MET, "Bundle.id", "bars.no-bundle-id")
    if not string(body, "timestamp"):
        yield Issue(Reason.RULE_NOT_MET, "Bundle.timestamp", "bars.no-timestamp")
    if _version(body) is None:
        yield Issue(Reason.RULE_NOT_MET, "Bundle.meta.versionId", "bars.no-version")


def _version(body: JsonObject) -> str | None:
    """The version of the standard that the message says it follows."""
    meta = body.get("meta")
    return string(meta, "versionId") if isinstance(meta, dict) else None


def _header_warnings(header: JsonObject, path: str, request_url: str | None) -> Iterator[Issue]:
    for name, system in (("eventCoding", EVENTS), ("reason", REASONS)):
        if any(not is_one(one.system, system) for one in codings(header, name, path)):
            yield Issue(Reason.RULE_NOT_MET, f"{path}.{name}", "bars.system", {"system": system})
    focus = [same_url(str(one.get("reference"))) for one in objects(header.get("focus"))]
    if header and (request_url is None or same_url(request_url) not in focus):
        yield Issue(Reason.RULE_NOT_MET, f"{path}.focus", "bars.focus")


def _category_warnings(request: JsonObject, path: str) -> Iterator[Issue]:
    given = list(codings(request, "category", path))
    if request and not given:
        yield Issue(Reason.RULE_NOT_MET, f"{path}.category", "bars.no-category")
    for one in given:
        if (is_one(one.system, CATEGORY) and one.code not in _CATEGORIES) or (is_one(one.system, USE_CASES) and not use_case_known(one.code)):
            yield Issue(Reason.CODE_UNKNOWN, one.at, "bars.category")


def use_cases(request: JsonObject, path: str) -> list[Coded]:
    """The use cases that a request names."""
    return [one for one in codings(request, "category", path) if is_one(one.system, USE_CASES)]


# --- which referral a later message means -----------------------------------------------------------------------------------------------

_OUR_URL = re.compile(
    r"https?://[^/\s]+(?:/[^/\s]+)*/bars/FHIR/R4/ServiceRequest/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?:/_history/(\d{1,9}))?", re.IGNORECASE
)


def target_of(full_url: str | None) -> Target | None:
    """The referral, where the sender names it by the URL under which the hub serves it to BaRS senders; else None, and the journey says which: many
    servers end in `/fhir`, and their ids look like ours."""
    found = _OUR_URL.fullmatch(full_url or "")
    if found is None:
        return None
    return Target(found[1].lower(), int(found[2]) if found[2] else None)
