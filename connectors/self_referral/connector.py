"""At the form's door: what a person filled in becomes a referral; the answer holds what the page that they read next must say."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import assert_never

from connectors.self_referral.contact import reachable
from connectors.self_referral.reading import Form, read_form, request_id
from connectors.self_referral.resources import REQUEST_SYSTEM, Sent, asks_as_child, language_named, resources
from schemas.events import FactType
from schemas.fhir.build import message as message_bundle
from schemas.identifiers import NhsNumber, Postcode, ReferralRef
from schemas.messages import (
    About,
    Committed,
    Existing,
    Fact,
    Identifier,
    InboundMessage,
    InFlight,
    NotStored,
    Outcome,
    Repeated,
    Reply,
    RequestKey,
    Translation,
)
from schemas.referral import read_referral
from schemas.rejection import Issue, Reason, Rejected
from schemas.rest import media_types, status_of

NAME = "self_referral"
_EMAIL = re.compile(r"[^@\s]+@[^@\s.]+(?:\.[^@\s.]+)+")
_FIELD_OF = {"birthDate": "birth", "authoredOn": "paper", "identifier": "nhs_number", "subject": "family"}
_DATES = ("birth", "paper")


# --- in ---------------------------------------------------------------------------------------------------------------------------------


def identify(message: InboundMessage) -> RequestKey:
    """The form's own id, made when the page was: a double click, a refresh and a second sending after going back are one request.

    Raises Rejected: another media type, a body that cannot be read within bounds, no id.
    """
    kinds = media_types((message.headers or {}).get("content-type", ""))
    if message.headers is not None and [kind.name for kind in kinds] != ["application/x-www-form-urlencoded"]:
        raise Rejected(Reason.UNSUPPORTED_MEDIA, [Issue(Reason.UNSUPPORTED_MEDIA, "Content-Type", "self_referral.media")])
    form, _ = read_form(message.body)
    return RequestKey(request_id(form))


def translate(message: InboundMessage) -> Translation:
    """One `referral.received.v1`. Raises Rejected with every field that must be filled in before anything can be sent; what is odd in a field
    that could be left empty is a warning, and stays out of the bundle."""
    form, warnings = read_form(message.body)
    key = request_id(form)
    faults = list(_missing(form))
    if faults:
        raise Rejected(faults[0].reason, faults)
    filled = Sent(form, message)
    bundle = message_bundle(message.body, NAME, FactType.RECEIVED.value, [(None, one) for one in resources(filled)], focus="ServiceRequest")
    try:
        referral, of_referral = read_referral(bundle, "self", message.profile, message.received_at)
    except Rejected as fault:
        raise Rejected(fault.reason, [_by_field(issue) for issue in fault.issues]) from None
    if asks_as_child(filled):
        referral = referral.model_copy(update={"consent": referral.consent.model_copy(update={"child_alone": True})})
    found = [*warnings, *_odd(form), *(_by_field(issue) for issue in of_referral)]
    once = {(one.reason, one.at): one for one in found}.values()
    return Translation((Fact(FactType.RECEIVED, bundle, About(None, (Identifier(REQUEST_SYSTEM, key),)), referral),), tuple(once))


def _missing(form: Form) -> Iterator[Issue]:
    """What must be there, in the order of the page; the words are those of the way by which it came."""
    about = "myself" if form.way == "myself" else "other"
    if form.way != "myself" and not form.get("helper_name"):
        yield Issue(Reason.REQUIRED, "helper_name", "self_referral.helper-name")
    if not form.get("family"):
        yield Issue(Reason.REQUIRED, "family", f"self_referral.family.{about}")
    if not reachable(form):
        yield Issue(Reason.REQUIRED, "contact", f"self_referral.contact.{about}")
    if not form.says("consent"):
        yield Issue(Reason.REQUIRED, "consent", f"self_referral.consent.{about}")


def _odd(form: Form) -> Iterator[Issue]:
    """What could not be used as it was typed."""
    for name in _DATES:
        if not form.date(name)[1]:
            yield Issue(Reason.DATE_IMPOSSIBLE, name, "self_referral.date")
    number = form.get("nhs_number")
    if number and NhsNumber.read(number) is None:
        yield Issue(Reason.NHS_NUMBER_FORMAT, "nhs_number", "self_referral.nhs-number")
    postcode = form.get("postcode")
    if postcode and Postcode.read(postcode) is None:
        yield Issue(Reason.AREA_UNCERTAIN, "postcode", "self_referral.postcode")
    for name in ("phone", "helper_phone"):
        if (phone := form.get(name)) and _lacks_figures(phone):
            yield Issue(Reason.RULE_NOT_MET, name, "self_referral.phone")
    for name in ("email", "helper_email"):
        if (email := form.get(name)) and not _EMAIL.fullmatch(email):
            yield Issue(Reason.RULE_NOT_MET, name, "self_referral.email")
    if form.get("language_other") and not language_named(form.get("language_other") or ""):
        yield Issue(Reason.CODE_UNKNOWN, "language_other", "self_referral.language")


def _lacks_figures(phone: str) -> bool:
    """Whether nobody could ring it: a telephone number in Britain has ten figures or more with its area, a mobile eleven."""
    figures = "".join(filter(str.isdigit, phone))
    return len(figures) < 10 or (len(figures) == 10 and figures.startswith("07"))


def _by_field(issue: Issue) -> Issue:
    """The issue at the field of the form from which its element was made."""
    element = issue.at.partition("[")[0].rpartition(".")[2] if issue.at.startswith(("Patient.", "ServiceRequest.")) else ""
    words = {"birth": "self_referral.date-future", "nhs_number": "self_referral.nhs-number"}
    name = _FIELD_OF.get(element)
    if name is None:
        return issue
    return Issue(issue.reason, name, words.get(name, issue.detail), issue.params)


# --- the answer -------------------------------------------------------------------------------------------------------------------------


def answer(message: InboundMessage, outcome: Outcome) -> Reply:  # noqa: ARG001  (the same words whichever way it came)
    """JSON from which the page is made: 201 with the reference and what happens next; the first answer again to a repeat; 422 with every
    fault at its field; 503 while it cannot be stored. Every text in both languages; nothing that was typed."""
    match outcome:
        case Repeated(first=first):
            return first
        case Committed() if outcome.accepted:
            return _reply(201, _sent(outcome))
        case Committed() | Existing():
            return _reply(200, {"outcome": "sent-before"})
        case InFlight() | NotStored():
            said = "in-flight" if isinstance(outcome, InFlight) else "not-stored"
            return _reply(503, {"outcome": said}, ("Retry-After", str(outcome.retry_after)))
        case Rejected():
            return _reply(_status(outcome), {"outcome": "rejected", "reason": outcome.reason.value, "issues": [_said(one) for one in outcome.issues]})
        case _:
            assert_never(outcome)


def _sent(outcome: Committed) -> dict[str, object]:
    accepted = outcome.accepted[0]
    reference = ReferralRef.read(accepted.ref)
    return {
        "outcome": "sent",
        "reference": reference.spoken if reference else accepted.ref,
        "held": accepted.held.value if accepted.held else None,
        "next_step": accepted.next_step.as_dict(),
        "warnings": [_said(one) for one in outcome.warnings],
    }


def _said(issue: Issue) -> dict[str, object]:
    return {"reason": issue.reason.value, "at": issue.at, "text": issue.text.as_dict()}


def _status(fault: Rejected) -> int:
    """What must be corrected in a field is 422, as a form's own fault; else the usual status of the reason."""
    return 422 if fault.reason in (Reason.REQUIRED, Reason.INVALID, Reason.DUPLICATE_KEY, Reason.NO_IDENTITY) else status_of(fault.reason)


def _reply(status: int, said: dict[str, object], *headers: tuple[str, str]) -> Reply:
    body = json.dumps(said, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
    return Reply(status, (body,), "application/json", headers)
