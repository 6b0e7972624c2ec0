"""In translating: the FHIR resources of a sent form: who it is about, what is asked for, who asks, what was agreed (README, mapping table)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from connectors.self_referral.contact import address, preferences, telecoms
from connectors.self_referral.fields import CONSENT_VERSIONS
from connectors.self_referral.reading import Form, request_id
from schemas.codes.data_files import SNOMED
from schemas.codes.flags import FLAG_SYSTEM, Flag
from schemas.codes.languages import LANGUAGE_SYSTEM, language_name, language_of, languages
from schemas.codes.needs import NEED_SYSTEM, needs
from schemas.fhir.build import HUB, message_uuid
from schemas.fhir.strict_json import JsonObject
from schemas.identifiers import NhsNumber
from schemas.messages import InboundMessage

REQUEST_SYSTEM = f"{HUB}/Id/form-request"
HELP_LEVEL = f"{HUB}/StructureDefinition/help-level"
ASSISTED_BY = f"{HUB}/StructureDefinition/assisted-by"
DEVICE = f"{HUB}/StructureDefinition/own-device"
ACCESS_SYSTEM = f"{HUB}/CodeSystem/access-need"
CONSENT_POLICY = f"{HUB}/consent"
_NHS_NUMBER = "https://fhir.nhs.uk/Id/nhs-number"
_ODS = "https://fhir.nhs.uk/Id/ods-organization-code"
_PROFICIENCY = "http://hl7.org/fhir/StructureDefinition/patient-proficiency"
_INTERPRETER = "http://hl7.org/fhir/StructureDefinition/patient-interpreterRequired"
_ABILITY = "http://terminology.hl7.org/CodeSystem/v3-LanguageAbilityMode"
_SCOPE = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy"}]}
_DIRECT_CARE = {"system": "https://fhir.nhs.uk/CodeSystem/consent-categories-bars", "code": "DRC"}
_OF_AGE = 16
_FIRST = {"type": "deny", "code": [{"text": "A child asks alone: until somebody has spoken with them"}]}
"""An exception within an agreement makes it unclear, and a human looks before anybody is sent anything."""
_COMMUNITY = {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "IDSCL"}


@dataclass(frozen=True, slots=True)
class Sent:
    """A form with what else is known of its sending: which organisation's link it came by (ODS code), and when."""

    form: Form
    message: InboundMessage = field(repr=False)

    def url(self, kind: str) -> str:
        """The fullUrl of its first resource of a type."""
        return message_uuid(self.message.body, kind, 1)

    def reference(self, kind: str) -> JsonObject:
        """A reference to it."""
        return {"reference": self.url(kind)}

    @property
    def received(self) -> str | None:
        """When it arrived, as FHIR writes it; None when that was not given."""
        at = self.message.received_at
        return at.isoformat(timespec="seconds") if at else None


def resources(sent: Sent) -> list[JsonObject]:
    """Every resource in the order of the form: the request first."""
    made = [_request(sent), _patient(sent), *_asker(sent), *_flags(sent), *_consents(sent)]
    return [_without_nothing(one) for one in made]


def _without_nothing(resource: JsonObject) -> JsonObject:
    return {name: value for name, value in resource.items() if value not in (None, [], {})}


# --- the request ------------------------------------------------------------------------------------------------------------------------


def _request(sent: Sent) -> JsonObject:
    form = sent.form
    words = form.get("matters")
    paper, _ = form.date("paper")
    return {
        "resourceType": "ServiceRequest",
        "identifier": [{"system": REQUEST_SYSTEM, "value": request_id(form)}],
        "extension": [*_level(form), *_assisted(form)],
        "status": "active",
        "intent": "order",
        "code": {"coding": [{"system": SNOMED, "code": "871731000000106", "display": "Referral to social prescribing service"}]},
        "priority": "routine",
        "subject": sent.reference("Patient"),
        "authoredOn": paper or sent.received,
        "requester": _requester(sent),
        "reasonCode": [_need(code) for code in form.all("need")],
        "note": [{"text": words}] if words else None,
    }


def _level(form: Form) -> Iterator[JsonObject]:
    if level := form.get("level"):
        yield {"url": HELP_LEVEL, "valueCode": level}


def _assisted(form: Form) -> Iterator[JsonObject]:
    """Who typed it for the person, and whether it came by telephone or on paper."""
    if form.way == "call-handler":
        named = [{"url": "name", "valueString": name} for name in (form.get("helper_name"),) if name]
        yield {"url": ASSISTED_BY, "extension": [{"url": "arrived-by", "valueCode": form.get("arrived_by") or "phone"}, *named]}


def _need(code: str) -> JsonObject:
    return {"coding": [{"system": NEED_SYSTEM, "code": code, "display": needs()[code].label.en}]}


# --- the person -------------------------------------------------------------------------------------------------------------------------


def _patient(sent: Sent) -> JsonObject:
    form = sent.form
    born, _ = form.date("birth")
    number = NhsNumber.read(form.get("nhs_number") or "")
    surgery = form.get("surgery")
    name = {"use": "official", "family": form.get("family"), "given": [form.get("given")] if form.get("given") else None}
    return {
        "resourceType": "Patient",
        "extension": [*preferences(form), *_interpreter(form), *_device(form)],
        "identifier": [{"system": _NHS_NUMBER, "value": number.value}] if number else None,
        "name": [_without_nothing(name)],
        "telecom": list(telecoms(form)),
        "birthDate": born,
        "address": list(address(form)),
        "communication": list(_languages(form)),
        "generalPractitioner": [{"display": surgery}] if surgery else None,
    }


def _interpreter(form: Form) -> Iterator[JsonObject]:
    if form.says("interpreter"):
        yield {"url": _INTERPRETER, "valueBoolean": True}


