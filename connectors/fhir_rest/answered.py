"""In translating a QuestionnaireResponse: its answers one by one, and the FHIR resources that they mean. Nothing is made of an answer that does not fit."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from schemas.codes.requested_service import SERVICE_SYSTEM
from schemas.fhir.check import fhir_path
from schemas.fhir.read import boolean, fhir_date, objects, string
from schemas.fhir.said import is_no
from schemas.fhir.strict_json import JsonObject
from schemas.fhir.validators import Path

Meaning = Literal[
    "identifier", "family", "given", "birth-date", "nhs-number", "gender", "phone", "email", "address-line", "postcode", "language",
    "need", "note", "priority", "consent-direct-care", "consent-community", "referrer-ods", "referrer-name",
]  # fmt: skip
_NHS_NUMBER, _ODS = "https://fhir.nhs.uk/Id/nhs-number", "https://fhir.nhs.uk/Id/ods-organization-code"
_V3 = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
_DIRECT_CARE = {"system": "https://fhir.nhs.uk/CodeSystem/consent-categories-bars", "code": "DRC"}
_COMMUNITY = {"system": _V3, "code": "IDSCL"}
_SCOPE = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy"}]}
_GENDERS = ("male", "female", "other", "unknown")
_PRIORITIES = ("routine", "urgent", "asap", "stat")
_YES = frozenset({"yes", "y", "true", "1", "agree", "agreed", "i agree", "ydw", "ydy", "ydyn", "oes", "ie", "cytuno", "rwy'n cytuno", "373066001", "la33-6"})
_LIMITS = re.compile(r"\b(?:but|not|no|except|only|unless|if|ond|dim|ddim|heb|oni|os|na|nid)\b|n['’]t\b")
"""What makes a yes another answer than its code says: "Yes, but not the police"."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer to one item (`link` is the item's linkId), and where it stands below the response."""

    link: str
    value: JsonObject = field(repr=False)
    where: Path = ()

    @property
    def text(self) -> str | None:
        """What it says in words: a string, or the words of a choice."""
        for name in ("valueString", "valueUri", "valueDate"):
            if said := string(self.value, name):
                return said
        coding = self.value.get("valueCoding")
        return (string(coding, "display") or string(coding, "code")) if isinstance(coding, dict) else None

    @property
    def code(self) -> str | None:
        """The code of a choice; a word in its place."""
        coding = self.value.get("valueCoding")
        return string(coding, "code") if isinstance(coding, dict) else string(self.value, "valueString")

    @property
    def agreed(self) -> bool | None:
        """Whether it plainly says yes or no, in whatever type; None where it says neither."""
        if (said := boolean(self.value, "valueBoolean")) is not None:
            return said
        answer: object = self.value.get("valueCoding") or self.text or self.value.get("valueInteger", self.value.get("valueDecimal"))
        if answer is not None and is_no(answer):
            return False
        words = (self.text or "").strip(" .!").casefold()
        coded = (self.code or "").casefold() in _YES and not _LIMITS.search(words)
        return True if words in _YES or coded else None

    @property
    def concept(self) -> JsonObject | None:
        """The answer as a CodeableConcept."""
        coding = self.value.get("valueCoding")
        if isinstance(coding, dict):
            return {"coding": [coding]}
        return {"text": self.text} if self.text else None


def answers_in(response: JsonObject) -> list[Answer]:
    """Every answer, in message order, those to questions within groups and within answers among them."""
    return list(_answers(response, ()))


def _answers(holder: JsonObject, where: Path) -> Iterator[Answer]:
    for index, item in _each(holder, "item"):
        at = (*where, "item", index)
        for number, answer in _each(item, "answer"):
            yield Answer(string(item, "linkId") or "", answer, (*at, "answer", number))
            yield from _answers(answer, (*at, "answer", number))
        yield from _answers(item, at)


def _each(holder: JsonObject, name: str) -> Iterator[tuple[int, JsonObject]]:
    found = holder.get(name)
    yield from ((index, one) for index, one in enumerate(found if isinstance(found, list) else ()) if isinstance(one, dict))


@dataclass(frozen=True, slots=True)
class Meant:
    """The answers of a response by what they mean, and which of them fit."""

    by_meaning: Mapping[Meaning, Sequence[Answer]] = field(repr=False)

    def of(self, meaning: Meaning) -> Sequence[Answer]:
        """The answers that fit, in message order."""
        return [one for one in self.by_meaning.get(meaning, ()) if _FITS[meaning](one)]

    def first(self, meaning: Meaning) -> str | None:
        """What the first of them says."""
        return next((one.code if meaning in ("gender", "priority", "language") else one.text for one in self.of(meaning)), None)

    def misfits(self) -> list[Answer]:
        """Answers of another type than their meaning needs."""
        return [one for meaning, answers in self.by_meaning.items() for one in answers if not _FITS[meaning](one)]


def _is_words(one: Answer) -> bool:
    return one.text is not None


