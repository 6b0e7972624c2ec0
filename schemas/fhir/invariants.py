"""Within the check: the rules of FHIR R4 that JSON Schema cannot say. One walk over the resource, one row a rule."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from schemas.fhir.read import fhir_instant
from schemas.fhir.strict_json import JsonObject
from schemas.fhir.validators import Path


@dataclass(frozen=True, slots=True)
class Broken:
    """A rule by its key in R4 (and `null`, `integer`, `modifier`), where it is broken, and what would have to go (None: nothing but the resource)."""

    rule: str
    where: Path
    target: Path | None


def broken(resource: JsonObject, beside: frozenset[object] | None = None) -> list[Broken]:
    """Every rule that a resource breaks; resources within it are judged on their own.

    `beside`: for a contained resource the ids of what is contained beside it, which its references may name too.
    """
    walk = _Walk(resource, beside or frozenset())
    walk.into(resource, (), "")
    if beside is None and "contained" in resource:
        walk.found += _domain(resource, walk.references)
    for rule, breaks, element in _OF_TYPE.get(walk.kind, ()):
        if breaks(resource):
            walk.found.append(Broken(rule, (element,) if element else (), (element,) if element else None))
    return walk.found


def contained_ids(resource: JsonObject) -> frozenset[object]:
    """The ids of what a resource contains: what `#id` may name in it and in them."""
    if "contained" not in resource:
        return frozenset()
    return frozenset(str(inner["id"]) for inner in _objects(resource["contained"]) if "id" in inner)


def _objects(node: object) -> list[JsonObject]:
    return [item for item in node if isinstance(item, dict)] if isinstance(node, list) else []


# Elements that are integers wherever they stand: JSON Schema takes 4.0 for one, R4 does not (2.24.0.1).
_INTEGERS = frozenset(
    {"rank", "count", "countMax", "frequency", "frequencyMax", "minutesDuration", "valueInteger", "valuePositiveInt", "valueUnsignedInt",
     "multipleBirthInteger", "size", "total"}
)  # fmt: skip
_JUDGED_STRINGS = frozenset({"reference", "modifierExtension"})


class _Walk:
    """One pass over every object of a resource, but not into resources within it."""

    def __init__(self, resource: JsonObject, beside: frozenset[object] = frozenset()) -> None:
        self.kind = str(resource.get("resourceType"))
        self.contained = contained_ids(resource) | beside
        self.references: set[str] = set()
        self.found: list[Broken] = []

    def into(self, node: JsonObject, where: Path, element: str) -> None:
        """Judges `node`, which is (an item of) `element` and stands at `where`, and all within it."""
        if element in _RULES:
            self.found += [Broken(rule, where, where) for rule, breaks in _RULES[element] if breaks(self.kind, where, node)]
        if "start" in node and "end" in node and _per_1(node):
            self.found.append(Broken("per-1", where, where))
        for name, value in node.items():
            kind = type(value)
            if kind is str and name not in _JUDGED_STRINGS:
                continue
            if name == "modifierExtension" and value:
                self.found.append(Broken("modifier", (*where, name), None))
            if kind is dict:
                if name != "resource":
                    self.into(value, (*where, name), name)
            elif kind is list:
                if name == "contained" and not where:
                    continue
                for index, item in enumerate(value):
                    if type(item) is dict:
                        self.into(item, (*where, name, index), name)
                    elif item is None:
                        self.found += _nulls(where, node, name, index)
            elif name == "reference" and kind is str and value.startswith("#"):
                self.reference(value, where)
            elif name in _INTEGERS and not isinstance(value, int | str):
                self.found.append(Broken("integer", (*where, name), (*where, name)))

    def reference(self, value: str, where: Path) -> None:
        self.references.add(value[1:])
        if value != "#" and value[1:] not in self.contained:
            self.found.append(Broken("ref-1", where, where))


def _nulls(where: Path, node: JsonObject, name: str, index: int) -> Iterator[Broken]:
    """A null holds a place only for what stands at that place in the sibling array (R4 2.6.2.3)."""
    sibling = node.get(name[1:] if name.startswith("_") else f"_{name}")
    if not isinstance(sibling, list) or index >= len(sibling) or sibling[index] is None:
        yield Broken("null", (*where, name, index), (*where, name))


def _domain(resource: JsonObject, references: set[str]) -> Iterator[Broken]:
    """dom-2 to dom-5: what a contained resource may be. One that refers to its container (`#`) or is referred to from beside it is in use."""
    contained = _objects(resource.get("contained"))
    referring = [_references_of(inner) for inner in contained]
    in_use = references.union(*referring)
    for index, inner in enumerate(contained):
        where: Path = ("contained", index)
        if "contained" in inner:
            yield Broken("dom-2", (*where, "contained"), (*where, "contained"))
        if str(inner.get("id")) not in in_use and "" not in referring[index]:
            yield Broken("dom-3", where, where)
        meta = inner.get("meta")
        for name, rule in (("versionId", "dom-4"), ("lastUpdated", "dom-4"), ("security", "dom-5")):
            if isinstance(meta, dict) and name in meta:
                yield Broken(rule, (*where, "meta", name), (*where, "meta", name))


def _references_of(inner: JsonObject) -> set[str]:
    walk = _Walk(inner)
    walk.into(inner, (), "")
    return walk.references


# --- rules of an element, whatever the resource: its name, the rule's key, whether it is broken there ----------------------------------

OfElement = Callable[[str, Path, JsonObject], bool]


def _ext_1(_kind: str, _where: Path, node: JsonObject) -> bool:
    return ("extension" in node) == any(name.startswith(("value", "_value")) for name in node)


def _per_1(node: JsonObject) -> bool:
    start, end = node["start"], node["end"]
    return isinstance(start, str) and isinstance(end, str) and node.keys() <= {"start", "end", "id", "extension"} and _is_after(start, end)


def _is_after(first: str, second: str) -> bool:
    """Whether `first` is later, as far as both are precise; a partial date holds its whole year or month."""
    exact_first, exact_second = fhir_instant(first), fhir_instant(second)
    if exact_first and exact_second:
        return exact_first > exact_second
    shared = min(len(first.partition("T")[0]), len(second.partition("T")[0]))
    return first[:shared] > second[:shared]


def _lacks(wanted: str, given: str) -> OfElement:
    """`given` stands without `wanted`."""
    return lambda _kind, _where, node: given in node and wanted not in node


def _pat_1(kind: str, where: Path, node: JsonObject) -> bool:
    return kind == "Patient" and len(where) == 2 and not node.keys() & {"name", "telecom", "address", "organization"}


_ATTACHMENT, _QUANTITY = ("att-1", _lacks("contentType", "data")), ("qty-3", _lacks("system", "code"))
_RULES: dict[str, tuple[tuple[str, OfElement], ...]] = {
    "extension": (("ext-1", _ext_1),),
    "telecom": (("cpt-2", _lacks("system", "value")),),
    "contact": (("pat-1", _pat_1),),
    "repeat": (("tim-1", _lacks("durationUnit", "duration")), ("tim-2", _lacks("periodUnit", "period"))),
    **dict.fromkeys(("photo", "attachment", "valueAttachment", "contentAttachment"), (_ATTACHMENT,)),
    **dict.fromkeys(("valueQuantity", "quantityQuantity", "doseQuantity", "low", "high"), (_QUANTITY,)),
}


# --- rules of one type: key, whether it is broken, the element that would go (None: the resource as a whole breaks it) -----------------


def _codes(resource: JsonObject, name: str) -> set[str]:
    concept = resource.get(name)
    return {str(coding.get("code")) for coding in _objects(concept.get("coding"))} if isinstance(concept, dict) else set()


def _is_modified_before_written(task: JsonObject) -> bool:
    written, modified = task.get("authoredOn"), task.get("lastModified")
    return isinstance(written, str) and isinstance(modified, str) and _is_after(written, modified)


def _has_abated(condition: JsonObject) -> bool:
    return any(name.startswith("abatement") for name in condition)


def _urls_repeat(bundle: JsonObject) -> bool:
    urls = [(str(entry["fullUrl"]), str(_meta(entry).get("versionId"))) for entry in _objects(bundle.get("entry")) if "fullUrl" in entry]
    return len(urls) != len(set(urls))


def _meta(entry: JsonObject) -> JsonObject:
    resource = entry.get("resource")
    meta = resource.get("meta") if isinstance(resource, dict) else None
    return meta if isinstance(meta, dict) else {}


def _begins_otherwise(bundle: JsonObject) -> bool:
    first = next(iter(_objects(bundle.get("entry"))), {}).get("resource")
    return bundle.get("type") == "message" and not (isinstance(first, dict) and first.get("resourceType") == "MessageHeader")


_OF_TYPE: dict[str, tuple[tuple[str, Callable[[JsonObject], bool], str | None], ...]] = {
    "ServiceRequest": (("prr-1", lambda node: "orderDetail" in node and "code" not in node, "orderDetail"),),
    "Task": (("inv-1", _is_modified_before_written, "lastModified"),),
    "Organization": (("org-1", lambda node: not {"name", "identifier"} & set(node), None),),
    "Condition": (
        ("con-4", lambda node: _has_abated(node) and bool(_codes(node, "clinicalStatus") & {"active", "recurrence", "relapse"}), "clinicalStatus"),
        ("con-5", lambda node: "entered-in-error" in _codes(node, "verificationStatus") and "clinicalStatus" in node, "clinicalStatus"),
    ),
    "Observation": (
        ("obs-6", lambda node: "dataAbsentReason" in node and any(name.startswith("value") for name in node), "dataAbsentReason"),
    ),
    "Consent": (("ppc-1", lambda node: not {"policy", "policyRule"} & set(node), None),),
    "Bundle": (
        ("bdl-7", _urls_repeat, None),
        ("bdl-12", _begins_otherwise, None),
        ("bdl-3", lambda node: node.get("type") == "message" and any("request" in one for one in _objects(node.get("entry"))), None),
    ),
}
