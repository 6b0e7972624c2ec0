"""In telemetry: trace ids (W3C Trace Context level 1), one journey over every hop, and what is bound to the message in hand."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from structlog.contextvars import bind_contextvars, clear_contextvars, get_contextvars

from hub.telemetry.lines import Value

_TRACEPARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")


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
