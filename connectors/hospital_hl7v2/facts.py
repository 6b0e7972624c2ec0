"""Within translating a hospital's message: the facts that REF^I12, I13 and I14, and a letter that counts as a referral, give."""

from __future__ import annotations

from connectors.hospital_hl7v2.bundles import bundle_of, in_order, referral_in
from connectors.hospital_hl7v2.findings import read_conditions, read_observations, texts
from connectors.hospital_hl7v2.hearing import documents, heard
from connectors.hospital_hl7v2.patient import read_patient
from connectors.hospital_hl7v2.places import once, placed
from connectors.hospital_hl7v2.referral import notes, read_request, referral_identifiers, withdrawn
from connectors.hospital_hl7v2.shifts import shifted
from connectors.hospital_hl7v2.source import Made, Reading, Source
from connectors.hospital_hl7v2.stays import read_stay, stay_of_referral
from schemas.events import FactType
from schemas.messages import About, Fact, InboundMessage, Translation
from schemas.rejection import Issue, Reason, Rejected


def received(source: Source, message: InboundMessage) -> Translation:
    """REF^I12: one `received`. Raises Rejected with every reason: withdrawn, another service, nobody known."""
    return _whole(source, message, FactType.RECEIVED, withdrawn(source))


def updated(source: Source, message: InboundMessage) -> Translation:
    """REF^I13: one `updated` with the whole referral as it is now, or a wish to cancel where RF1-1 says that it is rejected or expired.

    Raises Rejected, also when no number says which referral it is.
    """
    if withdrawn(source):
        return cancelled(source)
    return _whole(source, message, FactType.UPDATED, _which(source))


def cancelled(source: Source) -> Translation:
    """REF^I14: one `cancel-requested`. Raises Rejected when no number says which referral it is."""
    if missing := _which(source):
        raise Rejected(Reason.REQUIRED, missing)
    reading = _request_and_patient(source)
    made = in_order(_revoked(one) for one in reading.made)
    bundle = bundle_of(source, FactType.CANCEL_REQUESTED, made, "ServiceRequest")
    fact = Fact(FactType.CANCEL_REQUESTED, bundle, About(None, referral_identifiers(source)), heard=heard(source.message))
    return Translation((fact,), placed((*source.message.warnings, *reading.warnings), {}))


def asked(source: Source) -> Translation:
    """REF^I15: how does a referral stand? Nothing is recorded. Raises Rejected when no number says which referral it is."""
    if missing := _which(source):
        raise Rejected(Reason.REQUIRED, missing)
    reading = _request_and_patient(source)
    bundle = bundle_of(source, FactType.UPDATED, in_order(reading.made), "ServiceRequest")
    warnings = placed((*source.message.warnings, *reading.warnings), {})
    return Translation((), warnings, Reason.NOTHING_FOR_US, Fact(FactType.UPDATED, bundle, About(None, referral_identifiers(source))))


def letter(source: Source, message: InboundMessage, fact: FactType) -> Translation:
    """A letter (MDM) of a sender whose letters are referrals. Raises Rejected, also when its words cannot be read: nobody could look for risk in it."""
    if fact is FactType.CANCEL_REQUESTED:
        return cancelled(source)
    which = _which(source) if fact is FactType.UPDATED else ()
    return _whole(source, message, fact, (*which, *_unread(source)))


def _whole(source: Source, message: InboundMessage, fact: FactType, over: tuple[Issue, ...]) -> Translation:
    reading = _request_and_patient(source) + read_conditions(source) + read_observations(source)
    made = in_order(reading.made)
    bundle = bundle_of(source, fact, made, "ServiceRequest")
    try:
        referral, said = referral_in(source, message, made, bundle)
    except Rejected as fault:
        faults = (*over, *fault.issues, *_unread_of(fault, reading.warnings))
        raise Rejected(faults[0].reason, once(faults)) from None
    if over:
        raise Rejected(over[0].reason, over)
    warnings = (*source.message.warnings, *shifted(source.message), *reading.warnings, *said)
    return Translation((Fact(fact, bundle, About(None, referral_identifiers(source)), referral),), once(warnings))


def _unread_of(fault: Rejected, warnings: tuple[Issue, ...]) -> tuple[Issue, ...]:
    """Where nobody is named: what of PID could not be read."""
    is_nobody = any(one.reason is Reason.NO_IDENTITY for one in fault.issues)
    return tuple(one for one in warnings if is_nobody and one.at.startswith("PID") and one.reason is Reason.DATE_IMPOSSIBLE)


def _request_and_patient(source: Source) -> Reading:
    status = stay_of_referral(source)
    reading = read_request(source, encounter=status is not None)
    organizations = sum(one.resource["resourceType"] == "Organization" for one in reading.made)
    reading = reading + read_patient(source, organizations, unclear_is_death=True)
    return reading if status is None else reading + read_stay(source, status, moved_at=status != "unknown")


def _revoked(made: Made) -> Made:
    if made.resource["resourceType"] != "ServiceRequest":
        return made
    return Made(made.place, made.url, {**made.resource, "status": "revoked"}, made.sources)


def _which(source: Source) -> tuple[Issue, ...]:
    """A change to a referral says to which (RF1-6, RF1-11, OBR-2, of a letter TXA-12 to 14)."""
    at = source.message.first("TXA").at(14) if source.message.has("TXA") else source.message.first("RF1").at(6)
    return () if referral_identifiers(source) else (Issue(Reason.REQUIRED, at, "hospital.which-referral"),)


def _unread(source: Source) -> tuple[Issue, ...]:
    if notes(source) or texts(source) or documents(source.message):
        return ()
    obx = source.message.first("OBX")
    return (Issue(Reason.UNSUPPORTED_MEDIA, obx.at(5), "hospital.letter-not-read"),)
