"""In translating a Bundle: which of its entries each referral is made of, so that two people's data never meet in one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from connectors.fhir_rest.references import Linked
from connectors.fhir_rest.requests import Portion
from connectors.fhir_rest.rules import ROOT
from schemas.fhir.read import identifiers
from schemas.fhir.strict_json import JsonObject

Entries = Mapping[int, tuple[str | None, JsonObject]]


@dataclass(frozen=True)
class Division:
    """A Bundle's entries by place: as they were sent (`sent`), and those of them that are sound. `links` say which names which."""

    sent: Entries = field(repr=False)
    sound: Entries = field(repr=False)
    linked: Linked = field(repr=False)

    @cached_property
    def requests(self) -> tuple[int, ...]:
        """The places of the ServiceRequests."""
        return self._of_type(ROOT)

    def portion(self, request: int) -> Portion:
        """What the referral of one ServiceRequest is made of. What another request says of the same person is heard beside it, for risk."""
        kept = sorted(self.belonging[request])
        same = [other for other in self.requests if other != request and self._is_same_person(other, request)]
        heard = sorted({index for other in same for index in self.belonging[other]} - set(kept))
        sound = [index for index in kept if index in self.sound]
        order = [*sound, *(index for index in kept if index not in self.sound), *heard]
        return Portion(
            self.sound[request][1],
            tuple(self.sound[index] for index in sound),
            ((None, {"resourceType": "MessageHeader"}), *(self.sent[index] for index in order)),
            dict(self._places(order)),
        )

    def left_over(self) -> list[int]:
        """Entries that are in no referral: they are about somebody whom no request is about."""
        return sorted(self.sent.keys() - set().union(*self.belonging.values()))

    @cached_property
    def belonging(self) -> Mapping[int, frozenset[int]]:
        """For each request itself and every entry that is not foreign to it."""
        reached = {request: self.linked.reached_from(request, self.requests) for request in self.requests}
        found = {}
        for request in self.requests:
            of_others = set().union(*(reached[other] for other in self.requests if other != request)) - reached[request]
            found[request] = frozenset(self.sent.keys() - self._foreign(request, of_others))
        return found

    def _foreign(self, request: int, of_others: set[int]) -> set[int]:
        """Other requests and what only they lead to or what speaks of them alone; other people, and what is about them and not about this one."""
        others, mine = set(self.requests) - {request}, {request, *self._persons[request]}
        names, spared = self._names, {request, *self._names[request]}
        found = {*others, *of_others, *(self._patients.keys() - mine)}
        found |= {index for index, named in names.items() if named & others and request not in named} - {request}
        ahead = {index: named for index, named in names.items() if index not in found | spared and not named & mine}
        while more := {index for index, named in ahead.items() if named & found}:
            found |= more
            ahead = {index: named for index, named in ahead.items() if index not in more}
        return found

    @cached_property
    def _names(self) -> Mapping[int, frozenset[int]]:
        """The entries that each one names itself."""
        return {index: self.linked.names(index) for index in self.sent}

    @cached_property
    def _persons(self) -> Mapping[int, frozenset[int]]:
        """For each request the Patients that its subject names, by reference or by an identifier, and what these are linked to."""
        return {request: self._person(request) for request in self.requests}

    def _person(self, request: int) -> frozenset[int]:
        named = {target for element, target in self.linked.links.get(request, ()) if element == "subject"} & self._patients.keys()
        named |= {index for index, known in self._patients.items() if known & self._logical[request]}
        linked = {index for index in self._patients if self._names[index] & named} | {target for index in named for target in self._names[index]}
        return frozenset(named | (linked & self._patients.keys()))

    def _is_same_person(self, one: int, other: int) -> bool:
        return bool(self._persons[one] & self._persons[other] or self._logical[one] & self._logical[other])

    @cached_property
    def _logical(self) -> Mapping[int, frozenset[tuple[str, str]]]:
        """The identifiers by which each request's subject is named."""
        return {index: _identified(self.sent[index][1].get("subject")) for index in self.requests}

    @cached_property
    def _patients(self) -> Mapping[int, frozenset[tuple[str, str]]]:
        """The places of the Patients, with their identifiers."""
        return {index: _identified(self.sent[index][1]) for index in self._of_type("Patient")}

    def _of_type(self, kind: str) -> tuple[int, ...]:
        return tuple(index for index, (_, one) in self.sent.items() if one.get("resourceType") == kind)

    def _places(self, order: list[int]) -> Iterator[tuple[str, str]]:
        """What a reader of our bundle calls an entry (the first of a type by its type), and where its sender has it. The header stands first."""
        seen: set[str] = set()
        for place, index in enumerate(order, start=1):
            kind = str(self.sent[index][1].get("resourceType"))
            yield (f"Bundle.entry[{place}].resource" if kind in seen else kind), f"Bundle.entry[{index}].resource"
            seen.add(kind)


def _identified(node: object) -> frozenset[tuple[str, str]]:
    return frozenset((one.system, one.value) for one in identifiers(node, "")) if isinstance(node, dict) else frozenset()
