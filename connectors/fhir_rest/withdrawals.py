"""In translating plain FHIR: a ServiceRequest that is revoked (a wish to cancel) or was entered in error, about a referral that stands."""

from __future__ import annotations

from dataclasses import replace

from connectors.fhir_rest.requests import NAME, checked, identifiers_of, journey
from connectors.fhir_rest.rules import ROOT, WITHDRAWN, modifier_faults
from schemas.events import FactType
from schemas.fhir.build import ABSENT_REASON
from schemas.fhir.build import message as message_bundle
from schemas.fhir.person import read_person
from schemas.fhir.read import Found, Message
from schemas.fhir.said import said_in
from schemas.fhir.strict_json import JsonObject
from schemas.messages import About, Fact, InboundMessage, Target, Translation
from schemas.rejection import Issue, Reason
from schemas.rest import refuse

_FACTS = {"revoked": FactType.CANCEL_REQUESTED, "entered-in-error": FactType.ENTERED_IN_ERROR}
_MASKED = {"extension": [{"url": ABSENT_REASON, "valueCode": "masked"}]}


def is_withdrawn(body: JsonObject) -> bool:
    """Whether its status says that the request is no longer in force, or never was."""
    return isinstance(body.get("status"), str) and body["status"] in WITHDRAWN


def translate_withdrawal(message: InboundMessage, body: JsonObject, target: Target | None = None, root: str = ROOT) -> Translation:
    """It is taken whatever else is wrong with it, because what it stops should be stopped; only what might turn its meaning round is refused.

    Which referral is meant says our id (`target`), the journey or the sender's own identifier. Its bundle carries the request's ids and status
    and nothing of the person; whom it names goes beside it, so that it is never another's that ends. Raises Rejected.
    """
    kind = _FACTS[body["status"]]
    sound, warnings, faults = checked(body)
    turning = [_placed(one, root) for one in faults if one.reason is Reason.UNKNOWN_MODIFIER]
    about = About(journey(message), identifiers_of(body))
    nameless = () if target or about.identifiers or about.correlation else (Issue(Reason.NO_REFERRAL, f"{root}.identifier", "fhir_rest.withdrawn-which"),)
    refuse([*turning, *modifier_faults(body, root), *nameless])
    identifiers = {} if faults else {name: sound[name] for name in ("identifier",) if name in sound}
    thin = {"resourceType": ROOT, **identifiers, "status": body["status"], "intent": _intent(sound), "subject": _MASKED}
    bundle = message_bundle(message.body, NAME, kind.value, [(None, thin)], focus=ROOT)
    named = read_person(Message({"entry": [{"resource": body}]}), Found(body, ROOT), None)[0]
    fact = Fact(kind, bundle, about, target=target, heard=said_in([body]), person=named)
    return Translation((fact,), tuple(_placed(one, root) for one in (*warnings, *faults)))


_INTENTS = "proposal plan directive order original-order reflex-order filler-order instance-order option"


def _intent(body: JsonObject) -> str:
    """As sent; `order` where it was none, because FHIR wants one."""
    return body["intent"] if isinstance(body.get("intent"), str) and body["intent"] in _INTENTS.split() else "order"


def _placed(issue: Issue, root: str) -> Issue:
    """The issue in the resource at `root`, where the check named it by its type."""
    return replace(issue, at=root + issue.at.removeprefix(ROOT)) if issue.at.startswith(ROOT) else issue
