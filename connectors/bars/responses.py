"""On the way back to a BaRS referrer: what happened, as a new `servicerequest-response`, and what its system's answer means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC
from uuid import NAMESPACE_URL, UUID, uuid5

from connectors.bars.bundles import Sent, encounter, header, message_bundle, read_sent
from connectors.bars.headers import OUR_VERSION
from connectors.bars.systems import NHS, ODS, REJECTED_REASONS, UK_CORE
from schemas.codes.bars import rejected_reason
from schemas.events import FactType as F
from schemas.fhir.build import REFERENCE_SYSTEM, bilingual
from schemas.fhir.read import NHS_NUMBER_SYSTEM, JsonObject, codings, is_system, objects
from schemas.fhir.strict_json import dump, parse
from schemas.messages import Delivered, Notice, OutboundMessage, ReceiverReply, Refused, TryAgain, Verdict
from schemas.profile import Profile
from schemas.rejection import Reason, Rejected
from schemas.webhook import bare_task, judged, retry_after

WITH_NHS_NUMBER = "nhs-number-in-responses"
"""The dialect of a client whose system files a response by the NHS number; no other response says whom it is about."""


@dataclass(frozen=True, slots=True)
class _Said:
    """What a fact becomes: ServiceRequest.status, the status of our Encounter, and whether it is a rejection (focus is then the Encounter)."""

    request: str
    encounter: str
    rejects: bool = False


_REJECTED = _Said("active", "cancelled", rejects=True)
_SAID: Mapping[F, _Said] = {
    F.HELD: _Said("on-hold", "planned"),
    F.ASSIGNED: _Said("active", "planned"),
    F.ACCEPTED: _Said("active", "planned"),
    F.DECLINED: _Said("active", "planned"),
    F.NO_RESPONSE: _Said("active", "planned"),
    F.HANDED_BACK: _Said("active", "planned"),
    F.ON_HOLD: _Said("on-hold", "onleave"),
    F.FIRST_CONTACT: _Said("active", "in-progress"),
    F.PLAN_AGREED: _Said("active", "in-progress"),
    F.STEPPED_UP: _Said("active", "in-progress"),
    F.COMPLETED: _Said("completed", "finished"),
    F.FAILED: _REJECTED,
    F.CLOSED: _REJECTED,
    F.DID_NOT_ATTEND: _Said("active", "in-progress"),
    F.CANCELLED: _Said("revoked", "cancelled"),
    F.PERSON_DIED: _Said("revoked", "cancelled"),
    F.ENTERED_IN_ERROR: _Said("entered-in-error", "entered-in-error"),
}
_ENDED = frozenset({"completed", "rejected", "cancelled", "failed", "entered-in-error"})


def composed(notice: Notice, profile: Profile) -> OutboundMessage:
    """A message Bundle of our own: header, ServiceRequest, our Encounter (case number: our reference), the Task without the person, and for a
    missed appointment the Appointment. Raises Rejected (unsupported-type) for a fact that the standard has no response for."""
    said = _said(notice)
    sent = replace(_first(notice), endpoint=_destination(notice, profile))
    at = notice.occurred_at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    patient = _patient(notice, sent, profile)
    subject = {"reference": f"urn:uuid:{patient['id']}"}
    request = _request(notice, sent, said, subject, at)
    visit = _encounter(notice, said, subject, at)
    resources = [request, visit, patient, bare_task(notice.task, _TASK)]
    if notice.fact is F.DID_NOT_ATTEND:
        resources.append(_appointment(notice, subject, at))
    focus = visit if said.rejects else request
    kind = "request-response-short" if said.rejects else "response-referral"
    first = header(_id(notice, "header"), sent, [f"urn:uuid:{focus['id']}"], at, kind=kind)
    entries = [(f"urn:uuid:{one['id']}", one) for one in (first, *resources) if "id" in one]
    body = dump(message_bundle(_id(notice, "bundle"), entries, at))
    return OutboundMessage("webhook", notice.id, body, f"application/fhir+json; version={OUR_VERSION}", tuple(_headers(notice)))


_TOLD = """resourceType id meta identifier basedOn partOf status statusReason businessStatus intent priority code focus authoredOn lastModified"""
_TASK = frozenset(_TOLD.split())


def _said(notice: Notice) -> _Said:
    said = _SAID.get(notice.fact)
    if said is None:
        raise Rejected(Reason.UNSUPPORTED_TYPE, [])
    ended = notice.task.get("status")
    if notice.fact is F.CLOSED and ended == "completed":
        return _SAID[F.COMPLETED]
    if notice.fact is F.DID_NOT_ATTEND and ended in _ENDED:
        return replace(said, request="revoked", encounter="cancelled")
    return said


def _first(notice: Notice) -> Sent:
    """The message that began it: its own id is what the response answers; where it had none, the id of the request that brought it."""
    sent = read_sent(notice.first_message or b"")
    return sent if sent.message_id else replace(sent, message_id=notice.message_id)


def _destination(notice: Notice, profile: Profile) -> str | None:
    """By an identifier, for the receiver's own routing: the directory's, else the client's organisation on file. Where it is sent is not said
    here; the client's registered endpoint alone decides."""
    return read_sent(notice.first_message or b"").endpoint or (f"{ODS}|{profile.organisation}" if profile.organisation else None)


