"""Beside the flow: `hub reasons`, which lists every reason, what it does, its words and where it is used. Needs no store and no broker."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Annotated

import orjson
import typer

from schemas.rejection import EFFECTS, Reason
from schemas.words import text

app = typer.Typer(help="Every reason that the hub may give.")

_PACKAGES = ("connectors", "hub", "schemas")
_USE = re.compile(r"\b(?:Reason|R)\.([A-Z][A-Z_]+)\b")
_LIST = "schemas/rejection.py"


@app.callback(invoke_without_command=True)
def reasons(as_json: Annotated[bool, typer.Option("--json", help="One JSON line each.")] = False) -> None:
    """List every reason, sorted by its code."""
    used = where_used()
    for reason in sorted(Reason):
        words = text(f"reason.{reason}")
        if as_json:
            row = {"code": reason.value, "text": words.as_dict(), "effect": EFFECTS[reason].value, "used": used.get(reason, [])}
            typer.echo(orjson.dumps(row, option=orjson.OPT_SORT_KEYS))
        else:
            typer.echo(f"{reason.value} ({text(f'effect.{EFFECTS[reason]}').en})\n  {words.en}\n  {words.cy}")


def where_used() -> Mapping[Reason, list[str]]:
    """The folders and modules, sorted, whose code names each reason: read from the code itself, so that it cannot go stale."""
    found: dict[Reason, set[str]] = {}
    for place, source in _modules():
        for name in _USE.findall(source):
            if name in Reason.__members__:
                found.setdefault(Reason[name], set()).add(place)
    return {reason: sorted(places) for reason, places in found.items()}


def _modules() -> Iterator[tuple[str, str]]:
    """Each module of ours: the folder it is in (`hub/intake`), or its own path where it stands at the top (`schemas/referral.py`)."""
    for package in _PACKAGES:
        for path, module in _walk(package, files(package)):
            if path != _LIST:
                parts = path.split("/")
                yield path if len(parts) == 2 else "/".join(parts[:2]), module.read_text("utf-8")


def _walk(path: str, folder: Traversable) -> Iterator[tuple[str, Traversable]]:
    for entry in folder.iterdir():
        here = f"{path}/{entry.name}"
        if entry.is_dir() and entry.name not in ("__pycache__", "fixtures", "generated", "published"):
            yield from _walk(here, entry)
        elif entry.name.endswith(".py"):
            yield here, entry
