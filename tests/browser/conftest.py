"""A real Chromium before the pages; what a test opens is closed with it."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, async_playwright

from tests.hub.making import record
from tests.hub.web.desk import Counter, counter

Opens = Callable[..., Awaitable[BrowserContext]]


@pytest_asyncio.fixture(loop_scope="session", scope="package")
async def chromium() -> AsyncIterator[Browser]:
    """The browser of the system (Debian: apt-get install chromium); playwright's own is not needed."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        pytest.fail("The tests of the pages need Chromium: apt-get install -y chromium")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=found, args=["--no-sandbox", "--disable-dev-shm-usage"])
        yield browser
        await browser.close()


@pytest_asyncio.fixture(loop_scope="session")
async def pages(database: str) -> AsyncIterator[Counter]:
    """The pages, open."""
    async with record(database) as book, counter(book) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="session")
async def window(chromium: Browser, pages: Counter) -> AsyncIterator[Opens]:
    """Opens a window on the pages: `await window(viewport=…, java_script_enabled=False)`; every window is closed with the test."""
    opened: list[BrowserContext] = []

    async def open_window(**how: Any) -> BrowserContext:  # Any: playwright's own options
        context = await chromium.new_context(base_url=pages.url, **how)
        context.set_default_timeout(15_000)
        opened.append(context)
        return context

    yield open_window
    for context in opened:
        await context.close()
