"""Beside the flow: a stage without a door of its own answers Prometheus and health checks, and nothing else."""

from __future__ import annotations

import asyncio
import contextlib

import httpx
import pytest

from hub.errors import Misconfigured
from hub.metrics_door import metrics_door
from hub.settings import Address
from hub.telemetry import METRICS

ANYWHERE = Address("127.0.0.1", 0)


# what is asked, whether the stage is ready, the status, what the body begins with
ANSWERS = (
    ("GET", "/metrics", True, 200, "# HELP hub_"),
    ("GET", "/health/live", False, 200, "live"),  # alive though not ready: it must not be killed for waiting
    ("GET", "/health/ready", True, 200, "ready"),
    ("GET", "/health/ready", False, 503, "not ready"),
    ("GET", "/fhir/ServiceRequest", True, 404, ""),  # no referral is behind this door
    ("POST", "/metrics", True, 405, ""),
)


@pytest.mark.parametrize(("method", "path", "ready", "status", "begins"), ANSWERS)
async def test_it_answers_how_the_stage_is(method: str, path: str, ready: bool, status: int, begins: str) -> None:
    async with metrics_door(ANYWHERE, lambda: ready) as at, httpx.AsyncClient(trust_env=False) as client:
        answer = await client.request(method, f"http://{at}{path}")
    assert (answer.status_code, answer.text.startswith(begins)) == (status, True)


async def test_the_page_holds_every_metric() -> None:
    async with metrics_door(ANYWHERE, lambda: True) as at, httpx.AsyncClient(trust_env=False) as client:
        page = (await client.get(f"http://{at}/metrics")).text
    assert [metric.name for metric in METRICS if metric.name not in page] == []


@pytest.mark.parametrize("sent", [b"", b"\x00\xff\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/1.1\r\nX: " + b"a" * 100_000])
async def test_what_is_no_request_is_closed_and_the_next_is_answered(sent: bytes) -> None:
    async with metrics_door(ANYWHERE, lambda: True) as at:
        reader, writer = await asyncio.open_connection(at.host, at.port)
        writer.write(sent)
        writer.write_eof()
        with contextlib.suppress(ConnectionResetError):
            assert b"200 OK" not in await reader.read()
        writer.close()
        async with httpx.AsyncClient(trust_env=False) as client:
            assert (await client.get(f"http://{at}/health/live")).status_code == 200


async def test_a_taken_port_is_a_plain_sentence() -> None:
    async with metrics_door(ANYWHERE, lambda: True) as at:
        with pytest.raises(Misconfigured, match="HUB_METRICS: port"):
            async with metrics_door(at, lambda: True):
                pass


async def test_the_door_is_shut_afterwards() -> None:
    async with metrics_door(ANYWHERE, lambda: True) as at:
        pass
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection(at.host, at.port)
