"""Read where a notice is composed: how the person, and a referrer without a system, may be told, and what was said to be safe. Pure.

For referrals that came by the form; a Patient of another sender says nothing of what is safe. The form's connector writes it thus:

- `Patient.address[]` carries `SAFE_LETTER` with `valueBoolean`: may we write there. Only a plain yes is a yes: left out means no.
- `Patient.telecom[]` has an e-mail only where the person said that it is safe to use, and carries `SAFE` with `valueBoolean` true: one without
  that answer came from elsewhere, such as a hospital's record, and is not used. A telephone may carry `SAFE_MESSAGE`: may a message be left.
- `Extension-UKCore-ContactPreference` on the Patient with `PreferredContactMethod` (1 letter, 3 telephone, 4 e-mail, 9 SMS, 8 no telephone)
  and `PreferredWrittenCommunicationFormat` (11 large print, 12 Braille, 13 audio), each a CodeableConcept; an extension for each choice.
- The written language is `Patient.communication` with the patient-proficiency RWR (read, written), as for every other sender.
- `ServiceRequest.requester` says who asks: the Patient (for myself), a RelatedPerson (for someone else), a Practitioner, PractitionerRole or
  Organization (a professional, whose own `telecom` e-mail is one of their work and needs no safety answer).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from schemas.fhir.build import HUB
from schemas.fhir.person import read_person
from schemas.fhir.read import Found, JsonObject, Message, boolean, codings, extensions, objects, string, strings

SAFE = f"{HUB}/StructureDefinition/safe-to-contact"
SAFE_MESSAGE = f"{HUB}/StructureDefinition/safe-to-leave-message"
SAFE_LETTER = f"{HUB}/StructureDefinition/safe-to-write-home"
CONTACT_NOTES = f"{HUB}/StructureDefinition/contact-notes"
PREFERENCE = "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-ContactPreference"
METHODS = "https://fhir.hl7.org.uk/CodeSystem/UKCore-PreferredContactMethod"
FORMATS = "https://fhir.hl7.org.uk/CodeSystem/UKCore-PreferredWrittenCommunicationFormat"
LETTER, TELEPHONE, EMAIL, NO_TELEPHONE, SMS = "1", "3", "4", "8", "9"
LARGE_PRINT, BRAILLE, AUDIO = "11", "12", "13"

Way = Literal["mail", "letter"]
Asker = Literal["person", "relative", "professional"]
_WAYS: dict[str, Way] = {EMAIL: "mail", LETTER: "letter"}
_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.)+[A-Za-z0-9-]{2,63}", re.ASCII)
_LINES, _IN_A_WINDOW = 6, 240
"""Lines and characters that the window of a DL envelope shows, the name beside; more would print over the letter, and a person sees to it."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")


@dataclass(frozen=True, slots=True)
class Contact:
    """How the person may be told. `email` and `address` (lines, postcode last) are there only where the person said that they are safe;
    `methods` as asked for; `language` None means both; `formats` as asked for (large print is ours to print, Braille and audio are not)."""

    name: str = field(default="", repr=False)
    email: str | None = field(default=None, repr=False)
    address: tuple[str, ...] = field(default=(), repr=False)
    methods: tuple[str, ...] = ()
    language: Literal["cy", "en"] | None = None
    formats: frozenset[str] = frozenset()

    @property
    def large_print(self) -> bool:
        """Whether a letter is printed large."""
        return LARGE_PRINT in self.formats

    @property
    def ways(self) -> tuple[Way, ...]:
        """The ways in writing, the wanted one first and the other, where it is safe too, for when it fails. None where the person asked for
        neither (to be rung, say), where nothing is safe, and where only Braille or audio would serve."""
        asked = [_WAYS[method] for method in self.methods if method in _WAYS]
        if self.methods and not asked:
            return ()
        wanted = dict.fromkeys((*asked, "mail", "letter"))
        return tuple(way for way in wanted if self._can(way))

    def _can(self, way: Way) -> bool:
        if way == "mail":
            return self.email is not None
        fits = len(self.address) > 0 and len("".join((self.name, *self.address))) <= _IN_A_WINDOW
        return fits and not (self.formats & {BRAILLE, AUDIO} and not self.large_print)


@dataclass(frozen=True, slots=True)
class ReferrerContact:
    """Who asked, and the work e-mail of a professional."""

    asker: Asker
    email: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Caution:
    """What whoever rings must know: the telephones on which nobody said that a message may be left, whether there is a home to which nobody may
    write, and the person's own words about being contacted."""

    no_message: tuple[str, ...] = field(default=(), repr=False)
    no_letter: bool = False
    notes: tuple[str, ...] = field(default=(), repr=False)


