"""Whose page sent a form, by what the browser says: ours by the name it was asked for, or by the address that is published."""

from __future__ import annotations

import pytest

from hub.transports.http_messages import HttpHead, Open, Route
from hub.web.same_site import from_our_page

OURS = "https://hub.example.wales"


async def _nothing(_request: object) -> None: ...


def head(**headers: str) -> HttpHead:
    route = Route("POST", "/refer/myself/send", _nothing, Open.TO_ALL)  # type: ignore[arg-type] # never answered
    return HttpHead("POST", "/refer/myself/send", route, "127.0.0.1", tuple((name.replace("_", "-"), value) for name, value in headers.items()))


@pytest.mark.parametrize(
    ("headers", "public_url", "ours"),
    [
        ({"host": "10.0.0.7:8080", "origin": OURS}, OURS, True),  # a proxy asks by a name of its own
        ({"host": "10.0.0.7:8080", "origin": OURS.upper()}, OURS + "/", True),
        ({"host": "10.0.0.7:8080", "origin": OURS}, None, False),
        ({"host": "hub.example.wales", "origin": OURS}, None, True),
        ({"host": "hub.example.wales", "origin": "https://evil.example"}, OURS, False),
        ({"host": "hub.example.wales", "origin": "null"}, OURS, False),
        ({"origin": "null"}, None, False),
        ({"host": "hub.example.wales"}, OURS, True),  # neither said: the page's token decides
        ({"host": "hub.example.wales", "origin": OURS, "sec_fetch_site": "cross-site"}, OURS, False),
    ],
)
def test_a_page_is_ours_by_the_hosts_name_or_the_published_one(headers: dict[str, str], public_url: str | None, ours: bool) -> None:
    assert from_our_page(head(**headers), public_url) is ours
