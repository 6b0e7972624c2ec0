"""Beside the flow, for the checker: what must hold between what senders were told, the ledger, Kafka and what receivers have. Pure.

Each function gives the ids of what breaks one invariant; no id is good. Run them when nothing is under way.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from uuid import UUID

from hub.demo.checker_evidence import Evidence, Line
from hub.demo.checker_meeting import by_message_id, key_of, received_as, referred
from hub.demo.checker_telling import silent
from schemas.events import event_id_on
from schemas.lifecycle import reachable
from schemas.task import TaskStatus
from schemas.topics import REFERRALS, STATUS, TO_CLIENT

STORED = frozenset({200, 201, "AA", "CA", "sent"})
REFERS = frozenset({"sound", "referral", "crisis"})
_OPEN = frozenset({"requested", "accepted", "in-progress", "on-hold"})
Found = Iterator[str]


# --- lost -------------------------------------------------------------------------------------------------------------------------------


def lost(evidence: Evidence) -> Found:
    """A sender was told that it is stored, and the ledger does not have it; a referral's request must have its referral."""
    requests = {(row["client"], key_of(row["key"])): row for row in evidence.tables["request"]}
    refused = {(row["client"], row["key"]) for row in evidence.tables["refusal"]}
    cases = {(line["system"], line["key"]): line["case"] for line in evidence.said("send")}
    for line in evidence.said("answer", "update"):
        if line["status"] not in STORED or not line.get("key"):
            continue
        name = (line["system"], line["key"])
        row = requests.get(name)
        forgotten = row is None and not (line["status"] == "sent" and name in refused)
        if forgotten or (row is not None and cases.get(name) in REFERS and row["referral_id"] is None):
            yield f"{line['system']} {line['key']}"


def never_answered(evidence: Evidence) -> Found:
    """A sender that did as senders do (the same again until it knows) never got to know."""
    yield from (f"{line['system']} {line.get('key') or line.get('task')}" for line in evidence.said("gave-up"))


def unheard(evidence: Evidence) -> Found:
    """The ledger calls a delivery delivered, and the receiver does not have it. Who is told by webhook too need not read its topic."""
    heard = {(line["system"], str(line["id"])) for line in evidence.said("told")}
    by_road = {line["system"] for line in evidence.said("told") if line["via"] == "kafka"}
    by_call = {row["recipient"] for row in evidence.tables["delivery"] if row["transport"] in ("webhook", "mllp")} - by_road
    for row in evidence.tables["delivery"]:
        listens = row["transport"] in ("webhook", "mllp") or (row["transport"] == "kafka" and row["recipient"] not in by_call)
        if listens and row["recipient"] in evidence.systems and row["state"] == "delivered" and received_as(row) not in heard:
            yield f"{row['recipient']} {row['id']}"


# --- phantom, doubled -------------------------------------------------------------------------------------------------------------------


def phantom(evidence: Evidence) -> Found:
    """Something came to be that nobody sent: a refused request with effects, a referral without a sender's line, a message that the ledger
    does not owe."""
    sent = {(line["system"], line["key"]) for line in evidence.said("send")}
    last = {(line["system"], line["key"]): line["status"] for line in evidence.said("answer")}
    stored = {(line["system"], line["key"]) for line in evidence.said("answer") if line["status"] in STORED}
    for row in evidence.tables["request"]:
        name = (row["client"], key_of(row["key"]))
        if row["referral_id"] is not None and row["client"] in evidence.systems and name not in sent:
            yield f"{row['client']} {row['key']}"
        if name in stored:
            continue  # a repeat may be refused (BaRS: 409), the first was not
        if last.get(name) in ("AR", "CR") or (isinstance(last.get(name), int) and 400 <= last[name] < 500 and last[name] != 422):
            yield f"{row['client']} {row['key']}"
    owed = by_message_id(evidence)
    for line in evidence.said("told"):
        if (line["system"], str(line["id"])) not in owed:
            yield f"{line['system']} {line['id']}"


