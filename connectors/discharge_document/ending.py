"""Within translating a discharge document: how the stay ended, whether the person died, and where they are now."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from connectors.discharge_document.document import Document
from schemas.codes import discharge as lists
from schemas.codes.data_files import SNOMED, system_name
from schemas.codes.discharge import Discharge, Ending
from schemas.fhir.person import Person
from schemas.fhir.read import Coded, Found, JsonObject, codings, extensions, objects, string
from schemas.identifiers import Postcode
from schemas.rejection import Issue, Reason

# FHIR's own example list (discharge-disposition) and SNOMED CT, as the Welsh destination that means the same.
_HL7 = {"home": "19", "alt-home": "29", "long": "20", "snf": "20", "hosp": "23", "other-hcf": "87", "psy": "87", "rehab": "87", "exp": "79"}
_SNOMED = {"306689006": "19", "371828006": "79", "419099009": "79"}
_HOME_IN_WORDS = frozenset({"home", "own home", "at home", "discharged home", "discharge to home", "usual place of residence", "adref", "gartref"})
_OWN_HOME = "own-home"
_NOT_SAID = Discharge(Ending.UNKNOWN)


@dataclass(frozen=True, slots=True)
class Stay:
    """The Encounter and what it says of its end. `unknown`: where a code stands that is in no list; `went_to`: the place, where it is in the
    document; `told`: whether a destination is stated at all, in whatever words."""

    encounter: Found | None = None
    end: Discharge = _NOT_SAID
    unknown: tuple[str, ...] = ()
    went_to: Found | None = None
    told: bool = False

    @property
    def may_be_offered(self) -> bool:
        """Only a real discharge leads to an offer; a document that says nothing of how it ended is one of a discharge."""
        return self.end.ending in (Ending.DISCHARGED, Ending.UNKNOWN)


def read_stay(document: Document) -> Stay:
    """What the Composition's Encounter says; the only one of the document when the Composition names none; one that ended in a death before all."""
    found = document.message.follow(document.composition.resource.get("encounter"))
    every = [_stay(document, one) for one in document.message.of_type("Encounter")]
    died = [one for one in every if one.end.ending is Ending.DIED]
    named = [one for one in every if one.encounter is found]
    return next(iter([*died, *named, *(every if len(every) == 1 else ())]), Stay())


def _stay(document: Document, encounter: Found) -> Stay:
    stay = next(iter(objects(encounter.resource.get("hospitalization"))), {})
    to, how, unknown = _codes(stay, encounter.resource, f"{encounter.path}.hospitalization")
    stated = next(iter(objects(stay.get("dischargeDisposition"))), {})
    somewhere = any(one.at in unknown for one in codings(stay, "dischargeDisposition", f"{encounter.path}.hospitalization"))
    words = (string(stated, "text") or "").lower()
    told = to is not None or somewhere or (how is None and words not in _HOME_IN_WORDS | {""})
    return Stay(encounter, lists.discharge(to, how), unknown, document.message.follow(stay.get("destination"), encounter), told)


def _codes(stay: JsonObject, encounter: JsonObject, path: str) -> tuple[str | None, str | None, tuple[str, ...]]:
    """Destination and method; a death among several codes comes first."""
    to: list[str] = []
    how: list[str] = []
    unknown = []
    for coded in codings(stay, "dischargeDisposition", path):
        code = _destination(coded)
        if lists.destination_known(code):
            to.append(code)
        elif ("method" in coded.system.lower() or not coded.system) and lists.method_known(coded.code):
            how.append(coded.code)
        else:
            unknown.append(coded.at)
    for coded in _methods(stay, encounter, path):
        (how if lists.method_known(coded.code) else unknown).append(coded.code if lists.method_known(coded.code) else coded.at)
    return _worst(to, "79"), _worst(how, "4"), tuple(unknown)


def _destination(coded: Coded) -> str:
    if "discharge-disposition" in coded.system.lower():
        return _HL7.get(coded.code, coded.code)
    if "method" in coded.system.lower():
        return ""
    return _SNOMED.get(coded.code, coded.code) if system_name(coded.system) == SNOMED else coded.code


def _methods(stay: JsonObject, encounter: JsonObject, path: str) -> Iterator[Coded]:
    for holder in (stay, encounter):
        for extension in extensions(holder, "DischargeMethod"):
            yield from codings(extension, "valueCodeableConcept", f"{path}.extension.value")


def _worst(codes: list[str], death: str) -> str | None:
    return death if death in codes else next(iter(codes), None)


# --- where the person is now ------------------------------------------------------------------------------------------------------------


def placed(person: Person, patient: Found | None, stay: Stay) -> tuple[Person, tuple[Issue, ...]]:
    """The person at the place where they went: its address, else their temporary one; at home, or where nothing is said, the home's. Where they
    went elsewhere, or by a code that nobody knows, nothing is known of the place, which is a warning."""
    if (code := _postcode(stay.went_to)) is not None:
        return person.model_copy(update={"postcode": code}), ()
    if (stay.end.at == _OWN_HOME or not stay.told) and stay.end.ending is not Ending.MOVED:
        return person, ()
    temporary = _postcode(patient, "temp") if stay.end.at == "temporary" else None
    detail = "discharge.place" if stay.end.at or stay.end.ending is Ending.MOVED else "discharge.place-unknown"
    warnings = () if temporary else (Issue(Reason.AREA_UNCERTAIN, f"{_path(stay)}.hospitalization", detail),)
    return person.model_copy(update={"postcode": temporary}), warnings


def _postcode(found: Found | None, use: str | None = None) -> str | None:
    for address in objects(found.resource.get("address") or []) if found else ():
        if (sent := string(address, "postalCode")) and (use is None or address.get("use") == use):
            return read.value if (read := Postcode.read(sent)) else sent
    return None


def _path(stay: Stay) -> str:
    return stay.encounter.path if stay.encounter else "Encounter"
