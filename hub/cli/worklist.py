"""Beside the flow: `hub worklist`, by which the person on duty sees what waits for a human, looks at it and decides."""

from __future__ import annotations

from typing import Annotated, NoReturn

import orjson
import typer
from asyncpg import Connection

from hub.deciding.clocks import PolicyClocks
from hub.deciding.policy import load_policy
from hub.ledger import worklist
from hub.ledger.commit import Ledger
from hub.ledger.worklist import Item
from hub.operations import items
from hub.operations.duty import CLOSES, Dealt, Duty
from hub.operations.reach import Reached, at_the_record
from hub.operations.showing import Language, console, say
from schemas.rejection import Reason

NOT_DONE = 2
Which = Annotated[str, typer.Argument(help="The item's id or its beginning, or the referral's reference.")]
In = Annotated[Language, typer.Option(help="en or cy.")]
AsJson = Annotated[bool, typer.Option("--json", help="JSON instead.")]

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="What waits for a human: list it, show one item, release it or say that it is dealt with.")


@app.command("list")
def list_(as_json: AsJson = False, language: In = "en") -> None:
    """Every open item, the next alarm first."""

    async def work(_hub: Reached, connection: Connection) -> list[Item]:
        return await worklist.open_items(connection)

    found = at_the_record(work)
    if as_json:
        for one in found:
            typer.echo(orjson.dumps(items.as_dict(one), option=orjson.OPT_SORT_KEYS))
    elif found:
        console().print(items.listed(found, language))
        console().print(say("worklist.masked", language, item=say("worklist.an-item", language)), style="dim")
    else:
        typer.echo(say("worklist.empty", language))


@app.command()
def show(
    item: Which,
    unmask: Annotated[str | None, typer.Option(help="Show who it is about, and say why; that you looked and why is kept.")] = None,
    as_json: AsJson = False,
    language: In = "en",
) -> None:
    """One item: why, how long, and what to do. Nobody's details are shown without --unmask WHY."""

    async def work(hub: Reached, connection: Connection) -> tuple[Item, worklist.ToTell | None, str | None, items.Person | None]:
        found = await _one(connection, item, language)
        person = await items.unmasked(connection, hub.sealing, found, hub.actor, unmask) if unmask else None
        note = worklist.note_of(hub.sealing, found) if unmask else None
        return found, await worklist.to_tell(connection, hub.sealing, found), note, person

    found, told, note, person = at_the_record(work)
    if as_json:
        typer.echo(orjson.dumps(items.as_dict(found, person), option=orjson.OPT_SORT_KEYS))
        return
    out = console()
    for part in items.shown(found, told, note, person, language):
        out.print(part)


@app.command()
def release(
    item: Which,
    by: Annotated[str, typer.Option("--by", help="Your name, as the record shall have it.")],
    note: Annotated[str | None, typer.Option(help="What you found and did; it is kept sealed.")] = None,
    close: Annotated[str | None, typer.Option("--close", help="End the referral instead, for this reason.")] = None,
    agreed: Annotated[bool, typer.Option("--agreed", help="The person was asked and said yes to being referred; it is recorded as theirs.")] = False,
    home: Annotated[bool, typer.Option("--home", help="Of a long stay: the person is home again, and the prescriber's time begins anew.")] = False,
    language: In = "en",
) -> None:
    """A held referral goes back to routing; any other item is dealt with. With --close REASON the referral ends and its referrer is told."""
    if not by.strip():
        raise typer.BadParameter("--by is your name")
    if (close is not None) + agreed + home > 1:
        raise typer.BadParameter("--close, --agreed and --home are said alone")
    reason = _closing(close)

    async def work(hub: Reached, connection: Connection) -> Dealt:
        found = await _one(connection, item, language)
        settings = hub.place.settings
        duty = Duty(Ledger(hub.pool, hub.sealing), PolicyClocks(load_policy(settings.policy, settings.production)), by.strip()[:80], note)
        if home:
            return await duty.home(found)
        return await (duty.close(found, reason) if reason else duty.release(found, agreed=agreed))

    dealt = at_the_record(work)
    typer.echo(dealt.words.in_language(language), err=not dealt.done)
    raise typer.Exit(0 if dealt.done else NOT_DONE)


async def _one(connection: Connection, typed: str, language: Language) -> Item:
    found = await items.one_called(connection, typed)
    return found if isinstance(found, Item) else _stop(say(found, language))


def _closing(code: str | None) -> Reason | None:
    if code is None:
        return None
    if code not in {reason.value for reason in CLOSES}:
        raise typer.BadParameter(f"--close is one of: {', '.join(CLOSES)}")
    return Reason(code)


def _stop(why: str) -> NoReturn:
    typer.echo(f"hub: {why}", err=True)
    raise typer.Exit(NOT_DONE)
