"""Between parsing and reading: whether a resource follows FHIR R4, and where it does not.

Structure is judged by the generated schemas, what they cannot say by `invariants`. A Bundle's entries and contained resources are each
judged by their own type.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import jsonschema_rs

from schemas.fhir.invariants import Broken, broken, contained_ids
from schemas.fhir.read import fhir_date, same_url
from schemas.fhir.resource_types import RESOURCE_TYPES
from schemas.fhir.strict_json import JsonObject, shown
from schemas.fhir.validators import Path, choice_names, errors, required_in
from schemas.rejection import Issue, Reason


class FaultKind(StrEnum):
    """The closed list of ways in which a resource can fail; each is also the end of a word key, `fhir.<kind>`."""

    REQUIRED = "required"
    UNKNOWN_ELEMENT = "unknown-element"
    TYPE = "type"
    FORMAT = "format"
    DATE = "date"
    CODE = "code"
    EMPTY = "empty"
    NULL = "null"
    CHOICE = "choice"
    RESOURCE_TYPE = "resource-type"
    UNKNOWN_MODIFIER = "unknown-modifier"
    UNRESOLVED = "unresolved"
    INVARIANT = "invariant"


_REASONS = {
    FaultKind.REQUIRED: Reason.REQUIRED,
    FaultKind.FORMAT: Reason.INVALID,
    FaultKind.DATE: Reason.INVALID,
    FaultKind.CODE: Reason.INVALID,
    FaultKind.UNKNOWN_MODIFIER: Reason.UNKNOWN_MODIFIER,
    FaultKind.UNRESOLVED: Reason.UNRESOLVED_REFERENCE,
    FaultKind.INVARIANT: Reason.INVARIANT,
}


@dataclass(frozen=True, slots=True)
class Fault:
    """One way in which a resource fails. `path` is the FHIRPath; `where` the same as keys and indexes.

    `target` is what would have to be left out so that the rest is sound; None when only the whole resource would do. `rule` is the
    invariant's key in R4.
    """

    path: str
    kind: FaultKind
    where: Path
    element: str
    target: Path | None
    rule: str | None = None

    @property
    def removable(self) -> bool:
        """Whether the rest of the resource is sound without it."""
        return self.target is not None

    @property
    def issue(self) -> Issue:
        """The fault as said to a sender whose message is refused for it."""
        reason = _REASONS.get(self.kind, Reason.STRUCTURE)
        if self.kind is FaultKind.INVARIANT:
            return Issue(reason, self.path, f"fhir.inv.{self.rule}")
        is_missing = self.kind is FaultKind.REQUIRED and not self.path.endswith(f".{self.element}")
        return Issue(reason, f"{self.path}.{self.element}" if is_missing else self.path, f"fhir.{self.kind}", {"element": self.element})


def check(resource: JsonObject) -> tuple[Fault, ...]:
    """Every fault of a resource, of what it contains, and of a Bundle's entries; empty when it follows R4."""
    kind = resource.get("resourceType")
    root = kind if isinstance(kind, str) and shown(kind) != "?" else "$"
    if not isinstance(kind, str) or kind not in RESOURCE_TYPES:
        at = f"{root}.resourceType" if root == "$" else root
        return (Fault(at, FaultKind.RESOURCE_TYPE if kind else FaultKind.REQUIRED, (), "resourceType", None),)
    return tuple(_deduplicated(_faults(resource, kind, ())))


def unresolved_references(bundle: JsonObject) -> tuple[Fault, ...]:
    """Each `urn:uuid:` reference in a Bundle that is no entry's fullUrl; not part of `check`, because some senders keep ids of a journey so."""
    entries = _items(bundle.get("entry"))
    urls = {same_url(str(entry.get("fullUrl"))) for entry in entries if isinstance(entry, dict)}
    found = [where for where, target in _urn_references(entries, ("entry",)) if same_url(target) not in urls]
    return tuple(Fault(fhir_path("Bundle", where), FaultKind.UNRESOLVED, where, _name(where), where) for where in found)


def _urn_references(node: object, where: Path) -> Iterator[tuple[Path, str]]:
    if isinstance(node, dict):
        target = node.get("reference")
        if isinstance(target, str) and same_url(target).startswith("urn:uuid:"):
            yield where, target
        for name, value in node.items():
            yield from _urn_references(value, (*where, name))
    elif isinstance(node, list):
        for index, item in enumerate(node):
            yield from _urn_references(item, (*where, index))


def _deduplicated(faults: Iterable[Fault]) -> Iterator[Fault]:
    """One fault for one place and kind; what is removed as a whole needs no fault of its parts."""
    seen: set[tuple[Path, FaultKind, str | None, str]] = set()
    for fault in faults:
        if (key := (fault.where, fault.kind, fault.rule, fault.element)) not in seen:
            seen.add(key)
            yield fault


def _faults(root: JsonObject, root_type: str, base: Path) -> Iterator[Fault]:
    """The faults of the resource at `base` within `root`; those of resources within it follow."""
    resource = _at(root, base)
    kind = str(resource["resourceType"])
    judge = _Judge(root_type, resource, base)
    for error in errors(kind, resource):
        yield from judge.structure(error)
    beside = contained_ids(_at(root, base[:-2])) if "contained" in base else None
    for found in broken(resource, beside):
        yield judge.invariant(found)
    for inner in () if "contained" in base else _resources_within(resource):
        named = _at(resource, inner).get("resourceType")
        if not isinstance(named, str):
            continue
        if named in RESOURCE_TYPES and named != "Bundle":
            yield from _faults(root, root_type, (*base, *inner))
        else:
            yield judge.fault((*inner, "resourceType"), FaultKind.RESOURCE_TYPE, "resourceType", inner)


