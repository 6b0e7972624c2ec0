"""After the check: small typed readers over FHIR JSON, so that no reader of meaning walks dicts of dicts.

Every reader takes what a sender may have sent: a wrong type is read as absent, never raised.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

JsonObject = dict[str, Any]  # Any: FHIR JSON as it was parsed

NHS_NUMBER_SYSTEM = "https://fhir.nhs.uk/id/nhs-number"
ODS_SYSTEMS = ("https://fhir.nhs.uk/id/ods-organization-code", "https://fhir.nhs.uk/id/ods-site-code")


@dataclass(frozen=True, slots=True)
class Coded:
    """One coding and the FHIRPath where it stands; `system` as sent (empty when none was)."""

    system: str
    code: str
    display: str | None
    at: str


@dataclass(frozen=True, slots=True)
class Identified:
    """One business identifier and where it stands; `system` as sent (empty when none was)."""

    system: str
    value: str = field(repr=False)
    at: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """A resource of the message, and the path by which issues name it: `Patient`, or `Condition` for one of several."""

    resource: JsonObject = field(repr=False)
    path: str
    full_url: str | None = None


def objects(node: object) -> list[JsonObject]:
    """The objects of a list element (or a single object): what is anything else is left out."""
    if isinstance(node, list):
        return [item for item in node if isinstance(item, dict)]
    return [node] if isinstance(node, dict) else []


def indexed(parent: JsonObject, name: str, path: str) -> Iterator[tuple[JsonObject, str]]:
    """Each object of a repeating element with its path: `Patient.name[0]`; a single element's path has no index."""
    node = parent.get(name)
    if isinstance(node, list):
        return iter([(item, f"{path}.{name}[{index}]") for index, item in enumerate(node) if isinstance(item, dict)])
    return iter(((node, f"{path}.{name}"),) if isinstance(node, dict) else ())


def string(parent: Mapping[str, Any], name: str) -> str | None:
    """A string element, outer white space removed; None when it is absent, blank or no string."""
    value = parent.get(name)
    return value.strip() or None if isinstance(value, str) else None


def strings(parent: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """The strings of a repeating string element that are not blank."""
    values = parent.get(name)
    return tuple(value for value in (values if isinstance(values, list) else ()) if isinstance(value, str) and value.strip())


def boolean(parent: Mapping[str, Any], name: str) -> bool | None:
    """A boolean element; None when it is absent or no boolean."""
    value = parent.get(name)
    return value if isinstance(value, bool) else None


def codings(parent: JsonObject, name: str, path: str) -> Iterator[Coded]:
    """Every coding with a code of a CodeableConcept element, single or repeating, in order; of a Coding element itself too."""
    if name not in parent:
        return iter(())
    found = []
    for concept, where in indexed(parent, name, path):
        for coding, at in indexed(concept, "coding", where) if "coding" in concept else ((concept, where),):
            if code := _code(coding):
                found.append(Coded(string(coding, "system") or "", code, string(coding, "display"), at))
    return iter(found)


def _code(coding: JsonObject) -> str | None:
    sent = coding.get("code")
    return str(sent) if type(sent) is int else string(coding, "code")


def texts(parent: JsonObject, name: str, path: str) -> Iterator[tuple[str, str]]:
    """The `text` of a CodeableConcept or Annotation element, single or repeating, with its path."""
    for concept, where in indexed(parent, name, path) if name in parent else ():
        if said := string(concept, "text"):
            yield said, f"{where}.text"


def identifiers(parent: JsonObject, path: str, name: str = "identifier") -> Iterator[Identified]:
    """Every identifier that has a value and is not marked old."""
    if name not in parent:
        return iter(())
    named = ((one, where, string(one, "value")) for one, where in indexed(parent, name, path) if one.get("use") != "old")
    return iter([Identified(string(one, "system") or "", value, f"{where}.value") for one, where, value in named if value])


def is_system(system: str, wanted: str) -> bool:
    """Whether two systems are one: `/id/` and `/Id/`, http and https, a closing slash all occur for the same thing; so do older names."""
    return system == wanted or _plain(system) == _plain(wanted)


_OTHER_NAMES = {
    "urn:oid:2.16.840.1.113883.2.1.4.1": "fhir.nhs.uk/id/nhs-number",  # its OID, as CDA and HL7 v2 say it
    "2.16.840.1.113883.2.1.4.1": "fhir.nhs.uk/id/nhs-number",
    "fhir.nhs.net/id/nhs-number": "fhir.nhs.uk/id/nhs-number",  # the domain of the STU3 profiles
}


def _plain(system: str) -> str:
    plain = system.strip().lower().removeprefix("https://").removeprefix("http://").rstrip("/")
    return _OTHER_NAMES.get(plain, plain)


def ods_code(resource: JsonObject) -> str | None:
    """The first ODS code among the identifiers of an Organization, a site or a logical reference's identifier."""
    for one in identifiers(resource, ""):
        if any(is_system(one.system, system) for system in ODS_SYSTEMS):
            return one.value
    return None


def extensions(parent: JsonObject, url_end: str) -> Iterator[JsonObject]:
    """The extensions whose URL ends with `url_end`, whatever its base: several bases are in use for the same one."""
    wanted = url_end.lower()
    for extension in objects(parent["extension"]) if "extension" in parent else ():
        if (string(extension, "url") or "").lower().endswith(wanted):
            yield extension


_DATE = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d)(T.+)?)?)?", re.ASCII)