def _id(notice: Notice, part: str) -> str:
    return str(uuid5(NAMESPACE_URL, f"{notice.id}/{part}"))


def _headers(notice: Notice) -> list[tuple[str, str]]:
    """The same ids at every attempt; a new X-Request-Id for each thing that is said, the journey's X-Correlation-Id always."""
    try:
        request = str(UUID(notice.id))
    except ValueError:
        request = _id(notice, "request")
    return [("X-Request-Id", request), *([("X-Correlation-Id", notice.journey)] if notice.journey else [])]


# --- resources --------------------------------------------------------------------------------------------------------------------------


def _request(notice: Notice, sent: Sent, said: _Said, subject: JsonObject, at: str) -> JsonObject:
    identifiers = [{name: value for name, value in (("system", one.system), ("value", one.value)) if value} for one in notice.identifiers]
    made: JsonObject = {
        "resourceType": "ServiceRequest",
        "id": notice.referral_id,
        "meta": {"versionId": str(notice.version), "lastUpdated": at, "profile": [f"{NHS}/StructureDefinition/BARSServiceRequest-request-referral"]},
        "identifier": [*identifiers, {"system": REFERENCE_SYSTEM, "value": notice.ref}],
        "status": said.request,
        "intent": "plan",
        "subject": subject,
        "note": [bilingual("text", notice.words)],
    }
    coded = [{"system": one.system, "code": one.code} for one in codings(sent.request, "category", "")]
    return made | ({"category": [{"coding": coded}]} if coded else {})


def _encounter(notice: Notice, said: _Said, subject: JsonObject, at: str) -> JsonObject:
    """Ours; a rejection gives its reason there, coded and in words."""
    visit = encounter(notice.referral_id, notice.ref, said.encounter, subject, at)
    if not said.rejects:
        return visit
    code, name = rejected_reason(notice.reason)
    return visit | {"reasonCode": [{"coding": [{"system": REJECTED_REASONS, "code": code, "display": name}], **bilingual("text", notice.words)}]}


def _patient(notice: Notice, sent: Sent, profile: Profile) -> JsonObject:
    """A Patient with no more than an id, so that references lead somewhere; the sender knows by the message who it is."""
    made: JsonObject = {"resourceType": "Patient", "id": str(uuid5(NAMESPACE_URL, f"{notice.referral_id}/patient"))}
    if WITH_NHS_NUMBER not in profile.dialect:
        return made
    numbers = [one for one in objects(sent.patient.get("identifier")) if is_system(str(one.get("system") or ""), NHS_NUMBER_SYSTEM)]
    return made | ({"identifier": [{"system": f"{NHS}/Id/nhs-number", "value": one.get("value")} for one in numbers]} if numbers else {})


def _appointment(notice: Notice, subject: JsonObject, at: str) -> JsonObject:
    return {
        "resourceType": "Appointment",
        "id": _id(notice, "appointment"),
        "meta": {"lastUpdated": at, "profile": [f"{UK_CORE}/StructureDefinition/UKCore-Appointment"]},
        "status": "noshow",
        "participant": [{"actor": subject, "status": "accepted"}],
    }


# --- what the answer means --------------------------------------------------------------------------------------------------------------

_MOST_TRIES = 5


def heard(reply: ReceiverReply) -> Verdict:
    """2xx: it has it. 409 `duplicate`: it had it before, a success. 425: it is at it. 408, 429, 503 and an answer that is no
    OperationOutcome (a proxy's, not the receiver's): again. Any other fault that the receiver itself names: never, and 5xx a few times."""
    issues = _issues(reply.body)
    if reply.status == 409 and any(one.get("code") == "duplicate" for one in issues):
        return Delivered()
    if reply.status == 425:
        return TryAgain(after=retry_after(reply.headers))
    verdict = judged(reply)
    if isinstance(verdict, Refused) and not verdict.disable and not issues:
        return TryAgain(limit=_MOST_TRIES)
    if isinstance(verdict, TryAgain) and issues and reply.status is not None and reply.status >= 500 and reply.status != 503:
        return TryAgain(after=verdict.after, limit=_MOST_TRIES)
    return verdict


def _issues(body: bytes) -> list[JsonObject]:
    try:
        found = parse(body)
    except Rejected:
        return []
    return objects(found.get("issue")) if found.get("resourceType") == "OperationOutcome" else []
