"""In translating plain FHIR: a QuestionnaireResponse becomes a referral by a declared table (`questionnaires.toml`): which answer means what."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.resources import files
from typing import Any, get_args

from connectors.fhir_rest.answered import Answer, Meaning, Meant, answers_in, consents, patient, place_of, service_request
from connectors.fhir_rest.references import references_of, within_faults
from connectors.fhir_rest.requests import Portion, checked, is_strict, read_request, together
from connectors.fhir_rest.rules import rule_faults
from schemas.fhir.build import message_uuid
from schemas.fhir.read import identifiers, objects, string
from schemas.fhir.strict_json import JsonObject
from schemas.messages import InboundMessage, Translation
from schemas.rejection import Issue, Reason
from schemas.rest import refuse

ROOT = "QuestionnaireResponse"
_UNANSWERED = frozenset({"in-progress", "entered-in-error", "stopped"})
Sent = tuple[str | None, JsonObject]


@dataclass(frozen=True, slots=True)
class Questionnaire:
    """One declared table: the Questionnaire's canonical, the service that it asks for, and what each linkId means."""

    url: str
    service: str | None
    items: Mapping[str, Meaning]


def declared(written: str) -> Mapping[str, Questionnaire]:
    """The tables of a file, by canonical. Raises ValueError for a meaning that there is not."""
    tables: dict[str, Any] = tomllib.loads(written)  # Any: TOML's own values
    made = [Questionnaire(one["url"], one.get("service"), one["items"]) for one in tables["questionnaire"]]
    if unknown := {name for one in made for name in one.items.values()} - set(get_args(Meaning)):
        raise ValueError(f"questionnaires.toml: there is no meaning {', '.join(sorted(unknown))}")
    return {one.url: one for one in made}


_DECLARED = declared(files(__package__).joinpath("questionnaires.toml").read_text("utf-8"))


def is_response(resource: JsonObject) -> bool:
    """Whether it is a QuestionnaireResponse."""
    return resource.get("resourceType") == ROOT


def translate_response(message: InboundMessage, body: JsonObject) -> Translation:
    """One `referral.received.v1` of a response that came by itself. Raises Rejected with every fault that can be named together."""
    sound, warnings, faults = checked(body)
    own = [*faults, *rule_faults(body, ROOT), *within_faults(body, references_of(body), ROOT), *(warnings if is_strict(message) else ())]
    made = translate_answers(message, Response(body, sound), own)
    return replace(made, warnings=(*warnings, *made.warnings))


@dataclass(frozen=True, slots=True)
class Response:
    """A response as it was sent and as far as it is sound, its place, its fullUrl, and the sound resources that came with it."""

    sent: JsonObject = field(repr=False)
    sound: JsonObject = field(repr=False)
    root: str = ROOT
    url: str | None = None
    beside: tuple[Sent, ...] = field(default=(), repr=False)

    @property
    def table(self) -> Questionnaire | None:
        """The declared table of its Questionnaire, whatever its version."""
        return _DECLARED.get((string(self.sent, "questionnaire") or "").partition("|")[0])

    def faults(self) -> list[Issue]:
        """What must be right of a response before its answers can mean anything."""
        found = []
        if isinstance(self.sent.get("status"), str) and self.sent["status"] in _UNANSWERED:
            found.append(Issue(Reason.NO_REFERRAL, f"{self.root}.status", "fhir_rest.response-status"))
        if self.table is None:
            found.append(Issue(Reason.NO_REFERRAL, f"{self.root}.questionnaire", "fhir_rest.questionnaire-unknown"))
        return found

    def subject(self) -> tuple[JsonObject, list[JsonObject]]:
        """The Patient that it names, as far as it came with it, and the identifiers of a subject named by these alone."""
        named = self.sound.get("subject")
        if not isinstance(named, dict):
            return {}, []
        target = string(named, "reference") or ""
        contained = [(f"#{one.get('id')}", one) for one in objects(self.sound.get("contained"))]
        found = next((one for url, one in (*contained, *self.beside) if _is_named(target, url, one)), {})
        logical = [{"system": one.system, "value": one.value} if one.system else {"value": one.value} for one in identifiers(named, "")]
        return found, logical


def _is_named(target: str, url: str | None, resource: JsonObject) -> bool:
    return resource.get("resourceType") == "Patient" and target in (url, f"Patient/{resource.get('id')}")


def translate_answers(message: InboundMessage, response: Response, own: Sequence[Issue]) -> Translation:
    """The response, then the ServiceRequest, Patient and Consents that its answers mean. `own` are the faults known so far. Raises Rejected."""
    refuse([*own, *response.faults()])
    assert response.table is not None
    reading = _Reading.of(response, response.table)
    made = reading.resources(message)
    request = made[0]
    kept = tuple(one for one in response.beside if one[1].get("resourceType") != "Patient")
    resources = ((reading.url_of(message), response.sound), *kept, *made)
    read = read_request(message, Portion(request[1], resources, (*resources, (None, response.sent))))
    refuse(together((), (reading.placed(issue) for issue in read.faults)))
    assert read.fact is not None
    return Translation((read.fact,), (*reading.warnings, *(reading.placed(issue) for issue in read.warnings)))


@dataclass(frozen=True, slots=True)
class _Reading:
    """The answers of one response by their meaning, and a warning for each that means nothing or does not fit."""

    response: Response
    table: Questionnaire
    meant: Meant
    warnings: tuple[Issue, ...]

    @classmethod
    def of(cls, response: Response, table: Questionnaire) -> _Reading:
        by_meaning: dict[Meaning, list[Answer]] = {}
        unknown = []
        for one in answers_in(response.sound):
            if one.link in table.items:
                by_meaning.setdefault(table.items[one.link], []).append(one)
            else:
                unknown.append(Issue(Reason.UNKNOWN_ELEMENT, place_of(response.root, one), "fhir_rest.link-unknown"))
        meant = Meant(by_meaning)
        misfits = [Issue(Reason.ELEMENT_REMOVED, place_of(response.root, one), "fhir_rest.answer-misfit") for one in meant.misfits()]
        return cls(response, table, meant, (*unknown, *misfits))

    def url_of(self, message: InboundMessage) -> str:
        return self.response.url or message_uuid(message.body, ROOT, 1)

    def resources(self, message: InboundMessage) -> tuple[Sent, ...]:
        """What the answers mean, the ServiceRequest first."""
        known, logical = self.response.subject()
        who = message_uuid(message.body, "Patient", 1)
        subject = {"reference": who}
        request = service_request(self.meant, self.response.sound, self.table.service, subject, self.url_of(message))
        agreed = enumerate(consents(self.meant, subject), start=1)
        return (
            (message_uuid(message.body, "ServiceRequest", 1), request),
            (who, patient(self.meant, known, logical)),
            *((message_uuid(message.body, "Consent", number), one) for number, one in agreed),
        )

    def placed(self, issue: Issue) -> Issue:
        """The issue at the answer that it is about; at the response where it is about none or about all."""
        need = re.match(r"ServiceRequest\.reasonCode\[(\d+)\]", issue.at)
        meaning = next((name for start, name in _PLACES.items() if issue.at.startswith(start)), None)
        answers = self.meant.of("need")[int(need[1]) :] if need else self.meant.of(meaning) if meaning else ()
        return replace(issue, at=place_of(self.response.root, answers[0]) if answers else self.response.root)


_PLACES: Mapping[str, Meaning] = {
    "Patient.identifier": "nhs-number",
    "Patient.birthDate": "birth-date",
    "Patient.communication": "language",
    "ServiceRequest.priority": "priority",
}
