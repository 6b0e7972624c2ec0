"""In telemetry: every metric with its kind, meaning and labels, once; and the few calls that count."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics, generate_latest

from schemas.events import FactType
from schemas.rejection import Reason


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
    Metric("hub_files_total", "counter", "Files from drop folders, by whether something was left to be corrected (refused) or not (done)", ("outcome",)),
    Metric("hub_answer_seconds", "histogram", "From a message's last byte read to its answer's first byte", ("transport",)),
    Metric("hub_commit_seconds", "histogram", "One commit of the ledger, from asked to committed"),
    Metric("hub_commit_rows", "histogram", "Changes in one commit"),
    Metric("hub_commit_singly_total", "counter", "Batches that failed and were run one by one"),
    Metric("hub_in_flight", "gauge", "Messages between reading and answer", ("transport",)),
    Metric("hub_outbox_waiting", "gauge", "Events committed and not yet on Kafka"),
    Metric("hub_outbox_oldest_seconds", "gauge", "Age of the oldest event that is not yet on Kafka"),
    Metric("hub_relayed_total", "counter", "Events that Kafka acknowledged", ("topic",)),
    Metric("hub_facts_total", "counter", "Facts that came in at the doors", ("fact",)),
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
