"""Beside the flow: what an import contract cannot say, as functions of a source tree; each gives the places that break it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from hub import telemetry
from tests.architecture.source import Module, called, lines, modules

_WRITING = re.compile(
    r"\b(INSERT\s+INTO|UPDATE\s+[\w.\"]+(\s+AS)?(\s+\w+)?\s+SET|DELETE\s+FROM|TRUNCATE|(CREATE|ALTER|DROP)\s+(TABLE|INDEX|TYPE)|MERGE\s+INTO)\b", re.IGNORECASE
)
_CLOCK = re.compile(r"(^|\.)(now|utcnow|today|uuid1|uuid4|urandom|time|time_ns|monotonic|perf_counter|token_hex|token_bytes|getrandbits)$")
_FILES = re.compile(r"(^|\.)(write_text|write_bytes|unlink|mkdir|rmdir|touch|urlopen|Popen)$|^os\.system$")
_OUR_NAMES = re.compile(r"(hub|connectors|schemas)(\.|$)")
_STAND_INS = re.compile(r"hub\.demo\.stand_ins?(\.|_|$)")
_PURE = ("connectors", "schemas", "hub/deciding")
_LOG_CALLS = frozenset({"debug", "info", "warning", "error", "exception", "critical", "log", "basicConfig"})
_METRIC_CALLS = frozenset({"count", "gauge", "observe"})


def environment_readers(root: Path) -> list[str]:
    """Only hub/settings.py reads the environment."""
    found = []
    for module in modules(root):
        if module.path == "hub/settings.py":
            continue
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Attribute) and node.attr in ("environ", "environb", "getenv"):
                found.append(f"{module.path}:{node.lineno} {node.attr}")
            if isinstance(node, ast.ImportFrom) and node.module == "os" and {"environ", "environb", "getenv"} & {name.name for name in node.names}:
                found.append(f"{module.path}:{node.lineno} import")
    return found


def writers_outside_the_ledger(root: Path) -> list[str]:
    """Only hub/ledger holds statements that change a table."""
    found = []
    for module in modules(root):
        if module.under("hub/ledger"):
            continue
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in module.docstrings and _WRITING.search(node.value):
                found.append(f"{module.path}:{node.lineno}")  # noqa: PERF401
    return found


def clocks_and_chance(root: Path) -> list[str]:
    """Connectors, schemas and deciding ask no clock and roll no dice: the same message twice gives the same facts twice."""
    return [f"{module.path}:{call.lineno} {called(call)}" for module, call in _calls(root, *_PURE) if _CLOCK.search(called(call))]


def files_written(root: Path) -> list[str]:
    """Connectors, schemas and deciding open and write no file; a schema's generator (a module that is run) is no part of the flow."""
    pure = (pair for pair in _calls(root, *_PURE) if not _is_run(pair[0]))
    return [f"{module.path}:{call.lineno} {called(call)}" for module, call in pure if _FILES.search(called(call)) or _opens_to_write(call)]


def stand_ins_that_know_the_hub(root: Path) -> list[str]:
    """The demonstration's stand-ins speak over sockets only: they import nothing of ours but each other."""
    stand_ins = (module for module in modules(root, "hub") if _STAND_INS.match(module.name))
    return [f"{module.path} {name}" for module in stand_ins for name in _imports(module) if _OUR_NAMES.match(name) and not _STAND_INS.match(name)]


def loggers_of_their_own(root: Path) -> list[str]:
    """Nothing but hub/telemetry writes to a log: no structlog elsewhere, no call of a standard logger."""
    found = []
    for module in modules(root):
        if module.path.startswith("hub/telemetry"):
            continue
        found += [f"{module.path} {name}" for name in _imports(module) if name.split(".")[0] == "structlog"]
        found += [f"{module.path}:{node.lineno} {called(node)}" for node in ast.walk(module.tree) if isinstance(node, ast.Call) and _logs(called(node))]
    return found


