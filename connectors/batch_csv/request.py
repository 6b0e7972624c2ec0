"""Within translating a row: what is asked for, why, by whom, and what the person agreed to, as FHIR resources beside the Patient."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from connectors.batch_csv.patient import ODS, patient, several, tidy
from connectors.batch_csv.row import Row
from connectors.batch_csv.values import Answer, answer, fhir_day, flag_coding, listed, need_coding, said, source
from schemas.codes.sources import SOURCE_SYSTEM
from schemas.fhir.build import JsonObject, message_uuid
from schemas.identifiers import NhsNumber, OdsCode
from schemas.messages import Identifier
from schemas.rejection import Issue, Reason

_SOURCE = "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-SourceOfServiceRequest"
_ACT_CODE = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
_CONSENTS = {"consent": "DRC", "consent_community": "IDSCL"}
_NOTES = ("note", "access_needs", "contact_when")
_NO_RISK = re.compile(r"(?:no|none|nil)(?: known)?(?: risks?| concerns?)?|dim(?: risg(?:iau)?| pryderon)?(?: hysbys)?|n/?a|-+", re.IGNORECASE)
_STATUS = {"cancel": "revoked", "withdraw": "entered-in-error"}


@dataclass(frozen=True, slots=True)
class Made:
    """The resources of one row in the order of its bundle, what to warn about, whether a consent is unclear, and words that only triage hears."""

    resources: tuple[JsonObject, ...] = field(repr=False)
    warnings: tuple[Issue, ...] = ()
    consent_unclear: bool = False
    heard: tuple[str, ...] = field(default=(), repr=False)


def made_of(row: Row, body: bytes, identifiers: tuple[Identifier, ...], action: str) -> Made:
    """Everything that a row says; of a row that ends a referral, whom it is about and that it has ended."""
    about, warnings = patient(row)
    if action in _STATUS:
        ended = _bare(identifiers, body) | {"status": _STATUS[action]}
        return Made((ended, about), tuple(warnings))
    flags, risk_words = _flags(row, body)
    consents, unclear = _consents(row, body)
    requesters = _requesters(row, body, warnings)
    request = _request(row, body, identifiers, warnings, (*risk_words, *unclear), bool(requesters))
    return Made((request, about, *requesters, *consents, *flags), (*row.warnings, *warnings), bool(unclear), row.unknown)


def own_identifiers(row: Row, client: str | None) -> tuple[tuple[Identifier, ...], list[Issue]]:
    """The row's own reference under its client's name. A person's NHS number is no reference: it would stand where no person's number may."""
    sent = row.one("reference")
    if sent is None:
        return (), []
    number = NhsNumber.read(sent)
    if (number is not None and number.usable) or sent in row.all("nhs_number"):
        return (), [Issue(Reason.ELEMENT_REMOVED, row.at("reference"), "batch.reference-nhs")]
    return (Identifier(f"urn:hub:batch:{client or '-'}", sent),), []


def _bare(identifiers: tuple[Identifier, ...], body: bytes) -> JsonObject:
    named = [{"system": one.system, "value": one.value} for one in identifiers]
    subject = {"reference": message_uuid(body, "Patient", 1)}
    return tidy({"resourceType": "ServiceRequest", "identifier": named, "status": "active", "intent": "order", "subject": subject})


def _request(row: Row, body: bytes, identifiers: tuple[Identifier, ...], warnings: list[Issue], words: tuple[str, ...], asked: bool) -> JsonObject:
    service, when = row.one("service"), row.one("referred_on")
    authored = fhir_day(when, month_first=row.month_first) if when else None
    if when and authored is None:
        warnings.append(Issue(Reason.DATE_IMPOSSIBLE, row.at("referred_on"), "batch.date"))
    notes = [cell for name in _NOTES for cell in row.all(name)]
    more = {
        "extension": _source(row, warnings),
        "priority": _priority(row, warnings),
        "code": {"text": service} if service else None,
        "authoredOn": authored,
        "requester": {"reference": _requester_url(row, body)} if asked else None,
        "reasonCode": _needs(row, warnings),
        "note": [{"text": said_so} for said_so in dict.fromkeys((*notes, *words))],
    }
    return tidy({**_bare(identifiers, body), **more})


def _source(row: Row, warnings: list[Issue]) -> list[JsonObject]:
    sent = row.one("source")
    found = source(sent) if sent else None
    if sent and found is None:
        warnings.append(Issue(Reason.CODE_UNKNOWN, row.at("source")))
    return [{"url": _SOURCE, "valueCodeableConcept": {"coding": [{"system": SOURCE_SYSTEM, "code": found.value}]}}] if found else []


def _priority(row: Row, warnings: list[Issue]) -> str | None:
    """The most urgent of what is said, also where two columns differ."""
    found = [said("priority", one) for one in row.all("priority")]
    if None in found:
        warnings.append(Issue(Reason.CODE_UNKNOWN, row.at("priority"), "batch.priority"))
    return next((code for code in ("stat", "asap", "urgent", "routine") if code in found), None)


def _needs(row: Row, warnings: list[Issue]) -> list[JsonObject]:
    """Coded where the words are a code or name of a list; else as words, with a warning: nobody guesses what they may mean."""
    concepts: list[JsonObject] = []
    for words in (one for cell in several(row, "need") for one in listed(cell, need_coding)):
        coding = need_coding(words)
        if coding is None:
            warnings.append(Issue(Reason.CODE_UNKNOWN, row.at("need"), "batch.need"))
        concepts.append({"coding": [dict(coding)], "text": words} if coding else {"text": words})
    return concepts


# --- risk and consent -------------------------------------------------------------------------------------------------------------------


def _flags(row: Row, body: bytes) -> tuple[list[JsonObject], list[str]]:
    """A Flag for each code, and for a yes that says no more; words are heard by triage, a plain no says nothing."""
    codes: dict[str, dict[str, str]] = {}
    words: list[str] = []
    for part in several(row, "risk"):
        coding = flag_coding(part) or (flag_coding("safeguarding") if said("answer", part) == "yes" else None)
        if coding:
            codes[coding["code"]] = dict(coding)
        elif said("answer", part) != "no" and not _NO_RISK.fullmatch(part):
            words.append(part)
    subject = {"reference": message_uuid(body, "Patient", 1)}
    return [{"resourceType": "Flag", "status": "active", "code": {"coding": [one]}, "subject": subject} for one in codes.values()], words


def _consents(row: Row, body: bytes) -> tuple[list[JsonObject], list[str]]:
    """A Consent for each plain answer, and the words of those that are not, or that refuse what nobody knows: a person looks at them first."""
    plain: list[JsonObject] = []
    unclear = list(row.refusals)
    for name, kind in _CONSENTS.items():
        found = answer(row.all(name))
        if found is Answer.UNCLEAR:
            unclear += row.all(name)
        elif found:
            plain.append(_consent(kind, found is Answer.YES, body))
    return plain, unclear


def _consent(kind: str, given: bool, body: bytes) -> JsonObject:
    return {
        "resourceType": "Consent",
        "status": "active",
        "scope": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy"}]},
        "category": [{"coding": [{"system": _ACT_CODE, "code": kind}]}],
        "patient": {"reference": message_uuid(body, "Patient", 1)},
        "policyRule": {"coding": [{"system": _ACT_CODE, "code": "OPTIN"}]},
        "provision": {"type": "permit" if given else "deny"},
    }


# --- who refers -------------------------------------------------------------------------------------------------------------------------


def _requester_url(row: Row, body: bytes) -> str:
    both = bool(row.one("referrer")) and bool(row.one("organisation") or row.one("organisation_code"))
    return message_uuid(body, "PractitionerRole" if both else "Practitioner" if row.one("referrer") else "Organization", 1)


def _requesters(row: Row, body: bytes, warnings: list[Issue]) -> list[JsonObject]:
    """Practitioner, Organization, and the PractitionerRole that joins them where there are both."""
    person, organisation = _practitioner(row), _organisation(row, warnings)
    if not person or not organisation:
        return [one for one in (person, organisation) if one]
    role = {
        "resourceType": "PractitionerRole",
        "practitioner": {"reference": message_uuid(body, "Practitioner", 1)},
        "organization": {"reference": message_uuid(body, "Organization", 1)},
    }
    return [role, person, organisation]


def _points(row: Row) -> Iterator[JsonObject]:
    for field_name, system in (("referrer_phone", "phone"), ("referrer_email", "email")):
        if value := row.one(field_name):
            yield {"system": system, "value": value, "use": "work"}


def _practitioner(row: Row) -> JsonObject:
    name = row.one("referrer")
    return {"resourceType": "Practitioner", "name": [{"text": name}], **tidy({"telecom": list(_points(row))})} if name else {}


def _organisation(row: Row, warnings: list[Issue]) -> JsonObject:
    sent, name = row.one("organisation_code"), row.one("organisation")
    code = OdsCode.read(sent) if sent else None
    if sent and code is None:
        warnings.append(Issue(Reason.ORGANISATION_UNKNOWN, row.at("organisation_code")))
    points = [] if row.one("referrer") else list(_points(row))
    made = tidy({"identifier": [{"system": ODS, "value": code.value}] if code else [], "name": name, "telecom": points if code or name else []})
    return {"resourceType": "Organization", **made} if made else {}
