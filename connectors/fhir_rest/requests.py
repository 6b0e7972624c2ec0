"""In translating plain FHIR: one ServiceRequest, with what the message says beside it, becomes one fact about one referral."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from connectors.fhir_rest.references import elsewhere, references_of, within_faults
from connectors.fhir_rest.rules import ROOT, broken_rules
from schemas.events import FactType
from schemas.fhir.build import message as message_bundle
from schemas.fhir.check import fhir_path
from schemas.fhir.prune import prune
from schemas.fhir.strict_json import JsonObject
from schemas.messages import About, Fact, Identifier, InboundMessage, Target, Translation
from schemas.referral import read_referral
from schemas.rejection import Issue, Reason, Rejected
from schemas.rest import guid, preferences, refuse

NAME = "fhir_rest"


@dataclass(frozen=True, slots=True)
class Portion:
    """What of a message one referral is made of: its own ServiceRequest, and the resources in message order, each with its fullUrl or None.

    `beside` are the same and more as they were sent, heard for risk, consent and death; the request's own first. `places` says where the
    sender has what our bundle calls otherwise (`Patient` → `Bundle.entry[2].resource`).
    """

    request: JsonObject = field(repr=False)
    resources: tuple[tuple[str | None, JsonObject], ...] = field(repr=False)
    beside: tuple[tuple[str | None, JsonObject], ...] = field(repr=False)
    places: Mapping[str, str] = field(default_factory=dict)

    def placed(self, issue: Issue) -> Issue:
        """The issue where its sender finds it."""
        for ours in sorted(self.places, key=len, reverse=True):
            if issue.at == ours or issue.at.startswith((f"{ours}.", f"{ours}[")):
                return replace(issue, at=self.places[ours] + issue.at.removeprefix(ours))
        return issue


@dataclass(frozen=True, slots=True)
class Read:
    """A fact with its warnings, or the faults for which there is none."""

    fact: Fact | None
    warnings: tuple[Issue, ...] = ()
    faults: tuple[Issue, ...] = ()


def read_request(message: InboundMessage, portion: Portion, kind: FactType = FactType.RECEIVED, target: Target | None = None) -> Read:
    """The fact that one ServiceRequest is. Never raises: what is wrong with it is among the faults."""
    bundle = message_bundle(message.body, NAME, kind.value, portion.resources, focus=ROOT)
    sent = {"entry": [_entry(url, one) for url, one in portion.beside]}
    try:
        referral, warnings = read_referral(bundle, "other", message.profile, message.received_at, sent)
    except Rejected as fault:
        return Read(None, faults=tuple(portion.placed(issue) for issue in fault.issues))
    fact = Fact(kind, bundle, About(journey(message), identifiers_of(portion.request)), referral, target=target)
    return Read(fact, tuple(portion.placed(issue) for issue in warnings))


def _entry(url: str | None, resource: JsonObject) -> JsonObject:
    return {"resource": resource} if url is None else {"fullUrl": url, "resource": resource}


def journey(message: InboundMessage) -> str | None:
    """X-Correlation-Id; None when there is none, or none that can be read."""
    try:
        return guid(message.headers or {}, "X-Correlation-Id")
    except Rejected:
        return None


def identifiers_of(request: JsonObject) -> tuple[Identifier, ...]:
    """The sender's own identifiers of this referral."""
    sent = request.get("identifier")
    found = (one for one in (sent if isinstance(sent, list) else ()) if isinstance(one, dict))
    return tuple(Identifier(str(one.get("system") or ""), str(one["value"])) for one in found if one.get("value"))


def checked(body: JsonObject) -> tuple[JsonObject, tuple[Issue, ...], tuple[Issue, ...]]:
    """What of a resource is sound, the warnings, and the faults; with faults the resource is as it was sent."""
    try:
        sound, warnings = prune(body)
    except Rejected as fault:
        return body, (), fault.issues
    return sound, warnings, ()


def is_strict(message: InboundMessage) -> bool:
    """Whether the sender wants every warning of structure to be a refusal."""
    return preferences(message.headers).get("handling") == "strict"


# --- a ServiceRequest by itself ---------------------------------------------------------------------------------------------------------


def translate_request(message: InboundMessage, body: JsonObject, kind: FactType = FactType.RECEIVED, target: Target | None = None) -> Translation:
    """One fact with the sender's ServiceRequest as it came, but for elements that fail the structure check.

    Raises Rejected with every fault that can be named together: structure, release, status, references, who it is about.
    """
    sound, warnings, faults = checked(body)
    found = references_of(body)
    more = [*broken_rules(body, of_status=_OF_STATUS[kind]), *within_faults(body, found, ROOT), *_urns(body)]
    own = (*faults, *more, *(warnings if is_strict(message) else ()))
    read = read_request(message, Portion(sound, ((None, sound),), ((None, body),)), kind, target)
    refuse(together(own, read.faults))
    assert read.fact is not None
    return Translation((read.fact,), (*warnings, *elsewhere(found, ROOT), *read.warnings))


_OF_STATUS = {FactType.RECEIVED: "fhir_rest.status", FactType.UPDATED: "fhir_rest.status-of-update"}


def _urns(body: JsonObject) -> Iterable[Issue]:
    """A single resource has no fullUrl that an urn could name."""
    for one in references_of(body):
        if one.leads_inside and not one.target.startswith("#"):
            yield Issue(Reason.UNRESOLVED_REFERENCE, fhir_path(ROOT, one.where), "fhir_rest.reference-missing")


def together(own: Iterable[Issue], read: Iterable[Issue]) -> list[Issue]:
    """Every fault; those of reading only where the check has named none."""
    own = list(own)
    named = {one.at for one in own}
    return [*own, *(one for one in read if one.at not in named)]

