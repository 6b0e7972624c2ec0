"""In watch, for `hub check` and every checker: is anyone waiting because of us? Each cause with how many people, the oldest, and what to type next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from asyncpg import Connection

from hub.ledger.deadlines import UNTOLD
from hub.telemetry import gauge
from schemas.words import Text, text


@dataclass(frozen=True, slots=True)
class Cause:
    """One cause for which people wait. `oldest` and `limit` are seconds: how long the oldest waits and how long is usual; `command` is what to
    type next."""

    kind: str
    people: int
    oldest: float
    limit: float
    command: str

    @property
    def words(self) -> Text:
        """What it means, in both languages."""
        return text(f"waiting.{self.kind}")


@dataclass(frozen=True, slots=True)
class _Question:
    kind: str
    limit: float
    command: str
    query: str


_PAST = "SELECT count(DISTINCT referral_id) AS people, coalesce(max(extract(epoch FROM now() - {at})), 0)::float8 AS oldest FROM {rows}"
_OPEN = "SELECT count(*) AS people, coalesce(max(extract(epoch FROM now() - {at})), 0)::float8 AS oldest FROM referral WHERE closed_at IS NULL AND {when}"
_SINCE = "now() - make_interval(secs => $1)"
_LETTERS = """
SELECT count(DISTINCT coalesce(referral_id, id)) AS people, coalesce(max(extract(epoch FROM now() - at)), 0)::float8 AS oldest
FROM dead_letter WHERE state <> 'done' AND at <= now() - make_interval(secs => $1)
"""
_FIRST_IN_LINE = """
delivery d WHERE d.state = 'pending' AND d.next_attempt_at < now() - make_interval(secs => $1)
AND NOT EXISTS (SELECT 1 FROM delivery b WHERE b.state = 'pending' AND b.referral_id = d.referral_id AND b.recipient = d.recipient
                AND b.transport = d.transport AND b.sequence < d.sequence)
"""
_QUESTIONS: Sequence[_Question] = (
    _Question("outbox", 15, "hub run relay", _PAST.format(at="created_at", rows=f"outbox WHERE created_at < {_SINCE}")),
    _Question("deadline", 30, "hub run watch", _OPEN.format(at="deadline_at", when=f"deadline_at < {_SINCE}")),
    _Question("unowned", 30, "hub worklist list", _OPEN.format(at="updated_at", when=f"(deadline_at IS NULL OR owner IS NULL) AND updated_at < {_SINCE}")),
    _Question("dead-letter", 0, "hub dead-letters list", _LETTERS),
    _Question("delivery", 90, "hub run dispatch", _PAST.format(at="d.next_attempt_at", rows=_FIRST_IN_LINE)),
    _Question("untold", 60, "hub run dispatch", _PAST.format(at="e.time", rows=f"event e WHERE {UNTOLD}")),
    _Question("worklist", 0, "hub worklist list", _PAST.format(at="alert_at", rows=f"worklist_item WHERE closed_at IS NULL AND alert_at <= {_SINCE}")),
)


async def waiting_because_of_us(connection: Connection, *, patience: float = 1.0) -> list[Cause]:
    """Every cause for which somebody waits longer than is usual, in a fixed order; empty is good. `patience` scales what is usual (0: any
    waiting counts)."""
    found = []
    for question in _QUESTIONS:
        row = await connection.fetchrow(question.query, question.limit * patience)
        if row["people"]:
            found.append(Cause(question.kind, row["people"], row["oldest"], question.limit, question.command))
    return found


async def measure(connection: Connection) -> int:
    """How many people wait because of us, as the metrics say it, with the counts behind it."""
    row = await connection.fetchrow(_COUNTS)
    gauge("hub_worklist_open", row["items"])
    gauge("hub_dead_letters_open", row["letters"])
    gauge("hub_parked", row["parked"])
    return sum(cause.people for cause in await waiting_because_of_us(connection))


_COUNTS = """
SELECT (SELECT count(*) FROM worklist_item WHERE closed_at IS NULL) AS items, (SELECT count(*) FROM dead_letter WHERE state <> 'done') AS letters,
       (SELECT count(*) FROM parked) AS parked
"""
