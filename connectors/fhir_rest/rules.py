"""In translating plain FHIR: what a ServiceRequest must be beyond its structure. The body may still be anything that JSON can be."""

from __future__ import annotations

from collections.abc import Iterator

from schemas.fhir.check import fhir_path
from schemas.fhir.read import objects
from schemas.fhir.strict_json import JsonObject
from schemas.rejection import Issue, Reason

ROOT = "ServiceRequest"
WITHDRAWN = frozenset({"revoked", "entered-in-error"})
_OTHER_STATUS = frozenset({"draft", "on-hold", "completed", "unknown"})


def broken_rules(body: JsonObject, root: str = ROOT, of_status: str = "fhir_rest.status") -> list[Issue]:
    """Every rule of this door that the request at `root` breaks: release, status, elements that turn the meaning round. `of_status` says what
    its status would have to be."""
    return [*_release_faults(body, root), *_status_faults(body, root, of_status), *modifier_faults(body, root)]


def _status_faults(body: JsonObject, root: str, of_status: str) -> Iterator[Issue]:
    """A wrong code is the structure check's; another status is sound FHIR, but nothing that can be acted on."""
    if isinstance(body.get("status"), str) and body["status"] in _OTHER_STATUS | WITHDRAWN:
        yield Issue(Reason.NO_REFERRAL, f"{root}.status", of_status)


def modifier_faults(body: JsonObject, root: str = ROOT) -> Iterator[Issue]:
    """Elements that turn the meaning round (FHIR R4, `isModifier`): what is not to be done is no referral, and rules that we do not know
    may say anything of what stands beside them."""
    if "doNotPerform" in body and body["doNotPerform"] is not False:
        reason = Reason.NO_REFERRAL if body["doNotPerform"] is True else Reason.STRUCTURE
        yield Issue(reason, f"{root}.doNotPerform", "fhir_rest.do-not-perform")
    yield from rule_faults(body, root)


def rule_faults(body: JsonObject, root: str) -> Iterator[Issue]:
    """`implicitRules` of a resource and of what it contains."""
    inner = body.get("contained")
    for where, one in (((), body), *((("contained", index), one) for index, one in enumerate(inner if isinstance(inner, list) else ()))):
        if isinstance(one, dict) and one.get("implicitRules"):
            yield Issue(Reason.UNKNOWN_MODIFIER, fhir_path(root, (*where, "implicitRules")), "fhir_rest.implicit-rules")


# --- the release ------------------------------------------------------------------------------------------------------------------------

_R5_ELEMENTS = ("reason", "focus", "bodyStructure")
_R5_CONCEPTS = ("code", "supportingInfo", "location")
_R5_PARTS = frozenset({"concept", "parameter", "parameterFocus"})


def _release_faults(body: JsonObject, root: str) -> Iterator[Issue]:
    """Shapes that R5 has and R4 has not: elements with new names, and a concept or a reference wrapped in a CodeableReference."""
    for name in _R5_ELEMENTS:
        if body.get(name):
            yield _release(f"{root}.{name}", name)
    for name in (*_R5_CONCEPTS, "orderDetail"):
        if any(_R5_PARTS & one.keys() or isinstance(one.get("reference"), dict) for one in objects(body.get(name))):
            yield _release(f"{root}.{name}", name)


def _release(at: str, element: str) -> Issue:
    return Issue(Reason.UNSUPPORTED_VERSION, at, "fhir_rest.release", {"element": element})


# --- the referrer's own Task ------------------------------------------------------------------------------------------------------------

_ASKED = frozenset({"requested", "received", "accepted", "ready", "in-progress", "on-hold"})
_KINDS = frozenset({"approve", "abort", "replace", "change", "suspend", "resume"})


def task_faults(task: JsonObject, root: str) -> Iterator[Issue]:
    """A Task beside a new request asks for it to be fulfilled, now (Gravity: `code` fulfill, `status` requested)."""
    if isinstance(task.get("status"), str) and task["status"] not in _ASKED:
        yield Issue(Reason.NO_REFERRAL, f"{root}.status", "fhir_rest.task-status")
    code = task.get("code")
    coded = {str(one.get("code")) for one in objects(code.get("coding"))} if isinstance(code, dict) else set()
    if "fulfill" not in coded and coded & _KINDS:
        yield Issue(Reason.NO_REFERRAL, f"{root}.code", "fhir_rest.task-code")
