"""Beside the flow: `hub batch`, tables of referrals by hand: look at one, upload it, put it into a drop folder, read its report."""

from __future__ import annotations

import asyncio
import hashlib
import re
import shutil
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, NoReturn

import httpx
import typer
from asyncpg import Connection

from hub.cli.translate import Given, lines, profile_of
from hub.ledger.clients import list_clients
from hub.operations.reach import Reached, at_the_record, place
from hub.operations.showing import Language, say
from hub.registry import Registered, installed
from hub.transports.drop_files import short_name
from hub.transports.drop_folder import DONE, FAILED, IN, WORKING
from schemas.identifiers import ReferralRef
from schemas.rejection import Rejected
from schemas.row_report import NDJSON, RowReport, counted, read_line

REFUSED, USAGE, TRY_AGAIN = 2, 64, 75
_CONNECTOR, _WHERE = "batch_csv", "/batch/referrals"
_SHOWN = ("refused", "postponed", "held")
In = Annotated[Language, typer.Option(help="en or cy.")]
Client = Annotated[str, typer.Option("--as", help="The client whose folder it is.")]
Table = Annotated[Path, typer.Argument(help="CSV or NDJSON.")]

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Tables of referrals: look at one, send it, read what became of it.")


@app.command()
def check(file: Table, profile: Annotated[str | None, typer.Option(help="The client's configuration, in JSON or TOML.")] = None, language: In = "en") -> None:
    """Say what every row lacks, before it is sent anywhere. Needs no hub."""
    given = Given(None, datetime.now(UTC), None, profile_of(profile))
    found = list(lines(_tables(), file.name, _content(file, language), given, lambda _referral: {}))
    wrong = [line for line in found if line["rejected"]]
    for line in found:
        rejected = line["rejected"]
        faults = rejected["issues"] if isinstance(rejected, dict) else []
        warnings = line["warnings"] if isinstance(line["warnings"], list) else []
        for mark, issues in (("✗", faults), ("·", warnings)):
            for issue in (one for one in issues if one["at"] != "headers"):
                typer.echo(f"{mark} {issue['at']}: {issue['text'][language]}")
    typer.echo(say("batch.cli.checked", language, rows=len(found), wrong=len(wrong)))
    raise typer.Exit(REFUSED if wrong else 0)


@app.command()
def send(
    file: Table,
    client: Annotated[str | None, typer.Option("--as", help="The client that the key must belong to.")] = None,
    key: Annotated[str | None, typer.Option(envvar="REFERRAL_CLIENT_KEY", show_envvar=True, help="The client's key.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The hub's own lines instead.")] = False,
    language: In = "en",
) -> None:
    """Upload a table to the hub that runs here, and say what became of every row. A longer one goes by `hub batch drop`."""
    if not key:
        _stop(say("send.key-missing", language))
    if client is not None and not key.startswith(f"hub_{client}_"):
        _stop(say("send.key-of-another", language, client=client))
    content = _content(file, language)
    kind = NDJSON if content.lstrip()[:1] == b"{" else "text/csv"
    try:
        reply = httpx.post(
            f"{place().http}{_WHERE}", content=content, headers={"Authorization": f"Bearer {key}", "Content-Type": kind}, timeout=300, trust_env=False
        )
    except httpx.HTTPError:
        typer.echo(say("send.no-answer", language), err=True)
        raise typer.Exit(TRY_AGAIN) from None
    reports = [found for line in reply.content.splitlines() if (found := read_line(line)) is not None]
    if not reports:
        _stop(say("batch.cli.not-taken", language, status=str(reply.status_code)))
    if as_json:
        sys.stdout.buffer.write(reply.content)
    else:
        _show(reports, language)
    raise typer.Exit(_code(reports))


