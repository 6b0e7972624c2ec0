"""Every door of every connector that translates, as the registry finds them: what the intake does with a message, and what must then be so."""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from types import FrameType

from hub.kit.fixtures import Fixture, fixtures_of
from hub.kit.folders import Folders
from hub.registry import Registered
from schemas.fhir.check import check
from schemas.fhir.prune import KEPT
from schemas.messages import InboundMessage, NotStored, Translation
from schemas.profile import Profile
from schemas.rejection import Issue, Rejected
from tests.connectors.zoo.raw import CANARY, NHS

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
GUID = "3f2a9c1e-5b7d-4c7e-9a55-0d6e2b1f8a43"
HANGS = 20
"""Seconds after which one message counts as hanging; a sound one takes about a thousandth of one."""


@dataclass(frozen=True)
class Door:
    """One place where messages arrive, and how they would come."""

    registered: Registered
    target: str
    headers: dict[str, str] | None

    @property
    def name(self) -> str:
        return f"{self.registered.manifest.name} {self.target}"

    def message(self, body: bytes) -> InboundMessage:
        return InboundMessage(body, self.target, self.headers, {"id": _id(body)}, NOW, "client", Profile())


def own_messages(door: Door, fixtures: Sequence[Fixture] | None = None) -> list[tuple[str, bytes]]:
    """The messages of the door's own fixtures, each named by its file; those of an address with an id carry that id."""
    found = []
    for fixture in fixtures_of(Folders.at(None).root / door.registered.manifest.name) if fixtures is None else fixtures:
        try:
            found += [(fixture.path.stem, _with_id(body) if door.target.startswith("PUT") else body) for body in door.registered.messages(fixture.body)]
        except Rejected:
            found.append((fixture.path.stem, fixture.body))
    return found


def _with_id(body: bytes) -> bytes:
    try:
        made = json.loads(body)
    except (ValueError, RecursionError):
        return body
    return json.dumps({"id": GUID, **made}).encode() if isinstance(made, dict) else body


def _id(body: bytes) -> str:
    """The address that an update would be sent to: the one that its body names."""
    found = re.search(rb'"id":\s*"([A-Za-z0-9.-]{1,64})"', body[:400])
    return found[1].decode() if found else "t-1"


@cache
def doors() -> tuple[Door, ...]:
    """All of them."""
    folders = Folders.at(None)
    translating = (one for name in folders.names if "translate" in (one := folders[name]).manifest.functions)
    return tuple(Door(one, listener.target, _headers(one, listener.target)) for one in translating for listener in one.manifest.listeners)


def _headers(one: Registered, target: str) -> dict[str, str] | None:
    if target.startswith("from."):
        return {"ce_id": "e-1", "ce_sequence": "1"}
    if target == "mllp":
        return None
    return {"content-type": one.manifest.content_types[0], "x-request-id": GUID, "x-correlation-id": GUID, "if-match": 'W/"3"'}


def outcome_of(door: Door, message: InboundMessage) -> Translation | Rejected:
    """What the intake would get. Anything raised but Rejected goes through."""
    with suppress(Rejected):  # its header rules have tests of their own; what the body becomes is looked at nevertheless
        door.registered.connector.identify(message)
    try:
        return door.registered.connector.translate(message)
    except Rejected as refused:
        return refused


def faults(door: Door, body: bytes, *, deep: bool = True) -> list[str]:
    """What is wrong with how this body is heard at this door; nothing should be. `deep` also checks the facts and that a repeat is the same."""
    message = door.message(body)
    try:
        with _bounded():
            found = outcome_of(door, message)
            again = outcome_of(door, message) if deep else None
    except Exception as fault:
        return [f"{type(fault).__name__}: {fault}"[:300]]
    wrong = [f"says {word!r}" for word in (CANARY, NHS) if word in said(found)]
    if isinstance(found, Rejected):
        wrong += [] if found.issues else ["a refusal without an issue"]
        wrong += _answer_faults(door, message, found)
    elif deep:
        wrong += _fact_faults(door, found)
        wrong += [] if found == again else ["another result the second time"]
    return wrong


def said(found: Translation | Rejected) -> str:
    """Every word that leaves the hub because of the message, other than its facts."""
    issues: tuple[Issue, ...] = found.issues if isinstance(found, Rejected) else found.warnings
    words = (f"{one.at} {one.text.en} {one.text.cy} {' '.join(one.params.values())}" for one in issues)
    return "\n".join([*words, str(found) if isinstance(found, Rejected) else ""])


def _answer_faults(door: Door, message: InboundMessage, found: Rejected) -> Iterator[str]:
    for outcome in (found, NotStored()):
        try:
            reply = door.registered.connector.answer(message, outcome)
        except Rejected:
            continue
        except Exception as fault:
            yield f"answer: {type(fault).__name__}: {fault}"[:300]
            continue
        if reply.status >= 500 and reply.status != 503:
            yield f"answered {reply.status}"


def _fact_faults(door: Door, found: Translation) -> Iterator[str]:
    if not found.facts and found.ignored is None:
        yield "neither facts nor a reason to ignore it"
    for fact in found.facts:
        if fact.type not in door.registered.manifest.emits:
            yield f"{fact.type} is not in the manifest"
        yield from (f"no sound FHIR at {one.path}" for one in check(fact.bundle) if one.rule not in KEPT)


@contextmanager
def _bounded() -> Iterator[None]:
    def hangs(_signal: int, _frame: FrameType | None) -> None:
        raise TimeoutError("it hangs")

    before = signal.signal(signal.SIGALRM, hangs)
    signal.setitimer(signal.ITIMER_REAL, HANGS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
