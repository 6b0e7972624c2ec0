"""The pages' places at the HTTP door. Anybody may ask for them; what they answer about a person they answer to nobody without a second factor."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterator

from hub.parts import Hub
from hub.security.scopes import Open
from hub.transports.http_messages import HttpReply, HttpRequest, Refuse, Respond, Route
from hub.web.addresses import ADDRESSES, SENDING, address
from hub.web.own_client import register
from hub.web.parts import Desk, Receive, desk_of
from hub.web.referring import Referring
from hub.web.rendering import STYLE, STYLE_PATH, Language, Page, reply
from hub.web.sent import show_again
from hub.web.status import Status
from schemas.rejection import Reason
from schemas.rest import media_types

Responds = Callable[[HttpRequest, Language], Awaitable[HttpReply]]


async def pages(hub: Hub, receive: Receive, refuse: Refuse) -> tuple[Route, ...]:
    """The pages of a running hub, its own client registered, and the way to them from `/`. A production hub without a telephone number has
    none: a form that nobody can phone about shuts somebody out. Raises Unavailable."""
    if hub.settings.production and hub.settings.phone is None:
        return ()
    await register(hub.ledger.pool, hub.sealing)
    await hub.clients.load()
    return (*routes(desk_of(hub, receive)), Route("GET", "/", _front(refuse), Open.TO_ALL))


def routes(desk: Desk) -> Iterator[Route]:
    """Every page in both languages, and the one stylesheet."""
    form, status = Referring(desk), Status(desk)

    async def start(_request: HttpRequest, language: Language) -> HttpReply:
        return _still(desk, "start", language)

    async def privacy(_request: HttpRequest, language: Language) -> HttpReply:
        return _still(desk, "privacy", language)

    async def sent(request: HttpRequest, language: Language) -> HttpReply:
        return show_again(desk, request.body, language)

    yield from _both("GET", "start", start)
    yield from _both("GET", "privacy", privacy)
    for name in ("myself", "someone-else", "organisation"):
        yield from _both("GET", name, form.ask(name))
        yield from _both("POST", name, form.take(name), SENDING)
        yield from _both("GET", name, form.ask_again(name), SENDING)
    yield from _both("POST", "sent", sent)
    yield from _both("GET", "status", status.ask)
    yield from _both("POST", "status", status.look)
    yield Route("GET", STYLE_PATH, _style, Open.TO_ALL)


def _both(method: str, name: str, respond: Responds, ends: tuple[str, str] = ("", "")) -> Iterator[Route]:
    languages: tuple[Language, ...] = ("en", "cy")
    for language, path, end in zip(languages, ADDRESSES[name], ends, strict=True):
        yield Route(method, path + end, _in_language(respond, language), Open.TO_ALL)


def _in_language(respond: Responds, language: Language) -> Callable[[HttpRequest], Awaitable[HttpReply]]:
    async def answer(request: HttpRequest) -> HttpReply:
        return await respond(request, language)

    return answer


def _still(desk: Desk, name: str, language: Language) -> HttpReply:
    """A page that asks nothing."""
    other = ADDRESSES[name][language == "en"]
    return reply(Page(f"{name}.html", language, desk.shown, {}, other))


def _front(refuse: Refuse) -> Respond:
    """A browser that was given the hub's bare address is led to the form in its reader's language; to a system there is nothing."""

    async def answer(request: HttpRequest) -> HttpReply:
        sent, vary = request.head.joined, (("vary", "Accept, Accept-Language"),)
        if not any(kind.name == "text/html" for kind in media_types(sent.get("accept", ""))):
            return refuse(Reason.NOT_FOUND, "", 404).and_headers(vary)
        return HttpReply(303, b"", headers=(("location", address("start", _preferred(sent.get("accept-language", "")))), *vary))

    return answer


def _preferred(accepted: str) -> Language:
    """Welsh where the browser prefers it to English (RFC 9110 12.5.4), else English."""
    weights = {"cy": 0.0, "en": 0.0}
    for kind in media_types(accepted):
        language, weight = kind.name.partition("-")[0], kind.parameters.get("q", "1")
        if language in weights and re.fullmatch(r"[01](\.[0-9]{0,3})?", weight):
            weights[language] = max(weights[language], float(weight))
    return "cy" if weights["cy"] > weights["en"] else "en"


async def _style(_request: HttpRequest) -> HttpReply:
    """Its address changes with its content, so that it may be kept for a year."""
    return HttpReply(200, STYLE, "text/css; charset=utf-8", (("cache-control", "public, max-age=31536000, immutable"),))
