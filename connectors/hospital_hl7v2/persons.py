"""Within translating a hospital's message: the facts that ADT gives of a person: admitted, moved, discharged, changed, merged, died."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from connectors.hospital_hl7v2.bundles import bundle_of, in_order
from connectors.hospital_hl7v2.offers import offer
from connectors.hospital_hl7v2.patient import Death, death, numbers, read_patient
from connectors.hospital_hl7v2.places import once, placed, places
from connectors.hospital_hl7v2.shifts import shifted
from connectors.hospital_hl7v2.source import Made, Source, fhir_identifiers, person_identifier
from connectors.hospital_hl7v2.stays import ended_in_death, read_stay
from schemas.events import FactType
from schemas.fhir.build import JsonObject
from schemas.fhir.person import read_person
from schemas.fhir.read import Found
from schemas.fhir.read import Message as FhirMessage
from schemas.messages import About, Fact, Identifier, InboundMessage, Translation
from schemas.rejection import Issue, Reason, Rejected

# Trigger → why the person's stay changed (MessageHeader.reason) and FHIR's status of the Encounter (HL7 v2 chapter 3.3).
MOVED = {
    "A01": ("admitted", "in-progress"),
    "A02": ("transferred", "in-progress"),
    "A03": ("discharged", "finished"),
    "A11": ("undone", "cancelled"),
    "A12": ("undone", "in-progress"),
    "A13": ("undone", "in-progress"),
}
_HAPPENED = {"A01": "start", "A03": "end"}
DETAILS = frozenset({"A08", "A28", "A31"})
MERGED = "A40"
# Merges, moves and changes of numbers beside A40 (HL7 v2 chapter 3.3 and 3.6, some for backward compatibility alone): not read, but named.
_OTHER_MERGES = frozenset(["A18", "A30", "A34", "A35", "A36", "A39", "A41", "A42", "A43", "A44", "A45", "A46", "A47", "A48", "A49", "A50", "A51"])
_OF_IDENTITY = (Reason.NHS_NUMBER_FAILED, Reason.NHS_NUMBER_FORMAT, Reason.DATE_IMPOSSIBLE, Reason.DATE_FUTURE)
_TELLS_ENDING = frozenset({"A03", "A08", "A31"})


def person_facts(source: Source, trigger: str, message: InboundMessage) -> Translation:
    """What an ADT says of a person: moved, changed or died, each a fact, and an offer where that is agreed; ignored by name when it says none."""
    kinds = _kinds(source, trigger)
    if not kinds:
        return Translation((), (*source.message.warnings, *_unread_merge(trigger)), Reason.NOTHING_FOR_US)
    reading = read_patient(source)
    moved = trigger in MOVED
    if moved:
        reading += read_stay(source, MOVED[trigger][1], happened=_HAPPENED.get(trigger))
    made = in_order(reading.made if trigger != MERGED else (_with_links(reading.made[0], _old_numbers(source)), *reading.made[1:]))
    bundles = [(kind, reason, bundle_of(source, kind, made, "Encounter" if reason and moved else "Patient", reason)) for kind, reason in kinds]
    said = _known(source, made, bundles[0][2], reading.warnings)
    about = About(None, _whom(source, trigger))
    facts = tuple(Fact(kind, bundle, about, reason=reason) for kind, reason, bundle in bundles)
    timeless = () if message.received_at else (Issue(Reason.TIME_NOT_GIVEN, "received-at"),)
    offered = offer(source, message) if trigger == "A03" and len(facts) == 1 else Translation()
    odd = (*source.message.warnings, *shifted(source.message), *_unread_merge(trigger), *reading.warnings)
    warnings = (*placed(odd, {}), *said, *timeless, *offered.warnings)
    return Translation((*facts, *offered.facts), once(warnings))


def _unread_merge(trigger: str) -> tuple[Issue, ...]:
    """The person did change: whoever sent it must hear that this way of saying so is not read."""
    return (Issue(Reason.NOTHING_FOR_US, "MSH[1]-9.2", "hospital.merge-not-read", {"event": trigger}),) if trigger in _OTHER_MERGES else ()


def _kinds(source: Source, trigger: str) -> list[tuple[FactType, str | None]]:
    """The facts of one trigger with their reasons; a death stands beside whatever else happened."""
    found: list[tuple[FactType, str | None]] = []
    if trigger in MOVED:
        found.append((FactType.PERSON_MOVED, MOVED[trigger][0]))
    elif trigger in DETAILS:
        found.append((FactType.PERSON_CHANGED, "details"))
    elif trigger == MERGED:
        found.append((FactType.PERSON_CHANGED, "merged"))
    if death(source.message.first("PID")) is Death.YES or (trigger in _TELLS_ENDING and ended_in_death(source)):
        found.append((FactType.PERSON_DIED, None))
    return found


def _known(source: Source, made: Sequence[Made], bundle: JsonObject, odd: tuple[Issue, ...]) -> tuple[Issue, ...]:
    """The warnings about who it is. Raises Rejected NO_IDENTITY, with what of PID could not be read (`odd`), when that is not known
    (contracts.md, Who is enough)."""
    read = FhirMessage(bundle)
    person, said = read_person(read, Found({"subject": source.reference("Patient")}, "Encounter"), source.today)
    if not person.is_enough:
        unread = [one for one in (*odd, *placed(said, places(made, read))) if one.at.startswith("PID") and one.reason in _OF_IDENTITY]
        raise Rejected(Reason.NO_IDENTITY, once((Issue(Reason.NO_IDENTITY, "PID[1]-3"), *unread)))
    return placed(said, places(made, read))


def _old_numbers(source: Source) -> tuple[Identifier, ...]:
    """MRG-1. Raises Rejected REQUIRED when there is none: nothing says who was merged."""
    found = tuple(one for said in source.message.first("MRG").field(1).repetitions if (one := person_identifier(source, said)))
    if not found:
        raise Rejected(Reason.REQUIRED, (Issue(Reason.REQUIRED, "MRG[1]-1", "hospital.merge-without-old-number"),))
    return found


def _with_links(patient: Made, old: Iterable[Identifier]) -> Made:
    """With what it replaces: the old numbers but those that survive, which both persons had."""
    stays = patient.resource.get("identifier", [])
    found = fhir_identifiers(old)
    links = [{"other": {"identifier": one}, "type": "replaces"} for one in [one for one in found if one not in stays] or found]
    return Made(patient.place, patient.url, {**patient.resource, "link": links}, patient.sources)


def _whom(source: Source, trigger: str) -> tuple[Identifier, ...]:
    """Every number of PID-3, then of MRG-1."""
    old = _old_numbers(source) if trigger == MERGED else ()
    return tuple(dict.fromkeys((*numbers(source, source.message.first("PID")), *old)))