def unlisted_log_lines(root: Path) -> list[str]:
    """Every log line has a listed name and listed fields, every metric a listed name and exactly its labels."""
    found = []
    for module, call in _calls(root):
        if module.path.startswith("hub/telemetry") or not _of_telemetry(module, call):
            continue
        name, keywords = called(call).split(".")[-1], {keyword.arg for keyword in call.keywords if keyword.arg}
        if name in ("log", "bind", "cleared"):
            found += [f"{module.path}:{call.lineno} field {field}" for field in sorted(keywords - telemetry.FIELDS - {"level", "error", "trace"})]
        if name == "log" and not (call.args and _is_listed_event(call.args[0])):
            found.append(f"{module.path}:{call.lineno} event")
        if name in _METRIC_CALLS:
            found += [f"{module.path}:{call.lineno} {fault}" for fault in _metric_faults(call, keywords)]
    return found


def promised_and_never_said(root: Path) -> list[str]:
    """Every listed log line is logged by somebody, and every metric set: what is listed is what operators wait for."""
    said = {node.attr for module in modules(root, "hub") for node in ast.walk(module.tree) if isinstance(node, ast.Attribute)}
    calls = [call for _, call in _calls(root) if called(call).split(".")[-1] in _METRIC_CALLS and call.args]
    counted = {call.args[0].value for call in calls if isinstance(call.args[0], ast.Constant)}
    lines = [f"log line {event.name}" for event in telemetry.LogEvent if event.name not in said]
    return lines + [f"metric {metric.name}" for metric in telemetry.METRICS if metric.name not in counted]


def _metric_faults(call: ast.Call, keywords: set[str]) -> list[str]:
    labels = {metric.name: set(metric.labels) for metric in telemetry.METRICS}
    if not call.args or not isinstance(call.args[0], ast.Constant) or call.args[0].value not in labels:
        return ["metric"]
    wrong = labels[str(call.args[0].value)] ^ (keywords - {"by", "value"})
    return [f"label {label}" for label in sorted(wrong)]


def _is_listed_event(node: ast.expr) -> bool:
    if isinstance(node, ast.IfExp):
        return _is_listed_event(node.body) and _is_listed_event(node.orelse)
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name | ast.Attribute):
        owner = node.value.id if isinstance(node.value, ast.Name) else node.value.attr
        return owner != "LogEvent" or node.attr in telemetry.LogEvent.__members__
    return not isinstance(node, ast.Constant | ast.JoinedStr | ast.BinOp)


def _logs(name: str) -> bool:
    owner, _, verb = name.rpartition(".")
    return verb in _LOG_CALLS and re.search(r"(^|[._])(logger|logging)$", owner) is not None


def _of_telemetry(module: Module, call: ast.Call) -> bool:
    return called(call).startswith("telemetry.") or called(call) in module.from_telemetry


def _imports(module: Module) -> Iterator[str]:
    """Every imported name, absolute: `from hub import errors` is `hub.errors`."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        if isinstance(node, ast.ImportFrom):
            package = ".".join(Path(module.path).parts[: -node.level]) if node.level else ""
            source = ".".join(part for part in (package, node.module) if part)
            yield from (f"{source}.{alias.name}" for alias in node.names)


def _is_run(module: Module) -> bool:
    return any(isinstance(node, ast.If) and "__name__" in ast.dump(node.test) for node in module.tree.body)


def _opens_to_write(call: ast.Call) -> bool:
    positional = call.args[1:] if isinstance(call.func, ast.Name) else call.args
    given = (*positional, *(keyword.value for keyword in call.keywords if keyword.arg == "mode"))
    modes = [value.value for value in given if isinstance(value, ast.Constant) and isinstance(value.value, str)]
    return called(call).split(".")[-1] == "open" and any(set(mode) & set("wax+") for mode in modes)


def _calls(root: Path, *folders: str) -> Iterator[tuple[Module, ast.Call]]:
    for module in modules(root, *folders):
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Call) and lines(node):
                yield module, node
