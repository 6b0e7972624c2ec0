"""Shared by the pages: what they need of the hub, and what of the hub they show."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from hub.deciding.policy import Policy
from hub.ledger.database import Pool
from hub.ledger.sealing import Sealing
from hub.parts import Hub
from hub.registry import Registered
from hub.security.client import Client
from hub.transports.http_rates import Buckets
from schemas.messages import InboundMessage, Reply
from schemas.words import Text

Submit = Callable[[InboundMessage, Client], Awaitable[Reply]]
"""Intake's one way through, for the form's connector: the answer comes after the commit."""
Receive = Callable[[Registered, InboundMessage, Client, str], Awaitable[Reply]]
"""Intake's one way through, for any connector; the last argument names the transport."""
FindClient = Callable[[str], Client | None]
_FORM = "self_referral"
DEMONSTRATION_PHONE = "029 2018 0999"
"""From the range kept for fiction: what the pages show where no number is set."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What the pages say of this hub: the telephone number on each of them, the service's name where it has one of its own, on a printed form
    the lines of the address to which it is posted; and by which address browsers reach the pages, where it is set."""

    phone: str = DEMONSTRATION_PHONE
    name: Text | None = None
    address: tuple[str, ...] = ()
    public_url: str | None = None

    @property
    def dialled(self) -> str:
        """The number as a link dials it."""
        return "".join(c for c in self.phone if c.isdigit() or c == "+")


@dataclass(frozen=True, slots=True)
class Desk:
    """What stands behind the pages. `now` is in seconds; the buckets count sendings by address (`sending`, `looking`), by reference
    (`references`), and for the form as a whole (`everybody`)."""

    form: Registered
    client: FindClient
    submit: Submit
    policy: Policy
    sealing: Sealing
    pool: Pool
    shown: Shown = field(default_factory=Shown)
    now: Callable[[], float] = time.time
    sending: Buckets = field(default_factory=lambda: Buckets(1.0, 60))
    everybody: Buckets = field(default_factory=lambda: Buckets(50.0, 500))
    looking: Buckets = field(default_factory=lambda: Buckets(0.2, 30))
    references: Buckets = field(default_factory=lambda: Buckets(1 / 120, 10))


def desk_of(hub: Hub, receive: Receive) -> Desk:
    """The desk of a running hub. Raises KeyError when the form's connector is not there."""
    form, settings = hub.registry[_FORM], hub.settings

    async def submit(message: InboundMessage, client: Client) -> Reply:
        return await receive(form, message, client, "http")

    own_name = Text(settings.sender, settings.sender_cy) if settings.sender_cy else None
    shown = Shown(settings.phone or DEMONSTRATION_PHONE, own_name, settings.sender_address, settings.public_url)
    return Desk(form, hub.clients.by_id, submit, hub.policy, hub.sealing, hub.ledger.pool, shown)
