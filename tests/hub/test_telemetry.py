"""Beside the flow: what the hub says about itself holds nothing of a patient, whatever it is given and whichever library speaks."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import structlog

from hub import telemetry
from hub.telemetry import LogEvent, Trace, bind, cleared, count, current_trace, gauge, log, mask, metrics_page, new_trace, observe, trace_from

CANARY = "Blodeuwedd Canary 9990000018"
Lines = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def lines(capfdbinary: pytest.CaptureFixture[bytes]) -> Iterator[Lines]:
    """What was logged since the last call; pytest's own logging and hooks are put back afterwards."""
    root, hooks = logging.getLogger(), (sys.excepthook, threading.excepthook)
    before = (root.handlers[:], root.level)
    telemetry.configure("info")

    def read() -> list[dict[str, Any]]:
        out, err = capfdbinary.readouterr()
        assert out == b""
        return [json.loads(line) for line in err.splitlines()]

    yield read
    root.handlers[:], root.level = before
    logging.captureWarnings(False)
    sys.excepthook, threading.excepthook = hooks


def raised(text: str) -> ValueError:
    """An exception with a message and a traceback of its own."""
    try:
        raise ValueError(text)
    except ValueError as error:
        return error


def test_a_line_is_one_json_object_with_its_time_in_utc(lines: Lines) -> None:
    log(LogEvent.MESSAGE_ACCEPTED, stage="intake", referral="r", duration_ms=1.5, warnings=["date-impossible"])
    (line,) = lines()
    assert line.pop("time").endswith("Z")
    assert line == {"event": "message.accepted", "level": "info", "stage": "intake", "referral": "r", "duration_ms": 1.5, "warnings": ["date-impossible"]}


def test_a_field_that_is_not_listed_is_dropped_and_counted(lines: Lines) -> None:
    log(LogEvent.MESSAGE_ACCEPTED, family=CANARY, postcode="ZZ99 3WZ", stage="intake")
    (line,) = lines()
    assert line["dropped"] == 2
    assert "family" not in line
    assert CANARY not in json.dumps(line)


def test_a_line_that_is_not_listed_keeps_no_words(lines: Lines) -> None:
    structlog.get_logger().info(f"received {CANARY}", stage="intake")
    (line,) = lines()
    assert (line["event"], line["dropped"]) == ("unlisted", 1)
    assert "Canary" not in json.dumps(line)


# what is put into a listed field, and what of it may stand there
MASKED = (
    ("9990000018", "(number)"),
    ("999 000 0018", "(number)"),
    ("999-000-0018", "(number)"),
    ("PID 9990000018!", "PID (number)!"),
    ("0d9e9e3c-0000-4000-8000-123456789012", "0d9e9e3c-0000-4000-8000-123456789012"),  # our own ids stay readable
    ("12345678901", "12345678901"),  # eleven digits are no NHS number
)


@pytest.mark.parametrize(("given", "shown"), MASKED)
def test_what_looks_like_an_nhs_number_is_masked_even_in_a_listed_field(lines: Lines, given: str, shown: str) -> None:
    log(LogEvent.MESSAGE_ACCEPTED, ref=given, reasons=[given])
    (line,) = lines()
    assert (line["ref"], line["reasons"], mask(given)) == (shown, [shown], shown)


def test_a_long_value_is_cut(lines: Lines) -> None:
    log(LogEvent.MESSAGE_ACCEPTED, ref="x" * 10_000)
    assert len(lines()[0]["ref"]) == 200


def test_of_an_exception_only_its_type_and_our_frames_are_kept(lines: Lines) -> None:
    log(LogEvent.BUG, "error", raised(CANARY), stage="routing")
    (line,) = lines()
    assert (line["error"], line["level"]) == ("ValueError", "error")
    assert [frame.split(":")[0] for frame in line["frames"]] == ["tests/hub/test_telemetry.py"]
    assert "Canary" not in json.dumps(line)


def test_a_library_keeps_its_name_and_loses_its_words(lines: Lines) -> None:
    for name in ("aiokafka.consumer", "httpx", "asyncpg", "faststream", "uvicorn.error", "somebody.else", "asyncio"):
        logging.getLogger(name).error("value=%s", CANARY, exc_info=raised(CANARY))
    found = lines()
    assert [(line["event"], line["error"]) for line in found] == [("library", "ValueError")] * 7
    assert "Canary" not in json.dumps(found)


def test_libraries_say_nothing_below_a_warning_whatever_our_own_level_is(lines: Lines) -> None:
    telemetry.configure("debug")
    for name in ("aiokafka", "httpx", "asyncpg", "uvicorn.access", "faststream", "sqlalchemy.engine", "alembic"):
        logging.getLogger(name).debug(CANARY)
        logging.getLogger(name).info(CANARY)
    assert lines() == []


def test_a_warning_of_python_loses_its_words_too(lines: Lines) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(True)
        warnings.warn(CANARY, stacklevel=1)
    assert "Canary" not in json.dumps(lines())


def test_what_ends_a_process_or_a_thread_is_logged_without_its_words() -> None:
    script = (
        "import threading; from hub.telemetry import configure; configure()\n"
        f"def f(): raise ValueError('{CANARY}')\n"
        "t = threading.Thread(target=f); t.start(); t.join(); f()\n"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=60)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert [json.loads(line)["error"] for line in ended.stderr.splitlines()] == ["ValueError", "ValueError"]
    assert "Canary" not in ended.stderr


