"""In translating BaRS: a message that was understood becomes a fact, with what of it is sound and every warning."""

from __future__ import annotations

import re
from dataclasses import dataclass

from connectors.bars.envelope import Envelope, target_of, use_cases
from connectors.bars.headers import end_user_organisation, journey
from connectors.bars.references import walked
from connectors.bars.wales import specialties, with_dialect, without_noise
from schemas.codes.bars import use_case_is_another_service
from schemas.codes.requested_service import ServiceState, service_of_text
from schemas.events import FactType
from schemas.fhir.build import message as message_bundle
from schemas.fhir.check import FaultKind, check
from schemas.fhir.others import of_others
from schemas.fhir.person import patient_of
from schemas.fhir.prune import prune
from schemas.fhir.read import JsonObject, Message, objects
from schemas.fhir.said import said_in
from schemas.messages import About, Fact, Identifier, InboundMessage, Translation
from schemas.referral import Referral, read_referral
from schemas.rejection import Issue, Reason, Rejected
from schemas.rest import preferences, refuse

NAME = "bars"
_SHORT = frozenset({FactType.CANCEL_REQUESTED, FactType.ENTERED_IN_ERROR})
_FULL_URL = re.compile(r"(?:urn:uuid:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|urn:oid:[0-9.]+|https?://\S+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Checked:
    """The sound rest of the message, and what was found on the way."""

    body: JsonObject
    faults: tuple[Issue, ...]
    warnings: tuple[Issue, ...]
    is_whole: bool = False
    """Whether nothing was left out but narrative, so that each entry stands where the sender put it."""


def translation(message: InboundMessage, body: JsonObject, envelope: Envelope) -> Translation:
    """One fact. Raises Rejected with every fault of frame, structure, references and meaning together."""
    checked = _checked(message, body, envelope)
    fact = envelope.fact
    if fact is None:
        refuse(checked.faults)
        raise AssertionError("a message without a purpose has a fault")
    others = _of_others(Message(checked.body))
    bundle = message_bundle(message.body, NAME, fact.value, _resources(_without(checked.body, others)), focus="ServiceRequest")
    referral, about_referral = None, tuple[Issue, ...]()
    if fact not in _SHORT:
        sent = Message(body)
        if others_sent := others if checked.is_whole else _of_others(sent):
            sent = Message(_without(body, others_sent))
        referral, about_referral = _referral(message, sent, envelope, Message(bundle), checked.faults)
    refuse(checked.faults)
    about = About(journey(message), _identifiers(bundle))
    target = None if fact is FactType.RECEIVED else target_of(envelope.full_url)
    heard = said_in(entry.get("resource") for entry in objects(body.get("entry"))) if fact in _SHORT else ()
    about_others = (Issue(Reason.ELEMENT_REMOVED, f"Bundle.entry[{index}].resource", "fhir.of-another") for index in others)
    warnings = (*envelope.warnings, *checked.warnings, *about_others, *about_referral)
    return Translation((Fact(fact, bundle, about, referral, target=target, heard=heard),), warnings)


# --- what is sound ----------------------------------------------------------------------------------------------------------------------


def _checked(message: InboundMessage, body: JsonObject, envelope: Envelope) -> _Checked:
    found = walked(body, is_short=envelope.fact in _SHORT)
    faults, warnings = [*envelope.faults, *found.faults, *_modified(body, envelope)], list(found.warnings)
    of_header, about_header = _header(envelope)
    faults += of_header
    try:
        sound, about_content = prune(_without_header(body, envelope))
    except Rejected as fault:
        return _Checked(body, (*faults, *fault.issues), ())
    warnings += [*about_header, *about_content]
    if preferences(message.headers).get("handling") == "strict":
        faults += warnings
    return _Checked(sound, tuple(faults), tuple(warnings), not about_header and not about_content)


def _header(envelope: Envelope) -> tuple[list[Issue], list[Issue]]:
    """The sender's MessageHeader gives way to ours, so what is wrong with it only warns, but for a modifier that we do not know."""
    if not envelope.header:
        return [], []
    at = f"Bundle.entry[{envelope.header_index}].resource"
    faults, warnings = [], []
    for fault in check(envelope.header):
        said = fault.issue
        path = said.at.replace("MessageHeader", at, 1)
        if fault.kind is FaultKind.UNKNOWN_MODIFIER:
            faults.append(Issue(said.reason, path, said.detail, said.params))
        else:
            warnings.append(Issue(Reason.RULE_NOT_MET, path, "bars.header-element", {"element": fault.element}))
    return faults, warnings


def _modified(body: JsonObject, envelope: Envelope) -> list[Issue]:
    """What turns the meaning round (FHIR R4, `isModifier`): what is not to be done is no referral. A cancellation stops it all the same."""
    faults = [Issue(Reason.UNKNOWN_MODIFIER, "Bundle.implicitRules", "bars.implicit-rules")] if body.get("implicitRules") else []
    said = envelope.request.get("doNotPerform", False)
    if envelope.fact not in _SHORT and said is not False:
        reason = Reason.NO_REFERRAL if said is True else Reason.STRUCTURE
        faults.append(Issue(reason, f"{envelope.request_path}.doNotPerform", "bars.do-not-perform"))
    return faults


_STAND_IN: JsonObject = {
    "resourceType": "MessageHeader",
    "eventCoding": {"system": "urn:hub:checked", "code": "elsewhere"},
    "source": {"endpoint": "urn:hub:checked"},
}


def _without_header(body: JsonObject, envelope: Envelope) -> JsonObject:
    """The message with a sound header in the place of the sender's, which is judged on its own; every other path stays as it is."""
    if not envelope.header:
        return body
    entries = list(body["entry"])
    entries[envelope.header_index] = {**entries[envelope.header_index], "resource": _STAND_IN}
    return {**body, "entry": entries}


def _of_others(message: Message) -> list[int]:
    """The places of the entries that are about another person than the message's request."""
    request = message.first("ServiceRequest")
    others = of_others(message, patient_of(message, request) if request else None)
    entries = enumerate(objects(message.bundle.get("entry")))
    return [index for index, entry in entries if any(entry.get("resource") is one.resource for one in others)] if others else []


def _without(body: JsonObject, places: list[int]) -> JsonObject:
    """The message without the entries at these places."""
    return {**body, "entry": [entry for index, entry in enumerate(objects(body.get("entry"))) if index not in places]} if places else body


def _resources(body: JsonObject) -> list[tuple[str | None, JsonObject]]:
    """The message's resources in its order, each with its fullUrl if that is valid; the header, which the hub's replaces, is left out."""
    found = []
    for entry in objects(body.get("entry")):
        resource, url = entry.get("resource"), entry.get("fullUrl")
        if isinstance(resource, dict) and resource.get("resourceType") not in (None, "MessageHeader"):
            found.append((url if isinstance(url, str) and _FULL_URL.fullmatch(url) else None, resource))
    return found


def _identifiers(bundle: JsonObject) -> tuple[Identifier, ...]:
    """The sender's own identifiers of this referral."""
    request: JsonObject = next((entry["resource"] for entry in bundle["entry"] if entry["resource"].get("resourceType") == "ServiceRequest"), {})
    sent = (Identifier(str(one.get("system") or ""), str(one["value"])) for one in objects(request.get("identifier")) if one.get("value"))
    return tuple(dict.fromkeys(sent))


# --- what it asks for -------------------------------------------------------------------------------------------------------------------


def _referral(message: InboundMessage, sent: Message, envelope: Envelope, read: Message, faults: tuple[Issue, ...]) -> tuple[Referral, tuple[Issue, ...]]:
    """The referral as a Welsh or English sender means it. Raises Rejected with the faults found before and its own."""
    try:
        referral, warnings = read_referral(read, "gp", message.profile, message.received_at, sent)
    except Rejected as fault:
        named = {one.at for one in faults}
        refuse([*faults, *(one for one in fault.issues if one.at not in named)])
        raise
    refuse([*faults, *_other_service(referral, envelope, sent)])
    referral, about_dialect = with_dialect(referral, read, envelope.header, end_user_organisation(message))
    return referral, (*without_noise(warnings, read), *about_dialect)


def _other_service(referral: Referral, envelope: Envelope, sent: Message) -> list[Issue]:
    """A use case or a Welsh specialty that names another service, where neither the message nor the client's agreement says social prescribing.

    What a local specialty code means is not guessed: a need beside it must not send the person past the clinic that was meant.
    """
    if referral.service.state is ServiceState.SOCIAL_PRESCRIBING or referral.says_service:
        return []
    named = [one for one in use_cases(envelope.request, envelope.request_path) if use_case_is_another_service(one.code)]
    if named:
        return [Issue(Reason.WRONG_SERVICE, named[0].at, "bars.use-case")]
    asked = any(service_of_text(said) is ServiceState.SOCIAL_PRESCRIBING for said in referral.narrative)
    return [] if asked else [Issue(Reason.WRONG_SERVICE, at, "bars.specialty") for at in specialties(sent)[:1]]
