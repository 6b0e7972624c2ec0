"""Beside the flow: `hub bench translate`: microseconds a message for each connector, over its own fixtures, and where the share goes."""

from __future__ import annotations

import cProfile
import pstats
import statistics
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, cast

from hub.bench.figures import Row
from hub.bench.machine import machine
from hub.kit.fixtures import fixtures_of, inbound
from hub.kit.folders import Folders
from hub.registry import Registered
from schemas.messages import InboundMessage, Translation
from schemas.rejection import Rejected

_PROFILED = 5
"""Rounds under the profiler."""

# Which part of the work a module's own time belongs to; the first that fits counts, what is left is `other`.
_PARTS: Sequence[tuple[str, Sequence[str]]] = (
    ("parse", ("schemas/fhir/strict_json", "schemas/hl7v2/", "json/", "csv.py", "email/", "connectors/batch_csv/rows", "urllib/")),
    ("check", ("schemas/fhir/check", "schemas/fhir/validators", "schemas/fhir/prune", "schemas/fhir/invariants", "jsonschema_rs", "schemas/rest", "copy.py")),
    ("build", ("schemas/fhir/build", "connectors/")),
    ("read", ("schemas/fhir/", "schemas/codes/", "schemas/referral", "schemas/identifiers", "pydantic")),
)


@dataclass(frozen=True, slots=True)
class _Work:
    """One connector and its messages, each of which translates to facts or is ignored: what is refused early would flatter the figures."""

    registered: Registered
    messages: tuple[InboundMessage, ...]

    def once(self) -> None:
        """Every message once."""
        translate = self.registered.connector.translate
        for message in self.messages:
            with suppress(Rejected):
                translate(message)


def translate(seconds: float = 2.0, only: str | None = None) -> dict[str, object]:
    """Rows of figures: the median of the runs that fit into so many seconds for each connector, and the share of each part by the profiler.

    Times are the processor's, which other work on the machine blurs least.
    """
    folders = Folders.at(None)
    able = [one for name in folders.names if only in (None, name) and "translate" in (one := folders[name]).manifest.functions]
    work = [_Work(one, tuple(_messages(folders, one))) for one in able]
    measured = [(_figures(one, seconds), _shares(one)) for one in work if one.messages]
    return {"bench": "translate", "machine": machine(), "rows": [row for row, _ in measured], "costs": [shares for _, shares in measured]}


def _messages(folders: Folders, registered: Registered) -> list[InboundMessage]:
    found = []
    for fixture in fixtures_of(folders.root / registered.manifest.name):
        with suppress(Rejected):
            messages = [inbound(registered, body, fixture.given) for body in registered.messages(fixture.body)]
            found += [one for one in messages if _is_taken(registered.connector.translate, one)]
    return found


def _is_taken(translated: Callable[[InboundMessage], Translation], message: InboundMessage) -> bool:
    try:
        return bool(translated(message).facts)
    except Rejected:
        return False


def _figures(work: _Work, seconds: float) -> Row:
    runs: list[float] = []
    until = time.monotonic() + seconds
    while time.monotonic() < until or len(runs) < 3:
        begun = time.process_time_ns()
        work.once()
        runs.append((time.process_time_ns() - begun) / 1000 / len(work.messages))
    size = round(statistics.mean(len(one.body) for one in work.messages))
    return {
        "connector": work.registered.manifest.name, "messages": len(work.messages), "bytes": size, "runs": len(runs),
        "median_us": round(statistics.median(runs), 1), "fastest_us": round(min(runs), 1), "slowest_us": round(_slowest(work), 1),
    }  # fmt: skip


def _slowest(work: _Work) -> float:
    """The slowest message's own median of five."""
    found = 0.0
    for message in work.messages:
        times = []
        for _ in range(5):
            begun = time.process_time_ns()
            with suppress(Rejected):
                work.registered.connector.translate(message)
            times.append((time.process_time_ns() - begun) / 1000)
        found = max(found, statistics.median(times))
    return found


def _shares(work: _Work) -> Row:
    """Percent of the time in each part, by each function's own time; a built-in's goes to whoever calls it. The profiler itself slows small
    functions down, so that these are shares and no times."""
    profile = cProfile.Profile(builtins=False)
    profile.enable()
    for _ in range(_PROFILED):
        work.once()
    profile.disable()
    spent: dict[str, float] = dict.fromkeys((*(name for name, _ in _PARTS), "other"), 0.0)
    entries = cast(Any, pstats.Stats(profile)).stats  # Any: pstats describes it in prose only
    for (file, _, _), (_, _, own, _, _) in entries.items():
        spent[_part(str(file))] += own
    whole = sum(spent.values()) or 1.0
    return {"connector": work.registered.manifest.name, **{f"{name}_percent": round(100 * took / whole, 1) for name, took in spent.items()}}


def _part(file: str) -> str:
    return next((name for name, places in _PARTS if any(place in file for place in places)), "other")
