"""Beside the flow, first in a bench's report: what it ran on, and what "stored" meant while it ran."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path

import asyncpg

_VERSIONS = ("asyncpg", "aiokafka", "faststream", "uvicorn", "uvloop", "pydantic")
_DURABILITY = ("fsync", "synchronous_commit", "full_page_writes", "wal_sync_method")


def machine() -> dict[str, object]:
    """Cores, processor, Python, libraries, and how busy the machine was before we began."""
    return {
        "cores": len(os.sched_getaffinity(0)),
        "processor": _processor(),
        "python": platform.python_version(),
        "load_before": round(os.getloadavg()[0], 2),
        "versions": {name: version(name) for name in _VERSIONS},
    }


async def durability(dsn: str) -> dict[str, object]:
    """What PostgreSQL does before a commit counts, and how the hub's producer is acknowledged by Kafka."""
    connection = await asyncpg.connect(dsn, timeout=5)
    try:
        found = {name: await connection.fetchval("SELECT current_setting($1)", name) for name in _DURABILITY}
        found["postgresql"] = await connection.fetchval("SHOW server_version")
    finally:
        await connection.close()
    return {**found, "kafka_acks": "all", "kafka_idempotence": True}


def sentence(found: dict[str, object]) -> str:
    """The machine in one line."""
    return f"{found['processor']}, {found['cores']} cores, Python {found['python']}, load {found['load_before']} before"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())