def _is_choice(one: Answer) -> bool:
    return one.code is not None


_FITS: Mapping[str, Callable[[Answer], bool]] = {
    **dict.fromkeys(("identifier", "family", "given", "nhs-number", "phone", "email", "address-line", "postcode", "note"), _is_words),
    **dict.fromkeys(("referrer-ods", "referrer-name"), _is_words),
    "need": lambda one: one.concept is not None,
    "language": _is_choice,
    "birth-date": lambda one: fhir_date(one.text) is not None,
    "gender": lambda one: one.code in _GENDERS,
    "priority": lambda one: (one.code or "").lower() in _PRIORITIES,
    **dict.fromkeys(("consent-direct-care", "consent-community"), lambda one: one.agreed is not None or one.text is not None),
}


# --- the resources ----------------------------------------------------------------------------------------------------------------------


def patient(meant: Meant, known: JsonObject, identifiers: Sequence[JsonObject]) -> JsonObject:
    """The person: what is `known` of them from a Patient of the message, with what the answers add. `identifiers` are the subject's own.

    Two different NHS numbers stay two: who it is must then be settled by a human.
    """
    numbers = [{"system": _NHS_NUMBER, "value": one.text} for one in meant.of("nhs-number")]
    name = {"family": meant.first("family"), "given": [one.text for one in meant.of("given")]}
    address = {"line": [one.text for one in meant.of("address-line")], "postalCode": meant.first("postcode")}
    language = meant.first("language")
    made: JsonObject = {
        "name": [_full(name)],
        "telecom": [{"system": system, "value": one.text} for system in ("phone", "email") for one in meant.of(_WAYS[system])],
        "gender": meant.first("gender"),
        "birthDate": meant.first("birth-date"),
        "address": [_full(address)],
        "communication": [{"language": {"coding": [{"system": "urn:ietf:bcp:47", "code": language}]}}] if language else [],
    }
    named = _once([*objects(known.get("identifier")), *identifiers, *numbers])
    kept = {name: value for name, value in known.items() if name not in ("resourceType", "identifier", "id", "meta", "text")}
    return {"resourceType": "Patient", **_full({"identifier": named}), **_full(made), **kept}


_WAYS: Mapping[str, Meaning] = {"phone": "phone", "email": "email"}


def _full(element: JsonObject) -> JsonObject:
    """Without what says nothing."""
    return {name: value for name, value in element.items() if value not in (None, "", [], {}, [{}])}


def _once(found: Sequence[JsonObject]) -> list[JsonObject]:
    return [one for index, one in enumerate(found) if one not in found[:index]]


def service_request(meant: Meant, response: JsonObject, service: str | None, subject: JsonObject, supporting: str) -> JsonObject:
    """The request that the response is; `identifier` is the response's own unless an answer gives one."""
    priority = (meant.first("priority") or "").lower()
    own = [{"system": f"{response.get('questionnaire')}", "value": one.text} for one in meant.of("identifier")]
    sent = response.get("identifier")
    requester = {"identifier": {"system": _ODS, "value": meant.first("referrer-ods")}} if meant.first("referrer-ods") else {}
    return {
        "resourceType": "ServiceRequest",
        **_full({"identifier": own or ([sent] if isinstance(sent, dict) else [])}),
        "status": "active",
        "intent": "order",
        **_full({"priority": priority, "code": {"coding": [{"system": SERVICE_SYSTEM, "code": service}]} if service else None}),
        "subject": subject,
        **_full(
            {
                "authoredOn": string(response, "authored"),
                "requester": _full({**requester, "display": meant.first("referrer-name")}),
                "reasonCode": [one.concept for one in meant.of("need")],
                "supportingInfo": [{"reference": supporting}],
                "note": [{"text": one.text} for one in meant.of("note")],
            }
        ),
    }


def consents(meant: Meant, subject: JsonObject) -> Iterator[JsonObject]:
    """One Consent for each question of consent that was answered: a plain yes permits, a plain no denies; anything else is agreed with
    restrictions that only a human can read, and so no permission."""
    asked: tuple[tuple[Meaning, JsonObject], ...] = (("consent-direct-care", _DIRECT_CARE), ("consent-community", _COMMUNITY))
    for meaning, category in asked:
        for one in meant.of(meaning):
            yield {
                "resourceType": "Consent",
                "status": "active",
                "scope": _SCOPE,
                "category": [{"coding": [category]}],
                "patient": subject,
                **_rule(one),
            }


def _rule(one: Answer) -> JsonObject:
    if one.agreed is None:
        return {"policyRule": {"coding": [{"system": _V3, "code": "OPTINR"}], "text": one.text}}
    return {"policyRule": {"coding": [{"system": _V3, "code": "OPTIN"}]}, "provision": {"type": "permit" if one.agreed else "deny"}}


def place_of(root: str, answer: Answer) -> str:
    """Where an answer stands, as a FHIRPath."""
    return fhir_path(root, answer.where)