def _at(root: Any, path: Path) -> Any:  # Any: JSON
    for part in path:
        root = root[part]
    return root


def _resources_within(resource: JsonObject) -> Iterator[Path]:
    for index, inner in enumerate(_items(resource.get("contained"))):
        if isinstance(inner, dict):
            yield ("contained", index)
    if resource["resourceType"] in ("Bundle", "Parameters"):
        name = "entry" if resource["resourceType"] == "Bundle" else "parameter"
        for index, entry in enumerate(_items(resource.get(name))):
            if isinstance(entry, dict) and isinstance(entry.get("resource"), dict):
                yield (name, index, "resource")


def _items(node: object) -> list[Any]:  # Any: JSON
    return node if isinstance(node, list) else []


_NEEDED = frozenset({"MessageHeader", "ServiceRequest", "Task", "Patient"})  # a bundle's entry of another type may go as a whole
_WHAT = {"additionalProperties": FaultKind.UNKNOWN_ELEMENT, "minItems": FaultKind.EMPTY, "minProperties": FaultKind.EMPTY}
_KIND_OF_RULE = {
    "null": FaultKind.NULL,
    "integer": FaultKind.TYPE,
    "modifier": FaultKind.UNKNOWN_MODIFIER,
    "ref-1": FaultKind.UNRESOLVED,
}
_DATES = frozenset({"date", "dateTime", "instant"})
_LOOKS_LIKE_DATE = re.compile(r"[0-9]{4}-[0-9]{2}(?:-[0-9]{2})?(?:T|$)")


@dataclass(frozen=True, slots=True)
class _Judge:
    """Names the faults of one resource that stands at `base` within a resource of type `root_type`."""

    root_type: str
    resource: JsonObject
    base: Path

    @property
    def kind(self) -> str:
        return str(self.resource["resourceType"])

    def structure(self, error: jsonschema_rs.ValidationError) -> Iterator[Fault]:
        where: Path = tuple(error.instance_path)
        what = error.kind.as_dict()
        match error.kind.name:
            case "required":
                yield self.fault(where, FaultKind.REQUIRED, what["property"], where)
            case "additionalProperties":
                for name in what["unexpected"]:
                    yield self.fault((*where, name), FaultKind.UNKNOWN_ELEMENT, name, (*where, name))
            case "oneOf":
                yield from self._choice(where, error)
            case _:
                kind = _WHAT.get(error.kind.name) or _value_kind(error)
                yield self.fault(where, kind, _name(where), where)

    def _choice(self, where: Path, error: jsonschema_rs.ValidationError) -> Iterator[Fault]:
        """None given where one must be; or each but the first, unless that is `false`: that somebody died is no fault beside it."""
        title, names = choice_names(self.kind, error.schema_path)
        if not isinstance(_at(self.resource, where), dict):
            return  # its type is the fault
        given = {name: value for name, value in _at(self.resource, where).items() if name in names}
        if not given:
            yield self.fault(where, FaultKind.REQUIRED, title, where)
        kept = next((name for name, value in given.items() if value is not False), None)
        for name in given:
            if name != kept:
                yield self.fault((*where, name), FaultKind.CHOICE, title, (*where, name))

    def invariant(self, found: Broken) -> Fault:
        kind = _KIND_OF_RULE.get(found.rule)
        target = None if kind is FaultKind.UNKNOWN_MODIFIER else found.target
        rule = None if kind else found.rule
        return self.fault(found.where, kind or FaultKind.INVARIANT, _name(found.where), target, rule)

    def fault(self, where: Path, kind: FaultKind, element: str, target: Path | None, rule: str | None = None) -> Fault:
        path = fhir_path(self.root_type, (*self.base, *where))
        left_out = None if target is None else self._left_out(target)
        return Fault(path, kind, (*self.base, *where), shown(element.removesuffix("[x]")), left_out, rule)

    def _left_out(self, target: Path) -> Path | None:
        """What goes with `target`: the object that needs it, and so on; a contained resource goes as a whole, the outermost cannot."""
        if target[-1:] == ("resource",):
            target = target[:-1]
        while target:
            holder = target[:-1]
            beside = _at(self.resource, holder)
            stays = len(beside) > 1
            if isinstance(target[-1], str):
                stays = stays and target[-1].removeprefix("_") not in required_in(self.kind, holder)
            if stays:
                return (*self.base, *target)
            target = holder
        if "contained" in self.base:
            return self.base[: self.base.index("contained") + 2]
        return self.base[:2] if self.base and self.kind not in _NEEDED else None


def _value_kind(error: jsonschema_rs.ValidationError) -> FaultKind:
    value = error.instance
    if value is None:
        return FaultKind.NULL
    if value == "":
        return FaultKind.EMPTY
    if error.kind.name == "pattern":
        is_date = str(error.schema_path[-2]).removesuffix("-or-null") in _DATES and _LOOKS_LIKE_DATE.match(str(value))
        return FaultKind.DATE if is_date and fhir_date(str(value)) is None else FaultKind.FORMAT
    if error.kind.name in ("enum", "const"):
        return FaultKind.CODE if isinstance(value, str) else FaultKind.TYPE
    return FaultKind.FORMAT if error.kind.name in ("minimum", "maximum") else FaultKind.TYPE


def _name(where: Path) -> str:
    return next((part for part in reversed(where) if isinstance(part, str)), "resource")


def fhir_path(root_type: str, where: Path) -> str:
    """`ServiceRequest.identifier[0].value`; a primitive's `_` sibling is named as the primitive; no key that is no element's name is shown."""
    said = root_type
    for part in where:
        said += f"[{part}]" if isinstance(part, int) else f".{shown(part).removeprefix('_')}"
    return said
