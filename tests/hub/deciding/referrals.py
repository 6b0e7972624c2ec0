"""Referrals for the tests of deciding: synthetic people, each field given only where the test is about it."""

from __future__ import annotations

from datetime import UTC, datetime

from hub.deciding.triage import CLEAR, Triage
from hub.deciding.wanted import Moment
from hub.places import Places
from schemas.codes.needs import NEED_SYSTEM
from schemas.place import Place
from schemas.referral import Referral

NOW = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)  # a Monday
PLACES = Places.load()


def referral(
    *,
    needs: tuple[str, ...] = (),
    narrative: tuple[str, ...] = (),
    service: str = "social-prescribing",
    source: str = "gp",
    priority: str = "routine",
    flags: tuple[str, ...] = (),
    direct_care: bool | None = True,
    share: bool | None = None,
    **person: object,
) -> Referral:
    """A referral for social prescribing from a GP; what is not given is not stated."""
    return Referral.model_validate(
        {
            "source": source,
            "service": {"state": service, "at": None},
            "person": person,
            "priority": priority,
            "needs": [{"system": NEED_SYSTEM, "code": code, "display": None} for code in needs],
            "narrative": narrative,
            "flags": flags,
            "consent": {"direct_care": direct_care, "share_with_community": share},
            "authored_on": "2026-11-02",
        }
    )


def moment_of(found: Referral, *, now: datetime = NOW, place: Place | None = None, triage: Triage = CLEAR, **more: object) -> Moment:
    """The moment at which it is decided, at the place of its postcode."""
    return Moment(now, place or PLACES.resolve(found.person.postcode), triage=triage, **more)  # type: ignore[arg-type]
