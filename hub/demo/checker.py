"""Beside the flow: the checker of the demonstration and of every fault test: nothing lost, nothing doubled, nobody waiting because of us.

It compares what senders were told with what the ledger, Kafka and receivers hold. It needs the hub to be at rest; `settled` waits for that.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from hub.demo.checker_evidence import Evidence, gather
from hub.demo.checker_invariants import INVARIANTS
from hub.ledger.database import Pool
from hub.transports.kafka import KafkaLogin
from schemas.words import Text, text

_LOST = ("lost", "never-answered", "unheard", "phantom", "silent", "off-the-road", "unbalanced")
_DOUBLED = ("doubled", "unguarded", "over-capacity")
_WAITING = ("waiting",)
_EXAMPLES = 3
_AT_REST = """
SELECT (SELECT count(*) FROM outbox) + (SELECT count(*) FROM delivery WHERE state = 'pending' AND transport <> 'letter')
     + (SELECT count(*) FROM referral r WHERE closed_at IS NULL AND (awaits = 'hub' OR deadline_at < now())
        AND NOT EXISTS (SELECT 1 FROM worklist_item i WHERE i.referral_id = r.id AND i.closed_at IS NULL))
     + (SELECT count(*) FROM event e WHERE cardinality(tells) > 0 AND NOT EXISTS (SELECT 1 FROM inbox i WHERE i.stage = 'dispatch' AND i.event_id = e.id))
"""
_MOVED = "SELECT coalesce(max(seq), 0) FROM event"


@dataclass(frozen=True, slots=True)
class Finding:
    """One invariant: how often it is broken (0 is expected) and up to three ids to look at."""

    invariant: str
    found: int
    examples: tuple[str, ...] = ()

    @property
    def words(self) -> Text:
        """What it means when it is broken, in both languages."""
        return text(f"checker.{self.invariant}")


def check(evidence: Evidence) -> tuple[Finding, ...]:
    """Every invariant, in a fixed order. Pure."""
    findings = []
    for name, broken in INVARIANTS.items():
        found = list(dict.fromkeys(broken(evidence)))
        findings.append(Finding(name, len(found), tuple(found[:_EXAMPLES])))
    return tuple(findings)


def sound(findings: Sequence[Finding]) -> bool:
    """Whether nothing is broken."""
    return all(finding.found == 0 for finding in findings)


def verdict(findings: Sequence[Finding]) -> Text:
    """`0 lost, 0 doubled, 0 waiting because of us`."""
    by_name = {finding.invariant: finding.found for finding in findings}
    lost, doubled, waiting = (sum(by_name.get(name, 0) for name in names) for names in (_LOST, _DOUBLED, _WAITING))
    return text("checker.verdict", lost=lost, doubled=doubled, waiting=waiting)


def table(findings: Sequence[Finding], language: str = "en") -> list[str]:
    """A line for each invariant, for a terminal: what it counts, 0 expected, what was found, where to look."""
    words = [finding.words.in_language("cy" if language == "cy" else "en") for finding in findings]
    wide = max(map(len, words))
    return [f"{said:<{wide}}  {finding.found:>5}  {'; '.join(finding.examples)}".rstrip() for said, finding in zip(words, findings, strict=True)]


async def examine(pool: Pool, kafka: KafkaLogin | None, journals: Iterable[Path]) -> tuple[Finding, ...]:
    """Gather the evidence and check it. Raises Unavailable and Kafka's errors."""
    return check(await gather(pool, kafka, journals))


async def settled(pool: Pool, seconds: float, quiet: float = 1.0) -> bool:
    """Wait until nothing is under way and nothing new has happened for `quiet` seconds; False when it is not so within `seconds`."""
    loop = asyncio.get_running_loop()
    ends, since, last = loop.time() + seconds, loop.time(), -1
    while loop.time() < ends:
        async with pool.acquire() as connection:
            busy, moved = await connection.fetchval(_AT_REST), await connection.fetchval(_MOVED)
        if busy or moved != last:
            since, last = loop.time(), moved
        elif loop.time() - since >= quiet:
            return True
        await asyncio.sleep(0.1)
    return False
