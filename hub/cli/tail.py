"""Beside the flow: `hub tail`, which follows what happens, live and masked."""

from __future__ import annotations

import asyncio
import contextlib
import re
import signal
from datetime import UTC, datetime, timedelta
from typing import Annotated, NoReturn
from uuid import UUID

import orjson
import typer
from rich.console import Console
from rich.text import Text

from hub.operations.facts import STAGES, FactLine
from hub.operations.finding import referral_called
from hub.operations.following import Follower, Wanted
from hub.operations.reach import place, reached
from hub.operations.showing import Language, console

_LENGTH = re.compile(r"([0-9]{1,6})(s|m|h|d)")
_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_COLOURS = {
    "held": "yellow", "stepped-up": "bold red", "person-died": "bold red", "no-response": "yellow", "declined": "yellow", "unmet": "yellow",
    "accepted": "green", "completed": "green", "cancelled": "dim", "entered-in-error": "dim", "closed": "dim",
}  # fmt: skip


def command(
    referral: Annotated[str | None, typer.Option(help="Only this referral: its reference or id.")] = None,
    stage: Annotated[str | None, typer.Option(help="Only facts that this stage made: intake, routing, dispatch, watch, operations.")] = None,
    since: Annotated[str | None, typer.Option(help="Begin so long ago: 30s, 10m, 2h, 1d. Without it: from now on.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Stop after so many lines.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
    language: Annotated[Language, typer.Option(help="en or cy.")] = "en",
) -> None:
    """Follow every fact as it reaches Kafka: time, reference, what happened, status, owner, reason. Ctrl-C ends it."""
    if stage is not None and stage not in STAGES:
        raise typer.BadParameter(f"a stage is one of {', '.join(sorted(STAGES))}")
    start = datetime.now(UTC) - _ago(since) if since else None
    asyncio.run(_follow(start, referral, stage, _Printer(as_json, language, limit, console())))


class _Printer:
    """Prints lines until there are enough."""

    def __init__(self, as_json: bool, language: Language, limit: int | None, out: Console) -> None:
        self._as_json, self._language, self._left, self._out = as_json, language, limit, out

    def enough(self, line: FactLine) -> bool:
        """Print one; whether it was the last."""
        if self._as_json:
            typer.echo(orjson.dumps(line.as_dict(), option=orjson.OPT_SORT_KEYS))
        else:
            self._out.print(_styled(line, self._language))
        self._left = None if self._left is None else self._left - 1
        return self._left == 0


def _styled(line: FactLine, language: Language) -> Text:
    when, ref, words, status, owner, reason = line.cells(language)
    said = Text.assemble((when, "dim"), "  ", (ref, "cyan"), "  ", (words, _COLOURS.get(line.fact, "default")))
    about = " · ".join(part for part in (status, owner, reason) if part != "–")
    return said.append(f"  [{about}]", "dim") if about else said


async def _follow(start: datetime | None, referral: str | None, stage: str | None, printer: _Printer) -> None:
    follower = Follower(place().login, _trouble)
    wanted = Wanted(start, await _referral(referral), stage)
    _end_quietly(asyncio.current_task())
    lines = follower.lines(wanted)
    try:
        async for line in lines:
            if printer.enough(line):
                break
    except asyncio.CancelledError:
        return
    finally:
        await lines.aclose()


def _end_quietly(task: asyncio.Task[None] | None) -> None:
    """Ctrl-C and SIGTERM end the following, and that is how it ends well."""
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(RuntimeError, ValueError):  # only a main thread hears signals
            asyncio.get_running_loop().add_signal_handler(number, task.cancel if task else _trouble)


async def _referral(typed: str | None) -> UUID | None:
    if typed is None:
        return None
    async with reached() as hub, hub.pool.acquire() as connection:
        found = await referral_called(connection, typed)
    return found if found is not None else _stop("There is no referral of that reference or id.")


def _ago(typed: str) -> timedelta:
    found = _LENGTH.fullmatch(typed.strip())
    if found is None:
        raise typer.BadParameter("--since is a number and s, m, h or d: 10m")
    return timedelta(seconds=int(found[1]) * _SECONDS[found[2]])


def _trouble(sentence: str = "") -> None:
    typer.echo(f"hub: {sentence}", err=True)


def _stop(why: str) -> NoReturn:
    typer.echo(f"hub: {why}", err=True)
    raise typer.Exit(2)