def doubled(evidence: Evidence) -> Found:
    """One request with two referrals; one person handed to two prescribers at once; one cause with two assignments; one fact told twice under
    different ids."""
    places: dict[tuple[str, str], set[str]] = defaultdict(set)
    for line in evidence.said("answer"):
        if line["status"] == 201:
            places[line["system"], line["key"]].add(str(line.get("location")))
    yield from (f"{system} {key}" for (system, key), found in places.items() if len(found) > 1)
    numbers = Counter((line["system"], line.get("number")) for line in evidence.said("send") if line["case"] in REFERS and line.get("number"))
    yield from (f"{system} {number}" for (system, number), found in referred(evidence).items() if len(found) > numbers[system, number] > 0)
    open_now = Counter(row["referral_id"] for row in evidence.tables["task"] if row["role"] == "hand-over" and row["status"] in _OPEN)
    yield from (str(id_) for id_, count in open_now.items() if count > 1)
    caused = Counter((row["causation"], row["type"]) for row in evidence.tables["event"] if row["type"] == "referral.assigned.v1" and row["causation"])
    yield from (str(cause) for (cause, _), count in caused.items() if count > 1)
    told = Counter(
        (line["system"], line["via"], line["referral"], line["version"], line["type"])
        for line in evidence.said("told") if not line["repeated"] and line.get("version") is not None
    )  # fmt: skip
    yield from (f"{one[0]} {one[2]} {one[3]}" for one, count in told.items() if count > 1)


def unguarded(evidence: Evidence) -> Found:
    """An effect whose cause is not in its stage's inbox: the same event again would have it again."""
    inbox = {(row["stage"], row["event_id"]) for row in evidence.tables["inbox"]}
    for row in evidence.tables["event"]:
        cause = UUID(row["causation"]) if row["source"] == "/routing" and row["causation"] else None
        if cause is not None and ("routing", cause) not in inbox:
            yield str(row["id"])
    for row in evidence.tables["delivery"]:
        if row["party"] in ("referrer", "prescriber") and ("dispatch", row["event_id"]) not in inbox:
            yield str(row["id"])


# --- balance, waiting -------------------------------------------------------------------------------------------------------------------


def unbalanced(evidence: Evidence) -> Found:
    """A referral that is nowhere: neither closed, nor with a prescriber, nor with a person, nor on its way; or whose row and history differ."""
    with_somebody = {row["referral_id"] for row in evidence.tables["task"] if row["role"] == "hand-over" and row["status"] in _OPEN}
    asked = {row["referral_id"] for row in evidence.tables["item"] if row["open"]}
    last = {row["referral_id"]: row["version"] for row in evidence.tables["event"]}
    counts = Counter(row["referral_id"] for row in evidence.tables["event"])
    status = {row["referral_id"]: row["status"] for row in evidence.tables["task"] if row["role"] == "coordination"}
    for row in evidence.tables["referral"]:
        somewhere = row["closed"] or row["id"] in with_somebody or row["id"] in asked or row["awaits"] == "hub"
        if not somewhere or last.get(row["id"]) != row["version"] or counts[row["id"]] != row["version"] or status.get(row["id"]) != row["status"]:
            yield str(row["id"])


def waiting(evidence: Evidence) -> Found:
    """Somebody waits because of us: for a stage that has nothing more to do, past a deadline that nobody was asked about, behind a dead letter."""
    asked = {row["referral_id"] for row in evidence.tables["item"] if row["open"]}
    for row in evidence.tables["referral"]:
        if not row["closed"] and row["id"] not in asked and (row["awaits"] == "hub" or row["late"]):
            yield str(row["id"])
    yield from (f"{cause.kind} {cause.people}" for cause in evidence.causes if cause.kind != "deadline")


# --- capacity, order, tenants -----------------------------------------------------------------------------------------------------------


def over_capacity(evidence: Evidence) -> Found:
    """More places taken than there are; a hand-over without its place; a place without its hand-over."""
    places = {row["id"]: row["places"] for row in evidence.tables["prescriber"]}
    taken = Counter(row["counted_id"] for row in evidence.tables["place"])
    yield from (name for name, count in taken.items() if places.get(name) is not None and count > places[name])
    holding = {row["task_id"] for row in evidence.tables["place"]}
    having = {row["id"] for row in evidence.tables["task"] if row["role"] == "hand-over" and row["status"] in _OPEN}
    yield from (str(one) for one in holding ^ having)


def regressed(evidence: Evidence) -> Found:
    """A receiver saw a referral go back: an older fact after a newer one, or a status that cannot follow."""
    owed = by_message_id(evidence)
    seen: dict[tuple[str, str, str], tuple[int, str | None]] = {}
    for line in evidence.said("told"):
        row = owed.get((line["system"], str(line["id"])))
        if row is None or line["repeated"]:
            continue
        name = (line["system"], line["via"], str(row["referral_id"]))
        before = seen.get(name)
        now = (row["sequence"], line["status"] if row["party"] == "referrer" and line["via"] == "webhook" else None)
        if before is not None and (now[0] <= before[0] or not _follows(before[1], now[1])):
            yield f"{line['system']} {row['referral_id']}"
        seen[name] = now


def _follows(before: str | None, now: str | None) -> bool:
    if before is None or now is None or before == now:
        return True
    return reachable(TaskStatus(before), TaskStatus(now)) is not None


