"""Beside the flow, in the kit: whether a connector's code is pure, read from its syntax alone: no clock, no chance, no I/O, nobody else's folder."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

_FORBIDDEN = frozenset(
    """aiokafka asyncio asyncpg concurrent confluent_kafka ctypes fastapi faststream ftplib http httpx importlib io logging multiprocessing os pathlib
    pickle prometheus_client random requests secrets select shutil signal smtplib socket sqlalchemy sqlite3 ssl starlette structlog subprocess sys
    tempfile threading time urllib3 uvicorn""".split()  # noqa: SIM905
)
_CLOCKS = frozenset({"now", "utcnow", "today", "uuid1", "uuid4", "urandom", "monotonic", "perf_counter", "token_hex", "token_bytes", "getrandbits"})
_CALLS = frozenset({"open", "print", "input", "exec", "eval", "compile", "__import__", "breakpoint"})
_READ_AT_IMPORT = frozenset({"importlib.resources", "importlib.resources.abc"})


def impurities(folder: Path) -> list[str]:
    """Each place in a connector's modules that could make the same message give other facts, as `file:line what`. Tests are not read."""
    found = []
    for path in sorted(folder.rglob("*.py")):
        tree = ast.parse(path.read_text("utf-8"))
        found += [f"{path.relative_to(folder)}:{line} {what}" for line, what in _of(tree, folder.name)]
    return found


def _of(tree: ast.Module, name: str) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, f"imports {alias.name}") for alias in node.names if _is_foreign(alias.name, name))
        elif isinstance(node, ast.ImportFrom) and not node.level and _is_foreign(node.module or "", name):
            yield node.lineno, f"imports {node.module}"
        elif isinstance(node, ast.Call) and (what := _impure_call(node)):
            yield node.lineno, f"calls {what}"


def _is_foreign(module: str, name: str) -> bool:
    if module in _READ_AT_IMPORT:
        return False
    top, _, rest = module.partition(".")
    return top in _FORBIDDEN or top == "hub" or (top == "connectors" and rest.partition(".")[0] != name)


def _impure_call(call: ast.Call) -> str | None:
    if isinstance(call.func, ast.Attribute):
        return call.func.attr if call.func.attr in _CLOCKS else None
    if isinstance(call.func, ast.Name):
        return call.func.id if call.func.id in _CALLS | (_CLOCKS - {"now", "today"}) else None
    return None