def fhir_date(text: str | None) -> str | None:
    """The date part of a FHIR date or dateTime, partial as sent (`1950`, `1950-03`); None when it is no date of the calendar."""
    found = _DATE.fullmatch(text or "")
    if found is None:
        return None
    year, month, day, _time = found.groups()
    try:
        date(int(year), int(month or 1), int(day or 1))
    except ValueError:
        return None
    return "-".join(part for part in (year, month, day) if part)


_FRACTION = re.compile(r"(\.\d{6})\d+")


def fhir_instant(text: str | None) -> datetime | None:
    """A dateTime with time and offset; None when it is partial, has no offset or is impossible."""
    if not text or "T" not in text:
        return None
    try:
        read = datetime.fromisoformat(_FRACTION.sub(r"\1", text))
    except ValueError:
        return None
    return read if read.tzinfo is not None else None


def same_url(url: str) -> str:
    """A URL as it is compared: a UUID is one in capitals and in small letters (RFC 4122, 3); any other as it is written."""
    return url.lower() if url[:4].lower() == "urn:" else url


class Message:
    """A message bundle whose references can be followed: contained, by fullUrl, and relative within the bundle (FHIR R4 2.36.4)."""

    def __init__(self, bundle: JsonObject) -> None:
        self.bundle = bundle
        self.found: tuple[Found, ...] = tuple(_found(bundle))
        self._by_url = {same_url(one.full_url): one for one in self.found if one.full_url}
        self._by_id = {f"{one.resource.get('resourceType')}/{one.resource['id']}": one for one in self.found if "id" in one.resource}
        self._by_type: dict[str, list[Found]] = {}
        for one in self.found:
            if isinstance(kind := one.resource.get("resourceType"), str):
                self._by_type.setdefault(kind, []).append(one)

    def of_type(self, resource_type: str) -> tuple[Found, ...]:
        """Every resource of a type, in message order, those contained in another following it."""
        return tuple(self._by_type.get(resource_type, ()))

    def first(self, resource_type: str) -> Found | None:
        """The first resource of a type."""
        return next(iter(self._by_type.get(resource_type, ())), None)

    def follow(self, reference: object, within: Found | None = None) -> Found | None:
        """The resource that a Reference element points to; None when it is not in this message. `within` holds what `#id` means."""
        target = string(reference, "reference") if isinstance(reference, dict) else None
        if target is None:
            return None
        if target.startswith("#"):
            return self._contained(target[1:], within)
        url = self._by_url.get(same_url(target)) or self._by_url.get(f"urn:uuid:{target.lower()}")  # some senders leave the urn out
        return url or self._by_id.get("/".join(target.split("/")[:2])) or self._by_path_end(target)

    def follow_all(self, references: object, within: Found | None = None) -> tuple[Found, ...]:
        """What the references of a repeating element point to, as far as it is in this message."""
        return tuple(found for one in objects(references) if (found := self.follow(one, within)))

    def _contained(self, identity: str, within: Found | None) -> Found | None:
        outer = within.path.partition(".contained[")[0] if within else None
        return next((one for one in self.found if one.resource.get("id") == identity and one.path.startswith(f"{outer}.contained[")), None)

    def _by_path_end(self, target: str) -> Found | None:
        if ":" in target or "/" not in target:
            return None
        return next((one for url, one in self._by_url.items() if url.endswith(f"/{target}")), None)


def _found(bundle: JsonObject) -> Iterable[Found]:
    """Entries in order, each followed by what it contains. The path of the first of a type is its type, of others the entry's."""
    seen: set[str] = set()
    for index, entry in enumerate(objects(bundle.get("entry"))):
        resource = entry.get("resource")
        if not isinstance(resource, dict):
            continue
        kind = str(resource.get("resourceType"))
        path = kind if kind not in seen else f"Bundle.entry[{index}].resource"
        seen.add(kind)
        yield Found(resource, path, string(entry, "fullUrl"))
        for at, contained in enumerate(objects(resource["contained"]) if "contained" in resource else ()):
            yield Found(contained, f"{path}.contained[{at}]")
