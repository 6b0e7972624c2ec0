"""In dispatch: the courier of one process: a carrier for each transport, what is told by hand, and the ear that wakes them after a commit."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from hub.deciding.clocks import PolicyClocks
from hub.deciding.policy import load_policy
from hub.dispatch.carrier import Carrier, Pace
from hub.dispatch.letters import PrintQueue
from hub.dispatch.recipients import Known
from hub.dispatch.senders import ByMail, ByMllp, ByWebhook, mail_sender
from hub.errors import Unavailable
from hub.ledger import delivering
from hub.ledger.commit import Ledger
from hub.ledger.database import LOST, connect, lent
from hub.ledger.waking import CHANNEL
from hub.registry import Registry
from hub.settings import Settings
from hub.telemetry import LogEvent, gauge, log
from hub.transports.webhook import WebhookSender

_LOST: tuple[type[BaseException], ...] = (Unavailable, *LOST)


@dataclass(slots=True)
class Courier:
    """Delivers until cancelled. `dsn`: where it listens for commits; without one it only looks every `Pace.poll` seconds."""

    ledger: Ledger
    carriers: tuple[Carrier, ...]
    closing: tuple[Callable[[], Awaitable[None]], ...] = ()
    dsn: str | None = None
    alert_seconds: int = 120
    poll: float = 1.0
    printing: PrintQueue | None = None

    @classmethod
    def of(cls, ledger: Ledger, known: Known, registry: Registry, settings: Settings) -> Courier:
        """The courier of a running hub: webhooks, MLLP, e-mail and the print queue. Raises Misconfigured."""
        policy = load_policy(settings.policy, settings.production)
        alert = PolicyClocks(policy).alert_seconds
        allowed = frozenset((address.host, address.port) for address in settings.webhook_allow)
        webhooks, mllp = WebhookSender(allowed, production=settings.production), ByMllp()
        pace = Pace(alert_seconds=alert)
        carriers = (
            Carrier("webhook", ByWebhook(webhooks), ledger, registry, known, pace),
            Carrier("mllp", mllp, ledger, registry, known, Pace(each=1, alert_seconds=alert)),
            Carrier(delivering.MAIL, ByMail(mail_sender(settings)), ledger, registry, known, Pace(each=4, most=4, lease=60, alert_seconds=alert)),
        )
        printing = PrintQueue(ledger.pool, policy, settings.letter_days, alert)
        return cls(ledger, carriers, (webhooks.close, mllp.close), settings.database_dsn, alert, printing=printing)

    def wake(self) -> None:
        """Something was committed."""
        for carrier in self.carriers:
            carrier.wake()

    async def run(self) -> None:
        """Until cancelled; what is under way then is finished first."""
        async with asyncio.TaskGroup() as group:
            for carrier in self.carriers:
                group.create_task(carrier.run())
            group.create_task(self._tell_by_hand())
            if self.dsn is not None:
                group.create_task(self._listen(self.dsn))

    async def close(self) -> None:
        """Close every connection to a receiver."""
        for close in self.closing:
            await close()

    async def by_hand(self) -> int:
        """Put on the worklist what no system can be told; how many items. Raises Unavailable."""
        rows = await delivering.to_the_worklist(self.ledger.pool, self.alert_seconds)
        for row in rows:
            log(LogEvent.WORKLIST_ADDED, "warning", referral=str(row["referral_id"]), worklist=str(row["id"]), reason=row["reason"], stage="dispatch")
        return len(rows)

    async def _tell_by_hand(self) -> None:
        while True:
            try:
                await self.by_hand()
                if self.printing is not None:
                    await self.printing.look()
                async with lent(self.ledger.pool) as connection:
                    gauge("hub_deliveries_waiting", await delivering.waiting(connection))
            except Unavailable as fault:
                log(LogEvent.STORE_UNAVAILABLE, "warning", error=fault, stage="dispatch")
            await asyncio.sleep(self.poll)

    async def _listen(self, dsn: str) -> None:
        """Hear of commits, of this process and of others; the polls stand in while it does not hear."""
        while True:
            try:
                connection = await connect(dsn)
                lost = asyncio.Event()
                try:
                    connection.add_termination_listener(lambda *_, lost=lost: lost.set())
                    await connection.add_listener(CHANNEL, lambda *_: self.wake())
                    await lost.wait()
                finally:
                    connection.terminate()
            except _LOST:
                pass
            await asyncio.sleep(1)
