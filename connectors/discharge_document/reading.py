"""Within translating a discharge document: what is known of it so far, and whom it is about."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from connectors.discharge_document.carried import full_url
from connectors.discharge_document.document import Document
from connectors.discharge_document.ending import Stay
from connectors.discharge_document.requests import Asked
from schemas.fhir.build import JsonObject, message_uuid
from schemas.fhir.read import Found, identifiers
from schemas.messages import Identifier, InboundMessage
from schemas.rejection import Issue, Reason, Rejected

NAME = "discharge_document"


@dataclass(frozen=True, slots=True)
class Reading:
    """One document being translated: what is known of it so far."""

    document: Document
    message: InboundMessage
    journey: str | None
    patient: Found | None
    stay: Stay
    asked: Asked
    warnings: list[Issue] = field(default_factory=list)

    def warn(self, issues: Iterable[Issue]) -> None:
        """What its sender must hear, whatever the document becomes."""
        self.warnings.extend(issues)

    @property
    def subject(self) -> JsonObject:
        """A reference to the document's Patient as it will stand in the bundle."""
        if self.patient is None:
            return subject_of(self.document)
        identity = self.patient.resource.get("id")
        plain = full_url(self.patient) or (f"Patient/{identity}" if isinstance(identity, str) else None)
        return {"reference": plain or message_uuid(self.document.body, "Patient", 1)}


def known_by(document: Document, requests: Iterable[Found]) -> tuple[Identifier, ...]:
    """A request's own identifiers, then the document's."""
    own = (Identifier(one.system, one.value) for request in requests for one in identifiers(request.resource, ""))
    return tuple(dict.fromkeys((*own, *document.identifiers)))


def subject_of(document: Document) -> JsonObject:
    sent = document.composition.resource.get("subject")
    return sent if isinstance(sent, dict) else {}


def patient_of(document: Document) -> Found | None:
    """The Composition's subject; the only Patient of the document when that leads nowhere. Raises Rejected NO_IDENTITY when nobody is meant."""
    subject = subject_of(document)
    found, every = document.message.follow(subject, document.composition), document.message.of_type("Patient")
    if found is not None and found.resource.get("resourceType") == "Patient":
        return found
    if len(every) == 1:
        return every[0]
    if subject.get("identifier") and not every:
        return None
    raise Rejected(Reason.NO_IDENTITY, [Issue(Reason.NO_IDENTITY, "Composition.subject", "discharge.no-patient")])
