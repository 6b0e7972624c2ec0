"""In telemetry: every line that may be logged and every field that a line may have; adding one is a decision about what is said."""

from __future__ import annotations

from enum import StrEnum


class LogEvent(StrEnum):
    """Every line that the hub may log. One rich line per message per stage; the rest is start, stop and trouble."""

    STAGE_STARTED = "stage.started"
    STAGE_STOPPED = "stage.stopped"
    STAGE_FAILED = "stage.failed"
    STORE_UNAVAILABLE = "store.unavailable"
    MESSAGE_ACCEPTED = "message.accepted"
    MESSAGE_REPEATED = "message.repeated"
    MESSAGE_REFUSED = "message.refused"
    MESSAGE_IGNORED = "message.ignored"
    MESSAGE_POSTPONED = "message.postponed"
    BATCH_STARTED = "batch.started"
    BATCH_PROGRESS = "batch.progress"
    BATCH_FINISHED = "batch.finished"
    BATCH_WAITING = "batch.waiting"
    CONNECTION_REFUSED = "connection.refused"
    CLIENT_REFUSED = "client.refused"
    CLIENT_CHANGED = "client.changed"
    COMMIT_SINGLY = "commit.singly"
    RELAY_SENT = "relay.sent"
    RELAY_STOPPED = "relay.stopped"
    RELAY_SHARDS = "relay.shards"
    ROUTING_DECIDED = "routing.decided"
    ROUTING_SKIPPED = "routing.skipped"
    DISPATCH_PLANNED = "dispatch.planned"
    DISPATCH_DELIVERED = "dispatch.delivered"
    DISPATCH_FAILED = "dispatch.failed"
    DISPATCH_REFUSED = "dispatch.refused"
    DISPATCH_EXHAUSTED = "dispatch.exhausted"
    WATCH_OVERDUE = "watch.overdue"
    WATCH_SWEPT = "watch.swept"
    WORKLIST_ADDED = "worklist.added"
    EVENT_PARKED = "event.parked"
    DEAD_LETTER_WRITTEN = "dead-letter.written"
    DEAD_LETTER_RETRIED = "dead-letter.retried"
    BREAKER_OPENED = "breaker.opened"
    BREAKER_CLOSED = "breaker.closed"
    REPUBLISH_STARTED = "republish.started"
    REPUBLISH_FINISHED = "republish.finished"
    SNAPSHOT_LOADED = "snapshot.loaded"
    AUDIT_SIGNED = "audit.signed"
    BUG = "bug"
    LIBRARY = "library"
    UNLISTED = "unlisted"


# Ids that are ours, codes from closed lists, counts and times. A sender's own text is on no list.
FIELDS: frozenset[str] = frozenset(
    {
        "event", "level", "time", "stage", "referral", "ref", "client", "connector", "transport", "fact", "event_id", "causation", "trace", "span",
        "outcome", "reason", "reasons", "effect", "status", "version", "task", "role", "delivery", "attempts", "attempt", "retry_after",
        "duration_ms", "batch", "rows", "topic", "partition", "offset", "shard", "shards", "lag", "count", "size", "limit", "waiting", "oldest_s",
        "deadline", "worklist", "prescriber", "asset", "rank", "policy", "host", "port", "pid", "signal", "code", "migration", "setting", "store",
        "error", "frames", "logger", "dropped", "warnings", "triage", "certainty", "segment",
    }
)
