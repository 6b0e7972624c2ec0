"""The roads: every topic, what it carries, its key, how long it keeps, who reads it and what it may hold (design.md 4, Topics)."""

from __future__ import annotations

from dataclasses import dataclass, field

DAY_MS = 24 * 60 * 60 * 1000


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic as the hub creates it; never auto-created. `{client}` in a name stands for a client's id."""

    name: str
    carries: str
    key: str
    readers: str
    personal: bool
    partitions: int
    retention_ms: int
    config: dict[str, str] = field(default_factory=dict)

    def settings(self) -> dict[str, str]:
        """The topic's configuration as Kafka names it."""
        return {"retention.ms": str(self.retention_ms), "cleanup.policy": "delete", "max.message.bytes": "4194304", **self.config}

    def for_client(self, client: str) -> str:
        """The name for one client."""
        return self.name.replace("{client}", client)


REFERRALS = Topic("referrals", "every fact of every referral, in order per referral, full content", "referral id", "the hub only", True, 6, 7 * DAY_MS)
STATUS = Topic("referral-status", "thin plain JSON: ids, Task status, area, need codes", "referral id", "anyone entitled", False, 6, 30 * DAY_MS)
TO_CLIENT = Topic("to.{client}", "what one client is entitled to", "referral id", "that client only", True, 1, 7 * DAY_MS)
FROM_CLIENT = Topic("from.{client}", "one client's updates", "referral id", "the hub; the name is the author", True, 1, 7 * DAY_MS)
DIRECTORY = Topic("directory", "what the directory says; no personal content", "listing id or area", "anyone entitled", False, 3, 90 * DAY_MS)

TOPICS: tuple[Topic, ...] = (REFERRALS, STATUS, TO_CLIENT, FROM_CLIENT, DIRECTORY)
