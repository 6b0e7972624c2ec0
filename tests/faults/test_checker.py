"""The checker sees what is wrong: evidence of a sound run is altered in one place, and the invariant that is meant for it says so."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from hub.demo.checker import check, examine, settled, sound, table, verdict
from hub.demo.checker_evidence import Evidence, OnTopic, gather
from hub.demo.checker_invariants import INVARIANTS
from hub.embedded.stores import StoreAddresses
from hub.ledger.verify import Broken
from hub.watch.waiting import Cause
from tests.faults.running import login, running

Alter = Callable[[Evidence], Evidence]


def _without(name: str, pick: Callable[[Any], bool]) -> Alter:
    return lambda evidence: replace(evidence, tables={**evidence.tables, name: [row for row in evidence.tables[name] if not pick(row)]})


def _changed(name: str, pick: Callable[[Any], bool], **values: Any) -> Alter:
    def alter(evidence: Evidence) -> Evidence:
        rows = [dict(row) | (values if pick(row) else {}) for row in evidence.tables[name]]
        return replace(evidence, tables={**evidence.tables, name: rows})

    return alter


def _more(name: str, pick: Callable[[Any], bool], **values: Any) -> Alter:
    def alter(evidence: Evidence) -> Evidence:
        first = next(row for row in evidence.tables[name] if pick(row))
        return replace(evidence, tables={**evidence.tables, name: [*evidence.tables[name], dict(first) | values]})

    return alter


def _lines(pick: Callable[[Any], bool], **values: Any) -> Alter:
    """The first such line changed; left out when there are no values."""

    def alter(evidence: Evidence) -> Evidence:
        place = next(place for place, line in enumerate(evidence.lines) if pick(line))
        new = ({**evidence.lines[place], **values},) if values else ()
        return replace(evidence, lines=(*evidence.lines[:place], *new, *evidence.lines[place + 1 :]))

    return alter


def _more_lines(pick: Callable[[Any], bool], **values: Any) -> Alter:
    return lambda evidence: replace(evidence, lines=(*evidence.lines, {**next(line for line in evidence.lines if pick(line)), **values}))


def _told(kind: str, system: str = "gp-bangor") -> Callable[[Any], bool]:
    return lambda line: line["what"] == "told" and line["system"] == system and line["type"] == f"referral.{kind}.v1"


def _turned_round(evidence: Evidence) -> Evidence:
    topics = _topics(evidence)
    first = next(one for one in topics if one.topic == "referrals" and one.sequence == 1)
    late = max(one.offset for one in topics if one.partition == first.partition) + 1
    return replace(evidence, topics=[replace(one, offset=late) if one is first else one for one in topics])


def _topics(evidence: Evidence) -> Sequence[OnTopic]:
    assert evidence.topics is not None
    return evidence.topics


ROWS: tuple[tuple[str, str, Alter], ...] = (
    ("lost", "a stored request is gone", _without("request", lambda row: row["client"] == "gp-bangor")),
    ("lost", "its request stands, its referral does not", _changed("request", lambda row: row["referral_id"] is not None, referral_id=None)),
    ("lost", "an update that was answered 200 is gone", _without("request", lambda row: row["client"] == "case-management")),
    ("never-answered", "a sender gave up", _more_lines(lambda line: line["what"] == "send", what="gave-up")),
    ("unheard", "a webhook is not in its receiver's journal", _lines(_told("accepted"))),
    ("unheard", "an RRI is not in the hospital's journal", _lines(lambda line: line["what"] == "told" and line["system"] == "hospital-tywi")),
    ("phantom", "a referral that nobody sent", _lines(lambda line: line["what"] == "send" and line["system"] == "gp-bangor")),
    ("phantom", "a refused request was stored", _lines(lambda line: line["what"] == "answer" and line["system"] == "gp-bangor", status=400)),
    ("phantom", "a message that the ledger does not owe", _more_lines(_told("accepted"), id=str(uuid4()))),
    ("doubled", "one request answered with two places", _more_lines(lambda line: line.get("status") == 201, location="/fhir/ServiceRequest/another")),
    ("doubled", "two open hand-overs", lambda evidence: _two_hand_overs(evidence)),
    ("doubled", "one cause, two assignments", _more("event", lambda row: row["type"] == "referral.assigned.v1", id=uuid4())),
    ("doubled", "one fact told twice under two ids", _more_lines(_told("accepted"), id=str(uuid4()))),
    ("unguarded", "routing's inbox is empty", _without("inbox", lambda row: row["stage"] == "routing")),
    ("unguarded", "dispatch's inbox is empty", _without("inbox", lambda row: row["stage"] == "dispatch")),
    ("unbalanced", "open and with nobody", _changed("referral", lambda row: True, closed=False, awaits="prescriber")),
    ("unbalanced", "an event is gone", _without("event", lambda row: row["version"] == 2)),
    ("unbalanced", "the Task says another thing", _changed("task", lambda row: row["role"] == "coordination", status="requested")),
    ("waiting", "it still waits for routing", _changed("referral", lambda row: True, closed=False, awaits="hub")),
    ("waiting", "a deadline passed and nobody was asked", _changed("referral", lambda row: True, closed=False, awaits="prescriber", late=True)),
    ("waiting", "behind a dead letter", lambda evidence: replace(evidence, causes=[Cause("dead-letter", 1, 0.0, 0.0, "hub dead-letters list")])),
    ("silent", "nothing was sent for an acceptance", _without("delivery", lambda row: row["fact"] == "referral.accepted.v1")),
    ("silent", "nothing was sent to the prescriber", _without("delivery", lambda row: row["party"] == "prescriber")),
    ("silent", "what was refused stands on no worklist", _changed("delivery", lambda row: True, state="refused")),
    ("silent", "what was stopped was stopped for nothing", _changed("delivery", lambda row: True, state="cancelled", outcome=None)),
    ("over-capacity", "a place is taken and nobody is handed over", lambda evidence: _place(evidence)),
    ("regressed", "the older fact came after the newer", lambda evidence: replace(evidence, lines=tuple(reversed(evidence.lines)))),
    ("strangers", "another hospital heard of it", _changed("referral", lambda row: True, client="hospital-elsewhere")),
    ("off-the-road", "an event is not on Kafka", lambda evidence: replace(evidence, topics=[one for one in _topics(evidence) if one.sequence != 2])),
    ("off-the-road", "every topic is empty", lambda evidence: replace(evidence, topics=[])),
    ("off-the-road", "a record is no event of ours", _without("event", lambda row: row["version"] == 3)),
    ("off-the-road", "an older event stands after a newer", _turned_round),
    ("tampered", "a chain does not hold", lambda evidence: replace(evidence, broken=[Broken(UUID(int=1), "changed")])),
    ("tampered", "no audit entry", _without("audit", lambda row: True)),
    ("mistaken", "the prescriber was told another name", lambda evidence: _other_person(evidence)),
)


def _two_hand_overs(evidence: Evidence) -> Evidence:
    rows = [dict(row) | ({"status": "accepted"} if row["role"] == "hand-over" else {}) for row in evidence.tables["task"]]
    first = next(row for row in rows if row["role"] == "hand-over")
    return replace(evidence, tables={**evidence.tables, "task": [*rows, first | {"id": uuid4(), "ordinal": 2}]})


def _place(evidence: Evidence) -> Evidence:
    row = {"task_id": uuid4(), "counted_id": "pr-01-1", "referral_id": uuid4()}
    return replace(evidence, tables={**evidence.tables, "place": [*evidence.tables["place"], row]})


def _other_person(evidence: Evidence) -> Evidence:
    line = next(line for line in evidence.lines if _told("assigned", "case-management")(line))
    return _lines(lambda one: one is line, person={**line["person"], "family": "Arall"})(evidence)


def test_every_invariant_has_a_row() -> None:
    assert {name for name, _, _ in ROWS} == set(INVARIANTS)


async def test_each_alteration_breaks_the_invariant_that_is_meant_for_it(stores: StoreAddresses, database: str, topic_prefix: str, tmp_path: Path) -> None:
    async with running(stores, database, topic_prefix, tmp_path) as hub:
        gp, hospital, _ = await hub.gp(), await hub.hospital(), await hub.case_system()
        hub.start()
        await hub.ready()
        assert (await gp.order("send", count=3))["stored"] == 3
        assert (await hospital.order("refer"))["code"] == "AA"
        assert await settled(hub.pool, 90)
        evidence = await gather(hub.pool, login(hub), hub.journals)
    findings = check(evidence)
    assert sound(findings), "\n".join(table(findings))
    assert verdict(findings).en == "0 lost, 0 doubled, 0 waiting because of us"
    missed = [f"{name}: {what}" for name, what, alter in ROWS if not {one.invariant: one.found for one in check(alter(evidence))}[name]]
    assert not missed


async def test_one_webhook_that_a_receiver_takes_and_forgets_turns_it_red(stores: StoreAddresses, database: str, topic_prefix: str, tmp_path: Path) -> None:
    async with running(stores, database, topic_prefix, tmp_path) as hub:
        gp, _ = await hub.gp(), await hub.case_system()
        hub.start()
        await hub.ready()
        await gp.order("drop", arrivals=[2])
        assert (await gp.order("post"))["status"] == 201
        assert await settled(hub.pool, 90)
        findings = await examine(hub.pool, login(hub), hub.journals)
    assert {one.invariant: one.found for one in findings if one.found} == {"unheard": 1}
    assert verdict(findings).en == "1 lost, 0 doubled, 0 waiting because of us"
