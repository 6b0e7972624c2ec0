"""Beside the flow: `hub letters`, the print queue: what is to be printed and posted to people without e-mail, and that it was."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, NoReturn, TextIO

import orjson
import typer
from asyncpg import Connection

from hub.deciding.clocks import PolicyClocks
from hub.deciding.policy import load_policy
from hub.ledger import delivering, letters
from hub.ledger.letters import Letter
from hub.operations.letters import as_dict, listed, may_go, pages, state
from hub.operations.reach import Reached, actor, at_the_record, place
from hub.operations.showing import Language, console, say
from schemas.identifiers import ReferralRef
from schemas.rejection import Reason

NOT_DONE = 2
In = Annotated[Language, typer.Option(help="en or cy.")]
AsJson = Annotated[bool, typer.Option("--json", help="JSON instead.")]

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Letters to people: list them, print them, say that they are posted.")


@app.command("list")
def list_(as_json: AsJson = False, language: In = "en") -> None:
    """Every letter to print or post, the oldest first, and those printed ones that must not be posted any more."""

    async def work(hub: Reached, connection: Connection) -> list[Letter]:
        return await letters.waiting(connection, hub.sealing)

    found = at_the_record(work)
    if as_json:
        for one in found:
            typer.echo(orjson.dumps(as_dict(one), option=orjson.OPT_SORT_KEYS))
    elif found:
        console().print(listed(found, language))
        _unsaid(language)
    else:
        typer.echo(say("post.empty", language))


@app.command("print")
def print_(
    file: Annotated[Path, typer.Argument(help="The HTML file to make, a page for each letter; it must not exist yet.", dir_okay=False)],
    again: Annotated[bool, typer.Option("--again", help="Those that were printed before, too.")] = False,
    language: In = "en",
) -> None:
    """Write the letters to one HTML file for a browser to print. A letter that is not safe any more goes to the worklist instead."""

    async def work(hub: Reached, connection: Connection) -> tuple[int, int]:
        waiting = [one for one in await letters.waiting(connection, hub.sealing) if state(one) == "owed" or (again and state(one) == "printed")]
        unsafe = [one for one in waiting if not may_go(one)]
        for one in unsafe:
            await _left_out(hub, one)
        safe = [one for one in waiting if one not in unsafe]
        if safe:
            with _made(file) as page:
                done = await letters.printed(connection, safe, hub.actor)
                safe = [one for one in safe if one.id in done]
                page.write(pages(safe, language))
        return len(safe), len(unsafe)

    printed, left_out = at_the_record(work)
    typer.echo(say("post.saved", language, file=str(file), count=printed) if printed else say("post.empty", language))
    if left_out:
        typer.echo(say("post.left-out", language, count=left_out), err=True)
    if printed:
        _unsaid(language)


@app.command()
def posted(
    letter: Annotated[str, typer.Argument(help="The letter's id or its beginning, as hub letters list shows it.")],
    by: Annotated[str, typer.Option("--by", help="Your name, as the record shall have it.")],
    language: In = "en",
) -> None:
    """The letter is in the post: it ends here."""
    if not by.strip():
        raise typer.BadParameter("--by is your name")

    async def work(hub: Reached, connection: Connection) -> tuple[str, str]:
        found = await letters.called(connection, hub.sealing, letter)
        if len(found) != 1:
            return ("post.ambiguous" if found else "post.not-found"), ""
        if found[0].state == "pending" and await letters.posted(connection, found[0], actor(by.strip()[:80])):
            return "post.done", found[0].ref
        return ("post.was-posted" if found[0].state == "delivered" else "post.was-stopped"), ""

    key, ref = at_the_record(work)
    if key != "post.done":
        _stop(say(key, language))
    typer.echo(say(key, language, ref=ReferralRef(ref).spoken))


async def _left_out(hub: Reached, letter: Letter) -> None:
    """Of an erased referral nobody is told any more; whom it is not safe to write to, a person tells."""
    if not letter.body:
        await delivering.cancelled(hub.pool, letter.id, "the referral was erased")
        return
    settings = hub.place.settings
    alert = PolicyClocks(load_policy(settings.policy, settings.production)).alert_seconds
    await delivering.given_up(hub.pool, letter.id, Reason.DELIVERY_REFUSED, "the address is not safe to use any more", alert)


def _unsaid(language: Language) -> None:
    """Say once what these letters cannot tell their readers, for want of a setting."""
    unsaid = place().settings.unsaid_in_letters
    if unsaid:
        typer.echo(say("check.sender.unsaid", language, names=", ".join(unsaid)), err=True)


def _made(file: Path) -> TextIO:
    """A new file for this user's eyes alone; made before anything counts as printed."""
    try:
        return os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8")
    except OSError:
        raise typer.BadParameter("the file cannot be made: name a new one in a folder that is there") from None


def _stop(why: str) -> NoReturn:
    typer.echo(f"hub: {why}", err=True)
    raise typer.Exit(NOT_DONE)
