"""Beside the flow, for the checker: how what a stand-in wrote down and what the ledger holds are found to be about the same thing. Pure."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from hub.demo.checker_evidence import Evidence
from schemas.events import event_id_on
from schemas.topics import TO_CLIENT


def key_of(key: str) -> str:
    """A hospital's key is MSH-3, MSH-4 and MSH-10; its journal knows the last."""
    return key.rpartition("|")[2]


def by_message_id(evidence: Evidence) -> dict[tuple[str, str], Any]:  # Any: a delivery's row
    """Deliveries by what the receiver was given as the message's id: a webhook-id, an MSH-10, a ce_id on `to.<client>`."""
    return {received_as(row): row for row in evidence.tables["delivery"]}


def received_as(row: Any) -> tuple[str, str]:  # Any: a delivery's row
    on_kafka = row["transport"] == "kafka"
    return row["recipient"], str(event_id_on(TO_CLIENT.for_client(row["recipient"]), row["event_id"])) if on_kafka else row["message_key"]


def referred(evidence: Evidence) -> dict[tuple[str, str], set[str]]:
    """The referrals of each sender's own number, as receivers and answers name them."""
    found: dict[tuple[str, str], set[str]] = defaultdict(set)
    clients = {str(row["id"]): row["client"] for row in evidence.tables["referral"]}
    for line in evidence.said("told"):
        for number in line.get("identifiers") or ():
            if line.get("referral") in clients:
                found[clients[line["referral"]], number].add(line["referral"])
    return found
