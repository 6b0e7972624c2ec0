"""Behind the status page: what the record says of one referral, for who knows its reference and a second thing about the person."""

from __future__ import annotations

from dataclasses import dataclass

import orjson

from hub.content import referral_of
from hub.ledger.changes import Audit
from hub.ledger.database import Pool, lent
from hub.ledger.rows import audit_rows, insert_audit
from hub.ledger.sealing import NotReadable, Sealing
from hub.web.own_client import FORM_CLIENT
from schemas.codes.flags import Flag
from schemas.identifiers import Postcode
from schemas.referral import Referral
from schemas.rejection import Reason
from schemas.task import FINAL, Party, TaskStatus

_BY_REF = """
SELECT r.id, r.status, r.awaits, r.held_reason, r.content, r.sealing_key, r.updated_at, p.data ->> 'name' AS prescriber
FROM referral r LEFT JOIN prescriber p ON p.id = r.owner WHERE r.ref = $1
"""
_HOME_IS_UNSAFE = frozenset({Flag.SENSITIVE_ADDRESS.value, Flag.DOMESTIC_ABUSE.value, Reason.DOMESTIC_ABUSE.value, Reason.SAFEGUARDING.value})
"""Flags, and what triage found in the words."""
_OF_REQUEST = "SELECT r.ref FROM request q JOIN referral r ON r.id = q.referral_id WHERE q.client = $1 AND q.key = $2"


_WHOLE = len("2026-11-22")
_WITH = ("offered", "in-hand", "paused")
"""Words of a standing in which a service has it."""


@dataclass(frozen=True, slots=True)
class Second:
    """What is known beside the reference: a whole date of birth, or a postcode."""

    born: str | None = None
    postcode: str | None = None

    def fits(self, referral: Referral) -> bool:
        """Whether it is this person's; what the record does not hold fits nothing."""
        person = referral.person
        if self.born is not None and len(person.birth_date or "") == _WHOLE:
            return self.born == person.birth_date
        read = Postcode.read(person.postcode or "")
        return self.postcode is not None and read is not None and not read.pseudo and self.postcode == read.value


@dataclass(frozen=True, slots=True)
class Standing:
    """How a referral stands, in a word of `web.status.*`; `prescriber` is the service that has it, unsaid where somebody at home may be a danger:
    they know the date of birth and the postcode too."""

    word: str
    prescriber: str | None = None


async def standing(pool: Pool, sealing: Sealing, ref: str, second: Second) -> Standing | None:
    """None when there is no such referral, the second thing does not fit, or it was erased: nobody can tell which. Reads are audited.
    Raises Unavailable."""
    async with lent(pool) as connection:
        row = await connection.fetchrow(_BY_REF, ref)
        if row is None:
            return None
        try:
            content = sealing.key(row["id"], row["sealing_key"]).open("content", row["content"])
            referral = referral_of(content)
        except NotReadable:
            return None
        found = second.fits(referral)
        await insert_audit(connection, audit_rows([(Audit(FORM_CLIENT, "status.read" if found else "status.refused"), row["id"])]))
    if not found:
        return None
    word = _word(row["status"], row["awaits"], row["held_reason"])
    risks = (orjson.loads(content).get("triage") or {}).get("reasons", ())
    says_who = word in _WITH and _HOME_IS_UNSAFE.isdisjoint((*referral.flags, *risks))
    return Standing(word, row["prescriber"] if says_who else None)


async def reference_of_request(pool: Pool, client: str, request: str) -> str | None:
    """The reference that was given to this form when it was first sent. Raises Unavailable."""
    async with lent(pool) as connection:
        ref: str | None = await connection.fetchval(_OF_REQUEST, client, request)
    return ref


def _word(status: str, awaits: str | None, held: str | None) -> str:
    """What a person is told; why something is held, or ended, they hear from a person; a child who asked alone, that
    they are spoken with first."""
    if TaskStatus(status) in FINAL:
        return "finished" if status == TaskStatus.COMPLETED else "closed"
    if held == Reason.CHILD_ALONE:
        return "speaks-first"
    if held is not None:
        return "being-read"
    if status in (TaskStatus.ACCEPTED, TaskStatus.IN_PROGRESS):
        return "in-hand"
    if status == TaskStatus.ON_HOLD:
        return "paused"
    return "offered" if awaits == Party.PRESCRIBER else "searching"
