"""The pages behind a real door on this test's own record: what a browser meets, without the browser."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from html import unescape
from html.parser import HTMLParser
from typing import Any

import httpx

from hub.deciding.policy import load_policy
from hub.doors import refuse
from hub.intake.creation import Maker
from hub.intake.door import Intake
from hub.places import Places
from hub.registry import Registered
from hub.security.client import Client
from hub.security.scopes import Scope
from hub.transports.http import HttpDoor
from hub.transports.http_messages import Limits
from hub.transports.http_server import serve_http
from hub.web import FORM_CLIENT, Desk, Shown, routes
from schemas.manifest import read_manifest
from schemas.messages import InboundMessage, Reply
from schemas.profile import Profile
from tests.connectors.golden import CONNECTORS
from tests.hub.making import Known, Record

PHONE = "029 2018 0123"
HOUSING = "tai-prawf"


def form_connector() -> Registered:
    """The form's own, whatever else stands in the folder."""
    manifest = CONNECTORS / "self_referral" / "manifest.toml"
    return Registered(read_manifest(manifest.read_text("utf-8"), "self_referral"), "connectors")


class _Fields(HTMLParser):
    """What a browser would send for a page: hidden and filled fields, boxes that are ticked, text areas."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, str]] = []
        self._area: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = dict(attrs)
        name = said.get("name")
        if tag == "textarea" and name:
            self._area = name
            self.found.append((name, ""))
        if tag == "input" and name and (said.get("type") not in ("radio", "checkbox") or "checked" in said):
            self.found.append((name, said.get("value") or ""))

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea":
            self._area = None

    def handle_data(self, data: str) -> None:
        if self._area:
            name, value = self.found.pop()
            self.found.append((name, value + (data.removeprefix("\n") if not value else data)))


def fields_of(html: str) -> dict[str, list[str]]:
    """Name → values, as they stand on the page."""
    parser = _Fields()
    parser.feed(html)
    found: dict[str, list[str]] = {}
    for name, value in parser.found:
        found.setdefault(name, []).append(value)
    return found


def words_of(html: str) -> str:
    """What a person reads, tags taken out."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html.partition("<body>")[2])).split())


@dataclass(slots=True)
class Counter:
    """A desk with a door. `now` is the pages' clock, `fault` what the record answers instead."""

    book: Record
    known: Known
    url: str = ""
    now: float = 1_772_443_800.0
    fault: Exception | None = None
    sent: list[InboundMessage] = field(default_factory=list)
    desk: Desk = field(init=False)
    _browser: httpx.AsyncClient = field(init=False)

    def __post_init__(self) -> None:
        policy, form = load_policy(), form_connector()
        intake = Intake(self.book.ledger, Maker(policy, Places.load(), self.book.ledger.sealing))

        async def submit(message: InboundMessage, client: Client) -> Reply:
            self.sent.append(message)
            if self.fault is not None:
                raise self.fault
            return await intake.receive(form, message, client, "http")

        sealing, pool = self.book.ledger.sealing, self.book.ledger.pool
        self.desk = Desk(form, self.known.by_id, submit, policy, sealing, pool, Shown(PHONE), lambda: self.now)
        self._browser = httpx.AsyncClient(trust_env=False, timeout=20)

    async def get(self, path: str) -> httpx.Response:
        return await self._browser.get(self.url + path)

    async def post(self, path: str, filled: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> httpx.Response:  # Any: a value or several
        return await self._browser.post(self.url + sending_of(path), data=dict(filled), headers={"sec-fetch-site": "same-origin", **(headers or {})})

    async def fill(self, path: str = "/refer/myself", **filled: Any) -> dict[str, Any]:  # Any: a value or several
        """The page's own fields with these filled in; a minute passes while somebody types."""
        page = await self.get(path)
        assert page.status_code == 200, page.text
        self.now += 60
        return {**fields_of(page.text), **LEAST, **filled}

    async def send(self, path: str = "/refer/myself", **filled: Any) -> httpx.Response:  # Any: as in `fill`
        """Open the page, fill it in, send it."""
        return await self.post(path, await self.fill(path, **filled))

    async def close(self) -> None:
        await self._browser.aclose()


def sending_of(path: str) -> str:
    """Where the form of a page is sent to; the status page's own address, and that of the page after sending."""
    if path.endswith(("/status", "/statws", "/sent", "/wedi-anfon")):
        return path
    return path + ("/anfon" if path.startswith("/cyfeirio") else "/send")


LEAST = {"family": "Prawf", "phone": "01792 000000", "consent": "yes"}


@asynccontextmanager
async def counter(book: Record) -> AsyncIterator[Counter]:
    """The pages, open on a port of this machine, with a housing association among the clients."""
    create = frozenset({Scope.REFERRAL_CREATE})
    known = Known({FORM_CLIENT: Client(FORM_CLIENT, "The referral form", "self", create, Profile(channel="self", organisation_type="self"))})
    housing = Profile(organisation_type="housing", organisation="A1B2C", channel="form", sharing_agreement=True)
    known.clients[HOUSING] = Client(HOUSING, "Tai Prawf", "housing", create, housing)
    made = Counter(book, known)
    door = HttpDoor(list(routes(made.desk)), lambda _head: refuse_nobody(), refuse, Limits())
    server = await serve_http(door, "127.0.0.1", 0)
    made.url = server.url
    try:
        yield made
    finally:
        await made.close()
        await server.stop()


def refuse_nobody() -> Any:
    """No page asks who somebody is."""
    raise AssertionError("a page asked for a key")
