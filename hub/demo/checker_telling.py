"""Beside the flow, for the checker: was everyone told whom a fact names: by a system, or by a person from the worklist. Pure.

The rules are written here a second time, from the words of hub/dispatch/README.md: a checker that asked dispatch itself would share its faults.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from hub.demo.checker_evidence import Evidence
from schemas.events import FactType
from schemas.lifecycle import MOVES
from schemas.task import FINAL, Role

Row = Mapping[str, Any]  # Any: a row of the ledger

_ALWAYS = frozenset({"held", "stepped-up"})
_SUMMARY = _ALWAYS | {"assigned", "accepted", "completed", "failed", "closed", "cancelled", "entered-in-error", "person-died"}
_ASKS_SOMETHING = frozenset({"held", "stepped-up", "handed-back", "failed", "closed", "cancelled"})
_RUNG_ABOUT = _ASKS_SOMETHING | {"assigned", "completed"}
_WITH_CONTENT = frozenset({"assigned", "updated"})
_ITEM_OF = {"held": "hold", "stepped-up": "stepped-up"}
_OVER = frozenset({"cancelled", "rejected", "entered-in-error", "failed"})
_MAY_CANCEL = frozenset({"the referral was erased", "the person does not agree", "the hand-over is over"})
_ENDINGS = frozenset({"cancelled", "entered-in-error", "person-died"})


def silent(evidence: Evidence) -> Iterator[str]:
    """Somebody was not told: nothing is owed to a party that a fact names, or what was owed came to nothing and stands on no worklist."""
    telling = _Telling(evidence)
    for event in evidence.tables["event"]:
        if not telling.referrals[event["referral_id"]]["erased"]:
            yield from (f"{event['id']} {party}" for party in event["tells"] if not telling.told(event, party))
    yield from (f"{row['recipient']} {row['id']}" for row in evidence.tables["delivery"] if not telling.ended_well(row))


class _Telling:
    """The evidence, by what it is asked for."""

    def __init__(self, evidence: Evidence) -> None:
        tables = evidence.tables
        self.referrals: dict[Any, Row] = {row["id"]: row for row in tables["referral"]}
        self.clients: dict[str, Row] = {row["id"]: row for row in tables["client"]}
        self.items = {row["id"] for row in tables["item"]}
        self.asked = {(row["referral_id"], row["kind"]) for row in tables["item"]}
        self.deliveries = _by(tables["delivery"], "event_id")
        self.events = _by(tables["event"], "referral_id")
        self.hand_overs = _by([row for row in tables["task"] if row["role"] == "hand-over"], "referral_id")

    def told(self, event: Row, party: str) -> bool:
        """Whether something is owed to everyone of this party who must hear of the fact."""
        match party:
            case "operations":
                return (event["referral_id"], _ITEM_OF.get(_bare(event), "hold")) in self.asked
            case "referrer":
                return not self._referrer_hears(event) or self._owed(event, party, None)
            case "prescriber":
                return all(self._owed(event, party, task["client"]) for task in self._reached(event))
            case _:
                return self._owed(event, party, None)

    def ended_well(self, row: Row) -> bool:
        """Delivered, on its way within its time, on the worklist (open or closed), or stopped for a reason that is on the list."""
        match row["state"]:
            case "delivered":
                return True
            case "pending":
                return not row["late"]
            case "cancelled":
                ended = any(_bare(event) in _ENDINGS and event["version"] > row["sequence"] for event in self.events.get(row["referral_id"], ()))
                return ended or row["outcome"] in _MAY_CANCEL
            case _:
                return row["id"] in self.items

    def _owed(self, event: Row, party: str, recipient: str | None) -> bool:
        """A person who is asked by operations instead counts for a prescriber: content does not go where the person does not agree."""
        for row in self.deliveries.get(event["id"], ()):
            instead = party == "prescriber" and row["party"] == "operations" and _bare(event) in _WITH_CONTENT
            if instead or (row["party"] == party and recipient in (None, row["recipient"])):
                return True
        return False

    def _referrer_hears(self, event: Row) -> bool:
        fact, client = _bare(event), self.clients.get(self.referrals[event["referral_id"]]["client"])
        feedback = client["feedback"] if client is not None else None
        if fact not in _ALWAYS and (feedback == "none" or (feedback == "summary" and fact not in _SUMMARY)):
            return False
        if client is not None and client["told"]:
            return True
        at_the_door = fact == "held" and event["source"].startswith("/connectors/")
        return not at_the_door and fact in (_ASKS_SOMETHING if client is not None and client["asks"] else _RUNG_ABOUT)

    def _reached(self, event: Row) -> Iterator[Row]:
        """The hand-over that the fact is about, else those that were open when it happened; none that was over before it could be told."""
        hand_overs = self.hand_overs.get(event["referral_id"], [])
        about = [task for task in hand_overs if task["id"] == event["task_id"]]
        for task in about or (task for task in hand_overs if self._was_open(task, event)):
            if _bare(event) not in _WITH_CONTENT or task["status"] not in _OVER:
                yield task

    def _was_open(self, task: Row, event: Row) -> bool:
        history = self.events[event["referral_id"]]
        began = [one["version"] for one in history if _bare(one) == "assigned" and one["task_id"] == task["id"]]
        if not began or began[0] >= event["version"]:
            return False
        return not any(began[0] < one["version"] < event["version"] and _ends(one, task) for one in history)


def _ends(event: Row, task: Row) -> bool:
    move = MOVES.get(FactType(event["type"]))
    if move is None:
        return False
    return move.ends_all or (event["task_id"] == task["id"] and move.about is Role.HAND_OVER and move.status in FINAL)


def _bare(event: Row) -> str:
    return FactType(event["type"]).fact


def _by(rows: Any, column: str) -> dict[Any, list[Row]]:  # Any: rows, and ids of several kinds
    found: dict[Any, list[Row]] = {}
    for row in rows:
        found.setdefault(row[column], []).append(row)
    return found
