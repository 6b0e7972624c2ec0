"""In dispatch: what of a referral may go to whom; looked at when a message is composed and again just before it is sent. Pure."""

from __future__ import annotations

import orjson

from schemas.events import FactType
from schemas.task import Party

WITH_CONTENT = frozenset({FactType.ASSIGNED, FactType.UPDATED})
"""Facts with which a prescriber is given the referral itself; all others carry the Task and ids."""


def carries_content(fact: FactType, party: Party) -> bool:
    """Whether this recipient is given the person's referral with this fact."""
    return party is Party.PRESCRIBER and fact in WITH_CONTENT


def consents(content: bytes) -> bool:
    """Whether the referral may go to a prescriber service: unless the person has said no, the sending organisation's agreement covers it."""
    if not content:
        return True
    said = (orjson.loads(content).get("referral") or {}).get("consent") or {}
    return said.get("direct_care") is not False
