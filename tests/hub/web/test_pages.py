"""What every page has: both languages, the telephone, headers that let nothing in, and a weight that a slow line can carry."""

from __future__ import annotations

import re

import pytest

from hub.web.addresses import ADDRESSES
from hub.web.rendering import STYLE, STYLE_PATH
from hub.web.tokens import link_path
from tests.hub.web.desk import HOUSING, PHONE, Counter, sending_of, words_of

LIGHT = 60_000
HEADERS = {
    "content-security-policy": "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "referrer-policy": "same-origin",
    "strict-transport-security": "max-age=31536000",
    "x-content-type-options": "nosniff",
    "content-type": "text/html; charset=utf-8",
}
OPEN = [path for name, both in ADDRESSES.items() if name not in ("organisation", "sent") for path in both]


async def every_page(pages: Counter) -> list[tuple[str, str]]:
    """Path and HTML of every page that can be asked for, those of organisations too."""
    links = [link_path(pages.desk.sealing, HOUSING, way, language) for way in ("professional", "call-handler") for language in ("en", "cy")]
    return [(path, (await pages.get(path)).text) for path in (*OPEN, *links)]


@pytest.mark.parametrize("path", OPEN)
async def test_a_page_has_its_headers_sets_no_cookie_and_names_its_language(pages: Counter, path: str) -> None:
    page = await pages.get(path)
    language = "cy" if path.startswith("/cyfeirio") else "en"
    assert page.status_code == 200
    assert {name: page.headers.get(name) for name in HEADERS} == HEADERS
    assert page.headers["content-language"] == language
    assert f'<html lang="{language}">' in page.text
    assert page.headers["cache-control"] == ("private, no-cache" if "<textarea" in page.text else "no-store")
    assert "set-cookie" not in page.headers


async def test_every_page_names_the_telephone_and_what_to_do_in_a_crisis_before_anything_is_asked(pages: Counter) -> None:
    for path, html in await every_page(pages):
        assert html.count(f'href="tel:{PHONE.replace(" ", "")}"') >= 2, path
        if "privacy" not in path and "preifatrwydd" not in path:
            assert "999" in html, path
            assert "111" in html, path


async def test_nothing_comes_from_anywhere_else_and_nothing_runs(pages: Counter) -> None:
    for path, html in await every_page(pages):
        assert set(re.findall(r'(?:src|action|formaction)="([^"/][^"]*)', html)) <= set(), path
        assert re.findall(r'<link[^>]+href="(?!/|data:,)', html) == [], path
        assert re.findall(r'href="(https?:[^"]+)"', html) == ["https://www.bbc.co.uk/weather"], path
        assert not re.search(r"<script|<style|<iframe|<img| style=| on\w+=", html), path


async def test_the_first_view_is_light(pages: Counter) -> None:
    for path, html in await every_page(pages):
        assert len(html.encode()) + len(STYLE) < LIGHT, path


async def test_the_one_stylesheet_may_be_kept_because_its_address_changes_with_it(pages: Counter) -> None:
    style = await pages.get(STYLE_PATH)
    assert style.content == STYLE
    assert style.headers["content-type"] == "text/css; charset=utf-8"
    assert "immutable" in style.headers["cache-control"]
    assert "url(" not in style.text
    assert "@import" not in style.text


async def test_a_page_in_one_language_has_no_word_of_the_other_missing(pages: Counter) -> None:
    for path, html in await every_page(pages):
        assert "web." not in words_of(html), path
        assert "{" not in words_of(html), path
        assert "**" not in words_of(html), path


async def test_the_link_to_the_other_language_is_the_same_page(pages: Counter) -> None:
    for name in ("start", "privacy"):
        for here, there in (ADDRESSES[name], ADDRESSES[name][::-1]):
            assert f'class="switch" href="{there}"' in (await pages.get(here)).text
    for here, there in (ADDRESSES["status"], ADDRESSES["status"][::-1]):
        assert f'formaction="{there}"' in (await pages.get(here)).text
    for name in ("myself", "someone-else"):
        for here, there in (ADDRESSES[name], ADDRESSES[name][::-1]):
            assert f'formaction="{sending_of(there)}"' in (await pages.get(here)).text


async def test_every_input_has_a_label_or_is_hidden_and_no_id_stands_twice(pages: Counter) -> None:
    for path, html in await every_page(pages):
        ids = re.findall(r' id="([^"]+)"', html)
        assert len(ids) == len(set(ids)), path
        labelled = set(re.findall(r'<label for="([^"]+)"', html))
        asked = re.findall(r'<(?:input|textarea)[^>]*? id="([^"]+)"', html)
        assert set(asked) <= labelled, path
        assert set(re.findall(r'aria-(?:describedby|labelledby)="([^"]+)"', html)) <= {" ".join(one) for one in [[i] for i in ids]}, path
