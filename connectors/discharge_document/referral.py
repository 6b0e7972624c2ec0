"""Within translating a discharge document: the referral or the offer, its ServiceRequest, and what of the document goes with it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from connectors.discharge_document.asking import Verdict
from connectors.discharge_document.carried import Carrier, diagnoses_left_out, flags_among, full_url, is_social, needs_among
from connectors.discharge_document.ending import placed
from connectors.discharge_document.headings import CONSENT
from connectors.discharge_document.hearing import as_heard, refuses
from connectors.discharge_document.reading import NAME, Reading, known_by
from connectors.discharge_document.sections import carried_sections
from schemas.codes.requested_service import SERVICE_SYSTEM
from schemas.events import FactType
from schemas.fhir.build import JsonObject
from schemas.fhir.build import message as message_bundle
from schemas.fhir.others import of_others
from schemas.fhir.read import Found, fhir_date, fhir_instant, objects, string
from schemas.messages import About, Fact, Identifier
from schemas.referral import Referral, read_referral
from schemas.rejection import Issue, Reason, Rejected


def referral_fact(reading: Reading, kind: FactType, coded: Found | None, at: str | None = None) -> Fact:
    """A referral or an offer with what of the document goes with it. Raises Rejected with every fault."""
    request = request_of(reading, coded, kind)
    carrier = _carrier(reading, coded, request)
    sections, dropped = carried_sections(reading)
    made = [*sections] if coded else [request, *sections]
    bundle = message_bundle(reading.document.body, NAME, kind.value, [*((None, one) for one in made), *carrier.made], focus="ServiceRequest")
    heard = as_heard(reading.document, (coded.resource, full_url(coded)) if coded else (request, None), sections)
    try:
        referral, said = read_referral(bundle, "hospital", reading.message.profile, reading.message.received_at, heard)
    except Rejected as fault:
        raise Rejected(fault.reason, _as_sent(reading, fault.issues, coded)) from None
    person, about_place = placed(referral.person, reading.patient, reading.stay)
    reading.warn([*carrier.warnings, *_as_sent(reading, said, coded), *about_place, *dropped])
    reading.warn(diagnoses_left_out(coded, reading.document.message) if coded else ())
    referral = _as_said(reading, referral.model_copy(update={"person": person}), coded, at)
    return Fact(kind, bundle, About(reading.journey, known_by(reading.document, [coded] if coded else [])), referral)


def _as_sent(reading: Reading, issues: Iterable[Issue], coded: Found | None) -> list[Issue]:
    """The issues at places that the sender knows: a ServiceRequest that we made of the document's words is in no document."""
    if coded is not None:
        return [*issues]
    asked = reading.asked.at or "Composition"
    places = {"ServiceRequest.subject": "Composition.subject", "ServiceRequest.authoredOn": "Composition.date"}
    return [replace(one, at=places.get(one.at, asked)) if one.at.startswith("ServiceRequest") else one for one in issues]


def _as_said(reading: Reading, referral: Referral, coded: Found | None, at: str | None) -> Referral:
    """Where in the document it is asked for; and unclear consent where the words decline it or say no to sharing."""
    where = referral.service.at if coded else at or reading.asked.at
    declined = reading.asked.verdict is Verdict.DECLINED or any(one.heading == CONSENT and refuses(one.lines) for one in reading.document.sections)
    return referral.model_copy(
        update={
            "service": referral.service.model_copy(update={"at": where}),
            "consent": referral.consent.model_copy(update={"unclear": referral.consent.unclear or declined}),
        }
    )


