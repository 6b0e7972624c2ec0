"""Asked by intake in the same commit that stores a referral: is it safe to route by itself, or must a human look first?

A net, not a triage: coded flags count first, then the words. What was once said still holds ("overdose in 2009"): a human decides what
an old risk means today. Only a denial of the risk itself, next to it and not taken back, lets it pass.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from hub.deciding.policy import Policy
from hub.deciding.screen import screen_of
from schemas.codes.flags import flags_of
from schemas.codes.needs import need_of
from schemas.codes.requested_service import ServiceState
from schemas.codes.sources import Source
from schemas.identifiers import NhsNumberStatus
from schemas.referral import Referral
from schemas.rejection import Reason


class Result(StrEnum):
    """What is to be done: route it, give it to a human, or route it and see to it today."""

    CLEAR = "clear"
    HOLD = "hold"
    PRACTICAL = "practical"


@dataclass(frozen=True, slots=True)
class Triage:
    """What triage found. `reasons` are in the order of the checks, each once; it holds no word of the referral."""

    result: Result = Result.CLEAR
    reasons: tuple[Reason, ...] = ()

    def contract(self) -> dict[str, object]:
        """The shape that goes out (G)."""
        return {"result": self.result.value, "reasons": [reason.value for reason in self.reasons]}


CLEAR = Triage()


def triage(referral: Referral, policy: Policy) -> Triage:
    """Hold for a coded flag, a conflicting identity, a death, a refused or unclear consent, another service or words of risk; practical for no food,
    heat or shelter tonight."""
    screen = screen_of(policy)
    heard = screen.hear(_texts(referral))
    unstated = referral.service.state is ServiceState.UNSTATED
    misdirected = () if _is_for_us(referral) or (unstated and screen.asks(heard)) else (Reason.WRONG_SERVICE,)
    holds = tuple(dict.fromkeys((*_coded(referral, policy), *screen.holds(heard), *misdirected)))
    practical = (Reason.PRACTICAL_TONIGHT,) if screen.practical(heard) else ()
    if holds:
        return Triage(Result.HOLD, holds + practical)
    return Triage(Result.PRACTICAL, practical) if practical else CLEAR


def risks_in(words: Iterable[str], policy: Policy) -> tuple[Reason, ...]:
    """The risks that words name, where there is no referral to look at: what was written when one was taken back."""
    screen = screen_of(policy)
    return screen.holds(screen.hear("\n".join(words)))


def merged(earlier: Triage | None, again: Triage) -> Triage:
    """What triage found when a message was translated, and again in its published shape. Which service is asked for, the first alone can
    tell, because the shape leaves out what the sender's profile says."""
    if earlier is None:
        return again
    reasons = tuple(dict.fromkeys((*earlier.reasons, *(reason for reason in again.reasons if reason is not Reason.WRONG_SERVICE))))
    if any(reason is not Reason.PRACTICAL_TONIGHT for reason in reasons) or earlier.result is Result.HOLD:
        return Triage(Result.HOLD, reasons)
    return Triage(Result.PRACTICAL, reasons) if reasons else CLEAR


def _coded(referral: Referral, policy: Policy) -> Iterator[Reason]:
    person = referral.person
    if person.deceased:
        yield Reason.DECEASED
    for flag in (*referral.flags, *(flag for need in referral.needs for flag in flags_of(need.system, need.code) or ())):
        if flag in policy.rules.flags:
            yield policy.rules.flags[flag]
    if person.nhs_number_status is NhsNumberStatus.CONFLICTING:
        yield Reason.IDENTITY_CONFLICT
    if policy.rules.production and person.nhs_number_status is NhsNumberStatus.TEST_RANGE:
        yield Reason.TEST_DATA
    if referral.consent.direct_care is False:
        yield Reason.CONSENT_REFUSED
    if referral.consent.unclear:
        yield Reason.CHILD_ALONE if referral.consent.child_alone else Reason.CONSENT_UNCLEAR


def _is_for_us(referral: Referral) -> bool:
    """Whether anything coded says that social prescribing is asked for; a need that we know says so too, unless another service is named."""
    if referral.service.state is not ServiceState.UNSTATED:
        return referral.service.state is ServiceState.SOCIAL_PRESCRIBING
    by_channel = referral.says_service or referral.source in (Source.SELF, Source.HOUSING)
    return by_channel or any(need_of(need.system, need.code) for need in referral.needs)


def _texts(referral: Referral) -> str:
    """Everything that was written, one line a piece: a phrase may run over a line's end, a denial may not."""
    displays = (need.display for need in referral.needs if need.display)
    return "\n".join((*referral.words, *displays))
