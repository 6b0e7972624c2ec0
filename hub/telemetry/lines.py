"""In telemetry: log lines, one JSON object each on stderr, with nothing in them that is on no list; the libraries' too."""

from __future__ import annotations

import logging
import re
import sys
import threading
import traceback
from collections import deque
from collections.abc import Mapping, MutableMapping
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

import orjson
import structlog

from hub.telemetry.listed import FIELDS, LogEvent
from hub.telemetry.metrics import count

Level = Literal["debug", "info", "warning", "error"]
Value = str | int | float | bool | None

_CAPPED = ("aiokafka", "faststream", "httpx", "httpcore", "asyncpg", "uvicorn", "alembic", "sqlalchemy", "confluent_kafka", "urllib3", "jgo")
_OURS = Path(__file__).resolve().parents[2]
_LONGEST = 200
_bound: deque[Any] = deque(maxlen=1)  # Any: structlog's bound logger is made by its configuration
_NHS_NUMBER = re.compile(r"(?<![0-9A-Za-z-])\d{3}[ -]?\d{3}[ -]?\d{4}(?![0-9A-Za-z-])")
_EVENT_NAMES = frozenset(event.value for event in LogEvent)


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