@app.command()
def drop(
    file: Table,
    client: Client,
    wait: Annotated[bool, typer.Option(help="Until the file is done, with its progress.")] = True,
    language: In = "en",
) -> None:
    """Put a table into a client's drop folder, whole or not at all, and say how far it is."""
    root = place().settings.drop
    if root is None:
        _stop(say("batch.cli.no-folder", language))
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,62}", client):
        raise typer.BadParameter("--as is a client's id")
    _must_be_read(client, language)
    content = _content(file, language)
    try:
        rows = len(_tables().messages(content))
    except Rejected as fault:
        typer.echo(f"hub: {fault.issues[0].text.in_language(language)}", err=True)
        raise typer.Exit(REFUSED) from None
    home = root / client
    (home / IN).mkdir(parents=True, exist_ok=True)
    name = _free(home, short_name(file.name))
    unfinished = home / IN / f"{name}.part"
    shutil.copyfile(file, unfinished)
    unfinished.rename(home / IN / name)
    typer.echo(say("batch.cli.dropped", language, name=name, rows=rows), err=True)
    if wait:
        reports = asyncio.run(_followed(home, name, content, rows, language))
        _show(reports, language)
        raise typer.Exit(_code(reports))


@app.command()
def report(file: Annotated[Path, typer.Argument(help="A .report.ndjson file.")], language: In = "en") -> None:
    """Say what became of every row of a file, from the report beside it."""
    reports = [found for line in _content(file, language).splitlines() if (found := read_line(line)) is not None]
    if not reports:
        _stop(say("batch.cli.no-report", language))
    _show(reports, language)
    raise typer.Exit(_code(reports))


def _tables() -> Registered:
    return installed()[_CONNECTOR]


def _must_be_read(client: str, language: Language) -> None:
    """Stops, in a plain sentence, where no hub would ever take a file out of this client's folder."""
    asked = next(listener.scope for _, listener in installed().listeners("folder"))

    async def work(hub: Reached, _connection: Connection) -> list[str] | None:
        found = [row for row in await list_clients(hub.pool) if row["id"] == client and row["revoked_at"] is None]
        return list(found[0]["scopes"]) if found else None

    scopes = at_the_record(work)
    if scopes is None:
        _stop(say("batch.cli.no-client", language, client=client))
    if asked not in scopes:
        _stop(say("batch.cli.may-not", language, client=client, scope=asked))


def _show(reports: Sequence[RowReport], language: Language) -> None:
    """The file's own sentence, then how many rows became what, then what somebody must read."""
    for one in reports:
        if one.row == 0 or one.became in _SHOWN or one.warnings:
            said = one.text.in_language(language) if one.row == 0 or one.became in _SHOWN else one.became
            about = f"  [{ReferralRef(one.reference).spoken}]" if one.reference else ""
            typer.echo(f"{one.row or ''}{': ' if one.row else ''}{said}{about}")
            for fault in (*one.faults, *one.warnings):
                typer.echo(f"  - {fault.at}: {fault.text.in_language(language)}")
    typer.echo(", ".join(f"{became} {number}" for became, number in counted(one for one in reports if one.row).items()))


def _code(reports: Sequence[RowReport]) -> int:
    became = {one.became for one in reports}
    return REFUSED if "refused" in became else TRY_AGAIN if "postponed" in became else 0


async def _followed(home: Path, name: str, content: bytes, rows: int, language: Language) -> list[RowReport]:
    """Progress on stderr until the file's report is there; whoever stops looking stops nothing."""
    notes = home / WORKING / f".{hashlib.sha256(content).hexdigest()}.notes"
    told, at = 0, time.monotonic()
    while True:
        for folder in (DONE, FAILED):
            if (home / folder / name).exists():
                lines = (home / folder / f"{name}.report.ndjson").read_bytes().splitlines()
                return [found for line in lines if (found := read_line(line)) is not None]
        done = notes.read_bytes().count(b"\n") if notes.exists() else told
        if done != told and time.monotonic() - at >= 1:
            told, at = done, time.monotonic()
            typer.echo(say("batch.cli.progress", language, done=done, rows=rows), err=True)
        await asyncio.sleep(0.2)


def _free(home: Path, name: str) -> str:
    """A name that no file of this client has had, so that its report can be told from others."""
    taken = {one.name for folder in (IN, WORKING, DONE, FAILED) if (home / folder).exists() for one in (home / folder).iterdir()}
    names = (name, *(f"{Path(name).stem}.{number}{Path(name).suffix}" for number in range(2, len(taken) + 3)))
    return next(one for one in names if one not in taken)


def _content(file: Path, language: Language) -> bytes:
    try:
        return file.read_bytes()
    except OSError:
        _stop(say("batch.cli.unreadable", language))


def _stop(why: str) -> NoReturn:
    typer.echo(f"hub: {why}", err=True)
    raise typer.Exit(USAGE)
