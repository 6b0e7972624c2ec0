"""Shared by the stages: what the ledger keeps of a referral's content (the Referral, the sender's bundle, what triage found), sealed at rest."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import orjson

from hub.deciding.triage import Triage
from schemas.fhir.strict_json import Caps, dump, parse
from schemas.referral import Referral
from schemas.rest import referrers_task

JsonObject = dict[str, Any]  # Any: FHIR JSON
_CAPS = Caps(body=16 * 2**20, depth=80, keys=200_000, string=2 * 2**20)


@dataclass(frozen=True, slots=True)
class Content:
    """What decisions, assignments and reads see of one referral. Numbers in the bundle keep their text."""

    referral: Referral = field(repr=False)
    bundle: JsonObject = field(repr=False)


def content_of(referral: Referral, bundle: JsonObject, risk: Triage | None = None) -> bytes:
    """The bytes to keep."""
    found = risk.contract() if risk else None
    return b'{"bundle":' + dump(bundle) + b',"referral":' + referral.model_dump_json().encode() + b',"triage":' + orjson.dumps(found) + b"}"


def referral_of(stored: bytes) -> Referral:
    """The Referral alone, quickly."""
    return Referral.model_validate(orjson.loads(stored)["referral"])


def read_content(stored: bytes) -> Content:
    """All of it."""
    return Content(referral_of(stored), bundle_of(stored))


def bundle_of(stored: bytes) -> JsonObject:
    """The sender's bundle as it was translated."""
    bundle: JsonObject = parse(stored, _CAPS)["bundle"]
    return bundle


def referrers_task_of(stored: bytes) -> JsonObject | None:
    """A reference to the referrer's own Task, where it sent one; most send none, and then nothing is read."""
    return referrers_task(bundle_of(stored)) if b'"resourceType":"Task"' in stored else None
