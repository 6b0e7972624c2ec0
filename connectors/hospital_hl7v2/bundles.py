"""Within translating a hospital's message: what several facts need: a bundle, in message order, and the referral that is read from it."""

from __future__ import annotations

from collections.abc import Iterable

from connectors.hospital_hl7v2.consents import unclear
from connectors.hospital_hl7v2.findings import texts
from connectors.hospital_hl7v2.hearing import documents, heard
from connectors.hospital_hl7v2.places import place_of, placed, places
from connectors.hospital_hl7v2.referral import notes
from connectors.hospital_hl7v2.source import Made, Source
from schemas.events import FactType
from schemas.fhir.build import JsonObject
from schemas.fhir.build import message as message_bundle
from schemas.fhir.read import Message as FhirMessage
from schemas.fhir.stay import postcode_after, read_stay, temporary_postcode
from schemas.messages import InboundMessage
from schemas.referral import Referral, read_referral
from schemas.rejection import Issue, Rejected

NAME = "hospital_hl7v2"


def in_order(made: Iterable[Made]) -> tuple[Made, ...]:
    """As the segments stand in the message."""
    return tuple(sorted(made, key=lambda one: one.place))


def bundle_of(source: Source, fact: FactType, made: Iterable[Made], focus: str, reason: str | None = None) -> JsonObject:
    """The message bundle of one fact (contracts.md, Bundle)."""
    return message_bundle(source.body, NAME, fact.value, [(one.url, one.resource) for one in made], focus=focus, reason=reason)


def referral_in(source: Source, message: InboundMessage, made: tuple[Made, ...], bundle: JsonObject) -> tuple[Referral, tuple[Issue, ...]]:
    """The referral of a bundle and its warnings, each at its field. Raises Rejected with every reason: another service, nobody known."""
    table = places(made, FhirMessage(bundle))
    try:
        referral, said = read_referral(bundle, "hospital", message.profile, message.received_at)
    except Rejected as fault:
        raise Rejected(fault.reason, placed(fault.issues, table)) from None
    return _as_said(referral, source, made, place_of(referral.service.at, table)), placed(said, table)


def _as_said(referral: Referral, source: Source, made: tuple[Made, ...], service_at: str | None) -> Referral:
    """The referral with its texts in message order, NTE and OBX alike, every other text for triage, the field that states the service, and
    the place that the discharge leaves."""
    letter = documents(source.message) if source.message.has("TXA") else []
    words = tuple(said for _, said in sorted(notes(source) + texts(source) + letter, key=lambda one: one[0]))
    in_narrative = frozenset(words)
    is_unclear = referral.consent.unclear or unclear(source.message, words)
    return referral.model_copy(
        update={
            "narrative": words,
            "other_words": tuple(said for said in heard(source.message) if said not in in_narrative),
            "service": referral.service.model_copy(update={"at": service_at}),
            "consent": referral.consent.model_copy(update={"unclear": is_unclear}),
            "person": referral.person.model_copy(update={"postcode": _postcode(referral, made)}),
        }
    )


def _postcode(referral: Referral, made: tuple[Made, ...]) -> str | None:
    """The home's, unless the discharge went elsewhere."""
    found = {one.resource["resourceType"]: one.resource for one in made if one.resource["resourceType"] in ("Patient", "Encounter")}
    if "Encounter" not in found:
        return referral.person.postcode
    return postcode_after(read_stay(found["Encounter"]), referral.person.postcode, temporary_postcode(found["Patient"]))
