"""In operations: is anyone waiting because of us? Then each part of the hub in one line, with its colour and the next command to type."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import httpx
from asyncpg import Connection, Record

from hub.errors import Misconfigured, Unavailable
from hub.ledger import clients, parking, relay
from hub.ledger.database import Pool, lent, open_pool
from hub.ledger.epoch import kafka_epoch
from hub.operations.kafka_checks import KafkaState, kafka_state
from hub.operations.life import JsonObject
from hub.operations.reach import Place
from hub.operations.showing import Colour, length
from hub.serving import topic_specs
from hub.watch.waiting import Cause, waiting_because_of_us
from schemas.topics import FROM_CLIENT, REFERRALS
from schemas.words import Text, text

KEY_DAYS = 30
_READERS = ("routing", "dispatch")
_FEW, _OFF = 200, 2.0
_DUE = "SELECT count(*) AS n, array_agg(DISTINCT recipient) AS whom FROM delivery WHERE state = 'pending' AND next_attempt_at <= now() - interval '5 seconds'"
_ITEMS = "SELECT count(*) AS n, count(*) FILTER (WHERE alert_at <= now()) AS sounded FROM worklist_item WHERE closed_at IS NULL"
_DIRECTORY = "SELECT (SELECT count(*) FROM prescriber) AS prescribers, (SELECT count(*) FROM asset) AS assets"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line: what was looked at, how it is, and what to type next where it is not green."""

    name: str
    colour: Colour
    words: Text
    command: str | None = None

    def as_dict(self) -> JsonObject:
        """For programs."""
        return {"colour": self.colour, "command": self.command, "name": self.name, "words": self.words.as_dict()}


@dataclass(frozen=True, slots=True)
class Report:
    """`causes` None: the record does not answer, so nobody can tell."""

    causes: tuple[Cause, ...] | None
    findings: tuple[Finding, ...]

    @property
    def people(self) -> int | None:
        """How many people wait because of us, at least; None when nobody can tell."""
        return None if self.causes is None else max((cause.people for cause in self.causes), default=0)

    def as_dict(self) -> JsonObject:
        """For programs."""
        causes = [_plain(one) for one in self.causes or ()]
        return {"findings": [one.as_dict() for one in self.findings], "waiting": {"causes": causes, "people": self.people}}


def _plain(one: Cause) -> JsonObject:
    numbers: JsonObject = {"limit_s": one.limit, "oldest_s": round(one.oldest, 1), "people": one.people}
    return {**numbers, "command": one.command, "kind": one.kind, "words": one.words.as_dict()}


async def examined(place: Place) -> Report:
    """Look at everything. Raises Misconfigured only when no hub is known at all."""
    findings = list(_settings(place))
    dsn, started = place.dsn, time.monotonic()
    try:
        pool = await open_pool(dsn, size=2)
    except Unavailable:
        return Report(None, (*findings, Finding("postgres", "red", text("check.postgres.down"), "hub serve"), *await _kafka_alone(place)))
    except Misconfigured:
        return Report(None, (*findings, Finding("postgres", "red", text("check.postgres.not-durable"), "hub serve")))
    try:
        async with lent(pool) as connection:
            took = time.monotonic() - started
            causes = tuple(await waiting_because_of_us(connection))
            findings += [one async for one in _record(connection, took)]
        findings += await _kafka(place, pool)
        findings += _client_findings(await clients.list_clients(pool))
    except Unavailable:
        return Report(None, (*findings, Finding("postgres", "red", text("check.postgres.down"), "hub serve")))
    finally:
        await pool.close()
    return Report(causes, (*findings, await _door(place)))


def _settings(place: Place) -> Iterator[Finding]:
    yield Finding("settings", "green", text("check.settings.ok", data=str(place.settings.data)))
    if place.run is not None:
        yield Finding("hub", "green", text("check.settings.running", when=place.run.started, pid=place.run.pid))
    else:
        yield Finding("hub", "amber", text("check.settings.not-running"), "hub serve")
    try:
        _ = place.sealing
        yield Finding("key", "green", text("check.key.ok"))
    except Misconfigured:
        yield Finding("key", "red", text("check.key.missing"), "ls -l $HUB_KEY_FILE")
    yield _links(place)
    unsaid = place.settings.unsaid_in_letters
    if unsaid:
        command = f"{' '.join(f'{name}=…' for name in unsaid)} hub serve"
        yield Finding("sender", "amber", text("check.sender.unsaid", names=", ".join(unsaid)), command)
    else:
        yield Finding("sender", "green", text("check.sender.ok"))


def _links(place: Place) -> Finding:
    """A door that others reach by another name than the one that it is asked by must be told that name."""
    settings = place.settings
    if settings.public_url is not None:
        return Finding("links", "green", text("check.links.ok", url=settings.public_url))
    if settings.production or not settings.http.loopback:
        return Finding("links", "amber", text("check.links.host"), "HUB_PUBLIC_URL=https://… hub serve")
    return Finding("links", "green", text("check.links.here"))


async def _record(connection: Connection, took: float) -> AsyncIterator[Finding]:
    before = datetime.now(UTC)
    row = await connection.fetchrow("SELECT now() AS now, current_setting('server_version') AS version")
    off = max(0.0, abs((row["now"] - before).total_seconds()) - (datetime.now(UTC) - before).total_seconds())
    yield Finding("postgres", "green", text("check.postgres.ok", version=row["version"].split()[0], took=length(took)))
    yield _clock(off)
    yield _outbox(*await relay.waiting(connection))
    yield _letters(await parking.listed(connection))
    yield _deliveries(await connection.fetchrow(_DUE))
    yield _items(await connection.fetchrow(_ITEMS))
    yield _directory(await connection.fetchrow(_DIRECTORY))


