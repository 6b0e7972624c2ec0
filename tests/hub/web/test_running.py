"""The pages of a running hub: opened with its HTTP door, its own client registered, the telephone as set. Production without one has none."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from hub.app import opened
from hub.doors import open_http
from hub.intake.creation import Maker
from hub.intake.door import Intake
from hub.parts import Hub
from hub.settings import load
from hub.web import FORM_CLIENT
from tests.hub.web.desk import LEAST, fields_of, words_of
from tests.hub.web.test_referring import reference


@asynccontextmanager
async def running(database: str, data: Path, **settings: Any) -> AsyncIterator[tuple[Hub, httpx.AsyncClient]]:  # Any: each setting has its type
    """Such a hub with its HTTP door open, and a browser on it."""
    with socket.socket() as asking:
        asking.bind(("127.0.0.1", 0))
        port = asking.getsockname()[1]
    given = {"database": database, "kafka": "127.0.0.1:9", "data": data, "http": f"127.0.0.1:{port}", **settings}
    browser = httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=20)
    async with opened(load(**given)) as hub, AsyncExitStack() as doors, browser:
        await open_http(hub, Intake(hub.ledger, Maker(hub.policy, hub.places, hub.sealing)), doors)
        yield hub, browser


async def test_a_form_goes_through_the_door_of_a_running_hub(database: str, tmp_path: Path) -> None:
    async with running(database, tmp_path, production=True, phone="01792 000111", sender="Cyswllt", sender_cy="Y Cyswllt") as (hub, browser):
        page = await browser.get("/cyfeirio/fi-fy-hun")
        assert "Y Cyswllt" in words_of(page.text)
        assert 'href="tel:01792000111"' in page.text
        sent = await browser.post("/cyfeirio/fi-fy-hun/anfon", data={**fields_of(page.text), **LEAST})
        assert "unwaith eto" in words_of(sent.text), "nobody types so fast"
        await asyncio.sleep(2.1)
        sent = await browser.post("/cyfeirio/fi-fy-hun/anfon", data=fields_of(sent.text))
        async with hub.ledger.pool.acquire() as connection:
            row = await connection.fetchrow("SELECT ref, client FROM referral")
        assert (reference(sent.text).replace("-", ""), FORM_CLIENT) == (row["ref"], row["client"])


async def test_production_without_a_telephone_number_has_no_pages(database: str, tmp_path: Path) -> None:
    async with running(database, tmp_path, production=True) as (hub, browser):
        assert (await browser.get("/refer")).status_code == 404
        assert hub.clients.by_id(FORM_CLIENT) is None


BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
FRONT = (
    ({"accept": BROWSER}, "/refer"),
    ({"accept": BROWSER, "accept-language": "en-GB,en;q=0.9"}, "/refer"),
    ({"accept": BROWSER, "accept-language": "cy-GB,cy;q=0.9,en;q=0.8"}, "/cyfeirio"),
    ({"accept": BROWSER, "accept-language": "en;q=0.5, cy;q=0.7"}, "/cyfeirio"),
    ({"accept": BROWSER, "accept-language": "fr, cy;q=x, en;q=0.1"}, "/refer"),  # what cannot be read counts for nothing
    ({"accept": "application/fhir+json"}, None),
    ({"accept": "*/*"}, None),  # what curl and most libraries send
    ({}, None),
)


async def test_a_browser_at_the_bare_address_is_led_to_the_form_and_a_system_is_told_that_nothing_is_there(database: str, tmp_path: Path) -> None:
    async with running(database, tmp_path) as (_, browser):
        for headers, to in FRONT:
            browser.headers = httpx.Headers(headers)
            answer = await browser.get("/")
            assert (answer.status_code, answer.headers.get("location"), "Accept" in answer.headers["vary"]) == (303 if to else 404, to, True), headers
            assert to or answer.json()["resourceType"] == "OperationOutcome"
        browser.headers = httpx.Headers({"accept": BROWSER})
        assert (await browser.get("/", follow_redirects=True)).status_code == 200


async def test_an_organisations_own_pages_send_the_form_with_its_key_and_nobody_else(database: str, tmp_path: Path) -> None:
    async with running(database, tmp_path) as (_, browser):
        answer = await browser.post("/forms/self-referral", data=LEAST)
        assert answer.status_code == 401
