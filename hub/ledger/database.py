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
    asyncpg.PostgresConnectionError, asyncpg.InterfaceError, asyncpg.CannotConnectNowError, asyncpg.AdminShutdownError, asyncpg.CrashShutdownError,
    asyncpg.QueryCanceledError, asyncpg.TooManyConnectionsError, asyncpg.InsufficientResourcesError, asyncpg.ReadOnlySQLTransactionError,
    asyncpg.PostgresIOError, asyncpg.InternalClientError, asyncpg.LockNotAvailableError, asyncpg.IdleInTransactionSessionTimeoutError,
    OSError, asyncio.TimeoutError,
)  # fmt: skip
_SETTINGS = {
    "application_name": "referral-hub",
    "statement_timeout": "5000",
    "lock_timeout": "3000",
    "idle_in_transaction_session_timeout": "10000",
    "jit": "off",
    "plan_cache_mode": "force_generic_plan",
}


async def open_pool(dsn: str, *, size: int = 4) -> Pool:
    """A pool on the record. Raises Unavailable when PostgreSQL does not answer and Misconfigured when it is not durable."""
    try:
        pool = await asyncpg.create_pool(
            dsn, min_size=1, max_size=size, command_timeout=STATEMENT_SECONDS, timeout=5, server_settings=_SETTINGS, max_inactive_connection_lifetime=0
        )
        async with lent(pool) as connection:
            for name in ("fsync", "synchronous_commit", "full_page_writes"):
                if await connection.fetchval(f"SHOW {name}") in ("off", "local"):
                    raise Misconfigured(f"PostgreSQL runs with {name} off: an answer would not mean that a referral is safe. Turn it on.")
    except LOST as fault:
        raise Unavailable(f"PostgreSQL does not answer ({type(fault).__name__}); is it running, and is HUB_DATABASE right?") from None
    return pool


@asynccontextmanager
async def lent(pool: Pool, *, wait: float = 2.0) -> AsyncIterator[asyncpg.Connection]:
    """One connection of the pool for a short while. Raises Unavailable when none is free within `wait` seconds or the database is lost."""
    try:
        async with pool.acquire(timeout=wait) as connection:
            yield connection
    except LOST as fault:
        raise Unavailable(f"PostgreSQL does not answer ({type(fault).__name__})") from None


async def connect(dsn: str) -> asyncpg.Connection:
    """One connection outside any pool (session locks live as long as it does). Raises Unavailable."""
    try:
        return await asyncpg.connect(dsn, timeout=5, command_timeout=STATEMENT_SECONDS, server_settings=_SETTINGS)
    except LOST as fault:
        raise Unavailable(f"PostgreSQL does not answer ({type(fault).__name__})") from None
