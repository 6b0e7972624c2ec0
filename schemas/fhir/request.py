"""In translating: what a referral asks for, read from the ServiceRequest and what the message says beside it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from schemas.codes.needs import need_of
from schemas.codes.requested_service import ServiceState, service_of, service_of_specialty, service_of_text
from schemas.codes.sources import Source, source_of
from schemas.fhir.read import (
    Coded,
    Found,
    JsonObject,
    Message,
    codings,
    extensions,
    identifiers,
    indexed,
    objects,
    ods_code,
    string,
    strings,
    texts,
)
from schemas.rejection import Issue, Reason

Priority = Literal["routine", "urgent", "asap", "stat"]


class Service(BaseModel):
    """Which service is asked for, and where that is stated."""

    model_config = ConfigDict(frozen=True)

    state: ServiceState = ServiceState.UNSTATED
    at: str | None = None


class Referrer(BaseModel):
    """Who refers, as the message says; whom to answer is the client's business and not this."""

    model_config = ConfigDict(frozen=True)

    ods: str | None = None
    name: str | None = Field(default=None, repr=False)


class NeedCoding(BaseModel):
    """One coded need as its sender coded it."""

    model_config = ConfigDict(frozen=True)

    system: str
    code: str
    display: str | None = None


# --- service ----------------------------------------------------------------------------------------------------------------------------


def read_service(message: Message, request: Found, sent: Message | None = None) -> Service:
    """The first service that is stated beyond a generic "referral" (contracts.md, service). `sent` is the message before anything was left out of
    it: a clinic that is named in what does not follow FHIR is named all the same. Where it holds another request too, nobody knows whose that is."""
    for state, at in _services(message, request):
        if state is not ServiceState.UNSTATED:
            return Service(state=state, at=at)
    asked = sent.of_type("ServiceRequest") if sent and sent is not message else ()
    return read_service(sent, asked[0]) if sent and len(asked) == 1 else Service()


def _services(message: Message, request: Found) -> Iterator[tuple[ServiceState, str]]:
    for name in ("code", "category"):
        yield from _stated(request.resource, name, request.path)
    for offered in message.of_type("HealthcareService"):
        yield from _stated(offered.resource, "type", offered.path)
        yield from _specialties(offered)
    for encounter in message.of_type("Encounter"):
        yield from _stated(encounter.resource, "serviceType", encounter.path)
    for performer in message.follow_all(request.resource.get("performer"), request):
        yield from _specialties(performer)
    for coded in codings(request.resource, "orderDetail", request.path):
        if "spec" in coded.system.lower():
            yield service_of_specialty(coded.code, coded.display), coded.at


def _stated(resource: JsonObject, name: str, path: str) -> Iterator[tuple[ServiceState, str]]:
    for concept, where in indexed(resource, name, path):
        words = string(concept, "text")
        for coded in codings(concept, "coding", where):
            is_specialty = "spec" in coded.system.lower() or "treatment-function" in coded.system.lower()
            named = service_of_specialty(coded.code, coded.display) if is_specialty else service_of(coded.system, coded.code, coded.display)
            yield named, coded.at
        yield service_of_text(words), f"{where}.text"


def _specialties(found: Found) -> Iterator[tuple[ServiceState, str]]:
    for concept, where in indexed(found.resource, "specialty", found.path):
        for coded in codings(concept, "coding", where):
            yield service_of_specialty(coded.code, coded.display), coded.at
        yield service_of_text(string(concept, "text")), f"{where}.text"


# --- needs ------------------------------------------------------------------------------------------------------------------------------

_OVER = frozenset({"inactive", "remission", "resolved"})
_NOT_SO = frozenset({"refuted", "entered-in-error"})


def read_needs(message: Message, request: Found) -> tuple[tuple[NeedCoding, ...], tuple[Issue, ...]]:
    """The sender's coded needs in message order, each once, and a warning for each that is none of the hub's needs.

    Reasons count as needs whether known or not; a category or code of the request counts when it is known as one.
    """
    found: dict[tuple[str, str], NeedCoding] = {}
    warnings = []
    for coded, is_reason in _need_codings(message, request):
        is_known = bool(need_of(coded.system, coded.code))
        if (coded.system, coded.code) in found or not (is_known or is_reason):
            continue
        found[coded.system, coded.code] = NeedCoding(system=coded.system, code=coded.code, display=coded.display)
        if not is_known:
            warnings.append(Issue(Reason.CODE_UNKNOWN, coded.at))
    return tuple(found.values()), tuple(warnings)


def _need_codings(message: Message, request: Found) -> Iterator[tuple[Coded, bool]]:
    """Codings in message order: those of the request, of Conditions and of Observations that are reasons; True for a reason."""
    reasons = {id(one.resource) for one in message.follow_all(request.resource.get("reasonReference"), request)}
    for one in message.found:
        kind = one.resource.get("resourceType")
        if one.resource is request.resource:
            for name in ("category", "code", "reasonCode"):
                yield from ((coded, name == "reasonCode") for coded in codings(one.resource, name, one.path))
        elif kind == "Condition" and _is_current(one.resource):
            yield from ((coded, True) for coded in codings(one.resource, "code", one.path))
        elif kind == "Observation" and one.resource.get("status") not in ("entered-in-error", "cancelled"):
            for name in ("valueCodeableConcept", "code"):
                yield from ((coded, False) for coded in codings(one.resource, name, one.path) if id(one.resource) in reasons)


