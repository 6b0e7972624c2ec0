"""In operations: a life told to a person, part by part, in Welsh or English; what it shows is what `life` holds, masked already."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from hub.operations.facts import reason_words
from hub.operations.life import DecisionRow, FactRow, Life, Refused, Request
from hub.operations.showing import Language, clock, known, length, say, table
from schemas.words import keys

_CANDIDATES = 3
_MISSES = 5


def told(life: Life, now: datetime, language: Language) -> Iterator[RenderableType]:
    """The whole life; parts that are empty are left out."""
    yield from _head(life, now, language)
    if life.requests:
        yield from _part("ops.asked", _requests(life.requests, language), language)
    yield from _part("ops.facts", _facts(life.facts, language), language)
    yield from _part("ops.tasks", _tasks(life, language), language)
    for decision in life.decisions:
        yield from _decision(decision, language)
    if life.deliveries:
        yield from _part("ops.deliveries", _deliveries(life, language), language)
    if life.worklist:
        yield from _part("ops.worklist", _worklist(life, language), language)
    if life.dead_letters:
        yield from _part("ops.dead-letters", _letters(life, language), language)
    if life.audit:
        yield from _part("ops.audit", _audit(life, language), language)


def told_of_refusal(row: Refused, language: Language) -> Iterator[RenderableType]:
    """One refusal: who sent it, when, and everything that was wrong, with where."""
    yield Text(say("trace.refused", language, connector=row.connector, client=row.client), style="bold red")
    yield Text(f"  {clock(row.at)}  {say('ops.request', language)} {row.key or '–'}  id {row.id}")
    yield Text(f"  {reason_words(row.reason, language)}")
    for reason, at in row.issues:
        yield Text(f"  {at or '–'}: {reason_words(reason, language)}")


def told_of_request(row: Request, changed: int, language: Language) -> Iterator[RenderableType]:
    """A request that made no referral, and whether it changed any."""
    yield Text(say("trace.no-referral", language), style="bold")
    yield _requests((row,), language)
    yield Text(say("trace.changed" if changed else "trace.changed-none", language))


def _head(life: Life, now: datetime, language: Language) -> Iterator[RenderableType]:
    head = life.head
    yield Text.assemble((f"{say('ops.referral', language)} {head.ref}", "bold cyan"), (f"  id {head.id}  {head.client} → {head.connector}", "dim"))
    status, business = known("status", head.status, language), known("business", head.business, language)
    priority = known("priority", head.priority, language)
    yield Text(say("trace.stands", language, status=status, business=business, version=head.version, priority=priority))
    if head.held is not None:
        yield Text(say("trace.held", language, reason=reason_words(head.held, language)), style="yellow")
    if head.closed_at is not None:
        yield Text(say("trace.over", language, when=clock(head.closed_at)))
    elif head.deadline_at is not None:
        yield _waits(life, head.deadline_at, now, language)
    sound = "trace.chain.sound" if head.chain_sound else "trace.chain.broken"
    yield Text(say(sound, language, count=len(life.facts)), style="green" if head.chain_sound else "bold red")
    if head.erased:
        yield Text(say("trace.erased", language), style="dim")


def _waits(life: Life, deadline: datetime, now: datetime, language: Language) -> Text:
    head, seconds = life.head, (deadline - now).total_seconds()
    left = say("trace.left" if seconds >= 0 else "trace.late", language, length=length(abs(seconds)))
    who = f"{known('party', head.awaits, language)} ({head.owner or '–'})"
    said = say("trace.waits", language, clock=known("clock", head.clock, language), who=who, when=clock(deadline), left=left)
    return Text(said, style="default" if seconds >= 0 else "bold red")


def _part(key: str, content: RenderableType, language: Language) -> Iterator[RenderableType]:
    yield Text("")
    yield Text(say(key, language), style="bold")
    yield content


def _headings(language: Language, *names: str) -> tuple[str, ...]:
    return tuple(say(f"ops.{name}", language) for name in names)


def _requests(rows: Sequence[Request], language: Language) -> Table:
    cells = [(clock(row.at), row.client, row.key or "–", row.answered or "–") for row in rows]
    return table(_headings(language, "time", "client", "request", "answered"), cells)


def _facts(rows: Sequence[FactRow], language: Language) -> Text:
    """A line for each fact, and under it why, who made it and who has read it: a table would be too wide for a window."""
    first = rows[0].at if rows else None
    return Text("\n").join(line for row in rows for line in _fact(row, first, language))


def _fact(row: FactRow, first: datetime | None, language: Language) -> Iterator[Text]:
    since = length((row.at - first).total_seconds()) if first else "–"
    yield Text.assemble((f"{row.version:>3}  {clock(row.at)}  +{since:<9}", "dim"), f"  {known('fact', row.fact, language)}")
    if row.reason is not None:
        yield Text(f"     {reason_words(row.reason, language)}", style="yellow")
    made_by = f"{row.stage} ({row.connector})" if row.connector else row.stage
    read = ", ".join(f"{stage} +{length(max(0.0, (at - row.at).total_seconds()))}" for stage, at in sorted(row.read_by.items(), key=lambda pair: pair[1]))
    after = say("trace.not-on-kafka", language) if row.waits else say("trace.read", language, stages=read) if read else None
    yield Text("     " + "; ".join(part for part in (made_by, after) if part), style="dim")


def _tasks(life: Life, language: Language) -> Table:
    rows = [
        (
            f"{known('role', row.role, language)} {row.ordinal or ''}".rstrip(), row.status, known("business", row.business, language), row.owner or "–",
            row.reason or "–", clock(row.changed_at),
        )
        for row in life.tasks
    ]  # fmt: skip
    return table(_headings(language, "role", "status", "what", "owner", "reason", "time"), rows)


def _decision(row: DecisionRow, language: Language) -> Iterator[RenderableType]:
    yield Text("")
    yield Text(f"{say('ops.decision', language)} (#{row.version})", style="bold")
    yield Text(row.explanation[language])
    if row.record is not None:
        yield from (Text(f"  {line}", style="dim") for line in _record(row.record, language))


def _record(record: Mapping[str, Any], language: Language) -> Iterator[str]:  # Any: the published shape of a decision
    takers = [one for one in record["candidates"] if one["kind"] == "prescriber"]
    certainty = known("certainty", record["place"]["certainty"], language)
    chosen, policy = record["chosen"]["prescriber"] or say("ops.nobody", language), record["policy"]["version"]
    yield say("trace.chosen", language, who=chosen, count=len(takers), policy=policy, certainty=certainty)
    for one in takers[:_CANDIDATES]:
        parts = " + ".join(f"{_part_name(part['part'], language)} {part['value']:.2f}×{part['weight']:g}" for part in one["contributions"])
        yield say("trace.candidate", language, rank=one["rank"], who=one["id"], score=f"{one['score']:.3f}", parts=parts)
    for one in [one for one in record["excluded"] if one["kind"] == "prescriber"][:_MISSES]:
        reasons = " ".join(reason_words(reason["code"], language) for reason in one["reasons"])
        yield say("trace.near-miss", language, who=one["id"], reasons=reasons)
    if record["unmet"]:
        yield say("trace.unmet", language, needs=", ".join(reason_words(need, language) for need in record["unmet"]))


def _part_name(code: str, language: Language) -> str:
    return say(f"part.{code}", language) if f"part.{code}" in keys() else code


def _deliveries(life: Life, language: Language) -> Table:
    rows = [
        (
            clock(row.made_at), known("fact", row.fact.split(".")[1], language), row.recipient, row.transport, row.state, str(row.attempts), row.outcome or "–",
            clock(row.finished_at or row.next_at),
        )
        for row in life.deliveries
    ]  # fmt: skip
    return table(_headings(language, "time", "what", "told", "how", "status", "attempts", "outcome", "time"), rows)


def _worklist(life: Life, language: Language) -> Table:
    rows = []
    for row in life.worklist:
        state = say("ops.closed-by", language, who=row.closed_by or "hub") if row.closed_at else say("ops.open", language)
        noted = f"; {say('trace.note-left', language)}" if row.noted else ""
        rows.append((clock(row.opened_at), known("worklist.kind", row.kind, language), item_reason(row.reason, language), state + noted, clock(row.closed_at)))
    return table(_headings(language, "time", "kind", "reason", "status", "time"), rows)


def item_reason(code: str, language: Language) -> str:
    """Why an item is on the worklist: a reason, or the fact that somebody must be told of."""
    found = reason_words(code, language)
    return known("fact", code, language) if found == code else found


def _letters(life: Life, language: Language) -> Table:
    rows = [(clock(row.at), str(row.id), row.stage, row.detail, known("letters.state", row.state, language), str(row.parked)) for row in life.dead_letters]
    return table(_headings(language, "time", "letter", "stage", "reason", "status", "behind"), rows)


def _audit(life: Life, language: Language) -> Table:
    rows = [(clock(row.at), row.actor, row.action, " ".join(f"{name}={value}" for name, value in row.detail.items())) for row in life.audit]
    return table(_headings(language, "time", "who", "what", "reason"), rows)
