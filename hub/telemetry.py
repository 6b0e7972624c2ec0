"""Across the flow: what the hub says about itself: log lines, trace ids and metrics, each from a closed list, none with a patient in it."""

from __future__ import annotations

import logging
import re
import secrets
import sys
import threading
import traceback
from collections import deque
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

import orjson
import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics, generate_latest
from structlog.contextvars import bind_contextvars, clear_contextvars, get_contextvars

from schemas.events import FactType
from schemas.rejection import Reason

Level = Literal["debug", "info", "warning", "error"]
Value = str | int | float | bool | None


class LogEvent(StrEnum):
    """Every line that the hub may log. One rich line per message per stage; the rest is start, stop and trouble."""

    STAGE_STARTED = "stage.started"
    STAGE_STOPPED = "stage.stopped"
    STAGE_FAILED = "stage.failed"
    STORE_STARTED = "store.started"
    STORE_STOPPED = "store.stopped"
    STORE_UNAVAILABLE = "store.unavailable"
    STORE_BACK = "store.back"
    MIGRATION_APPLIED = "migration.applied"
    SETTING_RISKY = "setting.risky"
    MESSAGE_ACCEPTED = "message.accepted"
    MESSAGE_REPEATED = "message.repeated"
    MESSAGE_REFUSED = "message.refused"
    MESSAGE_IGNORED = "message.ignored"
    MESSAGE_POSTPONED = "message.postponed"
    CONNECTION_OPENED = "connection.opened"
    CONNECTION_CLOSED = "connection.closed"
    CONNECTION_REFUSED = "connection.refused"
    CLIENT_REFUSED = "client.refused"
    CLIENT_CHANGED = "client.changed"
    COMMIT_BATCH = "commit.batch"
    COMMIT_SINGLY = "commit.singly"
    RELAY_SENT = "relay.sent"
    RELAY_STOPPED = "relay.stopped"
    RELAY_SHARDS = "relay.shards"
    TOPIC_CREATED = "topic.created"
    ROUTING_DECIDED = "routing.decided"
    ROUTING_SKIPPED = "routing.skipped"
    UPDATE_APPLIED = "update.applied"
    UPDATE_REFUSED = "update.refused"
    DISPATCH_PLANNED = "dispatch.planned"
    DISPATCH_DELIVERED = "dispatch.delivered"
    DISPATCH_FAILED = "dispatch.failed"
    DISPATCH_REFUSED = "dispatch.refused"
    DISPATCH_EXHAUSTED = "dispatch.exhausted"
    WATCH_OVERDUE = "watch.overdue"
    WATCH_SWEPT = "watch.swept"
    WORKLIST_ADDED = "worklist.added"
    WORKLIST_RELEASED = "worklist.released"
    EVENT_REPEATED = "event.repeated"
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
_CAPPED = ("aiokafka", "faststream", "httpx", "httpcore", "asyncpg", "uvicorn", "alembic", "sqlalchemy", "confluent_kafka", "urllib3", "jgo")
_OURS = Path(__file__).resolve().parent.parent
_LONGEST = 200
_bound: deque[Any] = deque(maxlen=1)  # Any: structlog's bound logger is made by its configuration
_NHS_NUMBER = re.compile(r"(?<![0-9A-Za-z-])\d{3}[ -]?\d{3}[ -]?\d{4}(?![0-9A-Za-z-])")
_TRACEPARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")


# -- log lines --


def configure(level: Level = "info") -> None:
    """One JSON object per line on stderr, ours and the libraries'. Call it once, before anything is logged; again, it replaces itself."""
    number = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
            allow_listed,
            structlog.processors.JSONRenderer(serializer=lambda line, **_: orjson.dumps(line)),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=_Stderr,
        cache_logger_on_first_use=False,
    )
    _capture_libraries()
    _bound.append(structlog.get_logger().bind())


def log(event: LogEvent, level: Level = "info", error: BaseException | None = None, **fields: Value | list[str] | tuple[str, ...]) -> None:
    """One line. A field that is not in `FIELDS` is dropped and counted; of `error` only its type and our frames are kept."""
    if error is not None:
        fields |= {"error": type(error).__name__, "frames": frames(error.__traceback__)}
    if not _bound:
        configure()
    getattr(_bound[-1], level)(event.value, **fields)


class _Stderr:
    """Writes each line whole, to whatever stderr is at that moment; stdout belongs to the commands' answers."""

    _one_at_a_time = threading.Lock()

    def msg(self, line: bytes) -> None:
        with self._one_at_a_time:
            sys.stderr.buffer.write(line + b"\n")
            sys.stderr.buffer.flush()

    debug = info = warning = error = msg


