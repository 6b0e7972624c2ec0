"""Beside the flow: `hub republish`, which rebuilds Kafka's topics from the ledger, with the same ids in the same order."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Annotated

import typer
from asyncpg import Connection

from hub.ledger import relay
from hub.ledger.clients import list_clients
from hub.ledger.database import lent
from hub.ledger.republish import Republished, republish
from hub.operations.reach import Reached, reached
from hub.operations.showing import Language, say
from hub.security.kafka_access import KafkaAccess
from hub.serving import topic_specs
from schemas.topics import REFERRALS, STATUS, TO_CLIENT

_COUNTS = """
SELECT (SELECT count(*) FROM event) AS events, (SELECT count(*) FROM referral) AS referrals,
       (SELECT count(*) FROM delivery WHERE recipient = ANY($1) AND transport = 'kafka' AND state <> 'cancelled') AS messages
"""
_LOOK = 0.3


def command(
    client: Annotated[list[str] | None, typer.Option(help="Rebuild to.<client> of this client too; may be given often.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do it; without this, only say what would be done.")] = False,
    wait: Annotated[float, typer.Option(min=0, max=3600, help="Seconds to wait until a relay has sent it all.")] = 60,
    language: Annotated[Language, typer.Option(help="en or cy.")] = "en",
) -> None:
    """Empty `referrals` and `referral-status` and fill them from the ledger. Nothing happens twice: every consumer knows what it has seen."""
    asyncio.run(_republish(tuple(dict.fromkeys(client or ())), yes, wait, language))


async def _republish(clients: Sequence[str], yes: bool, wait: float, language: Language) -> None:
    async with reached() as hub:
        await _check_clients(hub, clients, language)
        if not yes:
            async with lent(hub.pool) as connection:
                counts = await connection.fetchrow(_COUNTS, list(clients))
            typer.echo(say("republish.would", language, **dict(counts)))
            return
        done = await _rebuilt(hub.place.access, hub.place.dsn, clients)
        typer.echo(say("republish.done", language, events=done.events, messages=done.client_messages, epoch=done.epoch))
        left = await _left(hub, wait)
        typer.echo(say("republish.waiting", language, count=left) if left else say("republish.drained", language))


async def _rebuilt(access: KafkaAccess, dsn: str, clients: Sequence[str]) -> Republished:
    async def empty(named: Sequence[str]) -> None:
        """Delete and make anew only what will be filled again: never `from.<client>`."""
        names = {REFERRALS.name, STATUS.name, *(TO_CLIENT.for_client(client) for client in named)}
        await access.delete_topics(sorted(names))
        await access.ensure_topics([topic for topic in topic_specs(list(named)) if topic.name in names])

    return await republish(dsn, empty, clients)


async def _check_clients(hub: Reached, wanted: Sequence[str], language: Language) -> None:
    known = {row["id"] for row in await list_clients(hub.pool) if row["kafka"]}
    for client in wanted:
        if client not in known:
            raise typer.BadParameter(say("republish.no-client", language, client=client))


async def _left(hub: Reached, wait: float) -> int:
    """How much is not on Kafka yet, after at most so many seconds."""
    until = asyncio.get_running_loop().time() + wait
    while True:
        async with lent(hub.pool) as connection:
            left = await _waiting(connection)
        if not left or asyncio.get_running_loop().time() >= until:
            return left
        await asyncio.sleep(_LOOK)


async def _waiting(connection: Connection) -> int:
    return (await relay.waiting(connection))[0]
