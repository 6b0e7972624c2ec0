"""What flow tests look at: what a system was told of one referral, and what the ledger says of it."""

from __future__ import annotations

from typing import Any

import httpx

from tests.faults.running import Running, StandIn, until

WHOLE_WAY = ("accept", "first-contact", "complete")
Json = dict[str, Any]


def facts(system: StandIn, referral: str) -> list[str]:
    """The bare facts that this system was told of a referral by webhook or Kafka, in order."""
    return [line["type"].split(".")[1] for line in system.lines() if line["what"] == "told" and line.get("referral") == referral]


def told(system: StandIn, ref: str) -> list[Json]:
    """The lines of what a hospital was told of a referral, in order."""
    return [line for line in system.lines() if line["what"] == "told" and line.get("ref") == ref]


def referral_id(posted: Json) -> str:
    """The referral that an answer to a post names."""
    return str(posted["location"]).rpartition("/")[2]


async def hears(system: StandIn, referral: str, *wanted: str) -> None:
    """Wait until a system was told exactly these facts of a referral."""
    async def so() -> bool:
        return facts(system, referral) == list(wanted)

    try:
        await until(so, 60, "")
    except TimeoutError:
        assert facts(system, referral) == list(wanted)


async def history(hub: Running, referral: str) -> list[str]:
    """Every fact of a referral, in order."""
    return [row["type"].split(".")[1] for row in await hub.rows("SELECT type FROM event WHERE referral_id = $1 ORDER BY version", referral)]


async def comes_to(hub: Running, referral: str, fact: str) -> list[str]:
    """Wait until this fact has happened; the history then."""
    async def so() -> bool:
        return fact in await history(hub, referral)

    await until(so, 60, f"{fact} to happen")
    return await history(hub, referral)


def asking(hub: Running, client: str) -> httpx.AsyncClient:
    """HTTP in the name of a client."""
    return httpx.AsyncClient(base_url=hub.http, headers={"Authorization": f"Bearer {hub.key_of(client)}"}, trust_env=False, timeout=10)