def _deliveries(due: Record) -> Finding:
    if not due["n"]:
        return Finding("deliveries", "green", text("check.deliveries.ok"))
    return Finding("deliveries", "amber", text("check.deliveries.due", count=due["n"], recipients=", ".join(due["whom"][:5])), "hub tail --stage dispatch")


def _items(items: Record) -> Finding:
    if not items["n"]:
        return Finding("worklist", "green", text("check.worklist.ok"))
    words = text("check.worklist.open", count=items["n"], sounded=items["sounded"])
    return Finding("worklist", "red" if items["sounded"] else "amber", words, "hub worklist list")


def _directory(listed: Record) -> Finding:
    if not listed["prescribers"]:
        return Finding("directory", "red", text("check.directory.empty"), "HUB_DIRECTORY=<folder> hub serve")
    return Finding("directory", "green", text("check.directory.ok", prescribers=listed["prescribers"], assets=listed["assets"]))


def _clock(off: float) -> Finding:
    key = "check.clock.ok" if off < _OFF else "check.clock.off"
    shown = length(max(off, 0.1))
    return Finding("clock", "green" if off < _OFF else "red", text(key, off=shown), None if off < _OFF else "timedatectl status")


def _outbox(waiting: int, age: float) -> Finding:
    if not waiting:
        return Finding("outbox", "green", text("check.outbox.ok"))
    colour: Colour = "amber" if age < 15 else "red"
    return Finding("outbox", colour, text("check.outbox.waits", count=waiting, age=length(age)), "hub run relay")


def _letters(letters: list[parking.Shown]) -> Finding:
    if not letters:
        return Finding("dead-letters", "green", text("check.letters.ok"))
    words = text("check.letters.open", count=len(letters), parked=sum(one.parked for one in letters))
    return Finding("dead-letters", "red", words, "hub dead-letters list")


async def _kafka(place: Place, pool: Pool) -> list[Finding]:
    named = [row["id"] for row in await clients.list_clients(pool) if row["kafka"] and row["revoked_at"] is None]
    epoch = await kafka_epoch(pool)
    groups = {stage: (f"{stage}-e{epoch}", REFERRALS.name) for stage in _READERS}
    groups |= {topic: ("intake", topic) for topic in map(FROM_CLIENT.for_client, named)}
    try:
        return list(_kafka_findings(await asyncio.to_thread(kafka_state, place.login, topic_specs(named), groups)))
    except Unavailable:
        return [Finding("kafka", "red", text("check.kafka.down"), "hub serve")]


async def _kafka_alone(place: Place) -> list[Finding]:
    """Kafka while the record is away: only whether it answers."""
    try:
        state = await asyncio.to_thread(kafka_state, place.login, (), {})
    except Unavailable:
        return [Finding("kafka", "red", text("check.kafka.down"), "hub serve")]
    return [Finding("kafka", "green", text("check.kafka.ok", took=length(state.took)))]


def _kafka_findings(state: KafkaState) -> Iterator[Finding]:
    yield Finding("kafka", "green", text("check.kafka.ok", took=length(state.took)))
    if state.wrong:
        yield Finding("topics", "red", text("check.topics.wrong", names=", ".join(state.wrong)), "hub serve")
    else:
        yield Finding("topics", "green", text("check.topics.ok", count=state.topics))
    for stage, lag in state.lags.items():
        name = f"lag-{stage}"
        if not lag.members:
            yield Finding(name, "red" if lag.records else "amber", text("check.lag.nobody", stage=stage, count=lag.records), f"hub run {_runs(stage)}")
        elif lag.records:
            yield Finding(name, "green" if lag.records <= _FEW else "amber", text("check.lag.behind", stage=stage, count=lag.records), "hub tail")
        else:
            yield Finding(name, "green", text("check.lag.ok", stage=stage))


def _client_findings(rows: Sequence[Record]) -> Iterator[Finding]:
    now = datetime.now(UTC)
    live = [row for row in rows if row["revoked_at"] is None]
    left = {row["id"]: (row["key_expires_at"] - now).days for row in live if row["key_expires_at"] is not None}
    ended = sorted(name for name, days in left.items() if days < 0)
    ending = sorted(name for name, days in left.items() if 0 <= days <= KEY_DAYS)
    if ended:
        yield Finding("keys-ended", "red", text("check.clients.ended", names=", ".join(ended)), f"hub clients renew {ended[0]}")
    if ending:
        yield Finding("clients", "amber", text("check.clients.ending", names=", ".join(ending), days=KEY_DAYS), f"hub clients renew {ending[0]}")
    elif not live:
        yield Finding("clients", "amber", text("check.clients.none"), "hub clients add NAME --type gp")
    elif not ended:
        yield Finding("clients", "green", text("check.clients.ok", count=len(live), days=KEY_DAYS))


async def _door(place: Place) -> Finding:
    try:
        async with httpx.AsyncClient(trust_env=False, timeout=3) as asking:
            ready = (await asking.get(f"{place.http}/health/ready")).status_code == 200
    except httpx.HTTPError:
        ready = False
    if ready:
        return Finding("door", "green", text("check.door.ok", url=place.http))
    return Finding("door", "red" if place.run else "amber", text("check.door.closed", url=place.http), "hub serve")


def next_words(finding: Finding) -> Text | None:
    """What to type next, said."""
    return text("check.next", command=finding.command) if finding.command else None


def _runs(reader: str) -> str:
    """The stage that reads for this group: clients' own topics are read by intake."""
    return reader if reader in _READERS else "intake"