def allow_listed(_logger: object, _method: str, line: MutableMapping[str, Any]) -> Mapping[str, Any]:  # Any: structlog's own event dictionary
    """Keeps listed fields, masks what looks like an NHS number, and shortens; an event that is not listed keeps no words."""
    kept = {name: _shown(value) for name, value in line.items() if name in FIELDS}
    lost = len(line) - len(kept)
    if line.get("event") not in _EVENT_NAMES:
        kept["event"], lost = LogEvent.UNLISTED.value, lost + 1
    if lost:
        count("hub_log_fields_dropped_total", lost)
        kept["dropped"] = lost
    return kept


def _shown(value: object) -> object:
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, list | tuple):
        return [_shown(item) for item in value[:20]]
    return mask(str(value))[:_LONGEST]


def mask(shown: str) -> str:
    """The text with anything shaped like an NHS number replaced; a net under the allow-list, not a licence to log free text."""
    return _NHS_NUMBER.sub("(number)", shown)


def frames(trace: TracebackType | None) -> list[str]:
    """Our own frames of a traceback, innermost last, as `hub/app.py:12 function`; never a message or a value."""
    own = [(Path(frame.filename), frame) for frame in traceback.extract_tb(trace) if frame.filename.startswith(str(_OURS)) and "/.venv/" not in frame.filename]
    return [f"{path.relative_to(_OURS)}:{frame.lineno} {frame.name}" for path, frame in own[-6:]]


class _Libraries(logging.Handler):
    """What a library logs keeps its logger, level and exception type; its words are dropped, since they may hold a message."""

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        level: Level = "error" if record.levelno >= logging.ERROR else "warning" if record.levelno >= logging.WARNING else "info"
        log(LogEvent.LIBRARY, level, error, logger=record.name)


def _capture_libraries() -> None:
    root = logging.getLogger()
    root.handlers[:] = [_Libraries()]
    root.setLevel(logging.WARNING)
    for name in _CAPPED:
        logging.getLogger(name).setLevel(logging.WARNING)
    for name in ("uvicorn", "uvicorn.access", "uvicorn.error", "faststream"):
        logger = logging.getLogger(name)
        logger.handlers[:], logger.propagate = [], True
    logging.captureWarnings(True)
    sys.excepthook = lambda _kind, error, _trace: log(LogEvent.BUG, "error", error)
    threading.excepthook = lambda given: log(LogEvent.BUG, "error", given.exc_value)


# -- trace ids (W3C Trace Context level 1) --


@dataclass(frozen=True, slots=True)
class Trace:
    """One hop of one journey: 32 and 16 hexadecimal digits, and whether the sender records it."""

    trace_id: str
    span_id: str
    sampled: bool = True

    @property
    def traceparent(self) -> str:
        """The header that the next hop reads."""
        return f"00-{self.trace_id}-{self.span_id}-{'01' if self.sampled else '00'}"


_trace: ContextVar[Trace | None] = ContextVar("trace", default=None)


def new_trace() -> Trace:
    """A journey that begins here."""
    return Trace(secrets.token_hex(16), secrets.token_hex(8))


def trace_from(traceparent: str | None) -> Trace:
    """Our own hop of the journey that `traceparent` names; a new journey where there is none or it is malformed (clause 3.2.2)."""
    found = _TRACEPARENT.fullmatch(traceparent or "")
    if found is None or found[1] == "ff" or not found[2].strip("0") or not found[3].strip("0") or (found[1] == "00" and found[5]):
        return new_trace()
    return Trace(found[2], secrets.token_hex(8), bool(int(found[4], 16) & 1))


def current_trace() -> Trace | None:
    """The trace of the message in hand, for the headers of whatever is sent on its behalf."""
    return _trace.get()


def bind(**fields: Value) -> None:
    """Adds fields to every further line of the message in hand."""
    bind_contextvars(**fields)


@contextmanager
def cleared(trace: Trace | None = None, **fields: Value) -> Iterator[Trace]:
    """One message: nothing bound before is seen inside, nothing bound inside is seen after."""
    before, hop = get_contextvars(), trace or new_trace()
    token = _trace.set(hop)
    clear_contextvars()
    bind_contextvars(trace=hop.trace_id, span=hop.span_id, **fields)
    try:
        yield hop
    finally:
        clear_contextvars()
        bind_contextvars(**before)
        _trace.reset(token)


# -- metrics --


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric; its name, kind and meaning stand here and nowhere else."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    help: str
    labels: tuple[str, ...] = ()


