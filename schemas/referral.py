"""In translating, for deciding: the Referral, all that a decision may look at, read from the FHIR message bundle that a connector made."""

from __future__ import annotations

from datetime import UTC, datetime

from pydantic import BaseModel, ConfigDict, Field

from schemas.codes.declined import declined_in
from schemas.codes.flags import Flag
from schemas.codes.requested_service import ServiceState
from schemas.codes.sources import Source
from schemas.fhir.person import Person, read_person
from schemas.fhir.read import Found, JsonObject, Message, fhir_date, fhir_instant, objects, string
from schemas.fhir.request import (
    NeedCoding,
    Priority,
    Referrer,
    Service,
    read_narrative,
    read_needs,
    read_priority,
    read_referrer,
    read_service,
    read_source,
    requested_services,
)
from schemas.fhir.safety import Consents, read_consents, read_flags
from schemas.fhir.said import said_in
from schemas.profile import CHANNELS, Profile
from schemas.rejection import Issue, Reason, Rejected

__all__ = ["Consents", "NeedCoding", "Person", "Referral", "Referrer", "Service", "read_referral", "who_is_enough"]


class Referral(BaseModel):
    """What a decision may look at. `contract()` is the published part; what follows `authored_on` is for triage and matching alone.

    `other_words` are all texts beside the narrative, also those that were left out of the bundle, for the screen for risk alone;
    `says_service` tells that the profile or the channel says social prescribing where the message does not.
    """

    model_config = ConfigDict(frozen=True)

    source: Source
    service: Service = Service()
    referrer: Referrer = Referrer()
    person: Person = Person()
    priority: Priority = "routine"
    needs: tuple[NeedCoding, ...] = ()
    narrative: tuple[str, ...] = Field(default=(), repr=False)
    flags: tuple[Flag, ...] = ()
    consent: Consents = Consents()
    authored_on: str | None = None
    other_words: tuple[str, ...] = Field(default=(), repr=False)
    requested: tuple[str, ...] = ()
    says_service: bool = False

    @property
    def words(self) -> tuple[str, ...]:
        """Everything that somebody wrote about this person, for the screens of risk and of need."""
        return self.narrative + self.other_words

    def contract(self) -> dict[str, object]:
        """The published shape: R of the translate command."""
        return {
            "source": self.source.value,
            "service": {"state": self.service.state.value, "at": self.service.at},
            "referrer": {"ods": self.referrer.ods, "name": self.referrer.name},
            "person": self.person.contract(),
            "priority": self.priority,
            "needs": [{"system": need.system, "code": need.code, "display": need.display} for need in self.needs],
            "narrative": list(self.narrative),
            "flags": [flag.value for flag in self.flags],
            "consent": {"direct_care": self.consent.direct_care, "share_with_community": self.consent.share_with_community},
            "authored_on": self.authored_on,
        }


def who_is_enough(referral: Referral) -> bool:
    """Whether we know who it is about (contracts.md, Who is enough)."""
    return referral.person.is_enough


def read_referral(
    bundle: JsonObject | Message,
    source_default: str,
    profile: Profile,
    received_at: datetime | None = None,
    as_sent: JsonObject | Message | None = None,
) -> tuple[Referral, tuple[Issue, ...]]:
    """The referral of a message bundle, and a warning for each thing that was left out or not trusted. Bundles of which a Message was made
    already may be given as that.

    `as_sent` is the bundle before anything was left out of it: risk, consent and death are heard there whatever is wrong with their shape.
    Without `received_at` the rules that need the time do not run, which is a warning too. Raises Rejected with every reason at once:
    no-referral, invariant, wrong-service, no-identity.
    """
    message = _message(bundle)
    sent = message if as_sent is None else _message(as_sent)
    request = message.first("ServiceRequest")
    if request is None:
        raise Rejected(Reason.NO_REFERRAL, (Issue(Reason.NO_REFERRAL, "Bundle.entry"),))
    person, about_person = read_person(message, request, received_at.astimezone(UTC).date() if received_at else None, sent)
    source, about_source = read_source(request, profile.organisation_type, source_default)
    narrative = read_narrative(message)
    other_words = _other_words(sent, narrative)
    as_asked = next((one.resource for one in sent.of_type("ServiceRequest")), request.resource)
    priority, about_priority = read_priority(request, narrative + other_words, as_asked)
    needs, about_needs = read_needs(message, request)
    flags, about_flags = read_flags(sent)
    authored, about_times = _authored(request, received_at)
    referral = Referral(
        source=source,
        service=read_service(message, request, sent),
        referrer=read_referrer(message, request),
        person=person,
        priority=priority,
        needs=needs,
        narrative=narrative,
        flags=flags,
        consent=_consent(read_consents(message, sent), narrative + other_words),
        authored_on=authored,
        other_words=other_words,
        requested=requested_services(message, request),
        says_service=_says_service(profile),
    )
    _refuse_what_is_not_ours(referral, request, about_person)
    return referral, (*about_person, *about_source, *about_priority, *about_needs, *about_flags, *about_times)


def _consent(said: Consents, words: tuple[str, ...]) -> Consents:
    """Unclear too where somebody wrote that the person declined."""
    return said if said.unclear or not declined_in(words) else said.model_copy(update={"unclear": True})


def _message(bundle: JsonObject | Message) -> Message:
    return bundle if isinstance(bundle, Message) else Message(bundle)


def _other_words(sent: Message, narrative: tuple[str, ...]) -> tuple[str, ...]:
    said = said_in(entry.get("resource") for entry in objects(sent.bundle.get("entry")))
    return tuple(word for word in said if word not in narrative)


def _authored(request: Found, received_at: datetime | None) -> tuple[str | None, tuple[Issue, ...]]:
    """When it was written, as sent; a time after its receipt is kept with a warning, an impossible one is left out with one."""
    at, sent = f"{request.path}.authoredOn", string(request.resource, "authoredOn")
    warnings = [] if received_at else [Issue(Reason.TIME_NOT_GIVEN, "received-at")]
    if sent is None:
        return None, tuple(warnings)
    day, instant = fhir_date(sent), fhir_instant(sent)
    if day is None or ("T" in sent and instant is None):
        return None, (*warnings, Issue(Reason.DATE_IMPOSSIBLE, at))
    if received_at and (instant > received_at if instant else day > received_at.astimezone(UTC).date().isoformat()):
        warnings.append(Issue(Reason.DATE_FUTURE, at))
    return sent, tuple(warnings)


def _says_service(profile: Profile) -> bool:
    return profile.service == ServiceState.SOCIAL_PRESCRIBING or profile.channel in CHANNELS


_OF_IDENTITY = (Reason.NHS_NUMBER_FAILED, Reason.NHS_NUMBER_FORMAT, Reason.DATE_IMPOSSIBLE, Reason.DATE_FUTURE)


def _refuse_what_is_not_ours(referral: Referral, request: Found, about_person: tuple[Issue, ...]) -> None:
    """Whoever names nobody hears also which number or date could not be relied on."""
    issues = []
    if request.resource.get("status") == "active" and request.resource.get("intent") == "option":
        issues.append(Issue(Reason.INVARIANT, f"{request.path}.intent", "fhir.inv.active-option"))
    if referral.service.state is ServiceState.OTHER:
        issues.append(Issue(Reason.WRONG_SERVICE, referral.service.at or request.path))
    if not who_is_enough(referral):
        issues.append(Issue(Reason.NO_IDENTITY, f"{request.path}.subject", "fhir.no-identity"))
        issues += [one for one in about_person if one.reason in _OF_IDENTITY]
    if issues:
        raise Rejected(issues[0].reason, issues)
