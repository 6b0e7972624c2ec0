"""Beside the flow: the size wall and the names that say nothing, as functions of a source tree.

What counts as a line: every line of a module or function, blank and comment included, except docstrings, strings of several
lines (SQL), and data: a module's or class's assignment of several lines whose value is made of literals, names and plain calls
(a table), and a class of nothing but such assignments (a closed list).
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.architecture.source import Module, lines, modules

MODULE_WALL = 300
FUNCTION_WALL = 40
SAY_NOTHING = frozenset(
    {
        "utils", "util", "helpers", "helper", "common", "core", "services", "service", "constants", "constant",
        "misc", "manager", "managers", "handler", "handlers", "stuff", "base", "shared",
    }
)
_LITERALS = (ast.Dict, ast.List, ast.Tuple, ast.Set, ast.Constant, ast.Starred, ast.UnaryOp, ast.unaryop, ast.BinOp, ast.operator, ast.Subscript, ast.Slice)
_TABLE = (*_LITERALS, ast.Call, ast.keyword, ast.Name, ast.Attribute, ast.expr_context)


def oversized(root: Path) -> list[str]:
    """Modules and functions over their wall, with their counted lines."""
    found = []
    for module in modules(root):
        left_out = _left_out(module)
        size = len(set(range(1, _last_line(module) + 1)) - left_out)
        if size > MODULE_WALL:
            found.append(f"{module.path}: {size} lines")
        for function in ast.walk(module.tree):
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                long = len(lines(function) - left_out)
                if long > FUNCTION_WALL:
                    found.append(f"{module.path}:{function.lineno} {function.name}: {long} lines")
    return found


def empty_names(root: Path, *folders: str) -> list[str]:
    """Modules and folders whose name says nothing of what they hold."""
    return sorted(module.path for module in modules(root, *folders) if SAY_NOTHING & set(Path(module.path).with_suffix("").parts))


def without_a_first_line(root: Path) -> list[str]:
    """Modules whose docstring does not say where in the flow they are."""
    return [module.path for module in modules(root) if module.tree.body and len((ast.get_docstring(module.tree) or "").partition("\n")[0].split()) < 4]


def _last_line(module: Module) -> int:
    return max((node.end_lineno or 0 for node in module.tree.body), default=0)


def _left_out(module: Module) -> set[int]:
    out: set[int] = set()
    for node in ast.walk(module.tree):
        if _is_text(node) and (id(node) in module.docstrings or len(lines(node)) > 1):
            out |= lines(node)
    for statement in _module_and_class_statements(module.tree):
        if _is_data(statement):
            out |= lines(statement)
    return out


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))


def _is_data(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.Assign | ast.AnnAssign) and statement.value is not None:
        return len(lines(statement)) > 1 and _is_table(statement.value)
    return isinstance(statement, ast.ClassDef) and all(isinstance(part, ast.Assign | ast.Expr) and _is_table(part.value) for part in statement.body)


def _module_and_class_statements(tree: ast.Module) -> Iterator[ast.stmt]:
    for statement in tree.body:
        yield statement
        if isinstance(statement, ast.ClassDef):
            yield from statement.body


def _is_table(value: ast.expr) -> bool:
    return all(isinstance(node, _TABLE) for node in ast.walk(value))
