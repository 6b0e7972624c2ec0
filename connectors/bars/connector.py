"""At the BaRS door and on the way back: a GP system's message bundle comes in, its referrer hears of it by BaRS responses."""

from __future__ import annotations

from dataclasses import replace

from connectors.bars.answers import answered
from connectors.bars.envelope import read_envelope
from connectors.bars.facts import translation
from connectors.bars.headers import header_faults
from connectors.bars.references import with_urns
from connectors.bars.responses import composed, heard
from schemas.fhir.strict_json import parse
from schemas.messages import InboundMessage, Notice, OutboundMessage, Outcome, ReceiverReply, Reply, RequestKey, Translation, Verdict
from schemas.profile import Profile
from schemas.rest import guid, refuse


def identify(message: InboundMessage) -> RequestKey:
    """The key is X-Request-Id (Bundle.id repeats between messages of one journey), the journey X-Correlation-Id.

    Raises Rejected with every fault of the headers at once.
    """
    headers = message.headers or {}
    refuse(header_faults(headers, message.profile))
    return RequestKey(str(guid(headers, "X-Request-Id")), guid(headers, "X-Correlation-Id"))


def translate(message: InboundMessage) -> Translation:
    """One fact: a referral, or an update, cancellation or withdrawal of one that stands. Raises Rejected with every fault, each with its path."""
    body, about_urls = with_urns(parse(message.body))
    made = translation(message, body, read_envelope(body))
    return replace(made, warnings=(*about_urls, *made.warnings))


def answer(message: InboundMessage, outcome: Outcome) -> Reply:
    """200 with a response Bundle that holds our ids; 409 to a repeat, 425 while it is worked on; else an OperationOutcome with every fault."""
    return answered(message, outcome)


def compose(notice: Notice, profile: Profile) -> OutboundMessage:
    """A `servicerequest-response` to the client's endpoint on file; where the message itself names one, that is never used."""
    return composed(notice, profile)


def judge(outbound: OutboundMessage, reply: ReceiverReply) -> Verdict:  # noqa: ARG001  (an HTTP answer speaks for itself)
    """What the referrer's system answered means, by the standard's rules for trying again."""
    return heard(reply)
