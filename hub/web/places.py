"""The pages' places at the HTTP door. Anybody may ask for them; what they answer about a person they answer to nobody without a second factor."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator

from hub.parts import Hub
from hub.security.scopes import Open
from hub.transports.http_messages import HttpReply, HttpRequest, Route
from hub.web.addresses import ADDRESSES, SENDING
from hub.web.own_client import register
from hub.web.parts import Desk, Receive, desk_of
from hub.web.referring import Referring
from hub.web.rendering import STYLE, STYLE_PATH, Language, Page, reply
from hub.web.sent import show_again
from hub.web.status import Status

Responds = Callable[[HttpRequest, Language], Awaitable[HttpReply]]


async def pages(hub: Hub, receive: Receive) -> tuple[Route, ...]:
    """The pages of a running hub, its own client registered. A production hub without a telephone number has none: a form that nobody can
    phone about shuts somebody out. Raises Unavailable."""
    if hub.settings.production and hub.settings.phone is None:
        return ()
    await register(hub.ledger.pool, hub.sealing)
    await hub.clients.load()
    return tuple(routes(desk_of(hub, receive)))


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


async def _style(_request: HttpRequest) -> HttpReply:
    """Its address changes with its content, so that it may be kept for a year."""
    return HttpReply(200, STYLE, "text/css; charset=utf-8", (("cache-control", "public, max-age=31536000, immutable"),))
