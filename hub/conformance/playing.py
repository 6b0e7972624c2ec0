"""Beside the flow, in conformance: plays the cases one after another and keeps what was heard."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import httpx

from hub.conformance.asking import SHOWS, Sender
from hub.conformance.cases import Case

Verdict = Literal["pass", "fail", "not-offered"]
_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Played:
    """One case: what was expected, what came, and whether that is right. `got` holds statuses and names of ours, nothing of an answer's text."""

    case: str
    expected: str
    got: str
    verdict: Verdict

    def as_dict(self) -> dict[str, str]:
        """For programs."""
        return {"case": self.case, "expected": self.expected, "got": self.got, "verdict": self.verdict}


@dataclass(frozen=True, slots=True)
class Report:
    """A whole run. `created` counts the referrals of invented persons that it left at the deployment."""

    url: str
    client: str
    connector: str
    run: str
    played: tuple[Played, ...]
    created: int

    @property
    def failed(self) -> int:
        """How many cases came out otherwise than they must."""
        return sum(one.verdict == "fail" for one in self.played)

    def as_dict(self) -> dict[str, Any]:  # Any: JSON
        """For programs."""
        of = {"url": self.url, "client": self.client, "connector": self.connector, "run": self.run, "created": self.created, "failed": self.failed}
        return {**of, "cases": [one.as_dict() for one in self.played]}


async def play(url: str, client: str, key: str, connector: str, cases: Sequence[Case]) -> Report:
    """Every case in order against the deployment at `url`, as `client`. A door that does not answer is a failed case, never an exception."""
    base = url.rstrip("/")
    async with httpx.AsyncClient(base_url=base, trust_env=False, timeout=_SECONDS, follow_redirects=False) as door:
        sender = Sender(door, key)
        played = [await _played(sender, case) for case in cases]
    return Report(base, client, connector, sender.run, tuple(played), len(sender.created))


async def _played(sender: Sender, case: Case) -> Played:
    if case.offers is not None and case.offers not in sender.offers:
        return Played(case.name, case.expected, "–", "not-offered")
    try:
        replies = await asyncio.gather(*(sender.send(case.make(sender)) for _ in range(case.times)))
    except (httpx.HTTPError, httpx.InvalidURL) as fault:
        return Played(case.name, case.expected, type(fault).__name__, "fail")
    _keep(sender, case, replies[0])
    missing = [*_missing(sender, case, replies[0]), *_not_one(replies, case)]
    wrong = any(reply.status_code not in case.statuses for reply in replies)
    got = ", ".join(str(status) for status in sorted({reply.status_code for reply in replies}))
    return Played(case.name, case.expected, "; ".join([got, *(f"✗ {name}" for name in missing)]), "fail" if wrong or missing else "pass")


def _keep(sender: Sender, case: Case, reply: httpx.Response) -> None:
    """What later cases need of an answer."""
    if case.name == "create":
        sender.location = _place(sender, reply.headers.get("location", ""))
    elif case.name == "capability":
        sender.offers = _offers(reply)


def _place(sender: Sender, location: str) -> str:
    """Where the referral can be read, at this deployment and nowhere else: the key goes to nobody whom an answer names."""
    here = str(sender.door.base_url).rstrip("/")
    place = location.removeprefix(here)
    return place if place.startswith("/") and not place.startswith("//") else "/fhir/ServiceRequest/none"


def _offers(reply: httpx.Response) -> frozenset[str]:
    try:
        served = reply.json()["rest"][0]["resource"]
        return frozenset(f"{one['type']}.{does['code']}" for one in served for does in one["interaction"])
    except (ValueError, LookupError, TypeError, RecursionError):
        return frozenset()


def _missing(sender: Sender, case: Case, reply: httpx.Response) -> list[str]:
    return [name for name in case.shows if not _shown(name, sender, reply)]


def _shown(name: str, sender: Sender, reply: httpx.Response) -> bool:
    try:
        return SHOWS[name](sender, reply)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):  # an answer of another shape shows nothing
        return False


def _not_one(replies: Sequence[httpx.Response], case: Case) -> list[str]:
    """What was sent several times at once must have become one thing."""
    if case.times == 1:
        return []
    places = {reply.headers.get("location") for reply in replies if reply.status_code == 201}
    return [] if len(places) == 1 else ["one referral"]
