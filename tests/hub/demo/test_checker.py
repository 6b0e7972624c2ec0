"""The checker, on evidence that is written here by hand: one referral with one prescriber, sound, then wrong in one place."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest

from hub.demo.checker import check, sound, table, verdict
from hub.demo.checker_evidence import _TABLES, Evidence, OnTopic
from schemas.events import event_id_on

REFERRAL, COORDINATION, HAND_OVER, RECEIVED, ASSIGNED = (UUID(int=number) for number in range(1, 6))
TO_GP, TO_CASES, ON_KAFKA = (UUID(int=number) for number in range(11, 14))
Tables = dict[str, list[dict[str, Any]]]
Alter = Callable[[Evidence], Evidence]


def _client(id_: str, **values: Any) -> dict[str, Any]:
    return {"id": id_, "organisation_type": "gp", "told": True, "kafka": False, "asks": True, "feedback": None, **values}


def _delivery(id_: UUID, recipient: str, party: str, transport: str = "webhook", **values: Any) -> dict[str, Any]:
    return {
        "id": id_, "referral_id": REFERRAL, "event_id": ASSIGNED, "fact": "referral.assigned.v1", "recipient": recipient, "party": party,
        "transport": transport, "message_key": str(id_), "sequence": 2, "state": "delivered", "outcome": "HTTP 200", "late": False, **values,
    }  # fmt: skip


def _event(id_: UUID, version: int, fact: str, source: str, tells: list[str], **values: Any) -> dict[str, Any]:
    made = {"id": id_, "referral_id": REFERRAL, "version": version, "type": f"referral.{fact}.v1", "causation": None, "source": source, "tells": tells}
    return {**made, "task_id": COORDINATION, "reason": None, **values}


def _referral(**values: Any) -> dict[str, Any]:
    made = {"id": REFERRAL, "ref": "X", "client": "gp", "status": "requested", "business_status": "matched", "version": 2, "awaits": "prescriber"}
    return {**made, "held_reason": None, "closed": False, "late": False, "erased": False, **values}


def _told(system: str, id_: str) -> dict[str, Any]:
    said = {"system": system, "what": "told", "via": "webhook", "id": id_, "repeated": False, "type": "referral.assigned.v1", "referral": str(REFERRAL)}
    return {**said, "version": 2, "status": "requested", "identifiers": ["n"], "person": None}


def _records() -> list[OnTopic]:
    ids = {"referrals": (RECEIVED, ASSIGNED), "to.case": (event_id_on("to.case", ASSIGNED),)}
    ids["referral-status"] = tuple(event_id_on("referral-status", id_) for id_ in (RECEIVED, ASSIGNED))
    return [
        OnTopic(topic, 0, offset, str(REFERRAL), str(id_), offset + (2 if topic == "to.case" else 1))
        for topic, several in ids.items() for offset, id_ in enumerate(several)
    ]  # fmt: skip


def evidence() -> Evidence:
    """A practice that is told by webhook, a case system that is told by webhook and on Kafka."""
    tables: Tables = {name: [] for name in _TABLES} | {
        "client": [_client("gp"), _client("case", kafka=True)],
        "request": [{"client": "gp", "key": "k", "referral_id": REFERRAL}],
        "referral": [_referral()],
        "task": [
            {"id": COORDINATION, "referral_id": REFERRAL, "role": "coordination", "ordinal": 1, "status": "requested", "owner": "hub", "client": None},
            {"id": HAND_OVER, "referral_id": REFERRAL, "role": "hand-over", "ordinal": 1, "status": "requested", "owner": "pr", "client": "case"},
        ],
        "event": [
            _event(RECEIVED, 1, "received", "/connectors/fhir_rest", []),
            _event(ASSIGNED, 2, "assigned", "/routing", ["prescriber", "referrer"], causation=str(RECEIVED), task_id=HAND_OVER),
        ],
        "inbox": [{"stage": "routing", "event_id": RECEIVED}, {"stage": "dispatch", "event_id": ASSIGNED}],
        "place": [{"task_id": HAND_OVER, "counted_id": "pr", "referral_id": REFERRAL}],
        "prescriber": [{"id": "pr", "places": 5}],
        "audit": [{"referral_id": REFERRAL, "action": "referral.received"}],
        "delivery": [
            _delivery(TO_GP, "gp", "referrer"),
            _delivery(TO_CASES, "case", "prescriber"),
            _delivery(ON_KAFKA, "case", "prescriber", "kafka", outcome="on Kafka"),
        ],
    }
    lines = (
        {"system": "gp", "what": "send", "case": "sound", "key": "k", "number": "n"},
        {"system": "gp", "what": "answer", "status": 201, "key": "k", "location": "l"},
        _told("gp", str(TO_GP)),
        _told("case", str(TO_CASES)),
        _told("case", str(event_id_on("to.case", ASSIGNED))) | {"via": "kafka"},
    )
    return Evidence(lines, tables, _records())


def _changed(name: str, pick: Mapping[str, Any], **values: Any) -> Alter:
    def alter(found: Evidence) -> Evidence:
        rows = [dict(row) | (values if pick.items() <= dict(row).items() else {}) for row in found.tables[name]]
        return replace(found, tables={**found.tables, name: rows})

    return alter


def _without(name: str, **pick: Any) -> Alter:
    return lambda found: replace(found, tables={**found.tables, name: [row for row in found.tables[name] if not pick.items() <= dict(row).items()]})


def _more(name: str, *rows: dict[str, Any]) -> Alter:
    return lambda found: replace(found, tables={**found.tables, name: [*found.tables[name], *rows]})


def _all(*alters: Alter) -> Alter:
    def alter(found: Evidence) -> Evidence:
        for one in alters:
            found = one(found)
        return found

    return alter


def _nobody_heard(recipient: str) -> Alter:
    """No delivery, nothing in the journal, nothing on its topic."""
    return _all(
        _without("delivery", recipient=recipient),
        lambda found: replace(
            found, lines=tuple(line for line in found.lines if (line["system"], line["what"]) != (recipient, "told")),
            topics=[one for one in found.topics or () if one.topic != f"to.{recipient}"],
        ),
    )  # fmt: skip


def _topics(pick: Callable[[OnTopic], bool]) -> Alter:
    return lambda found: replace(found, topics=[one for one in found.topics or () if pick(one)])


def _journal(pick: Callable[[Mapping[str, Any]], bool]) -> Alter:
    return lambda found: replace(found, lines=tuple(line for line in found.lines if pick(line)))


def _journal_more(system: str) -> Alter:
    """It has a journal, and nothing of ours stands in it."""
    return lambda found: replace(found, lines=(*found.lines, {"system": system, "what": "ready", "key": None}))


def _item(id_: UUID, kind: str = "tell-by-hand", *, open_: bool = False) -> Alter:
    return _more("item", {"id": id_, "referral_id": REFERRAL, "kind": kind, "open": open_})


TO_THE_GP, HELD, DIED = {"id": TO_GP}, uuid4(), uuid4()
_NOT_TOLD = _nobody_heard("gp")
_IS_HELD = _changed("event", {"id": ASSIGNED}, type="referral.held.v1", tells=["operations", "referrer"], source="/routing")
_HELD_BUT_SILENT = _all(_IS_HELD, _item(HELD, "hold"), _NOT_TOLD)
_DIED = _all(
    _more("event", _event(DIED, 3, "person-died", "/connectors/hospital_hl7v2", [])), _more("outbox", {"event_id": DIED, "referral_id": REFERRAL}),
    _changed("referral", {}, version=3),
)  # fmt: skip

RED: tuple[tuple[str, str, Alter], ...] = (
    ("silent", "the prescriber has no delivery for its assignment", _nobody_heard("case")),
    ("silent", "another than the prescriber was told", _all(_nobody_heard("case"), _more("delivery", _delivery(uuid4(), "other", "prescriber")))),
    ("silent", "the referrer has none", _NOT_TOLD),
    ("silent", "the referrer's was stopped and nobody says why", _changed("delivery", TO_THE_GP, state="cancelled", outcome=None)),
    ("silent", "it was stopped for a reason that is not on the list", _changed("delivery", TO_THE_GP, state="cancelled", outcome="no answer")),
    ("silent", "it was refused and no item stands for it", _changed("delivery", TO_THE_GP, state="refused")),
    ("silent", "it was given up and no item stands for it", _changed("delivery", TO_THE_GP, state="exhausted")),
    ("silent", "an item stands, but for another delivery", _all(_changed("delivery", TO_THE_GP, state="refused"), _item(uuid4()))),
    ("silent", "it waits past its time", _changed("delivery", TO_THE_GP, state="pending", late=True)),
    ("silent", "a hold and nothing for operations on the worklist", _IS_HELD),
    ("silent", "a hold, and a referrer without a system is not rung", _all(_HELD_BUT_SILENT, _changed("client", {"id": "gp"}, told=False))),
    ("silent", "a hold, and a referrer who wants nothing was not told", _all(_HELD_BUT_SILENT, _changed("client", {"id": "gp"}, feedback="none"))),
    ("silent", "a death, and the open hand-over was not told", _all(_DIED, _changed("event", {"id": DIED}, tells=["prescriber"]))),
    ("unheard", "on Kafka, says the ledger, and the case system has not seen it",
        _all(_without("delivery", id=TO_CASES), _journal(lambda line: line["what"] != "told" or line["system"] != "case"), _journal_more("case"))),
    ("unheard", "it reads its topic beside its webhook, and one message of it is missing",
        _all(_more("delivery", _delivery(uuid4(), "case", "prescriber", "kafka", event_id=RECEIVED)))),
    ("off-the-road", "every topic is empty", _topics(lambda one: False)),
    ("off-the-road", "what everybody entitled reads is empty", _topics(lambda one: one.topic != "referral-status")),
    ("off-the-road", "a client's own topic is empty", _topics(lambda one: one.topic != "to.case")),
    ("off-the-road", "on a client's own topic stands what nobody owes it",
        lambda found: replace(found, topics=[*(found.topics or ()), OnTopic("to.case", 0, 9, "k", str(uuid4()), 1)])),
)  # fmt: skip


GREEN: tuple[tuple[str, Alter], ...] = (
    ("as it is", lambda found: found),
    ("Kafka was not asked", lambda found: replace(found, topics=None)),
    ("it is told by webhook and leaves its topic unread", _journal(lambda line: line.get("via") != "kafka")),
    ("refused, and a person is asked", _all(_changed("delivery", TO_THE_GP, state="refused"), _item(TO_GP, open_=True))),
    ("refused, and a person has told them", _all(_changed("delivery", TO_THE_GP, state="refused"), _item(TO_GP))),
    ("on its way, within its time", _changed("delivery", TO_THE_GP, state="pending")),
    ("stopped by a death", _all(_DIED, _changed("delivery", TO_THE_GP, state="cancelled"))),
    ("stopped because the person does not agree", _changed("delivery", {"id": TO_CASES}, state="cancelled", outcome="the person does not agree")),
    ("operations are asked instead of the prescriber, who must not have it",
        _all(_nobody_heard("case"), _more("delivery", _delivery(HELD, "operations", "operations", "by-hand", state="refused")), _item(HELD))),
    ("a referrer who wants to hear nothing", _all(_NOT_TOLD, _changed("client", {"id": "gp"}, feedback="none"))),
    ("a referrer without a system, who reads it from us", _all(_NOT_TOLD, _changed("client", {"id": "gp"}, told=False))),
    ("erased", _all(_NOT_TOLD, _changed("referral", {}, erased=True))),
)  # fmt: skip


@pytest.mark.parametrize(("invariant", "alter"), [(row[0], row[2]) for row in RED], ids=[row[1] for row in RED])
def test_what_is_wrong_turns_it_red(invariant: str, alter: Alter) -> None:
    found = check(alter(evidence()))
    assert {one.invariant: one.found for one in found}[invariant], "\n".join(table(found))
    assert verdict(found).en != "0 lost, 0 doubled, 0 waiting because of us"


@pytest.mark.parametrize("alter", [row[1] for row in GREEN], ids=[row[0] for row in GREEN])
def test_what_is_as_it_may_be_stays_green(alter: Alter) -> None:
    found = check(alter(evidence()))
    assert sound(found), "\n".join(table(found))