def read_caution(bundle: JsonObject) -> Caution:
    """The cautions of this referral; silence about a telephone is a no."""
    message = Message(bundle)
    request = message.first("ServiceRequest")
    patient = message.follow(request.resource.get("subject"), request) if request else None
    if patient is None:
        return Caution()
    said = patient.resource
    phones = (one for one in objects(said.get("telecom")) if one.get("system") == "phone")
    silent = (string(one, "value") for one in phones if not (answers := [*_answers(one, SAFE), *_answers(one, SAFE_MESSAGE)]) or not all(answers))
    refused = any(not answer for one in objects(said.get("address")) for answer in _answers(one, SAFE_LETTER))
    notes = (string(one, "valueString") for one in extensions(said, CONTACT_NOTES))
    return Caution(tuple(one for one in silent if one), refused, tuple(one for one in notes if one))


def read_contact(bundle: JsonObject) -> Contact:
    """How the person of this referral may be told; nothing is safe where there is no referral or no Patient."""
    message = Message(bundle)
    request = message.first("ServiceRequest")
    patient = message.follow(request.resource.get("subject"), request) if request else None
    if request is None or patient is None:
        return Contact()
    person, _ = read_person(message, request, None)
    written = person.language_written
    return Contact(
        name=_line(" ".join((*person.given, person.family or ""))),
        email=next(_emails(patient.resource, asked=True), None),
        address=next(_addresses(patient.resource), ()),
        methods=tuple(_chosen(patient.resource, "PreferredContactMethod")),
        language="cy" if written == "cy" else "en" if written == "en" else None,
        formats=frozenset(_chosen(patient.resource, "PreferredWrittenCommunicationFormat")),
    )


def read_referrer_contact(bundle: JsonObject) -> ReferrerContact:
    """Who asked; a request that names nobody is the person's own."""
    message = Message(bundle)
    request = message.first("ServiceRequest")
    requester = message.follow(request.resource.get("requester"), request) if request else None
    if requester is None or requester.resource.get("resourceType") == "Patient":
        return ReferrerContact("person")
    if requester.resource.get("resourceType") == "RelatedPerson":
        return ReferrerContact("relative")
    found = (email for one in _with_their_own(message, requester) for email in _emails(one))
    return ReferrerContact("professional", next(found, None))


def _with_their_own(message: Message, requester: Found) -> Iterator[JsonObject]:
    """The requester, then who and what a role stands for."""
    yield requester.resource
    for name in ("practitioner", "organization"):
        if found := message.follow(requester.resource.get(name), requester):
            yield found.resource


def _emails(resource: JsonObject, *, asked: bool = False) -> Iterator[str]:
    """E-mail addresses in use, of the plain form that every server takes; anything else would be a header of somebody's making. `asked`: only
    those that were said to be safe; else those that nobody said no of."""
    for one in objects(resource.get("telecom")):
        value, answers = string(one, "value") or "", _answers(one, SAFE)
        plain = one.get("system") == "email" and one.get("use") != "old" and len(value) <= 254 and _ADDRESS.fullmatch(value)
        if plain and all(answers) and (answers or not asked):
            yield value


def _addresses(patient: JsonObject) -> Iterator[tuple[str, ...]]:
    for one in objects(patient.get("address")):
        answers = [*_answers(one, SAFE), *_answers(one, SAFE_LETTER)]
        if one.get("use") == "old" or not answers or not all(answers):
            continue
        parts = strings(one, "line") or tuple((string(one, "text") or "").splitlines())
        lines = (*parts, string(one, "city") or "", string(one, "district") or "", *_postcode(one))
        if parts and len(found := tuple(dict.fromkeys(line for each in lines if (line := _line(each))))) > 1:
            yield _in_lines(found)


def _in_lines(found: tuple[str, ...]) -> tuple[str, ...]:
    """As many lines as the window of an envelope shows, the postcode still last."""
    over = len(found) - _LINES
    return found if over <= 0 else (*found[: _LINES - 2], ", ".join(found[_LINES - 2 : -1]), found[-1])


def _postcode(address: JsonObject) -> tuple[str, ...]:
    """None where it is one of the NHS for people of no fixed abode: nobody can post anything there."""
    code = string(address, "postalCode") or ""
    return () if code.upper().startswith("ZZ99") else (code,)


def _answers(point: JsonObject, url: str) -> list[bool]:
    """Every answer given; whoever reads them takes two that differ for a no, and what is no boolean too."""
    return [boolean(one, "valueBoolean") is True for one in extensions(point, url)]


def _chosen(patient: JsonObject, name: str) -> Iterator[str]:
    for preference in extensions(patient, "Extension-UKCore-ContactPreference"):
        for chosen in extensions(preference, name):
            yield from (coded.code for coded in codings(chosen, "valueCodeableConcept", ""))


def _line(text: str) -> str:
    return " ".join(_CONTROL.sub(" ", text).split())
