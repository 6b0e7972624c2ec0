"""In translating plain FHIR: what the references of a message lead to. Nothing outside the message is ever fetched."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from schemas.fhir.check import fhir_path
from schemas.fhir.read import objects, same_url
from schemas.fhir.strict_json import JsonObject
from schemas.fhir.validators import Path
from schemas.rejection import Issue, Reason

# Elements by which one resource stands under another of its kind (R4: order, part and derivation). A circle of these says nothing; other
# circles are usual: a Condition names its Encounter, which names the Condition.
_STANDS_UNDER = frozenset({"basedOn", "partOf", "replaces", "derivedFrom", "hasMember", "focus"})


@dataclass(frozen=True, slots=True)
class Reference:
    """One reference of a resource: where it stands in it, what it names, and the id of the contained resource that it stands in."""

    where: Path
    target: str
    within: str | None
    is_also_identified: bool

    @property
    def element(self) -> str:
        """The element that holds it: `subject`, `basedOn`."""
        return next((part for part in reversed(self.where[:-1]) if isinstance(part, str)), "")

    @property
    def leads_inside(self) -> bool:
        """Whether it can only mean something in the same message."""
        return self.target.startswith("#") or self.target.lower().startswith("urn:")


def references_of(resource: JsonObject) -> list[Reference]:
    """Every reference of a resource, in message order, those of what it contains among them."""
    found: list[Reference] = []
    _collect(resource, (), None, found)
    return found


def _collect(node: JsonObject, where: Path, within: str | None, found: list[Reference]) -> None:
    """Puts every reference below `node` into `found`. Depth is bounded by the parser's cap."""
    target = node.get("reference")
    if isinstance(target, str):
        found.append(Reference((*where, "reference"), target, within, bool(node.get("identifier") or node.get("display"))))
    for name, value in node.items():
        if isinstance(value, dict):
            _collect(value, (*where, name), within, found)
        elif isinstance(value, list):
            for index, item in enumerate(value):
                if isinstance(item, dict):
                    _collect(item, (*where, name, index), _contained_id(item) if name == "contained" and not where else within, found)


def _contained_id(item: JsonObject) -> str:
    return item["id"] if isinstance(item.get("id"), str) else "?"


def within_faults(resource: JsonObject, found: list[Reference], root: str, base: Path = ()) -> Iterator[Issue]:
    """`#x` that names nothing contained, a contained resource that names itself, and one that contains another (R4, dom-2). `base` is the
    resource's place below `root`."""
    for index, inner in enumerate(resource["contained"] if isinstance(resource.get("contained"), list) else ()):
        if isinstance(inner, dict) and inner.get("contained"):
            yield Issue(Reason.INVARIANT, fhir_path(root, (*base, "contained", index, "contained")), "fhir.inv.dom-2")
    contained = {one.get("id") for one in objects(resource.get("contained")) if isinstance(one.get("id"), str)}
    for one in found:
        if not one.target.startswith("#"):
            continue
        name, at = one.target[1:], fhir_path(root, (*base, *one.where))
        if name == (one.within or ""):
            yield Issue(Reason.UNRESOLVED_REFERENCE, at, "fhir_rest.reference-self")
        elif name and name not in contained:
            yield Issue(Reason.UNRESOLVED_REFERENCE, at, "fhir_rest.reference-missing")


def elsewhere(found: list[Reference], root: str) -> list[Issue]:
    """A warning for each reference of a single resource that leads outside the message."""
    return [Issue(Reason.REFERENCE_ELSEWHERE, fhir_path(root, one.where)) for one in found if not one.leads_inside and not one.is_also_identified]


# --- a Bundle ---------------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Linked:
    """A Bundle's entries by place, and which of them each one names. `faults` and `warnings` are of its references."""

    links: Mapping[int, tuple[tuple[str, int], ...]] = field(repr=False)
    faults: tuple[Issue, ...]
    warnings: tuple[Issue, ...]

    def reached_from(self, start: int, ends: Iterable[int] = ()) -> frozenset[int]:
        """Every entry that one leads to, itself among them; none of `ends` is gone to."""
        seen, ahead, ends = {start}, [start], frozenset(ends)
        while ahead:
            for _, target in self.links.get(ahead.pop(), ()):
                if target not in seen and target not in ends:
                    seen.add(target)
                    ahead.append(target)
        return frozenset(seen)

    def names(self, start: int) -> frozenset[int]:
        """The entries that one names itself."""
        return frozenset(target for _, target in self.links.get(start, ()))


def link(entries: Mapping[int, tuple[str | None, JsonObject]]) -> Linked:
    """Follow every reference of a Bundle: by fullUrl, by type and id, by the end of a fullUrl (FHIR R4 2.36.4). `entries`: fullUrl and resource."""
    known = _Known(entries)
    links: dict[int, tuple[tuple[str, int], ...]] = {}
    faults: list[Issue] = []
    warnings: list[Issue] = []
    for index, (_, resource) in entries.items():
        base: Path = ("entry", index, "resource")
        found = references_of(resource)
        faults += within_faults(resource, found, "Bundle", base)
        led: list[tuple[str, int]] = []
        for one in found:
            if one.target.startswith("#"):
                continue
            at, target = fhir_path("Bundle", (*base, *one.where)), known.at(one.target)
            if target == index:
                faults.append(Issue(Reason.UNRESOLVED_REFERENCE, at, "fhir_rest.reference-self"))
            elif target is not None:
                led.append((one.element, target))
            elif one.leads_inside:
                faults.append(Issue(Reason.UNRESOLVED_REFERENCE, at, "fhir_rest.reference-nowhere"))
            elif not one.is_also_identified:
                warnings.append(Issue(Reason.REFERENCE_ELSEWHERE, at))
        links[index] = tuple(led)
    return Linked(links, (*faults, *_circles(links)), tuple(warnings))


class _Known:
    """What a reference may name in one Bundle."""

    def __init__(self, entries: Mapping[int, tuple[str | None, JsonObject]]) -> None:
        self._by_url: dict[str, int] = {same_url(url): index for index, (url, _) in reversed([*entries.items()]) if url}
        self._by_id: dict[str, int] = {f"{one.get('resourceType')}/{one.get('id')}": index for index, (_, one) in reversed([*entries.items()]) if "id" in one}
        self._by_end: dict[str, int] = {"/".join(url.rsplit("/", 2)[1:]): index for url, index in self._by_url.items() if url.count("/") > 2}

    def at(self, target: str) -> int | None:
        plain = same_url(target.partition("/_history/")[0])
        if plain in self._by_url:
            return self._by_url[plain]
        return None if ":" in plain else self._by_id.get(plain, self._by_end.get(plain))


def _circles(links: Mapping[int, tuple[tuple[str, int], ...]]) -> Iterator[Issue]:
    """One fault for each entry that stands under itself."""
    above = {index: [target for element, target in led if element in _STANDS_UNDER] for index, led in links.items()}
    for index in above:
        seen: set[int] = set()
        ahead = list(above[index])
        while ahead:
            one = ahead.pop()
            if one not in seen:
                seen.add(one)
                ahead += above.get(one, ())
        if index in seen:
            yield Issue(Reason.UNRESOLVED_REFERENCE, f"Bundle.entry[{index}].resource", "fhir_rest.reference-circle")
