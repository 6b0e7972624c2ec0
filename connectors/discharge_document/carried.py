"""Within translating a discharge document: which of its resources go on, and what of each. A list of what is carried; all else stays behind."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from connectors.discharge_document.ending import Stay
from schemas.codes.flags import flags_of
from schemas.codes.needs import need_of
from schemas.fhir.prune import prune
from schemas.fhir.read import Found, JsonObject, Message, codings, objects, string
from schemas.rejection import Issue, Reason, Rejected

_NAMED = {
    "ServiceRequest": """resourceType id identifier status intent category priority doNotPerform code orderDetail subject encounter occurrenceDateTime
        occurrencePeriod authoredOn requester performerType performer reasonCode reasonReference supportingInfo note contained extension""",
    "Patient": """resourceType id meta identifier active name telecom gender birthDate deceasedBoolean deceasedDateTime _deceasedDateTime address
        communication contact generalPractitioner contained extension""",
    "Encounter": "resourceType id identifier status class subject period",
    "Location": "resourceType id identifier status name type physicalType telecom address",
    "Organization": "resourceType id identifier name telecom address",
    "Condition": "resourceType id clinicalStatus verificationStatus code subject",
    "Observation": "resourceType id status code subject valueCodeableConcept valueBoolean",
}
_ELEMENTS = {kind: frozenset(names.split()) for kind, names in _NAMED.items()}
_WHO = frozenset({"Practitioner", "PractitionerRole", "Organization", "RelatedPerson", "HealthcareService"})
_MAY_BE_WITHIN = _WHO | {"Patient", "Consent", "Location"}
_OVER = frozenset({"inactive", "remission", "resolved", "refuted", "entered-in-error"})


class Carrier:
    """Picks and reduces resources, each once; what is not sound in them is left out with a warning each."""

    def __init__(self, message: Message) -> None:
        self.message = message
        self.warnings: list[Issue] = []
        self._taken: dict[int, tuple[Found, JsonObject]] = {}

    @property
    def made(self) -> list[tuple[str | None, JsonObject]]:
        """What was picked, in the document's order, with the fullUrl that its sender gave it."""
        order = {id(one.resource): index for index, one in enumerate(self.message.found)}
        picked = sorted(self._taken.values(), key=lambda pair: order[id(pair[0].resource)])
        urls = [full_url(found) for found, _ in picked]
        return [(url if url not in urls[:at] else None, resource) for at, (url, (_, resource)) in enumerate(zip(urls, picked, strict=True))]

    def take(self, found: Found | None, must: bool = False) -> None:
        """Carry one resource of the document; one within another only when it must be. Raises Rejected when it must be and cannot be."""
        if found is None or id(found.resource) in self._taken or (".contained[" in found.path and not must):
            return
        try:
            sound, warnings = prune(_reduced(found.resource, self.message))
        except Rejected:
            if must:
                raise
            self.warnings.append(Issue(Reason.ELEMENT_REMOVED, found.path))
            return
        self.warnings += warnings
        self.put(found, sound)

    def put(self, found: Found, resource: JsonObject) -> None:
        """Carry what was made of one resource, in its place."""
        self._taken[id(found.resource)] = (found, resource)

    def take_who(self, reference: object, within: Found | None = None) -> None:
        """Carry whom a reference names, and the organisation and person behind a role."""
        found = self.message.follow(reference, within)
        if found is None or str(found.resource.get("resourceType")) not in _WHO:
            return
        self.take(found)
        for name in ("organization", "practitioner", "providedBy"):
            self.take(who if (who := self.message.follow(found.resource.get(name), found)) and str(who.resource.get("resourceType")) in _WHO else None)

    def take_stay(self, stay: Stay) -> None:
        """Carry when and how the stay ended, and where the person went; why they came stays behind."""
        if stay.encounter is None:
            return
        ended = next(iter(objects(stay.encounter.resource.get("hospitalization") or [])), {})
        kept = {name: ended[name] for name in ("dischargeDisposition", "destination") if name in ended}
        try:
            sound, warnings = prune(_reduced(stay.encounter.resource, self.message) | ({"hospitalization": kept} if kept else {}))
        except Rejected:
            self.warnings.append(Issue(Reason.ELEMENT_REMOVED, stay.encounter.path))
        else:
            self.put(stay.encounter, sound)
            self.warnings += warnings
        self.take(stay.went_to)


