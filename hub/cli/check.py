"""Beside the flow: `hub check`. Is anyone waiting because of us? Then settings, stores, lag, keys; each with the next command to type."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Annotated

import orjson
import typer
from rich.console import RenderableType
from rich.text import Text

from hub.operations.checks import Finding, Report, examined, next_words
from hub.operations.reach import place
from hub.operations.showing import STYLE, Language, console, length, say

SOMEBODY_WAITS = 1
_MARKS = {"green": "✓", "amber": "!", "red": "✗"}


def command(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object instead.")] = False,
    language: Annotated[Language, typer.Option(help="en or cy.")] = "en",
) -> None:
    """Say whether anyone waits because of us, and how every part of the hub is. Ends with 0 when nobody waits, with 1 otherwise."""
    report = asyncio.run(examined(place()))
    if as_json:
        typer.echo(orjson.dumps(report.as_dict(), option=orjson.OPT_SORT_KEYS))
    else:
        out = console()
        for part in _told(report, language):
            out.print(part)
    raise typer.Exit(0 if report.people == 0 else SOMEBODY_WAITS)


def _told(report: Report, language: Language) -> Iterator[RenderableType]:
    yield Text(say("check.question", language), style="bold")
    if report.causes is None:
        yield Text(say("check.unknown", language), style=STYLE["red"])
    elif not report.causes:
        yield Text(say("check.nobody", language), style=STYLE["green"])
    else:
        yield Text(say("check.somebody", language, people=report.people or 0), style=STYLE["red"])
    for cause in report.causes or ():
        oldest, limit = length(cause.oldest), length(cause.limit)
        yield Text("  " + say("check.cause", language, words=cause.words, people=cause.people, oldest=oldest, limit=limit), style=STYLE["red"])
        yield Text("    " + say("check.next", language, command=cause.command))
    yield Text("")
    yield from (_line(one, language) for one in report.findings)


def _line(finding: Finding, language: Language) -> Text:
    style = STYLE[finding.colour]
    line = Text.assemble((f"{_MARKS[finding.colour]} ", style), (finding.words.in_language(language), "default" if finding.colour == "green" else style))
    following = next_words(finding)
    return line.append(f"  → {following.in_language(language)}", "dim") if following and finding.colour != "green" else line