def _is_current(condition: JsonObject) -> bool:
    clinical = {coded.code for coded in codings(condition, "clinicalStatus", "")}
    verified = {coded.code for coded in codings(condition, "verificationStatus", "")}
    return not clinical & _OVER and not verified & _NOT_SO


# --- words ------------------------------------------------------------------------------------------------------------------------------


def read_narrative(message: Message) -> tuple[str, ...]:
    """Every note and outcome text, one string each, in message order."""
    return tuple(said for one in message.found for said in _notes(one))


def _notes(one: Found) -> Iterator[str]:
    kind, resource = one.resource.get("resourceType"), one.resource
    yield from (said for said, _ in texts(resource, "note", one.path))
    if kind == "CarePlan":
        for activity in objects(resource.get("activity")):
            yield from (said for said, _ in texts(activity, "outcomeCodeableConcept", one.path))
            yield from (said for said, _ in texts(activity, "progress", one.path))
    elif kind == "Observation" and (said := string(resource, "valueString")):
        yield said
    elif kind == "Communication":
        yield from (said for part in objects(resource.get("payload")) if (said := string(part, "contentString")))


_URGENT = re.compile(r"\b(?:urgent|urgently|brys)\b", re.IGNORECASE)


def read_priority(request: Found, words: tuple[str, ...], sent: JsonObject) -> tuple[Priority, tuple[Issue, ...]]:
    """The coded priority, routine when there is none; text that says urgent only warns, `stat` is warned about.

    `sent` is the request before anything was left out of it: `URGENT` is no code of R4, and means urgent all the same.
    """
    at = f"{request.path}.priority"
    coded = (string(sent, "priority") or "").lower()
    known = coded if coded in ("urgent", "asap", "stat", "routine") else "routine"
    if known == "stat":
        return "stat", (Issue(Reason.PRIORITY_STAT, at),)
    if known == "routine" and any(_URGENT.search(said) for said in words):
        return "routine", (Issue(Reason.PRIORITY_TEXT, at),)
    return known, ()  # type: ignore[return-value]  # one of the four


# --- from whom --------------------------------------------------------------------------------------------------------------------------


def read_source(request: Found, agreed: str | None, default: str) -> tuple[Source, tuple[Issue, ...]]:
    """What was agreed with the client; else SourceOfServiceRequest; else the connector's own."""
    if agreed is not None:
        return Source(agreed), ()
    warnings = []
    for extension in extensions(request.resource, "SourceOfServiceRequest"):
        for coded in codings(extension, "valueCodeableConcept", f"{request.path}.extension.value"):
            if found := source_of(coded.system, coded.code):
                return found, ()
            warnings.append(Issue(Reason.CODE_UNKNOWN, f"{request.path}.extension"))
    return Source(default), tuple(warnings[:1])


def read_referrer(message: Message, request: Found) -> Referrer:
    """The requester's organisation and name: through PractitionerRole to Organization and Practitioner, or by identifier alone."""
    reference = request.resource.get("requester")
    if not isinstance(reference, dict):
        return Referrer()
    found = message.follow(reference, request)
    if found is None:
        logical = ods_code({"identifier": reference.get("identifier")})
        return Referrer(ods=logical, name=string(reference, "display"))
    organization, practitioner = _parts(message, found)
    name = _person_name(practitioner.resource) if practitioner else None
    return Referrer(ods=_ods(found, organization), name=name or (string(organization.resource, "name") if organization else None))


def _parts(message: Message, found: Found) -> tuple[Found | None, Found | None]:
    kind = found.resource.get("resourceType")
    if kind == "PractitionerRole":
        return message.follow(found.resource.get("organization"), found), message.follow(found.resource.get("practitioner"), found)
    return (found, None) if kind == "Organization" else (None, found)


def _ods(found: Found, organization: Found | None) -> str | None:
    if organization:
        return ods_code(organization.resource)
    logical = found.resource.get("organization")
    return ods_code({"identifier": logical.get("identifier")}) if isinstance(logical, dict) else None


def _person_name(person: JsonObject) -> str | None:
    for name in objects(person.get("name")):
        if said := string(name, "text"):
            return said
        parts = [*strings(name, "prefix"), *strings(name, "given"), string(name, "family") or ""]
        return " ".join(part for part in parts if part) or None
    return None


def requested_services(message: Message, request: Found) -> tuple[str, ...]:
    """Identifier values of the services or prescribers that the request names as performer, as far as they are stated."""
    performers = request.resource.get("performer")
    named = [*objects(performers), *(target.resource for target in message.follow_all(performers, request))]
    found = [one.value for resource in named for one in identifiers(resource, "")]
    return tuple(dict.fromkeys(found))