def request_of(reading: Reading, coded: Found | None, kind: FactType) -> JsonObject:
    """The sender's ServiceRequest as far as it goes on, or one in the words of the document. Raises Rejected when it is about somebody else."""
    if coded is None:
        return _made_request(reading, kind)
    carrier = Carrier(reading.document.message)
    carrier.take(coded, must=True)
    reading.warn(carrier.warnings)
    ((_, request),) = carrier.made or [(None, coded.resource)]
    about = reading.document.message.follow(coded.resource.get("subject"), coded)
    if about is not None and reading.patient is not None and about.resource is not reading.patient.resource:
        raise Rejected(Reason.NO_IDENTITY, [Issue(Reason.NO_IDENTITY, f"{coded.path}.subject", "discharge.two-persons")])
    subject = request.get("subject")
    leads = about is not None and (".contained[" in about.path or full_url(about) is not None or "id" in about.resource)
    is_named = leads or (about is None and isinstance(subject, dict) and subject.get("identifier"))
    return {**_written_by(reading), **request} if is_named else {**_written_by(reading), **request, "subject": reading.subject}


def _written_by(reading: Reading) -> JsonObject:
    """When and by whom the document was written: what a ServiceRequest that stands in it need not repeat."""
    date = string(reading.document.composition.resource, "date")
    written = date if fhir_instant(date) else fhir_date(date)
    made = {"authoredOn": written, "requester": _author(reading)}
    return {name: value for name, value in made.items() if value}


def _made_request(reading: Reading, kind: FactType) -> JsonObject:
    service = {"system": SERVICE_SYSTEM, "code": "social-prescribing", "display": "Social prescribing"}
    made: JsonObject = {
        "resourceType": "ServiceRequest",
        "identifier": [_written(one) for one in reading.document.identifiers],
        "status": "active",
        "intent": "proposal" if kind is FactType.OFFERED else "plan",
        "code": {"coding": [service]},
        "subject": reading.subject,
        **_written_by(reading),
    }
    return {name: value for name, value in made.items() if value}


def _written(one: Identifier) -> JsonObject:
    """Without a system that is no URI: the document's own identifier is not pruned with the rest (FHIR R4 2.24.0.1, uri holds no white space)."""
    system = one.system if len(one.system.split()) == 1 and one.system.strip() == one.system else ""
    return {name: value for name, value in (("system", system), ("value", one.value)) if value}


def _author(reading: Reading) -> JsonObject | None:
    """Who wrote the document, else who keeps it."""
    sent = reading.document.composition.resource
    for reference in (*objects(sent.get("author") or []), *objects(sent.get("custodian") or [])):
        found = reading.document.message.follow(reference, reading.document.composition)
        kind = found.resource.get("resourceType") if found else None
        if kind in ("PractitionerRole", "Practitioner", "Organization") or (found is None and reference.get("identifier")):
            return {name: reference[name] for name in ("reference", "identifier", "display") if isinstance(reference.get(name), (str, dict))}
    return None


def _carrier(reading: Reading, coded: Found | None, request: JsonObject) -> Carrier:
    carrier, message = Carrier(reading.document.message), reading.document.message
    if coded is not None:
        carrier.put(coded, request)
    carrier.take(reading.patient, must=True)
    for reference in objects((reading.patient.resource.get("generalPractitioner") if reading.patient else None) or []):
        carrier.take_who(reference, reading.patient)
    if coded is None or request.get("requester") != coded.resource.get("requester"):
        carrier.take_who(_author(reading) or {}, reading.document.composition)
    for name in ("requester", "performer"):
        for reference in objects((coded.resource.get(name) if coded else None) or []):
            carrier.take_who(reference, coded)
    carrier.take_stay(reading.stay)
    findings = message.follow_all((coded.resource.get("reasonReference") if coded else None) or [], coded)
    social = [one for one in findings if one.resource.get("resourceType") == "Observation" and is_social(one)]
    others = of_others(message, reading.patient)
    for one in (*needs_among(message), *flags_among(message), *message.of_type("Consent"), *social):
        if not any(one.resource is other.resource for other in others):
            carrier.take(one)
    reading.warn(Issue(Reason.ELEMENT_REMOVED, one.path, "fhir.of-another") for one in others)
    return carrier
