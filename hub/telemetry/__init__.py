"""Across the flow: what the hub says about itself: log lines, trace ids and metrics, each from a closed list, none with a patient in it."""

from __future__ import annotations

from hub.telemetry.lines import Level, Value, allow_listed, configure, frames, log, mask
from hub.telemetry.listed import FIELDS, LogEvent
from hub.telemetry.metrics import LABELS, METRICS, Metric, count, gauge, metrics_page, observe
from hub.telemetry.traces import Trace, bind, cleared, current_trace, new_trace, trace_from

__all__ = [
    "FIELDS", "LABELS", "METRICS", "Level", "LogEvent", "Metric", "Trace", "Value", "allow_listed", "bind", "cleared", "configure", "count",
    "current_trace", "frames", "gauge", "log", "mask", "metrics_page", "new_trace", "observe", "trace_from",
]  # fmt: skip
