"""Within translating a discharge document: which fact it gives, if any."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from connectors.discharge_document.asking import Verdict
from connectors.discharge_document.carried import Carrier, full_url
from connectors.discharge_document.document import Document
from connectors.discharge_document.ending import read_stay
from connectors.discharge_document.reading import NAME, Reading, known_by, patient_of, subject_of
from connectors.discharge_document.referral import referral_fact, request_of
from connectors.discharge_document.requests import Asked, read_asked, triggered
from schemas.codes.discharge import Ending
from schemas.events import FactType
from schemas.fhir.build import message as message_bundle
from schemas.fhir.person import read_person
from schemas.fhir.read import Found, identifiers
from schemas.fhir.read import Message as FhirMessage
from schemas.messages import About, Fact, Identifier, InboundMessage, Translation
from schemas.rejection import Issue, Reason, Rejected


def translated(document: Document, message: InboundMessage, journey: str | None) -> Translation:
    """The facts of one document (README, What a document gives). Raises Rejected when it does not say whom it is about."""
    stay, asked = read_stay(document), read_asked(document)
    reading = Reading(document, message, journey, patient_of(document), stay, asked, list(document.warnings))
    reading.warn([Issue(Reason.CODE_UNKNOWN, at) for at in stay.unknown])
    status = str(document.composition.resource.get("status")).strip().lower()
    if status == "entered-in-error":
        return _withdrawn(reading)
    if _died(reading):
        return _death(reading)
    if status == "preliminary":
        return _ignored(reading, Reason.NOTHING_FOR_US, Issue(Reason.NOTHING_FOR_US, "Composition.status", "discharge.preliminary"))
    if asked.coded:
        return _begun(reading, [referral_fact(reading, FactType.RECEIVED, one) for one in asked.coded])
    if asked.plainly:
        return _begun(reading, [referral_fact(reading, FactType.RECEIVED, None)])
    return _offer_or_nothing(reading)


def _offer_or_nothing(reading: Reading) -> Translation:
    asked, at = reading.asked, triggered(reading.document, reading.message.profile)
    if asked.verdict is Verdict.DECLINED:
        return _ignored(reading, Reason.DISCHARGE_WITHOUT_TRIGGER, Issue(Reason.DISCHARGE_WITHOUT_TRIGGER, _named_at(asked), "discharge.declined"))
    if at is not None and reading.stay.may_be_offered:
        return _begun(reading, [referral_fact(reading, FactType.OFFERED, None, at)])
    if at is not None:
        return _ignored(reading, Reason.DISCHARGE_WITHOUT_TRIGGER, Issue(Reason.DISCHARGE_WITHOUT_TRIGGER, at, "discharge.not-discharged"))
    said = [Issue(Reason.DISCHARGE_WITHOUT_TRIGGER, f"{one.path}.status", "discharge.not-in-force") for one in asked.not_in_force]
    if asked.verdict is Verdict.NAMED or asked.elsewhere:
        said.append(Issue(Reason.DISCHARGE_WITHOUT_TRIGGER, _named_at(asked), "discharge.not-plain"))
    return _ignored(reading, Reason.DISCHARGE_WITHOUT_TRIGGER, *said)


def _named_at(asked: Asked) -> str:
    return next((f"{section.path}.text" for section, _ in asked.words), asked.elsewhere or "Composition.section")


def _ignored(reading: Reading, reason: Reason, *said: Issue) -> Translation:
    return Translation((), (*said, *reading.warnings), reason)


def _begun(reading: Reading, facts: list[Fact]) -> Translation:
    """The first is known again by the document: whoever sends it once more hears of that one."""
    about = facts[0].about
    first = replace(facts[0], about=replace(about, identifiers=(*about.identifiers, reading.document.fingerprint)))
    return _together(reading, [first, *facts[1:]])


def _together(reading: Reading, facts: list[Fact]) -> Translation:
    return Translation(tuple(facts), tuple({repr(one): one for one in reading.warnings}.values()))


# --- facts without a referral -----------------------------------------------------------------------------------------------------------


def _death(reading: Reading) -> Translation:
    """The person died: nothing else that the document says is begun, whatever it asks for."""
    carrier = Carrier(reading.document.message)
    carrier.take(reading.patient, must=True)
    carrier.take_stay(reading.stay)
    bundle = message_bundle(reading.document.body, NAME, FactType.PERSON_DIED.value, carrier.made, focus="Patient")
    subject = Found({"subject": reading.subject}, "Composition")
    person, said = read_person(FhirMessage(bundle), subject, None)
    if not person.is_enough:
        raise Rejected(Reason.NO_IDENTITY, [Issue(Reason.NO_IDENTITY, "Composition.subject", "discharge.no-patient")])
    reading.warn([*carrier.warnings, *said, *_timeless(reading)])
    if reading.asked.plainly:
        reading.warnings.append(Issue(Reason.DECEASED, "Composition.subject", "discharge.died-and-asked"))
    return _together(reading, [Fact(FactType.PERSON_DIED, bundle, About(reading.journey, _numbers(reading)))])


def _numbers(reading: Reading) -> tuple[Identifier, ...]:
    holder = reading.patient.resource if reading.patient else subject_of(reading.document)
    return tuple(dict.fromkeys(Identifier(one.system, one.value) for one in identifiers(holder, "")))


def _timeless(reading: Reading) -> Iterator[Issue]:
    if reading.message.received_at is None:
        yield Issue(Reason.TIME_NOT_GIVEN, "received-at")


def _withdrawn(reading: Reading) -> Translation:
    """The whole document was a mistake: so is what was begun because of it."""
    requests = reading.asked.coded or reading.asked.not_in_force
    request = request_of(reading, requests[0] if requests else None, FactType.ENTERED_IN_ERROR)
    request = {**request, "status": "entered-in-error"}
    url = full_url(requests[0]) if requests else None
    bundle = message_bundle(reading.document.body, NAME, FactType.ENTERED_IN_ERROR.value, [(url, request)], focus="ServiceRequest")
    return _together(reading, [Fact(FactType.ENTERED_IN_ERROR, bundle, About(reading.journey, known_by(reading.document, requests[:1])))])


def _died(reading: Reading) -> bool:
    found = {} if reading.patient is None else reading.patient.resource
    said = found.get("deceasedBoolean")
    flagged = said not in (None, "", False) and str(said).strip().lower() not in ("false", "no", "n", "0")
    return flagged or any(found.get(name) for name in ("deceasedDateTime", "_deceasedDateTime")) or reading.stay.end.ending is Ending.DIED
