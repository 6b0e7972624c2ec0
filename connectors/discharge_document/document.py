"""At the door of a discharge document: the bytes become one document with its Composition and sections, or are refused with every fault."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from connectors.discharge_document.headings import heading_of
from connectors.discharge_document.plain_text import lines_of
from schemas.fhir.check import fhir_path
from schemas.fhir.read import Found, JsonObject, Message, identifiers, objects, string
from schemas.fhir.strict_json import Caps, dump, parse
from schemas.fhir.validators import Path
from schemas.messages import Identifier
from schemas.rejection import Issue, Reason, Rejected
from schemas.rest import refuse, type_fault

CAPS = Caps(keys=20_000, string=1_048_576)
"""A document is larger than a request, and may hold a letter as an attachment."""
LONGEST_TEXT = 65_536
MOST_ENTRIES = 500
FINGERPRINT = "urn:hub:document:sha256"


@dataclass(frozen=True, slots=True)
class Section:
    """One section, its own text without those below it. `heading`: its known code, or None; `within`: the headings above it; `path` its FHIRPath."""

    heading: str | None
    within: tuple[str, ...]
    path: str
    title: str | None = field(repr=False)
    lines: tuple[str, ...] = field(repr=False)
    entries: tuple[Found, ...] = field(repr=False)
    elsewhere: int = 0

    @property
    def says_something(self) -> bool:
        """Whether there is anything in it."""
        return bool(self.lines or self.entries or self.elsewhere)


@dataclass(frozen=True, slots=True)
class Document:
    """A document Bundle as it was sent. `identifiers`: the Composition's own, then the Bundle's."""

    body: bytes = field(repr=False)
    bundle: JsonObject = field(repr=False)
    message: Message = field(repr=False)
    composition: Found = field(repr=False)
    sections: tuple[Section, ...]
    warnings: tuple[Issue, ...] = ()

    @property
    def fingerprint(self) -> Identifier:
        """By which we know it again."""
        return _fingerprint(self.bundle)

    @property
    def identifiers(self) -> tuple[Identifier, ...]:
        """By which its sender knows it."""
        return tuple(dict.fromkeys((*_named(self.composition.resource), *_named(self.bundle))))


def fingerprint(body: bytes) -> Identifier | None:
    """What the same document has in common however often and in whatever envelope it is sent; None when it cannot be read."""
    try:
        return _fingerprint(_document_bundle(parse(body, CAPS)))
    except Rejected:
        return None


def read_document(body: bytes) -> Document:
    """The document of a body: a Bundle of type document, or the one that a message Bundle carries. Raises Rejected with every fault."""
    parsed = parse(body, CAPS)
    faults: list[Issue] = []
    _everywhere(parsed, (), faults)
    try:
        bundle = _document_bundle(parsed)
    except Rejected as fault:
        refuse([*fault.issues, *faults])
        raise
    message = Message(bundle)
    composition = message.first("Composition")
    if composition is None:
        refuse([Issue(Reason.STRUCTURE, "Bundle.entry[0].resource", "discharge.no-composition"), *faults])
        raise AssertionError("refused above")
    refuse([*faults, *_release(composition.resource)])
    first = objects(bundle.get("entry"))[0].get("resource")
    warnings = () if first is composition.resource else (Issue(Reason.RULE_NOT_MET, "Bundle.entry[0].resource", "discharge.composition-first"),)
    sections = tuple(_sections(composition.resource, composition.path, message, ()))
    return Document(body, bundle, message, composition, sections, warnings)


_OF_THE_SENDING = frozenset({"id", "meta", "timestamp", "signature"})


def _fingerprint(bundle: JsonObject) -> Identifier:
    """Of its identifier and all that it says: an amended document under the old identifier is another, and may tell of a risk or a death."""
    said = {name: value for name, value in bundle.items() if name not in _OF_THE_SENDING}
    return Identifier(FINGERPRINT, hashlib.sha256(dump(said, sort=True)).hexdigest())


def _named(resource: JsonObject) -> Iterator[Identifier]:
    return (Identifier(one.system, one.value) for one in identifiers(resource, ""))


# --- which bundle -----------------------------------------------------------------------------------------------------------------------


def _document_bundle(parsed: JsonObject) -> JsonObject:
    if fault := type_fault(parsed, "Bundle"):
        raise Rejected(fault.reason, [fault])
    kind = parsed.get("type")
    if kind == "message":
        inner = [entry["resource"] for entry in objects(parsed.get("entry")) if isinstance(entry.get("resource"), dict)]
        documents = [one for one in inner if one.get("resourceType") == "Bundle" and one.get("type") == "document"]
        if len(documents) != 1:
            reason = Reason.UNSUPPORTED_BATCH if documents else Reason.UNSUPPORTED_TYPE
            raise Rejected(reason, [Issue(reason, "Bundle.entry", "discharge.one-document")])
        parsed = documents[0]
    elif kind != "document":
        raise Rejected(Reason.UNSUPPORTED_TYPE, [Issue(Reason.UNSUPPORTED_TYPE, "Bundle.type", "discharge.not-a-document")])
    if len(objects(parsed.get("entry"))) > MOST_ENTRIES:
        raise Rejected(Reason.TOO_LARGE, [Issue(Reason.TOO_LARGE, "Bundle.entry", "discharge.too-many-entries", {"limit": str(MOST_ENTRIES)})])
    return parsed


def _release(composition: JsonObject) -> Iterator[Issue]:
    """Shapes of Composition that R4 has not: `class` is STU3's, a list of subjects R5's."""
    for name, is_other in (("class", "class" in composition), ("subject", isinstance(composition.get("subject"), list))):
        if is_other:
            yield Issue(Reason.UNSUPPORTED_VERSION, f"Composition.{name}", "discharge.release", {"element": name})


_TURNS = {"modifierExtension": None, "implicitRules": "discharge.implicit-rules"}


def _everywhere(node: JsonObject, where: Path, faults: list[Issue]) -> None:
    """What may turn the meaning round wherever it stands, and a text that is longer than a text can be; depth is bounded by the parser."""
    for name, value in node.items():
        if name in _TURNS and value:
            faults.append(Issue(Reason.UNKNOWN_MODIFIER, fhir_path("Bundle", (*where, name)), _TURNS[name]))
        kind = type(value)
        if kind is dict:
            _everywhere(value, (*where, name), faults)
        elif kind is list:
            _every_item(value, (*where, name), faults)
        elif kind is str and len(value) > LONGEST_TEXT and name != "data":
            faults.append(Issue(Reason.TOO_LARGE, fhir_path("Bundle", (*where, name)), "fhir.json.string", {"limit": str(LONGEST_TEXT)}))


def _every_item(items: list[Any], where: Path, faults: list[Issue]) -> None:  # Any: JSON
    for index, item in enumerate(items):
        if type(item) is dict:
            _everywhere(item, (*where, index), faults)
        elif type(item) is list:
            _every_item(item, (*where, index), faults)


# --- sections ---------------------------------------------------------------------------------------------------------------------------


def _sections(holder: JsonObject, path: str, message: Message, within: tuple[str, ...]) -> Iterator[Section]:
    """Every section in document order, those below another after it."""
    written = holder.get("section")
    for index, section in enumerate(written if isinstance(written, list) else ()):
        if not isinstance(section, dict):
            continue
        at, heading = f"{path}.section[{index}]", heading_of(section)
        listed = objects(section.get("entry") or [])
        entries = message.follow_all(listed)
        yield Section(heading, within, at, string(section, "title"), _lines(section), entries, len(listed) - len(entries))
        yield from _sections(section, at, message, (*within, heading) if heading else within)


def _lines(section: JsonObject) -> tuple[str, ...]:
    """The section's text as lines, without one that only repeats its title."""
    said = section.get("text")
    markup = said.get("div") if isinstance(said, dict) else said
    found = lines_of(markup) if isinstance(markup, str) else ()
    return found[1:] if found[:1] and found[0].rstrip(":").casefold() == (string(section, "title") or "").rstrip(":").casefold() else found
