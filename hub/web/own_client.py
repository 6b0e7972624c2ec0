"""Before the pages open: registers the client that the hub's own form is, so that what citizens send has a sender like all else."""

from __future__ import annotations

from contextlib import suppress

from hub.ledger.clients import ClientExists, ClientRow, insert_client
from hub.ledger.database import Pool
from hub.ledger.sealing import Sealing
from hub.security.scopes import Scope

FORM_CLIENT = "self-referral"
"""Revoke it, and the form is closed within five seconds: its pages then say so and name the telephone."""


async def register(pool: Pool, sealing: Sealing) -> None:
    """Make it, once: it may create referrals and nothing else, and has no key, so that nobody can be it from outside. Raises Unavailable."""
    row = ClientRow(
        FORM_CLIENT, "The referral form", "self", (Scope.REFERRAL_CREATE.value,), {"channel": "self", "organisation_type": "self"}, None, None, False, None
    )
    with suppress(ClientExists):
        await insert_client(pool, sealing, row, "hub")
