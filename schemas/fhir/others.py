"""In translating: what of a message is about another person than the one it is about, so that two people's data never meet in one referral."""

from __future__ import annotations

from collections.abc import Iterator

from schemas.fhir.read import NHS_NUMBER_SYSTEM, Found, JsonObject, Message, identifiers, is_system, objects

_WHOM = ("subject", "patient", "for", "beneficiary", "individual")
"""Elements by which a resource says whom it is about (FHIR R4, compartment Patient)."""


def of_others(message: Message, patient: Found | None) -> tuple[Found, ...]:
    """The entries that are another Patient than `patient`, or are about one. None where it is not known who `patient` is. A Patient under one of
    the same identifiers, or linked to the other, is the same person; what does not say whom it is about stays."""
    if patient is None:
        return ()
    entries = [one for one in message.found if ".contained[" not in one.path]
    mine = [patient, *_linked(message, patient)]
    own = {named for one in mine for named in _named(one.resource)}
    strangers = [one for one in entries if one.resource.get("resourceType") == "Patient" and not _is_one_of(one, mine) and not own & _named(one.resource)]
    strangers = [one for one in strangers if not any(_is_one_of(linked, mine) for linked in _linked(message, one))]
    numbers = {value for system, value in own if system == NHS_NUMBER_SYSTEM}
    return tuple(one for one in entries if _is_one_of(one, strangers) or _is_about(message, one, strangers, numbers))


def _linked(message: Message, patient: Found) -> Iterator[Found]:
    for link in objects(patient.resource.get("link")):
        if (found := message.follow(link.get("other"), patient)) is not None:
            yield found


def _is_one_of(one: Found, others: list[Found]) -> bool:
    return any(one.resource is other.resource for other in others)


def _named(resource: JsonObject) -> set[tuple[str, str]]:
    """Its identifiers; every spelling of the NHS number's system is one."""
    return {
        (NHS_NUMBER_SYSTEM if is_system(one.system, NHS_NUMBER_SYSTEM) else one.system, one.value.replace(" ", "")) for one in identifiers(resource, "")
    }


def _is_about(message: Message, one: Found, strangers: list[Found], numbers: set[str]) -> bool:
    """Whether it names a stranger: as a resource of the message, or by an NHS number that is none of the person's `numbers`."""
    if one.resource.get("resourceType") in ("Patient", "ServiceRequest"):
        return False
    for reference in (each for name in _WHOM if name in one.resource for each in objects(one.resource[name])):
        if not strangers and "identifier" not in reference:
            continue
        found = message.follow(reference, one)
        if found is not None and _is_one_of(found, strangers):
            return True
        said = {value for system, value in _named(reference) if system == NHS_NUMBER_SYSTEM}
        if found is None and said and numbers and not said & numbers:
            return True
    return False
