"""Within translating a hospital's message: what every part of it needs, and how HL7's names become FHIR's."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from urllib.parse import quote

from schemas.codes.hl7 import names_nhs_number
from schemas.fhir.build import ABSENT_REASON, JsonObject, digest_of, uuid_of_digest
from schemas.hl7v2 import Field, Message, Repetition
from schemas.identifiers import NhsNumber
from schemas.messages import Identifier
from schemas.rejection import Issue

NHS_NUMBER = "https://fhir.nhs.uk/Id/nhs-number"
ODS = "https://fhir.nhs.uk/Id/ods-organization-code"

_REGISTERS = frozenset({"GMC", "GMP", "NMC", "HCPC", "GPHC", "GDC"})

# Table 0396 as senders write it → FHIR's systems; what is not here is the sender's own.
_CODING_SYSTEMS = {
    "SCT": "http://snomed.info/sct",
    "SNM": "http://snomed.info/sct",
    "SNOMED": "http://snomed.info/sct",
    "SNOMEDCT": "http://snomed.info/sct",
    "SNOMEDCTUK": "http://snomed.info/sct",
    "SCTUK": "http://snomed.info/sct",
    "2.16.840.1.113883.6.96": "http://snomed.info/sct",
    "LN": "http://loinc.org",
    "LOINC": "http://loinc.org",
    "2.16.840.1.113883.6.1": "http://loinc.org",
    "I10": "http://hl7.org/fhir/sid/icd-10",
    "ICD10": "http://hl7.org/fhir/sid/icd-10",
    "2.16.840.1.113883.6.3": "http://hl7.org/fhir/sid/icd-10",
    "ISO639": "urn:ietf:bcp:47",
}


@dataclass(frozen=True)
class Source:
    """The message that is being translated; `today` is the day of its receipt, None where that is not known; `dialect` what its sender does otherwise."""

    body: bytes = field(repr=False)
    message: Message = field(repr=False)
    today: date | None = None
    dialect: tuple[str, ...] = ()

    def url(self, resource_type: str, ordinal: int = 1) -> str:
        """The fullUrl of the `ordinal`-th resource of a type (contracts.md, Bundle)."""
        return uuid_of_digest(self._digest, resource_type, ordinal)

    @cached_property
    def _digest(self) -> str:
        """Once for a message: it may name twenty thousand resources."""
        return digest_of(self.body)

    def reference(self, resource_type: str, ordinal: int = 1) -> JsonObject:
        """A FHIR Reference to it."""
        return {"reference": self.url(resource_type, ordinal)}

    def system(self, authority: str = "", kind: str = "") -> str:
        """The system of a number that this sender gives: `urn:hl7v2:<MSH-4.1>:<authority or ->:<type or ->` (contracts.md, about)."""
        parts = (self.message.header.component(4), authority, kind)
        return "urn:hl7v2:" + ":".join(quote(part, safe="") or "-" for part in parts)


@dataclass(frozen=True, slots=True)
class Made:
    """A resource made from the segment at `place` in the message; `sources` says which field each of its elements came from."""

    place: int
    url: str
    resource: JsonObject = field(repr=False)
    sources: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reading:
    """What was made of a part of the message, and its warnings."""

    made: tuple[Made, ...] = ()
    warnings: tuple[Issue, ...] = ()

    def __add__(self, other: Reading) -> Reading:
        return Reading(self.made + other.made, self.warnings + other.warnings)


def person_identifier(source: Source, number: Repetition) -> Identifier | None:
    """A CX: an NHS number where its authority (by name or OID) or its type says so, also when it fails the check; else the sender's own number."""
    value, authority, kind = number.component(1), number.component(4), number.component(5)
    if not value:
        return None
    if any(map(names_nhs_number, (authority, number.component(4, 2), kind))):
        read = NhsNumber.read(value)
        return Identifier(NHS_NUMBER, read.value if read else value)
    return Identifier(source.system(authority, kind), value)


def entity_identifier(source: Source, entity: Repetition) -> Identifier | None:
    """An EI; some senders write the number as its third component (`^^REF001`)."""
    value, authority = entity.component(1), entity.component(2)
    if not value and (value := entity.component(3)):
        authority = ""
    return Identifier(source.system(authority, entity.component(4)), value) if value else None


def register_identifier(source: Source, number: Repetition) -> Identifier | None:
    """A PLN: a professional's number in its register (`C1234567^GMC`), else in the sender's own words."""
    value, kind, other = (number.component(place) for place in (1, 2, 3))
    return Identifier(register_system(kind) or register_system(other) or source.system(kind, other), value) if value else None


def register_system(name: str) -> str | None:
    """FHIR's system of a professional register; None for what is none."""
    return f"https://fhir.hl7.org.uk/Id/{name.lower()}-number" if name.upper() in _REGISTERS else None


def fhir_identifiers(found: Iterable[Identifier]) -> list[JsonObject]:
    """As FHIR writes them."""
    return [{"system": one.system, "value": one.value} for one in found]


def concept(source: Source, coded: Repetition, default_system: str | None = None) -> JsonObject | None:
    """A CE or CWE as a CodeableConcept: its code and its alternative (components 1 to 3 and 4 to 6), words as text; None when it says nothing."""
    codings = []
    for first in (1, 4):
        code, display, system = (coded.component(first + offset) for offset in range(3))
        if code:
            codings.append(coding(_system(source, system, default_system), code, display))
    words = clean(coded.component(2)) or clean(coded.component(5)) or clean(coded.component(9))
    return tidy({"coding": codings, "text": words}) or None


def coding(system: str | None, code: str, display: str = "") -> JsonObject:
    """A FHIR Coding; white space in a code is made single, as FHIR's `code` has it."""
    return tidy({"system": system, "code": clean(code), "display": clean(display)})


def _system(source: Source, named: str, default: str | None) -> str | None:
    """By any of its names, whatever stands between their words; a sender may write FHIR's own address of it."""
    if known := _CODING_SYSTEMS.get(re.sub(r"[ _-]", "", named.upper())):
        return known
    if re.fullmatch(r"https?://[^\s|^&~\\]+", named):
        return named
    if table := re.fullmatch(r"HL7(\d{4})", named.strip().upper()):
        return f"http://terminology.hl7.org/CodeSystem/v2-{table.group(1)}"
    return source.system(kind=named) if named else (default or source.system())


def absent() -> JsonObject:
    """The extension of an element that the sender deleted (`""`)."""
    return {"extension": [{"url": ABSENT_REASON, "valueCode": "unknown"}]}


def clean(words: str) -> str:
    """Words on one line; a byte order mark within them is white space to FHIR's patterns and so here."""
    return " ".join(words.replace("\ufeff", " ").split())


def tidy(element: JsonObject) -> JsonObject:
    """Without what says nothing: FHIR has no empty strings, lists or objects."""
    return {name: value for name, value in element.items() if value not in (None, "", [], {})}


def first(field_: Field) -> Repetition | None:
    """A field's first repetition that says something."""
    return next(iter(field_.repetitions), None)
