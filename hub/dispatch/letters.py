"""In dispatch: what the courier does for letters, which people print and post: gives each its day, and raises what was not posted by then."""

from __future__ import annotations

from dataclasses import dataclass

from hub.deciding.deadlines import working_days_after
from hub.deciding.policy import Policy
from hub.ledger import letters
from hub.ledger.database import Pool
from hub.telemetry import LogEvent, log


@dataclass(frozen=True, slots=True)
class PrintQueue:
    """`days`: working days within which a letter must be posted."""

    pool: Pool
    policy: Policy
    days: int
    alert_seconds: int = 120

    async def look(self) -> int:
        """Queue what is newly owed, raise what is late; how many letters were raised. Raises Unavailable."""
        if owed := await letters.owed(self.pool):
            await letters.queue(self.pool, [(id_, working_days_after(since, self.days, self.policy)) for id_, since in owed])
        rows = await letters.late(self.pool, self.alert_seconds)
        for row in rows:
            log(LogEvent.WORKLIST_ADDED, "warning", referral=str(row["referral_id"]), worklist=str(row["id"]), reason="letter-not-posted", stage="dispatch")
        return len(rows)
