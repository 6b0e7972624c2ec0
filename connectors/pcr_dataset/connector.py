"""At the HTTP door: the Planned Care Referral Data Set of NHS Wales (DSCN 2024/11): one record in JSON becomes a referral."""

from __future__ import annotations

from connectors.pcr_dataset.items import FIELDS, PLACES, in_text, rule_faults
from connectors.pcr_dataset.resources import RECORD, REFERRAL, patient, referrer, request
from connectors.pcr_dataset.unnamed import may_refuse
from schemas.events import FactType
from schemas.fhir.build import message as message_bundle
from schemas.fhir.build import message_uuid
from schemas.fhir.prune import prune
from schemas.fhir.strict_json import JsonObject, parse
from schemas.messages import About, Fact, Identifier, InboundMessage, Outcome, Reply, RequestKey, Translation
from schemas.posted import answered, heard, journey, placed, request_key, unread
from schemas.referral import read_referral
from schemas.rejection import Issue, Reason, Rejected

NAME = "pcr_dataset"


def identify(message: InboundMessage) -> RequestKey:
    """The key is the request's own id in the headers. Raises Rejected with every fault of the headers."""
    return request_key(message)


def translate(message: InboundMessage) -> Translation:
    """One `referral.received.v1`. An item that is missing or of the wrong form is a warning in the data set's own names.

    Raises Rejected: what is not one JSON object, holds no ReferralDetails, asks for another specialty, or does not say whom it is about.
    """
    body, numbers = in_text(parse(message.body))
    if not isinstance(body.get("ReferralDetails"), dict):
        raise Rejected(Reason.NO_REFERRAL, [Issue(Reason.NO_REFERRAL, "ReferralDetails")])
    person, requester = (message_uuid(message.body, kind, 1) for kind in ("Patient", "PractitionerRole"))
    resources, warnings = _sound(patient(body), referrer(body), request(body, person, requester))
    bundle = message_bundle(message.body, NAME, FactType.RECEIVED.value, [(None, one) for one in resources], focus="ServiceRequest")
    try:
        referral, about = read_referral(bundle, "other", message.profile, message.received_at, heard(bundle, _without_name_and_address(body)))
    except Rejected as fault:
        lost = [one for one in warnings if fault.reason is Reason.NO_IDENTITY and one.at.startswith("Patient.")]
        raise Rejected(fault.reason, placed((*fault.issues, *lost), PLACES)) from None
    if may_refuse(body):
        referral = referral.model_copy(update={"consent": referral.consent.model_copy(update={"unclear": True})})
    fact = Fact(FactType.RECEIVED, bundle, About(journey(message), _identifiers(resources[-1])), referral)
    said = [*numbers, *rule_faults(body), *unread(body, FIELDS), *placed((*warnings, *about), PLACES)]
    return Translation((fact,), tuple({(one.at, one.reason): one for one in said}.values()))


def answer(message: InboundMessage, outcome: Outcome) -> Reply:
    """201 with the next step and the reference; else every fault with its item."""
    return answered(message, outcome)


def _sound(*built: JsonObject) -> tuple[list[JsonObject], list[Issue]]:
    """What of the resources follows FHIR, and a warning for what was left out of them."""
    pruned = [prune(one) for one in built]
    return [resource for resource, _ in pruned], [issue for _, issues in pruned for issue in issues]


def _identifiers(sent: JsonObject) -> tuple[Identifier, ...]:
    """Those that are sound: a part of one that FHIR has no room for is left out of it."""
    sound = (one for one in sent.get("identifier", ()) if "value" in one and one.get("system") in (REFERRAL, RECORD))
    return tuple(Identifier(one["system"], one["value"]) for one in sound)


def _without_name_and_address(body: JsonObject) -> JsonObject:
    """What triage hears: a person's or a street's name says nothing of risk."""
    person = body.get("PatientDetails")
    if not isinstance(person, dict):
        return body
    return {**body, "PatientDetails": {name: value for name, value in person.items() if name not in ("PatientName", "UsualAddress")}}
