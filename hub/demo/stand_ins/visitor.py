"""Beside the flow: somebody at the form's page, as a browser without JavaScript is: reads the page, fills it in, sends it, reads the answer.

Orders: `fill` {path, fields}: opens the page, fills these fields in and sends it; `look` {path, fields}: the status page, asked with these.
"""

from __future__ import annotations

import argparse
import asyncio
import re
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import httpx

from .journal import Journal
from .orders import Order, carry_out

Json = dict[str, Any]  # Any: JSON
_READING = 2.5
"""Seconds that somebody needs at least to fill a form in."""


class Form(HTMLParser):
    """One page: its language, where its form goes, the hidden fields, and every word that stands on it."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.language, self.action = "", ""
        self.hidden: dict[str, str] = {}
        self.words: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """What matters of an element."""
        said = {name: value or "" for name, value in attrs}
        if tag == "html":
            self.language = said.get("lang", "")
        elif tag == "form" and said.get("method") == "post":
            self.action = said.get("action", "")
        elif tag == "input" and said.get("type") == "hidden":
            self.hidden[said["name"]] = said.get("value", "")

    def handle_data(self, data: str) -> None:
        """Its words."""
        self.words += data.split()


@dataclass(slots=True)
class Visitor:
    """One person after another at the same screen. `name` is the client as whom the hub knows the form."""

    hub: httpx.AsyncClient
    journal: Journal

    async def carry(self, order: Order) -> Order:
        """One order's result."""
        match order["do"]:
            case "fill":
                return await self._fill(order["path"], order["fields"])
            case "look":
                return await self._look(order["path"], order["fields"])
            case other:
                return {"error": "unknown order", "detail": other}

    async def _fill(self, path: str, fields: Json) -> Order:
        page = Form((await self.hub.get(path)).text)
        await asyncio.sleep(_READING)
        body = {**page.hidden, **fields, "go": "send"}
        self.journal.note("send", key=body["request"], case="sound", person=None, number=body["request"])
        reply = await self.hub.post(page.action or path, data=body)
        said = Form(reply.text)
        reference = re.search(r"\b([0-9A-HJKMNP-TV-Z]{4})\s*-\s*([0-9A-HJKMNP-TV-Z]{4})\s*-\s*([0-9A-HJKMNP-TV-Z]{4})\b", " ".join(said.words))
        sent = reply.status_code == 200 and reference is not None
        self.journal.note("answer", key=body["request"], attempt=1, status="sent" if sent else reply.status_code, location=None, retry_after=None)
        return {"status": reply.status_code, "reference": "".join(reference.groups()) if reference else None, "language": said.language}

    async def _look(self, path: str, fields: Json) -> Order:
        page = Form((await self.hub.get(path)).text)
        reply = await self.hub.post(page.action or path, data={**page.hidden, **fields})
        said = Form(reply.text)
        return {"status": reply.status_code, "language": said.language, "words": " ".join(said.words)}


async def run(given: argparse.Namespace) -> None:
    """Be there until told to stop."""
    log = Journal(given.journal, given.name)
    async with httpx.AsyncClient(base_url=given.hub, trust_env=False, timeout=20, follow_redirects=True) as client:
        await carry_out({"ready": given.name}, Visitor(client, log).carry)
    log.close()


def main() -> None:
    """`python -m hub.demo.stand_ins.visitor`."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--hub", required=True, help="the hub's address, http://host:port")
    arguments.add_argument("--journal", type=Path, required=True)
    arguments.add_argument("--name", required=True, help="the client that the form is")
    asyncio.run(run(arguments.parse_args()))


if __name__ == "__main__":
    main()