_URL = re.compile(r"urn:uuid:[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|urn:oid:[0-2](?:\.[0-9]+)+|https?://[^\s\x00-\x1f]+")


def full_url(found: Found) -> str | None:
    """The sender's own fullUrl where it is one."""
    return found.full_url if found.full_url and _URL.fullmatch(found.full_url) else None


def needs_among(message: Message) -> Iterator[Found]:
    """The Conditions that are a need of the hub's list, or a risk of it, and not a diagnosis: the only ones that go on."""
    for one in message.of_type("Condition"):
        states = {coded.code for name in ("clinicalStatus", "verificationStatus") for coded in codings(one.resource, name, one.path)}
        if not states & _OVER and any(need_of(coded.system, coded.code) for coded in codings(one.resource, "code", one.path)):
            yield one


def flags_among(message: Message) -> Iterator[Found]:
    """The Flags whose codes the hub knows."""
    for one in message.of_type("Flag"):
        if any(flags_of(coded.system, coded.code) is not None for name in ("code", "category") for coded in codings(one.resource, name, one.path)):
            yield one


def diagnoses_left_out(request: Found, message: Message) -> tuple[Issue, ...]:
    """One warning when a reason of the request is no need of the hub's list, and so stays behind."""
    coded = len(objects(request.resource.get("reasonCode") or [])) - len(_reasons(request.resource))
    referred = len(objects(request.resource.get("reasonReference") or [])) - len(_reason_references(request.resource, message))
    return (Issue(Reason.ELEMENT_REMOVED, f"{request.path}.reasonCode", "discharge.reasons-left-out"),) if coded + referred else ()


# --- reducing ---------------------------------------------------------------------------------------------------------------------------


def _reduced(resource: JsonObject, message: Message) -> JsonObject:
    names = _ELEMENTS.get(str(resource.get("resourceType")))
    if names is None:
        return resource
    kept = {name: value for name, value in resource.items() if name in names}
    return _request(kept, message) if resource.get("resourceType") == "ServiceRequest" else kept


def _request(request: JsonObject, message: Message) -> JsonObject:
    """Its reasons only as far as they are needs, beside it only who and what was agreed to."""
    beside = [one for one in objects(request.get("supportingInfo") or []) if _is(message.follow(one), ("Consent",))]
    inner = [one for one in objects(request.get("contained") or []) if one.get("resourceType") in _MAY_BE_WITHIN]
    changed = {
        "reasonCode": _reasons(request), "reasonReference": _reason_references(request, message), "supportingInfo": beside, "contained": inner,
    }  # fmt: skip
    return {name: changed.get(name, value) for name, value in request.items() if changed.get(name, value) != []}


def _reasons(request: JsonObject) -> list[JsonObject]:
    return [one for one in objects(request.get("reasonCode") or []) if _is_need(one)]


def _is_need(concept: JsonObject) -> bool:
    coded = list(codings({"code": concept}, "code", ""))
    return any(need_of(one.system, one.code) for one in coded) if coded else string(concept, "text") is not None


def _reason_references(request: JsonObject, message: Message) -> list[JsonObject]:
    return [one for one in objects(request.get("reasonReference") or []) if is_social(message.follow(one))]


def is_social(found: Found | None) -> bool:
    """Whether a Condition or an Observation is coded as one of the hub's needs."""
    if not _is(found, ("Condition", "Observation")) or found is None:
        return False
    said = [coded for name in ("code", "valueCodeableConcept") for coded in codings(found.resource, name, found.path)]
    return any(need_of(one.system, one.code) for one in said)


def _is(found: Found | None, kinds: Iterable[str]) -> bool:
    return found is not None and str(found.resource.get("resourceType")) in kinds