def strangers(evidence: Evidence) -> Found:
    """A receiver was told of a referral that is none of its own."""
    owed = by_message_id(evidence)
    clients = {row["id"]: row["client"] for row in evidence.tables["referral"]}
    handed = {(row["referral_id"], row["client"]) for row in evidence.tables["task"] if row["client"]}
    for line in evidence.said("told"):
        row = owed.get((line["system"], str(line["id"])))
        if row is not None and clients[row["referral_id"]] != line["system"] and (row["referral_id"], line["system"]) not in handed:
            yield f"{line['system']} {row['referral_id']}"


# --- the road, the record, the person ---------------------------------------------------------------------------------------------------


def off_the_road(evidence: Evidence) -> Found:
    """An event or a message that is not on its topic, a record that the ledger does not know, records in another order. None: Kafka was not asked."""
    if evidence.topics is None:
        return
    known, yet = ({row[name] for row in evidence.tables[table]} for table, name in (("event", "id"), ("outbox", "event_id")))
    yield from _on_the_road(evidence, REFERRALS.name, {str(id_) for id_ in known}, {str(id_) for id_ in known - yet})
    yield from _on_the_road(evidence, STATUS.name, _on(STATUS.name, known), _on(STATUS.name, known - yet))
    for client in (row["id"] for row in evidence.tables["client"] if row["kafka"]):
        topic = TO_CLIENT.for_client(client)
        owed = [row for row in evidence.tables["delivery"] if row["recipient"] == client and row["transport"] == "kafka"]
        taken = {row["event_id"] for row in owed if row["state"] == "delivered"}
        yield from _on_the_road(evidence, topic, _on(topic, {row["event_id"] for row in owed}), _on(topic, taken))


def _on(topic: str, events: set[UUID]) -> set[str]:
    return {str(event_id_on(topic, id_)) for id_ in events}


def _on_the_road(evidence: Evidence, topic: str, may: set[str], must: set[str]) -> Found:
    records = [one for one in evidence.topics or () if one.topic == topic]
    there = {one.id for one in records}
    yield from (f"{topic} {id_} missing" for id_ in sorted(must - there))
    yield from (f"{topic} {id_} foreign" for id_ in sorted(there - may))
    yield from (f"{topic} {key} out of order" for key in _out_of_order(records))


def _out_of_order(records: list[Any]) -> Iterator[str]:  # Any: OnTopic
    last: dict[str, int] = {}
    seen: set[str] = set()
    for one in sorted(records, key=lambda one: (one.partition, one.offset)):
        if one.id in seen:
            continue
        seen.add(one.id)
        if one.sequence <= last.get(one.key, 0):
            yield one.key
        last[one.key] = one.sequence


def tampered(evidence: Evidence) -> Found:
    """A referral whose chain of hashes does not hold, or that was received without an entry in the audit."""
    yield from (f"{one.referral_id} {one.how}" for one in evidence.broken)
    audited = {row["referral_id"] for row in evidence.tables["audit"]}
    yield from (f"{row['id']} not audited" for row in evidence.tables["referral"] if row["id"] not in audited)


def mistaken(evidence: Evidence) -> Found:
    """A receiver was told of another person than the sender wrote of: number, name and birth date, letter for letter."""
    persons = {(line["system"], line["number"]): line["person"] for line in evidence.said("send") if line.get("number") and line.get("person")}
    owed = by_message_id(evidence)
    clients = {row["id"]: row["client"] for row in evidence.tables["referral"]}
    for line in evidence.said("told"):
        row = owed.get((line["system"], str(line["id"])))
        if row is None or not line.get("person"):
            continue
        wrote = next((persons[key] for number in line["identifiers"] if (key := (clients[row["referral_id"]], number)) in persons), None)
        if wrote is not None and _plain(wrote) != _plain(line["person"]):
            yield f"{line['system']} {row['referral_id']}"


def _plain(person: Mapping[str, Any]) -> dict[str, Any]:  # Any: JSON
    return {**person, "birth_date": (person.get("birth_date") or "").replace("-", "")}


INVARIANTS: Mapping[str, Callable[[Evidence], Found]] = {
    "lost": lost,
    "never-answered": never_answered,
    "unheard": unheard,
    "phantom": phantom,
    "doubled": doubled,
    "unguarded": unguarded,
    "unbalanced": unbalanced,
    "waiting": waiting,
    "silent": silent,
    "over-capacity": over_capacity,
    "regressed": regressed,
    "strangers": strangers,
    "off-the-road": off_the_road,
    "tampered": tampered,
    "mistaken": mistaken,
}
"""In the order in which they are shown; each has its words, `checker.<name>`."""

__all__ = ["INVARIANTS", "Line"]