def _device(form: Form) -> Iterator[JsonObject]:
    if device := form.get("device"):
        yield {"url": DEVICE, "valueCode": device}


def _languages(form: Form) -> Iterator[JsonObject]:
    """Spoken and written kept apart; one language for both is one entry."""
    spoken, written = form.get("language_spoken"), form.get("language_written")
    other = form.get("language_other")
    if spoken == "other" or (other and not spoken):
        yield _language(language_named(other or ""), other, "RSP", preferred=True)
    elif spoken:
        yield _language(spoken, None, "RSP", preferred=True)
    if written:
        yield _language(written, None, "RWR", preferred=False)


def _language(code: str | None, words: str | None, ability: str, *, preferred: bool) -> JsonObject:
    coding = {"coding": [{"system": LANGUAGE_SYSTEM, "code": code, "display": language_name(code).en}]} if code else {}
    mode = {"url": "type", "valueCoding": {"system": _ABILITY, "code": ability}}
    said = {"text": words} if words else {}
    made: JsonObject = {"extension": [{"url": _PROFICIENCY, "extension": [mode]}], "language": {**coding, **said} or {"text": "?"}}
    return made | ({"preferred": True} if preferred else {})


def language_named(typed: str) -> str | None:
    """The code of a language that a person named in words, in either language; None when it is not one that the hub knows."""
    plain = typed.casefold().strip()
    by_name = (code for code in languages() if plain in (language_name(code).en.casefold(), language_name(code).cy.casefold()))
    return next(by_name, None) or (language_of(plain) if plain else None)


# --- who asks ---------------------------------------------------------------------------------------------------------------------------


def _requester(sent: Sent) -> JsonObject:
    kinds = {"someone-else": "RelatedPerson", "professional": "PractitionerRole"}
    return sent.reference(kinds.get(sent.form.way, "Patient"))


def _asker(sent: Sent) -> Iterator[JsonObject]:
    form = sent.form
    name, role = form.get("helper_name"), form.get("helper_role")
    reach = [{"system": kind, "value": value} for kind in ("phone", "email") if (value := form.get(f"helper_{kind}"))]
    if form.way == "someone-else":
        yield {
            "resourceType": "RelatedPerson",
            "active": True,
            "patient": sent.reference("Patient"),
            "relationship": [{"text": role}] if role else None,
            "name": [{"text": name}] if name else None,
            "telecom": reach,
        }
    elif form.way == "professional":
        organisation = sent.message.profile.organisation
        yield {
            "resourceType": "PractitionerRole",
            "practitioner": sent.reference("Practitioner"),
            "organization": {"identifier": {"system": _ODS, "value": organisation}} if organisation else None,
            "code": [{"text": role}] if role else None,
            "telecom": reach,
        }
        yield {"resourceType": "Practitioner", "name": [{"text": name}] if name else None}


# --- what a worker must know, and what was agreed ---------------------------------------------------------------------------------------


def _flags(sent: Sent) -> Iterator[JsonObject]:
    """One for each access need, one for those in own words, one where it is not safe to write to the person's home."""
    form = sent.form
    for code in form.all("access"):
        yield _flag(sent, Flag.REASONABLE_ADJUSTMENT, {"system": ACCESS_SYSTEM, "code": code})
    if words := form.get("access_notes"):
        yield _flag(sent, Flag.REASONABLE_ADJUSTMENT, None, words)
    if form.says("letter_safe") is False:
        yield _flag(sent, Flag.SENSITIVE_ADDRESS, None)


def _flag(sent: Sent, flag: Flag, more: JsonObject | None, words: str | None = None) -> JsonObject:
    codings = [{"system": FLAG_SYSTEM, "code": flag.value, "display": flag.label.en}, *([more] if more else [])]
    return {
        "resourceType": "Flag",
        "status": "active",
        "code": _without_nothing({"coding": codings, "text": words}),
        "subject": sent.reference("Patient"),
    }


def _consents(sent: Sent) -> Iterator[JsonObject]:
    """The agreement that the form asks for, and the answer about community groups; "ask me first" is no Consent at all."""
    form = sent.form
    if form.says("consent"):
        yield _consent(sent, _DIRECT_CARE, "permit")
    if form.get("share") in ("yes", "no"):
        yield _consent(sent, _COMMUNITY, "permit" if form.get("share") == "yes" else "deny")


def _consent(sent: Sent, category: JsonObject, answer: str) -> JsonObject:
    form = sent.form
    version = form.get("consent_version")
    known = version if version in CONSENT_VERSIONS else "unknown"
    return {
        "resourceType": "Consent",
        "status": "active",
        "scope": _SCOPE,
        "category": [{"coding": [category]}],
        "patient": sent.reference("Patient"),
        "dateTime": sent.received,
        "performer": [sent.reference("Patient")],
        "policy": [{"uri": f"{CONSENT_POLICY}/{known}/{form.get('page_language') or 'en'}"}],
        "provision": _without_nothing({"type": answer, "provision": [_FIRST] if category is _DIRECT_CARE and asks_as_child(sent) else None}),
    }


def asks_as_child(sent: Sent) -> bool:
    """Whether who agrees for themselves is, or by a partial date may be, under 16 when the form arrives. A date yet to come says nothing."""
    born, at = sent.form.date("birth")[0], sent.message.received_at
    if born is None or at is None or sent.form.way in ("someone-else", "professional"):
        return False
    youngest = born + "-12-31"[len(born) - 4 :]
    return f"{at.year - _OF_AGE:04}-{at.month:02}-{at.day:02}" < youngest and born <= f"{at.year:04}-{at.month:02}-{at.day:02}"
