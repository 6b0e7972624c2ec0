"""What the tests of dispatch share: a ledger, clients, and the stage with its carriers, all on the real database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from uuid import UUID

import pytest_asyncio

from hub.dispatch.carrier import Carrier, Pace
from hub.dispatch.courier import Courier
from hub.dispatch.planning import Dispatch
from hub.dispatch.senders import ByMllp, ByWebhook
from hub.registry import installed
from hub.security.client import Outbound
from hub.transports.webhook import WebhookSender
from tests.hub.making import Known, Record, policy, record


@dataclass(slots=True)
class Bench:
    """The stage as a test drives it, step by step."""

    record: Record
    known: Known = field(default_factory=Known)
    dispatch: Dispatch = field(init=False)

    def __post_init__(self) -> None:
        self.dispatch = Dispatch(self.record.ledger, self.known, installed(), policy())

    async def consume(self, referral: UUID, *, since: int = 0) -> int:
        """Give dispatch the referral's events, as its consumer does; how many deliveries stand then."""
        events = [event for event in await self.record.events(referral) if event.sequence > since]
        changes = [change for change in await self.dispatch(events) if change is not None]
        await self.record.ledger.commit_together(changes)
        found: int = await self.record.value("SELECT count(*) FROM delivery WHERE referral_id = $1", referral)
        return found

    def webhooks(self, port: int, *ports: int, pace: Pace | None = None, timeout: float = 5.0) -> Carrier:
        """A carrier of webhooks to receivers on these ports."""
        sender = WebhookSender(frozenset(("127.0.0.1", one) for one in (port, *ports)), timeout=timeout)
        return Carrier("webhook", ByWebhook(sender), self.record.ledger, installed(), self.known, pace or Pace(poll=0.05))

    def mllp(self) -> Carrier:
        """A carrier of HL7 messages."""
        return Carrier("mllp", ByMllp(timeout=5), self.record.ledger, installed(), self.known, Pace(each=1))

    async def by_hand(self) -> int:
        """What the courier does once a second."""
        return await Courier(self.record.ledger, ()).by_hand()

    async def states(self, referral: UUID) -> list[tuple[str, str, str, str]]:
        """Each delivery: recipient, transport, fact, state; in order."""
        rows = await self.record.fetch(
            "SELECT recipient, transport, fact, state FROM delivery WHERE referral_id = $1 ORDER BY sequence, recipient, transport", referral
        )
        return [(row["recipient"], row["transport"], row["fact"].split(".")[1], row["state"]) for row in rows]


def webhook(url: str, connector: str) -> Outbound:
    """A client that is told by webhook."""
    return Outbound("webhook", connector, url=url)


async def carried(carrier: Carrier) -> int:
    """Deliver until nothing is due; how many attempts were made."""
    made = 0
    while found := await carrier.once():
        made += found
        await carrier.drain()
    return made


@pytest_asyncio.fixture(loop_scope="session")
async def bench(database: str) -> AsyncIterator[Bench]:
    """The stage on this test's own database."""
    async with record(database) as opened:
        yield Bench(opened)