def test_lines_are_listed_once() -> None:
    assert len({event.value for event in LogEvent}) == len(LogEvent)
    assert {"event", "level", "time", "dropped", "error", "frames", "logger", "trace", "span"} <= telemetry.FIELDS


# what a sender may call a person or a message by, and what a person writes, is on no list
SENDERS_TEXT = ("nhs_number", "name", "family", "postcode", "birth_date", "address", "narrative", "text", "body", "message", "request", "url", "path", "key")


@pytest.mark.parametrize("name", SENDERS_TEXT)
def test_no_list_has_a_field_that_would_hold_a_senders_text(name: str) -> None:
    assert name not in telemetry.FIELDS
    assert name not in telemetry.LABELS


# -- traces --


def test_a_journey_goes_on_from_hop_to_hop() -> None:
    first = new_trace()
    second = trace_from(first.traceparent)
    assert second.trace_id == first.trace_id
    assert second.span_id != first.span_id
    assert second.sampled is first.sampled


def test_a_sender_that_does_not_record_is_passed_on_as_such() -> None:
    assert trace_from(Trace("a" * 32, "b" * 16, sampled=False).traceparent).traceparent.endswith("-00")


_KNOWN = "4bf92f3577b34da6a3ce929d0e0e4736"
# a header, and whether its journey is taken over (W3C Trace Context, 3.2.2)
TRACEPARENTS = (
    (f"00-{_KNOWN}-00f067aa0ba902b7-01", True),
    (f"01-{_KNOWN}-00f067aa0ba902b7-01-later", True),  # a later version may be longer
    (f"00-{_KNOWN}-00f067aa0ba902b7-01-later", False),  # this one may not
    (f"ff-{_KNOWN}-00f067aa0ba902b7-01", False),  # forbidden version
    (f"00-{_KNOWN.upper()}-00f067aa0ba902b7-01", False),  # small letters only
    (f"00-{_KNOWN}-0000000000000000-01", False),
    (f"00-{_KNOWN}-00f067aa0ba902b7-01\n", False),
    (f"00-{_KNOWN}-00f067aa0ba902b7", False),
    ("", False),
    (None, False),
)


@pytest.mark.parametrize(("header", "taken"), TRACEPARENTS)
def test_a_malformed_traceparent_begins_a_new_journey(header: str | None, taken: bool) -> None:
    assert (trace_from(header).trace_id == _KNOWN) is taken


def test_a_journey_of_zeros_is_none() -> None:
    assert trace_from(f"00-{'0' * 32}-00f067aa0ba902b7-01").trace_id != "0" * 32


def test_nothing_bound_for_one_message_is_seen_in_the_next(lines: Lines) -> None:
    bind(stage="serve")
    with cleared(stage="intake") as trace:
        bind(referral="r-1")
        log(LogEvent.MESSAGE_ACCEPTED)
        assert current_trace() == trace
    with cleared(trace, stage="routing"):
        log(LogEvent.ROUTING_DECIDED)
    log(LogEvent.STAGE_STOPPED)
    accepted, decided, stopped = lines()
    assert (accepted["stage"], accepted["referral"], accepted["trace"]) == ("intake", "r-1", trace.trace_id)
    assert (decided["stage"], decided.get("referral"), decided["trace"]) == ("routing", None, trace.trace_id)
    assert (stopped["stage"], stopped.get("trace")) == ("serve", None)
    assert current_trace() is None
    structlog.contextvars.clear_contextvars()


def test_a_message_that_fails_leaves_nothing_behind() -> None:
    def fail() -> None:
        with cleared(stage="intake"):
            bind(referral="r-1")
            raise raised("x")

    with pytest.raises(ValueError, match="x"):
        fail()
    assert structlog.contextvars.get_contextvars() == {}


# -- metrics --


def test_every_metric_is_on_the_page_with_its_meaning() -> None:
    count("hub_messages_total", transport="http", outcome="accepted")
    gauge("hub_outbox_waiting", 3)
    observe("hub_commit_seconds", 0.002)
    page = metrics_page().decode()
    for metric in telemetry.METRICS:
        assert f"# HELP {metric.name} {metric.help}" in page
    assert "hub_outbox_waiting 3.0" in page
    assert 'hub_messages_total{outcome="accepted",transport="http"}' in page


def test_a_label_that_is_on_no_list_counts_as_other() -> None:
    count("hub_refusals_total", reason=CANARY)
    page = metrics_page().decode()
    assert 'hub_refusals_total{reason="other"}' in page
    assert "Canary" not in page


@pytest.mark.parametrize("call", [lambda: count("hub_invented_total"), lambda: count("hub_messages_total", client="x"), lambda: gauge("hub_messages_total", 1)])
def test_a_metric_or_label_name_that_is_on_no_list_is_a_bug(call: Callable[[], None]) -> None:
    with pytest.raises((KeyError, ValueError, AssertionError)):
        call()


def test_every_label_has_a_closed_list_and_every_name_says_its_unit() -> None:
    assert {label for metric in telemetry.METRICS for label in metric.labels} <= set(telemetry.LABELS)
    assert [m.name for m in telemetry.METRICS if (m.kind == "counter") != m.name.endswith("_total")] == []
    assert [m.name for m in telemetry.METRICS if m.kind == "histogram" and not m.name.endswith(("_seconds", "_rows"))] == []
