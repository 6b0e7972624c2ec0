"""Within translating a hospital's message: who refers and who is asked: PRD and CTD, and the writer of a letter."""

from __future__ import annotations

import re
from collections.abc import Iterator

from connectors.hospital_hl7v2.reached import points
from connectors.hospital_hl7v2.source import ODS, Made, Source, clean, concept, fhir_identifiers, register_identifier, register_system, tidy
from schemas.codes.hl7 import provider_role_of
from schemas.fhir.build import JsonObject
from schemas.hl7v2 import Segment
from schemas.identifiers import OdsCode

_PLAINLY_ODS = re.compile(r"7A\d[A-Z0-9]{0,2}|[A-HJ-NPV-Y]\d{5}")
"""A Welsh health board or its site, a practice: told from a ward's name wherever it stands."""


def _providers(source: Source, role: str) -> Iterator[Segment]:
    for prd in source.message.segments("PRD"):
        if any(provider_role_of(one.component(1)) == role for one in prd.field(1).repetitions):
            yield prd


def read_requester(source: Source) -> tuple[Made, ...]:
    """PRD with role RP as PractitionerRole, Practitioner and Organization; of a letter its writer; without an organisation the sending facility (MSH-4)."""
    prd, writer = next(_providers(source, "referring"), None), _writer(source)
    segment = prd or (source.message.first("TXA") if writer else source.message.header)
    code, name = (_code_of(prd), _place_of(prd)) if prd else (None, "")
    facility = source.message.header.component(4)
    if code is None and not name:
        code, name = OdsCode.read(facility), facility if OdsCode.read(facility) is None else ""
    known_by = [{"system": ODS, "value": code.value}] if code else []
    organization = tidy({"resourceType": "Organization", "identifier": known_by, "name": clean(name)})
    person = _practitioner(source, prd) if prd else _named(source, *writer) if writer else None
    role = {
        "resourceType": "PractitionerRole",
        "practitioner": source.reference("Practitioner") if person else None,
        "organization": source.reference("Organization") if len(organization) > 1 else None,
        "telecom": _reached(source, prd) if prd else [],
    }
    made = [Made(segment.place, source.url("PractitionerRole"), tidy(role), {"": segment.at()})]
    made += [Made(segment.place, source.url("Practitioner"), person, {"": segment.at(2)})] if person else []
    made += [Made(segment.place, source.url("Organization"), organization, {"": segment.at(4)})] if len(organization) > 1 else []
    return tuple(made) if len(made) > 1 else ()


def _reached(source: Source, prd: Segment) -> list[JsonObject]:
    """PRD-5; where it says nothing, CTD-5 of the contacts that stand below it."""
    if own := list(points(prd.field(5), "work")):
        return own
    found: list[JsonObject] = []
    for segment in source.message.all[prd.place :]:
        if segment.name != "CTD":
            break
        found += points(segment.field(5), "work")
    return found


def _writer(source: Source) -> tuple[Segment, int] | None:
    """The field that names who wrote a letter: its originator (TXA-9), else who did what it is about (TXA-5)."""
    txa = source.message.first("TXA")
    return next(((txa, number) for number in (9, 5) if txa.component(number, 2)), None)


def _named(source: Source, segment: Segment, number: int) -> JsonObject:
    """An XCN: number, family, given, …, prefix (6), whose number it is (9)."""
    said = {place: clean(segment.component(number, place)) for place in (1, 2, 3, 6, 9)}
    known_by = [{"system": register_system(said[9]) or source.system(said[9]), "value": said[1]}] if said[1] else []
    name = tidy({"family": said[2], "given": [said[3]] if said[3] else [], "prefix": [said[6]] if said[6] else []})
    return tidy({"resourceType": "Practitioner", "identifier": known_by, "name": [name]})


def asked(source: Source, practitioners: int) -> tuple[Made, ...]:
    """PRD with role RT: a person by name, or a service; `practitioners` stand before them in the message."""
    made: list[Made] = []
    for prd in _providers(source, "referred-to"):
        resource = _practitioner(source, prd) if prd.component(2, 2) else _service(source, prd)
        if resource:
            kind = resource["resourceType"]
            before = sum(one.resource["resourceType"] == kind for one in made) + (practitioners if kind == "Practitioner" else 0)
            sources = {"": prd.at(), "specialty": prd.at(2), "name": prd.at(2)}
            made.append(Made(prd.place, source.url(kind, before + 1), resource, sources))
    return tuple(made)


def _service(source: Source, prd: Segment) -> JsonObject | None:
    """The service that is asked, by name, place and organisation. What they say, and a further code of PRD-1, is its specialty."""
    numbers = [{"system": ODS, "value": code.value}] if (code := _code_of(prd)) else []
    words = list(dict.fromkeys(clean(said) for said in (prd.component(2), prd.component(4), prd.component(10)) if said))
    special = [kind for one in prd.field(1).repetitions if not provider_role_of(one.component(1)) and (kind := concept(source, one))]
    made = {"identifier": numbers, "specialty": [*special, *({"text": said} for said in words)], "name": words[0] if words else None}
    return {"resourceType": "HealthcareService", **tidy(made)} if tidy(made) else None


def _practitioner(source: Source, prd: Segment) -> JsonObject | None:
    name = tidy(
        {
            "family": clean(prd.component(2)),
            "given": [clean(prd.component(2, 2))] if prd.component(2, 2) else [],
            "prefix": [clean(prd.component(2, number)) for number in (4, 5) if prd.component(2, number)],
        }
    )
    known_by = fhir_identifiers(found for one in prd.field(7).repetitions if (found := register_identifier(source, one)))
    made = tidy({"resourceType": "Practitioner", "identifier": known_by, "name": [name] if name else []})
    return made if name else None


def _code_of(prd: Segment) -> OdsCode | None:
    """The organisation's code: PRD-4 facility or, as some senders write, bed (`^^7A3C7`) or point of care, PRD-10's identifier, or a PRD-7 called ODS."""
    said = [prd.component(4, 4), prd.component(4, 3), prd.component(10, 10), prd.component(10, 3)]
    said += [one.component(1) for one in prd.field(7).repetitions if "ODS" in (one.component(2).upper(), one.component(3).upper())]
    said += [prd.component(4)] if _PLAINLY_ODS.fullmatch(prd.component(4).upper()) else []
    return next((code for one in said if any(map(str.isdigit, one)) and (code := OdsCode.read(one))), None)


def _place_of(prd: Segment) -> str:
    """The organisation's name: PRD-10, what PRD-4 says of the place (its description, building or point of care); a street (PRD-3) where all else fails."""
    facility = prd.component(4, 4)
    said = (prd.component(10), prd.component(4, 9), prd.component(4, 7), "" if any(map(str.isdigit, facility)) else facility, prd.component(4))
    return next((one for one in said if one and not _PLAINLY_ODS.fullmatch(one.upper())), "") or _building(prd)


def _building(prd: Segment) -> str:
    """PRD-3 begins with the name of a building, or with a street and its number, which names nobody."""
    line = prd.component(3)
    return "" if line[:1].isdigit() else line
