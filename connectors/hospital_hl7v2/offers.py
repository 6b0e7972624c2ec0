"""Within translating a hospital's message: a discharge on which the sender and the hub agreed that it may become a referral: an offer."""

from __future__ import annotations

import re

from connectors.hospital_hl7v2.answered import readings, says_no, says_yes
from connectors.hospital_hl7v2.bundles import bundle_of, in_order, referral_in
from connectors.hospital_hl7v2.consents import agrees
from connectors.hospital_hl7v2.findings import read_conditions, read_observations
from connectors.hospital_hl7v2.patient import Death, death, read_patient
from connectors.hospital_hl7v2.providers import read_requester
from connectors.hospital_hl7v2.referral import notes
from connectors.hospital_hl7v2.source import Made, Source, fhir_identifiers, tidy
from connectors.hospital_hl7v2.stays import places_of, read_stay, real_discharge, visit_of
from schemas.events import FactType
from schemas.hl7v2 import Segment, dates
from schemas.messages import About, Fact, InboundMessage, Translation
from schemas.rejection import Issue, Reason, Rejected

_NOT_SO = ("D", "W", "X")  # OBX-11, table 0085: deleted, wrong, could not be obtained
_Z_FIELD = re.compile(r"(Z[A-Z0-9]{2})-(\d{1,3})")


def offer(source: Source, message: InboundMessage) -> Translation:
    """One `offered` with the referral that it would be, or nothing. With an agreed trigger but no offer, the warning says what was missing."""
    at = trigger_at(source, message.profile.triggers)
    if at is None:
        return Translation((), _unclear(source, message.profile.triggers))
    if not real_discharge(source):
        where = source.message.first("PV1").at(places_of(source).destination)
        return Translation((), (Issue(Reason.DISCHARGE_WITHOUT_TRIGGER, where, "hospital.offer-no-discharge"),))
    pid = source.message.first("PID")
    if death(pid) is Death.UNCLEAR:
        return Translation((), (Issue(Reason.DISCHARGE_WITHOUT_TRIGGER, pid.at(30), "hospital.offer-perhaps-died"),))
    made = _made(source)
    bundle = bundle_of(source, FactType.OFFERED, made, "ServiceRequest")
    try:
        referral, warnings = referral_in(source, message, made, bundle)
    except Rejected as fault:  # the discharge itself is sound; what speaks against an offer is told with it
        return Translation((), fault.issues)
    if referral.consent.direct_care is not True or referral.consent.unclear:
        return Translation((), (Issue(Reason.NO_CONSENT_STATED, at, "hospital.offer-without-consent"),))
    visit = visit_of(source)
    fact = Fact(FactType.OFFERED, bundle, About(None, (visit,) if visit else ()), referral.model_copy(update={"says_service": True}))
    return Translation((fact,), warnings)


def trigger_at(source: Source, agreed: tuple[str, ...]) -> str | None:
    """Where an agreed trigger stands: an OBX that asks it and is answered yes, a coded answer, DG1-3 or PR1-3 with its code, or `ZSP-1` with yes."""
    wanted = {one.strip().casefold() for one in agreed if one.strip()}
    if not wanted:
        return None
    for segment in source.message.all:
        if (number := _triggers(segment, wanted)) is not None:
            return segment.at(number)
    return None


def _triggers(segment: Segment, wanted: set[str]) -> int | None:
    """The field of this segment that holds an agreed trigger."""
    if segment.name == "OBX":
        if segment.component(11).upper() in _NOT_SO:
            return None
        asked = _names(segment, 3, wanted) and (says_yes(segment) or agrees(segment))
        return 5 if asked or _names(segment, 5, wanted) else None
    if segment.name in ("DG1", "PR1"):
        return 3 if _names(segment, 3, wanted) else None
    for one in wanted:
        found = _Z_FIELD.fullmatch(one.upper())
        if found and found[1] == segment.name and says_yes(segment, int(found[2])):
            return int(found[2])
    return None


def _unclear(source: Source, agreed: tuple[str, ...]) -> tuple[Issue, ...]:
    """A trigger that was asked and answered neither yes nor no: whoever wrote it may believe that it counts."""
    wanted = {one.strip().casefold() for one in agreed if one.strip()}
    asked = (obx for obx in source.message.segments("OBX") if _names(obx, 3, wanted) and obx.component(11).upper() not in _NOT_SO)
    said = next((obx for obx in asked if obx.field(5).text.strip() and not obx.field(5).is_null and not says_no(obx)), None)
    return (Issue(Reason.DISCHARGE_WITHOUT_TRIGGER, said.at(5), "hospital.offer-unclear"),) if said else ()


def _names(segment: Segment, number: int, wanted: set[str]) -> bool:
    return any(said.casefold() in wanted for one in segment.field(number).repetitions for said in readings(one))


def _made(source: Source) -> tuple[Made, ...]:
    """The request that the discharge would be, with the person, the stay, and what was found and agreed."""
    requester, pv1, visit = read_requester(source), source.message.first("PV1"), visit_of(source)
    request = {
        "resourceType": "ServiceRequest",
        "identifier": fhir_identifiers([visit] if visit else []),
        "status": "draft",
        "intent": "proposal",
        "subject": source.reference("Patient"),
        "encounter": source.reference("Encounter"),
        "authoredOn": dates.fhir_date_time(source.message.first("EVN").component(2)),
        "requester": {"reference": requester[0].url} if requester else None,
        "note": [{"text": said} for _, said in notes(source)],
    }
    organizations = sum(one.resource["resourceType"] == "Organization" for one in requester)
    asked = Made(pv1.place, source.url("ServiceRequest"), tidy(request), {"": "MSH[1]-9", "authoredOn": "EVN[1]-2", "subject": "PID[1]", "note": "NTE[1]-3"})
    rest = read_patient(source, organizations) + read_stay(source, "finished", happened="end") + read_conditions(source) + read_observations(source)
    return in_order((asked, *requester, *rest.made))