METRICS: tuple[Metric, ...] = (
    Metric("hub_messages_total", "counter", "Messages at a door, by what became of them", ("transport", "outcome")),
    Metric("hub_refusals_total", "counter", "Messages refused, by reason", ("reason",)),
    Metric("hub_answer_seconds", "histogram", "From a message's last byte read to its answer's first byte", ("transport",)),
    Metric("hub_commit_seconds", "histogram", "One commit of the ledger, from asked to committed"),
    Metric("hub_commit_rows", "histogram", "Changes in one commit"),
    Metric("hub_commit_singly_total", "counter", "Batches that failed and were run one by one"),
    Metric("hub_in_flight", "gauge", "Messages between reading and answer", ("transport",)),
    Metric("hub_outbox_waiting", "gauge", "Events committed and not yet on Kafka"),
    Metric("hub_outbox_oldest_seconds", "gauge", "Age of the oldest event that is not yet on Kafka"),
    Metric("hub_relayed_total", "counter", "Events that Kafka acknowledged", ("topic",)),
    Metric("hub_facts_total", "counter", "Facts committed", ("fact",)),
    Metric("hub_events_total", "counter", "Events that a stage consumed, by what became of them", ("stage", "outcome")),
    Metric("hub_stage_seconds", "histogram", "One event's time in a stage", ("stage",)),
    Metric("hub_decisions_total", "counter", "Decisions, by outcome", ("outcome",)),
    Metric("hub_decision_seconds", "histogram", "One call of decide()"),
    Metric("hub_deliveries_total", "counter", "Delivery attempts, by verdict", ("transport", "outcome")),
    Metric("hub_delivery_seconds", "histogram", "One delivery attempt", ("transport",)),
    Metric("hub_deliveries_waiting", "gauge", "Deliveries that are due and not done"),
    Metric("hub_overdue_total", "counter", "Deadlines that passed in silence", ("stage",)),
    Metric("hub_waiting_because_of_us", "gauge", "People who wait past a deadline that is the hub's own"),
    Metric("hub_worklist_open", "gauge", "Worklist items that nobody has released"),
    Metric("hub_dead_letters_total", "counter", "Events given up after bounded attempts", ("stage",)),
    Metric("hub_dead_letters_open", "gauge", "Dead letters that nobody has retried"),
    Metric("hub_parked", "gauge", "Events that wait behind a dead letter of their referral"),
    Metric("hub_breaker_open", "gauge", "1 while a flood of dead letters has stopped a stage", ("stage",)),
    Metric("hub_store_up", "gauge", "1 while a store answers", ("store",)),
    Metric("hub_log_fields_dropped_total", "counter", "Log fields that are on no list and were dropped"),
    Metric("hub_label_unlisted_total", "counter", "Metric labels that are on no list and were counted as other"),
)
LABELS: dict[str, frozenset[str]] = {
    "stage": frozenset({"intake", "relay", "routing", "dispatch", "watch", "reading", "web", "serve"}),
    "transport": frozenset({"http", "mllp", "webhook", "kafka", "drop-folder", "feed", "mail"}),
    "topic": frozenset({"referrals", "referral-status", "to", "from", "directory"}),
    "store": frozenset({"postgres", "kafka"}),
    "outcome": frozenset(
        {
            "accepted", "repeated", "refused", "ignored", "postponed", "done", "skipped", "parked", "dead-letter", "unavailable", "assign", "hold",
            "no-prescriber", "delivered", "try-again", "exhausted",
        }
    ),
    "reason": frozenset(reason.value for reason in Reason),
    "fact": frozenset(fact.value for fact in FactType),
}
_EVENT_NAMES = frozenset(event.value for event in LogEvent)
_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
_ROWS = (1, 2, 4, 8, 16, 32, 64, 128)


def _made(registry: CollectorRegistry) -> dict[str, Counter | Gauge | Histogram]:
    made: dict[str, Counter | Gauge | Histogram] = {}
    for metric in METRICS:
        if metric.kind == "counter":
            made[metric.name] = Counter(metric.name, metric.help, metric.labels, registry=registry)
        elif metric.kind == "gauge":
            made[metric.name] = Gauge(metric.name, metric.help, metric.labels, registry=registry)
        else:
            made[metric.name] = Histogram(metric.name, metric.help, metric.labels, registry=registry, buckets=_SECONDS if "seconds" in metric.name else _ROWS)
    return made


disable_created_metrics()  # type: ignore[no-untyped-call]
_registry = CollectorRegistry()
_metrics = _made(_registry)


def count(name: str, by: float = 1, **labels: str) -> None:
    """Adds to a counter. Raises KeyError for a name that is not in `METRICS`; a label that is on no list counts as `other`."""
    metric = _labelled(name, labels)
    assert isinstance(metric, Counter)
    metric.inc(by)


def gauge(name: str, value: float, **labels: str) -> None:
    """Sets a gauge, as `count` does a counter."""
    metric = _labelled(name, labels)
    assert isinstance(metric, Gauge)
    metric.set(value)


def observe(name: str, value: float, **labels: str) -> None:
    """Adds one observation to a histogram: seconds, or a number of rows."""
    metric = _labelled(name, labels)
    assert isinstance(metric, Histogram)
    metric.observe(value)


def metrics_page() -> bytes:
    """All metrics of this process in Prometheus' text format 0.0.4."""
    return generate_latest(_registry)


def _labelled(name: str, labels: Mapping[str, str]) -> Counter | Gauge | Histogram:
    metric = _metrics[name]
    return metric.labels(**{label: _listed(label, value) for label, value in labels.items()}) if labels else metric


def _listed(label: str, value: str) -> str:
    if value in LABELS[label]:
        return value
    count("hub_label_unlisted_total")
    return "other"
