"""In translating BaRS: one walk over the message, for references that lead nowhere, to themselves or outside, and for systems spelt otherwise."""

from __future__ import annotations

import re
from dataclasses import dataclass

from connectors.bars.systems import DOS, is_one, meant
from schemas.fhir.check import fhir_path
from schemas.fhir.read import JsonObject, same_url
from schemas.fhir.validators import Path
from schemas.rejection import Issue, Reason

_OF_A_JOURNEY = "episodeOfCare"
"""Where senders keep the id of the whole journey, which is no entry of the message."""
_NAMED = """performer requester locationReference location serviceProvider generalPractitioner managingOrganization organization practitioner providedBy
receiver sender author recorder asserter individual responsible owner source custodian healthcareService endpoint enterer"""
_WHO_OR_WHERE = frozenset(_NAMED.split())
"""Elements that name an organisation, a worker or a place: what they lead to may be unknown. Whatever else dangles may be a risk that was lost."""


@dataclass(frozen=True, slots=True)
class Walked:
    """What one walk found: references that must be refused, and what only deserves a warning."""

    faults: tuple[Issue, ...]
    warnings: tuple[Issue, ...]


def walked(body: JsonObject, *, is_short: bool) -> Walked:
    """`is_short`: a cancellation, which by the standard leaves out most of what its ServiceRequest refers to, so that nothing dangling harms."""
    entries = [one if isinstance(one, dict) else {} for one in body.get("entry", ())]
    urls = {same_url(one["fullUrl"]) for one in entries if isinstance(one.get("fullUrl"), str)}
    resources = [one["resource"] for one in entries if isinstance(one.get("resource"), dict)]
    ids = {f"{one.get('resourceType')}/{one['id']}" for one in resources if "id" in one}
    finder = _Finder(urls, ids, is_short)
    for index, one in enumerate(entries):
        if isinstance(resource := one.get("resource"), dict):
            finder.into(resource, ("entry", index, "resource"), same_url(str(one.get("fullUrl"))))
    return Walked(tuple(finder.faults), tuple(finder.warnings))


_GUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def with_urns(body: JsonObject) -> tuple[JsonObject, tuple[Issue, ...]]:
    """The message with `urn:uuid:` before each fullUrl that is a bare UUID, and a warning for each."""
    entries = body.get("entry")
    bare = [index for index, one in enumerate(entries if isinstance(entries, list) else ()) if isinstance(one, dict) and _is_bare(one.get("fullUrl"))]
    if not isinstance(entries, list) or not bare:
        return body, ()
    made = [{**one, "fullUrl": f"urn:uuid:{one['fullUrl']}"} if index in bare else one for index, one in enumerate(entries)]
    return {**body, "entry": made}, tuple(Issue(Reason.RULE_NOT_MET, f"Bundle.entry[{index}].fullUrl", "bars.full-url-bare") for index in bare)


def _is_bare(url: object) -> bool:
    return isinstance(url, str) and _GUID.fullmatch(url) is not None


class _Finder:
    """Walks every object once. Depth is bounded by the parser's cap."""

    def __init__(self, urls: set[str], ids: set[str], is_short: bool) -> None:
        self.urls, self.ids, self.is_short = urls, ids, is_short
        self.faults: list[Issue] = []
        self.warnings: list[Issue] = []

    def into(self, node: JsonObject, where: Path, own: str) -> None:
        for name, value in node.items():
            kind = type(value)
            if kind is str:
                if name == "reference":
                    self.reference(node, value, where, own)
                elif name == "system" or name == "endpoint":
                    self.system(value, where, name)
                elif name == "implicitRules" and value:
                    self.faults.append(Issue(Reason.UNKNOWN_MODIFIER, _path(where, name), "bars.implicit-rules"))
            elif kind is dict:
                self.into(value, (*where, name), own)
            elif kind is list:
                for index, item in enumerate(value):
                    if type(item) is dict:
                        self.into(item, (*where, name, index), own)

    def reference(self, node: JsonObject, target: str, where: Path, own: str) -> None:
        if target.startswith("#") or _OF_A_JOURNEY in where:
            return  # what is contained is the structure check's
        plain = same_url(target)
        if plain == own:
            self.faults.append(Issue(Reason.UNRESOLVED_REFERENCE, _path(where, "reference"), "bars.reference-self"))
        elif plain in self.urls or "/".join(target.split("/")[:2]) in self.ids:
            return
        elif f"urn:uuid:{target.lower()}" in self.urls:
            self.warnings.append(Issue(Reason.RULE_NOT_MET, _path(where, "reference"), "bars.reference-bare"))
        elif self.is_short and target.lower().startswith("urn:"):
            return
        elif target.lower().startswith("urn:") and not _names_who_or_where(where):
            self.faults.append(Issue(Reason.UNRESOLVED_REFERENCE, _path(where, "reference"), "bars.reference-missing"))
        elif not (node.get("identifier") or node.get("display")):
            self.warnings.append(Issue(Reason.REFERENCE_ELSEWHERE, _path(where, "reference")))

    def system(self, value: str, where: Path, name: str) -> None:
        system, bar, _ = value.partition("|")
        if name == "endpoint" and not (bar and is_one(system, DOS)):
            return  # Welsh services say a URL here
        if right := meant(system):
            self.warnings.append(Issue(Reason.RULE_NOT_MET, _path(where, name), "bars.system", {"system": right}))


def _names_who_or_where(where: Path) -> bool:
    return next((part for part in reversed(where) if isinstance(part, str)), "") in _WHO_OR_WHERE


def _path(where: Path, name: str) -> str:
    return fhir_path("Bundle", (*where, name))
