"""Within translating a discharge document: the sections that go on, the risks that become flags, and the warning that names what stays behind."""

from __future__ import annotations

from collections.abc import Iterator

from connectors.discharge_document.document import Section
from connectors.discharge_document.headings import CARRIED, HEADINGS_SYSTEM, RISKS, WITHIN
from connectors.discharge_document.hearing import says_nothing
from connectors.discharge_document.reading import Reading
from connectors.discharge_document.requests import Asked, asks
from schemas.codes.flags import FLAG_SYSTEM
from schemas.fhir.build import JsonObject
from schemas.rejection import Issue, Reason


def carried_sections(reading: Reading) -> tuple[list[JsonObject], list[Issue]]:
    """The carried sections, each an Observation under its heading; a Flag for each kind of risk; and one warning that names what was dropped whole."""
    asking = {id(section): lines for section, lines in reading.asked.words}
    made: list[JsonObject] = []
    flags: dict[str, JsonObject] = {}
    dropped: list[Section] = []
    for section in reading.document.sections:
        lines = _kept(section, asking, reading.asked)
        if lines:
            made.append(_observation(section, lines, reading.subject))
        risk = RISKS.get(section.heading or "")
        if risk is not None and not says_nothing(section):
            flag = risk.value
            flags[flag] = {"resourceType": "Flag", "status": "active", "code": {"coding": [{"system": FLAG_SYSTEM, "code": flag}]}, "subject": reading.subject}
        if section.says_something and not lines:
            dropped.append(section)
    return [*made, *flags.values()], list(_dropped(dropped))


def _kept(section: Section, asking: dict[int, tuple[str, ...]], asked: Asked) -> tuple[str, ...]:
    if section.heading in CARRIED:
        return section.lines
    if section.heading in WITHIN and any(_holds(one, section) for one, _ in asked.words):
        return section.lines
    return asking.get(id(section), ()) if asks(section) else ()


def _holds(outer: Section, inner: Section) -> bool:
    return inner.path.startswith(f"{outer.path}.section[")


def _observation(section: Section, lines: tuple[str, ...], subject: JsonObject) -> JsonObject:
    heading = section.heading or next(reversed(section.within))
    code = {"coding": [{"system": HEADINGS_SYSTEM, "code": heading}]}
    return {"resourceType": "Observation", "status": "final", "code": code, "subject": subject, "valueString": "\n".join(lines)}


def _dropped(sections: list[Section]) -> Iterator[Issue]:
    """One warning with the headings' codes; those that we do not know are not said back, being the sender's own words."""
    known = sorted({one.heading for one in sections if one.heading})
    others = any(one.heading is None for one in sections)
    detail = "discharge.dropped" if not others else "discharge.dropped-and-others" if known else "discharge.dropped-others"
    if sections:
        yield Issue(Reason.ELEMENT_REMOVED, "Composition.section", detail, {"headings": ", ".join(known)})
