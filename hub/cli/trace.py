"""Beside the flow: `hub trace`, which prints the whole life of one referral, refusal or repeat."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

import orjson
import typer
from asyncpg import Connection
from rich.console import RenderableType
from rich.text import Text

from hub.ledger.database import lent
from hub.operations import reads
from hub.operations.finding import Found, find
from hub.operations.life import JsonObject, Life, Refused, Request, plain
from hub.operations.reach import Reached, reached
from hub.operations.showing import Language, console, say
from hub.operations.telling import told, told_of_refusal, told_of_request

NOT_FOUND = 2


def command(
    wanted: Annotated[str, typer.Argument(help="A reference, a referral's id, a sender's request key, an HL7 MSH-10, or a refusal's id.")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object instead.")] = False,
    language: Annotated[Language, typer.Option(help="en or cy.")] = "en",
) -> None:
    """Print everything that happened, with times and reasons: requests, facts, Tasks, why, who was told, who looked. Nobody's details are shown."""
    seen = asyncio.run(_seen(wanted))
    if as_json:
        typer.echo(orjson.dumps(seen.as_dict(), option=orjson.OPT_SORT_KEYS))
    elif not seen.nothing:
        out = console()
        for part in seen.told(language):
            out.print(part)
    if seen.nothing:
        typer.echo(f"hub: {say('trace.nothing', language)}", err=True)
        raise typer.Exit(NOT_FOUND)


@dataclass(frozen=True, slots=True)
class Seen:
    """Everything that the wanted thing means, read. `requests` come with the referrals that they changed."""

    lives: tuple[Life, ...]
    refusals: tuple[Refused, ...]
    requests: tuple[tuple[Request, int], ...]
    now: datetime

    @property
    def nothing(self) -> bool:
        """Whether there is none of it."""
        return not (self.lives or self.refusals or self.requests)

    def as_dict(self) -> JsonObject:
        """For programs."""
        requests = [{**plain(row), "referrals_changed": changed} for row, changed in self.requests]
        return {"referrals": [life.as_dict() for life in self.lives], "refusals": [plain(row) for row in self.refusals], "requests": requests}

    def told(self, language: Language) -> Iterator[RenderableType]:
        """For a person: refusals first, an empty line between."""
        parts = (
            *(told_of_refusal(row, language) for row in self.refusals),
            *(told_of_request(row, changed, language) for row, changed in self.requests),
            *(told(life, self.now, language) for life in self.lives),
        )
        for place, part in enumerate(parts):
            if place:
                yield Text("")
            yield from part


async def _seen(wanted: str) -> Seen:
    async with reached() as hub, lent(hub.pool) as connection:
        return await _read(hub, connection, await find(connection, wanted))


async def _read(hub: Reached, connection: Connection, found: Found) -> Seen:
    sealing = hub.sealing
    requests, wanted = [], dict.fromkeys(found.referrals)
    for client, key in found.requests:
        if (read := await reads.request(connection, sealing, client, key)) is not None:
            requests.append((read[0], len(read[1])))
            wanted |= dict.fromkeys(read[1])
    lives = [await reads.life(connection, sealing, referral, hub.actor) for referral in wanted]
    refusals = await reads.refused(connection, found.refusals)
    return Seen(tuple(life for life in lives if life), tuple(refusals), tuple(requests), await connection.fetchval("SELECT now()"))
