"""Beside the flow: `hub dead-letters`: list, show and retry what a stage gave up."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated, NoReturn, TypeVar

import orjson
import typer

from hub.ledger.parking import Shown
from hub.operations.reach import Reached, actor, reached
from hub.operations.retrying import Retried, listed, retried
from hub.operations.showing import Language, clock, console, iso, known, reference, say, table

NOT_DONE, NOT_YET = 2, 75
T = TypeVar("T")
In = Annotated[Language, typer.Option(help="en or cy.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object a line instead.")]

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="What failed for good: events that a stage could not digest, with what waits behind them.")


@app.command("list")
def list_(
    everything: Annotated[bool, typer.Option("--all", help="Those that are done, too.")] = False, as_json: AsJson = False, language: In = "en"
) -> None:
    """Open dead letters, oldest first; every later event of the same referral waits behind them."""
    found = _run(lambda hub: listed(hub.pool, everything=everything))
    if as_json:
        _print_json(found)
    elif found:
        headings = [say(f"ops.{name}", language) for name in ("letter", "time", "stage", "referral", "reason", "attempts", "behind", "status")]
        console().print(table(headings, [_cells(one, language) for one in found]))
    else:
        typer.echo(say("letters.empty", language))


@app.command()
def show(letter: Annotated[str, typer.Argument(help="Its id or its beginning.")], as_json: AsJson = False, language: In = "en") -> None:
    """One dead letter: where it lay, what failed (never what it held), and what waits behind it."""
    found = _called(_run(lambda hub: listed(hub.pool, everything=True)), [letter], language)[0]
    if as_json:
        _print_json([found])
        return
    typer.echo(f"{say('ops.letter', language)} {found.id}  {found.where}  {clock(found.at)}")
    typer.echo(f"{say('ops.stage', language)} {found.stage}; {known('letters.state', found.state, language)}; {say('ops.attempts', language)} {found.attempts}")
    typer.echo(f"{known('reason', found.reason, language)} {found.detail}")
    if found.referral_id is None:
        typer.echo(say("letters.alone", language))
    else:
        typer.echo(f"{say('ops.referral', language)} {reference(found.referral_id)}; {say('ops.behind', language)}: {found.parked}")
        typer.echo(say("check.next", language, command=f"hub dead-letters retry {str(found.id)[:8]}"))


@app.command()
def retry(
    letters: Annotated[list[str] | None, typer.Argument(help="Ids or their beginnings.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Every open one.")] = False,
    by: Annotated[str | None, typer.Option("--by", help="Your name, for the record; else your login.")] = None,
    wait: Annotated[float, typer.Option(min=0, max=600, help="Seconds to wait for the running stage.")] = 30,
    language: In = "en",
) -> None:
    """Ask the running stages to try again, and say what became of each."""
    if bool(letters) == everything:
        raise typer.BadParameter("give ids, or --all")

    async def work(hub: Reached) -> list[Retried]:
        found = await listed(hub.pool)
        chosen = found if everything else _called(found, letters or [], language)
        return await retried(hub.pool, [one.id for one in chosen], actor(by), wait)

    done = _run(work)
    if not done:
        _stop(say("letters.empty" if everything else "letters.nothing-open", language), 0 if everything else NOT_DONE)
    for one in done:
        typer.echo(_said(one, language))
    states = {one.state for one in done}
    raise typer.Exit(NOT_DONE if "open" in states else NOT_YET if "retry" in states else 0)


def _said(one: Retried, language: Language) -> str:
    key = {"done": "letters.done", "open": "letters.again"}.get(one.state, "letters.waiting")
    return say(key, language, letter=str(one.id)[:8], detail=one.detail, stage=one.stage)


def _called(found: list[Shown], typed: list[str], language: Language) -> list[Shown]:
    chosen = []
    for name in typed:
        meant = [one for one in found if str(one.id).startswith(name.strip().lower())]
        if len(meant) != 1 or not name.strip():
            _stop(say("letters.not-found" if not meant else "worklist.ambiguous", language), NOT_DONE)
        chosen += meant
    return chosen


def _cells(one: Shown, language: Language) -> tuple[str, ...]:
    referral = reference(one.referral_id) if one.referral_id else "–"
    state = known("letters.state", one.state, language)
    return str(one.id)[:8], clock(one.at), one.stage, referral, one.detail, str(one.attempts), str(one.parked), state


def _print_json(found: list[Shown]) -> None:
    for one in found:
        line = {
            "at": iso(one.at), "attempts": one.attempts, "detail": one.detail, "id": str(one.id), "parked": one.parked, "reason": one.reason,
            "referral": str(one.referral_id) if one.referral_id else None, "stage": one.stage, "state": one.state, "where": one.where,
        }  # fmt: skip
        typer.echo(orjson.dumps(line, option=orjson.OPT_SORT_KEYS))


def _run(work: Callable[[Reached], Awaitable[T]]) -> T:
    async def whole() -> T:
        async with reached() as hub:
            return await work(hub)

    return asyncio.run(whole())


def _stop(why: str, code: int) -> NoReturn:
    typer.echo(why if code == 0 else f"hub: {why}", err=code != 0)
    raise typer.Exit(code)
