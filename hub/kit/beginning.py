"""Beside the flow, in the kit: the folder with which a new connector begins: it works, its tests pass, and each part is there to be replaced."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Literal

from hub.errors import Misconfigured
from hub.kit.fixtures import Fixture, golden_text, translated
from hub.registry import Registered

Direction = Literal["in", "out", "both"]
NAME = re.compile(r"[a-z][a-z0-9_]{1,39}")
_FUNCTIONS = {"in": ("identify", "translate", "answer"), "out": ("compose", "judge")}
_MARK = re.compile(r"#< (?:(only) )?(in|out)|#>")


def begin(into: Path, name: str, direction: Direction) -> Path:
    """Write `into/<name>` and give its path. Raises Misconfigured when it is there already; the name must match NAME."""
    folder = into / name
    if folder.exists():
        raise Misconfigured(f"{folder} is there already: nothing was written.")
    for place, content in _files(name, direction).items():
        target = folder / place
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content, encoding="utf-8")
    return folder


def keep_golden(registered: Registered, fixture: Fixture) -> Path:
    """Write what a fixture becomes now as its golden file; it proves something only once somebody has read it."""
    fixture.golden.write_text(golden_text(translated(registered, fixture)), encoding="utf-8")
    return fixture.golden


def _files(name: str, direction: Direction) -> dict[str, str]:
    kept = frozenset({"in", "out"} if direction == "both" else {direction})
    functions = ", ".join(f'"{one}"' for way in ("in", "out") if way in kept for one in _FUNCTIONS[way])
    values = {"name": name, "title": name.replace("_", " ").capitalize(), "direction": direction, "path": name.replace("_", "-"), "functions": functions}
    wanted = {"manifest.toml": "manifest.toml", "connector.py": "connector.py", "README.md": "README.md"}
    if "in" in kept:
        wanted["fixtures/a_referral.json"] = "a_referral.json"
    made = {place: _filled(_template(source), kept, values) for place, source in wanted.items()}
    return {"__init__.py": f'"""{values["title"]}: what it sends and is told, as pure functions."""\n', **made}


def _template(name: str) -> str:
    return files(__package__).joinpath("template", f"{name}.txt").read_text("utf-8")


def _filled(template: str, kept: frozenset[str], values: dict[str, str]) -> str:
    text = "\n".join(_lines(template, kept)) + "\n"
    for name, value in values.items():
        text = text.replace("{{" + name + "}}", value)
    return text


def _lines(template: str, kept: frozenset[str]) -> Iterator[str]:
    """The lines of the template that this direction needs: those between `#< in` and `#>` only where messages come in, and so on; marks may
    stand within marks, and `#< only out` asks that it be the one direction."""
    asked: list[bool] = []
    for line in template.splitlines():
        mark = _MARK.fullmatch(line)
        if mark is None:
            if all(asked):
                yield line
        elif mark[2] is None:
            asked.pop()
        else:
            asked.append(mark[2] in kept and not (mark[1] and len(kept) > 1))
