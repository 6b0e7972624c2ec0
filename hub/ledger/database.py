"""In the ledger: connections to PostgreSQL, durable and with time-outs everywhere, and what its errors mean to a caller."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypeAlias

import asyncpg

from hub.errors import Misconfigured, Unavailable

Pool: TypeAlias = asyncpg.Pool
STATEMENT_SECONDS = 3.0
TRY_AGAIN: tuple[type[BaseException], ...] = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError)
LOST: tuple[type[BaseException], ...] = (
    asyncpg.PostgresConnectionError, asyncpg.InterfaceError, asyncpg.InsufficientResourcesError, asyncpg.ReadOnlySQLTransactionError,
    asyncpg.OperatorInterventionError, asyncpg.PostgresSystemError, asyncpg.InternalServerError, asyncpg.InvalidCatalogNameError,
    asyncpg.InternalClientError, asyncpg.LockNotAvailableError, asyncpg.IdleInTransactionSessionTimeoutError, OSError, asyncio.TimeoutError,
)  # fmt: skip
"""What an outage looks like: the server is away, starting, stopping or full, its disk or files are at fault, or it takes too long. The driver's own
complaints are among them, those about our arguments too: `outage` tells these apart."""
TOO_LONG: tuple[type[BaseException], ...] = (asyncpg.QueryCanceledError, asyncio.TimeoutError)
_SETTINGS = {
    "application_name": "referral-hub",
    "statement_timeout": "5000",
    "lock_timeout": "3000",
    "idle_in_transaction_session_timeout": "10000",
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "20000",
    "jit": "off",
    "plan_cache_mode": "force_generic_plan",
}
_OUR_FAULT = "the server expects"  # the driver's sentence for a wrong number of arguments


def outage(fault: BaseException) -> Unavailable:
    """What to raise for one of LOST. Raises the fault itself where it is ours: an argument that the driver cannot send will never be one it can."""
    if isinstance(fault, asyncpg.InterfaceError) and (isinstance(fault, ValueError) or _OUR_FAULT in str(fault)):
        raise fault
    return Unavailable(f"PostgreSQL does not answer ({type(fault).__name__})")


async def open_pool(dsn: str, *, size: int = 4) -> Pool:
    """A pool on the record. Raises Unavailable when PostgreSQL does not answer and Misconfigured when it is not durable."""
    try:
        pool = await asyncpg.create_pool(
            dsn,
            min_size=1,
            max_size=size,
            command_timeout=STATEMENT_SECONDS,
            timeout=5,
            server_settings=_SETTINGS,
            max_inactive_connection_lifetime=0,
            reset=_nothing_to_reset,
        )
        async with lent(pool) as connection:
            for name in ("fsync", "synchronous_commit", "full_page_writes"):
                if await connection.fetchval(f"SHOW {name}") in ("off", "local"):
                    raise Misconfigured(f"PostgreSQL runs with {name} off: an answer would not mean that a referral is safe. Turn it on.")
    except LOST as fault:
        raise Unavailable(f"PostgreSQL does not answer ({type(fault).__name__}); is it running, and is HUB_DATABASE right?") from None
    return pool


async def _nothing_to_reset(_connection: asyncpg.Connection) -> None:
    """Nobody changes a pooled connection's session (session locks, listeners and SET are for connections of one's own); an open transaction
    is rolled back by the driver before. The usual reset would be one more round trip for each commit."""


@asynccontextmanager
async def lent(pool: Pool, *, wait: float = 2.0) -> AsyncIterator[asyncpg.Connection]:
    """One connection of the pool for a short while. Raises Unavailable when none is free within `wait` seconds or the database is lost."""
    try:
        async with pool.acquire(timeout=wait) as connection:
            yield connection
    except LOST as fault:
        raise outage(fault) from None


async def connect(dsn: str) -> asyncpg.Connection:
    """One connection outside any pool (session locks live as long as it does). Raises Unavailable."""
    try:
        return await asyncpg.connect(dsn, timeout=5, command_timeout=STATEMENT_SECONDS, server_settings=_SETTINGS)
    except LOST as fault:
        raise outage(fault) from None
