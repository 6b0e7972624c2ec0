"""In translating plain FHIR: what a new ServiceRequest must be beyond its structure. The body may still be anything that JSON can be."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from schemas.fhir.read import objects
from schemas.fhir.strict_json import JsonObject, shown
from schemas.rejection import Issue, Reason

ROOT = "ServiceRequest"
_OTHER_STATUS = frozenset({"draft", "on-hold", "revoked", "completed", "entered-in-error", "unknown"})


def broken_rules(body: JsonObject) -> list[Issue]:
    """Every rule of this door that the request breaks: release, status, references within the message."""
    return [*_release_faults(body), *_status_faults(body), *_reference_faults(body)]


def _status_faults(body: JsonObject) -> Iterator[Issue]:
    """A wrong code is the structure check's; another status is sound FHIR, but nothing that can be acted on."""
    if isinstance(body.get("status"), str) and body["status"] in _OTHER_STATUS:
        yield Issue(Reason.NO_REFERRAL, f"{ROOT}.status", "fhir_rest.status")


# --- the release ------------------------------------------------------------------------------------------------------------------------

_R5_ELEMENTS = ("reason", "focus", "bodyStructure")
_R5_CONCEPTS = ("code", "supportingInfo", "location")
_R5_PARTS = frozenset({"concept", "parameter", "parameterFocus"})


def _release_faults(body: JsonObject) -> Iterator[Issue]:
    """Shapes that R5 has and R4 has not: elements with new names, and a concept or a reference wrapped in a CodeableReference."""
    for name in _R5_ELEMENTS:
        if body.get(name):
            yield _release(f"{ROOT}.{name}", name)
    for name in (*_R5_CONCEPTS, "orderDetail"):
        if any(_R5_PARTS & one.keys() or isinstance(one.get("reference"), dict) for one in objects(body.get(name))):
            yield _release(f"{ROOT}.{name}", name)


def _release(at: str, element: str) -> Issue:
    return Issue(Reason.UNSUPPORTED_VERSION, at, "fhir_rest.release", {"element": element})


# --- references -------------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Reference:
    """One reference of the message: where it stands, what it names, and the id of the contained resource that it stands in."""

    at: str
    target: str
    within: str | None
    is_also_identified: bool


def _reference_faults(body: JsonObject) -> Iterator[Issue]:
    """References that must lead to something in this message and do not: `#x` without a contained x, `#` from the request itself, an urn
    (a single resource has no fullUrl that it could name), and a resource that names itself."""
    contained = {one.get("id") for one in objects(body.get("contained")) if isinstance(one.get("id"), str)}
    for found in _references(body, ROOT, None):
        if found.target.startswith("#"):
            name = found.target[1:]
            if name == (found.within or ""):
                yield Issue(Reason.UNRESOLVED_REFERENCE, found.at, "fhir_rest.reference-self")
            elif name and name not in contained:
                yield Issue(Reason.UNRESOLVED_REFERENCE, found.at, "fhir_rest.reference-missing")
        elif found.target.lower().startswith("urn:"):
            yield Issue(Reason.UNRESOLVED_REFERENCE, found.at, "fhir_rest.reference-missing")


def elsewhere(body: JsonObject) -> list[Issue]:
    """A warning for each reference that leads outside the message and says nothing more: it is never fetched, whatever its address."""
    return [
        Issue(Reason.REFERENCE_ELSEWHERE, found.at)
        for found in _references(body, ROOT, None)
        if not found.is_also_identified and not found.target.startswith("#") and not found.target.lower().startswith("urn:")
    ]


def _references(node: object, path: str, within: str | None) -> Iterator[_Reference]:
    """Every reference with its path. Depth is bounded by the parser's cap."""
    if isinstance(node, list):
        for index, item in enumerate(node):
            yield from _references(item, f"{path}[{index}]", _contained_id(item) if path == f"{ROOT}.contained" else within)
    elif isinstance(node, dict):
        target = node.get("reference")
        if isinstance(target, str):
            yield _Reference(f"{path}.reference", target, within, bool(node.get("identifier") or node.get("display")))
        for name, value in node.items():
            if isinstance(value, dict | list):
                yield from _references(value, f"{path}.{shown(name)}", within)


def _contained_id(item: object) -> str | None:
    return item["id"] if isinstance(item, dict) and isinstance(item.get("id"), str) else None
