"""In translating plain FHIR: what a new ServiceRequest must be beyond its structure. The body may still be anything that JSON can be."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from schemas.fhir.check import fhir_path
from schemas.fhir.read import objects
from schemas.fhir.strict_json import JsonObject
from schemas.fhir.validators import Path
from schemas.rejection import Issue, Reason

ROOT = "ServiceRequest"
_OTHER_STATUS = frozenset({"draft", "on-hold", "revoked", "completed", "entered-in-error", "unknown"})


def broken_rules(body: JsonObject) -> tuple[list[Issue], list[Issue]]:
    """Every rule of this door that the request breaks (release, status, modifiers, references within the message), and a warning for each reference
    that leads outside the message: it is never fetched, whatever its address."""
    found: list[_Reference] = []
    _collect(body, (), None, found)
    faults = [*_release_faults(body), *_status_faults(body), *_modifier_faults(body), *_reference_faults(body, found)]
    return faults, [Issue(Reason.REFERENCE_ELSEWHERE, one.at) for one in found if one.is_elsewhere and not one.is_also_identified]


def _status_faults(body: JsonObject) -> Iterator[Issue]:
    """A wrong code is the structure check's; another status is sound FHIR, but nothing that can be acted on."""
    if isinstance(body.get("status"), str) and body["status"] in _OTHER_STATUS:
        yield Issue(Reason.NO_REFERRAL, f"{ROOT}.status", "fhir_rest.status")


def _modifier_faults(body: JsonObject) -> Iterator[Issue]:
    """Elements that turn the meaning round (FHIR R4, `isModifier`): what is not to be done is no referral, and rules that we do not know
    may say anything of what stands beside them."""
    if "doNotPerform" in body and body["doNotPerform"] is not False:
        reason = Reason.NO_REFERRAL if body["doNotPerform"] is True else Reason.STRUCTURE
        yield Issue(reason, f"{ROOT}.doNotPerform", "fhir_rest.do-not-perform")
    inner = body.get("contained")
    for where, one in (((), body), *((("contained", index), one) for index, one in enumerate(inner if isinstance(inner, list) else ()))):
        if isinstance(one, dict) and one.get("implicitRules"):
            yield Issue(Reason.UNKNOWN_MODIFIER, fhir_path(ROOT, (*where, "implicitRules")), "fhir_rest.implicit-rules")


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

    where: Path
    target: str
    within: str | None
    is_also_identified: bool

    @property
    def at(self) -> str:
        return fhir_path(ROOT, self.where)

    @property
    def is_elsewhere(self) -> bool:
        return not self.target.startswith("#") and not self.target.lower().startswith("urn:")


def _reference_faults(body: JsonObject, references: list[_Reference]) -> Iterator[Issue]:
    """References that must lead to something in this message and do not: `#x` without a contained x, `#` from the request itself, an urn
    (a single resource has no fullUrl that it could name), and a resource that names itself."""
    contained = {one.get("id") for one in objects(body.get("contained")) if isinstance(one.get("id"), str)}
    for one in references:
        if one.is_elsewhere:
            continue
        name = one.target[1:] if one.target.startswith("#") else None
        if name is not None and name == (one.within or ""):
            yield Issue(Reason.UNRESOLVED_REFERENCE, one.at, "fhir_rest.reference-self")
        elif name is None or (name and name not in contained):
            yield Issue(Reason.UNRESOLVED_REFERENCE, one.at, "fhir_rest.reference-missing")


def _collect(node: JsonObject, where: Path, within: str | None, found: list[_Reference]) -> None:
    """Puts every reference below `node` into `found`, in message order. Depth is bounded by the parser's cap."""
    target = node.get("reference")
    if isinstance(target, str):
        found.append(_Reference((*where, "reference"), target, within, bool(node.get("identifier") or node.get("display"))))
    for name, value in node.items():
        if isinstance(value, dict):
            _collect(value, (*where, name), within, found)
        elif isinstance(value, list):
            for index, item in enumerate(value):
                if isinstance(item, dict):
                    _collect(item, (*where, name, index), _contained_id(item) if name == "contained" and not where else within, found)


def _contained_id(item: JsonObject) -> str:
    return item["id"] if isinstance(item.get("id"), str) else "?"
