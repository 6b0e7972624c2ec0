"""The form's page: asked, shown again with what was typed, and sent through intake. Nothing is kept anywhere before it is sent."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import orjson

from connectors.self_referral.fields import Way
from hub.deciding.triage import Result, triage
from hub.errors import Unavailable
from hub.security.client import Client
from hub.security.scopes import Scope
from hub.transports.http_messages import Headers, HttpHead, HttpReply, HttpRequest
from hub.web.addresses import address
from hub.web.asking import Asked, Fault, faults_of, form_page, to_be_checked
from hub.web.looking import reference_of_request
from hub.web.own_client import FORM_CLIENT
from hub.web.parts import Desk
from hub.web.rendering import OTHER, Language, Page, reply
from hub.web.same_site import from_our_page
from hub.web.sent import Told, sent_page
from hub.web.tokens import TOO_FAST, FormToken, Trust, is_request, issued_in, read_link, trust
from hub.web.typed import Typed, read_typed
from schemas.messages import InboundMessage
from schemas.rejection import Reason, Rejected

_TARGET = "POST /forms/self-referral"
_MEDIA = {"content-type": "application/x-www-form-urlencoded"}
_GOING_BACK: Headers = (("cache-control", "private, no-cache"),)
"""For the empty form, which says nothing of anybody: the button "back" then shows the same page with the same id, and sending it again is one
referral; asked for anew it is another form. With no-store a browser asks again, and puts what was typed into a form with another id."""
Responds = Callable[[HttpRequest, Language], Awaitable[HttpReply]]


@dataclass(frozen=True, slots=True)
class _Sender:
    """Whose form it is: the hub's own, or that of an organisation whose link was followed."""

    client: Client
    way: Way


@dataclass(frozen=True, slots=True)
class Referring:
    """Asks, and takes what was filled in."""

    desk: Desk

    def ask(self, name: str) -> Responds:
        """The empty form of one way in."""

        async def respond(request: HttpRequest, language: Language) -> HttpReply:
            sender = self._sender(name, request.head)
            if sender is None:
                return self._closed(name, language, request.head.params)
            asked = Asked(name, sender.way, language, self._fresh(sender), Typed(), request.head.params, _named(sender))
            return self._shown(asked, headers=_GOING_BACK)

        return respond

    def ask_again(self, name: str) -> Responds:
        """To the form, for who comes to its sending address without one."""

        async def respond(request: HttpRequest, language: Language) -> HttpReply:
            return HttpReply(303, b"", "text/html; charset=utf-8", (("location", address(name, language, **request.head.params)),))

        return respond

    def take(self, name: str) -> Responds:
        """The filled form: shown again in the other language, or with what must be corrected, or sent."""

        async def respond(request: HttpRequest, language: Language) -> HttpReply:
            whose, typed = self._whose(name, request.head), read_typed(request.body)
            if whose is None:
                return self._closed(name, language, request.head.params)
            sender = self._sender(name, request.head)
            token = FormToken(typed.get("request"), issued_in(typed.get("token")), *whose)
            asked = Asked(name, whose[1], language, token, typed, request.head.params, _named(sender) if sender else None)
            held_back = self._held_back(asked, request.head, sender)
            if held_back is not None or sender is None:
                return held_back or self._shown(asked, "closed", 503)
            return await self._send(asked, sender)

        return respond

    # --- before anything is sent --------------------------------------------------------------------------------------------------------

    def _held_back(self, asked: Asked, head: HttpHead, sender: _Sender | None) -> HttpReply | None:
        """The page once more, everything typed on it, where it is not to be sent yet; a person can always go on, or telephone."""
        desk, typed, token = self.desk, asked.typed, asked.token
        trusted = trust(desk.sealing, token, typed.get("token"), desk.now()) if is_request(token.request) else Trust.NONE
        if trusted is Trust.NONE:
            asked = replace(asked, token=self._fresh(token, earlier=TOO_FAST))
        elif trusted is Trust.OLD:
            asked = replace(asked, token=replace(token, issued=int(desk.now()) - TOO_FAST))
        if not typed.readable:
            return self._shown(asked, "unreadable", 413)
        if typed.get("go") == "language":
            return self._switched(asked, sender)
        waits = max(desk.sending.take(head.peer), desk.everybody.take("form"))
        if waits:
            return self._shown(asked, "too-many", 429, (("retry-after", str(max(1, round(waits)))),))
        if trusted is Trust.NONE or not from_our_page(head, self.desk.shown.public_url):
            return self._shown(asked, "not-trusted", 403)
        if trusted is Trust.OLD:
            return self._shown(asked, "old")
        return self._shown(asked, "again") if trusted is Trust.TOO_FAST or typed.get("website") else None

    def _switched(self, asked: Asked, sender: _Sender | None) -> HttpReply:
        """The page in the other language; what was to be corrected is said again in that."""
        if sender is None or not asked.typed.get("faults"):
            return self._shown(asked)
        try:
            unsure = to_be_checked(self.desk.form.connector.translate(_message(asked, sender)).warnings)
        except Rejected as refused:
            return self._shown(replace(asked, faults=faults_of(refused.issues)), "wrong")
        return self._shown(replace(asked, faults=unsure), "check") if unsure else self._shown(asked)

    async def _send(self, asked: Asked, sender: _Sender) -> HttpReply:
        """Read it as intake will; send it when nothing must be corrected."""
        message = _message(asked, sender)
        try:
            made = self.desk.form.connector.translate(message)
        except Rejected as refused:
            return self._corrected(asked, faults_of(refused.issues), "wrong")
        unsure = to_be_checked(made.warnings)
        if unsure and not asked.typed.get("confirmed"):
            return self._corrected(asked, unsure, "check")
        referral = made.facts[0].referral
        practical = referral is not None and triage(referral, self.desk.policy).result is Result.PRACTICAL
        try:
            answer = await self.desk.submit(message, sender.client)
        except Unavailable:
            return self._shown(asked, "not-stored", 503, (("retry-after", "30"),))
        return await self._answered(asked, sender, orjson.loads(answer.parts[0]), practical)

    async def _answered(self, asked: Asked, sender: _Sender, said: dict[str, Any], practical: bool) -> HttpReply:  # Any: the connector's JSON
        told = Told(asked.way, None, None, practical)
        match said["outcome"]:
            case "sent":
                return sent_page(self.desk, replace(told, reference=said["reference"], held=said["held"]), asked.language)
            case "sent-before":
                return sent_page(self.desk, replace(told, changed=True), asked.language)
            case "rejected" if said["reason"] == Reason.KEY_REUSED.value:
                reference = await reference_of_request(self.desk.pool, sender.client.id, asked.token.request)
                return sent_page(self.desk, replace(told, reference=reference, changed=True), asked.language, 409)
            case "rejected":
                return self._corrected(asked, tuple(Fault(one["at"], one["text"]["en"], one["text"]["cy"]) for one in said["issues"]), "wrong")
            case _:
                return self._shown(asked, "not-stored", 503, (("retry-after", "5"),))

    # --- the page -----------------------------------------------------------------------------------------------------------------------

    def _corrected(self, asked: Asked, faults: tuple[Fault, ...], notice: str) -> HttpReply:
        return self._shown(replace(asked, faults=faults), notice, 422 if notice == "wrong" else 200)

    def _shown(self, asked: Asked, notice: str | None = None, status: int = 200, headers: Headers = ()) -> HttpReply:
        return form_page(self.desk, replace(asked, notice=notice), status, headers)

    def _closed(self, name: str, language: Language, params: Mapping[str, str]) -> HttpReply:
        status = 404 if name == "organisation" else 503
        return reply(Page("closed.html", language, self.desk.shown, {"name": name}, address(name, OTHER[language], **params)), status)

    def _fresh(self, of: _Sender | FormToken, *, earlier: int = 0) -> FormToken:
        client = of.client.id if isinstance(of, _Sender) else of.client
        return FormToken(str(uuid4()), int(self.desk.now()) - earlier, client, of.way)

    def _whose(self, name: str, head: HttpHead) -> tuple[str, Way] | None:
        """As which client, and by which way, this page is sent; None when the link is none that we gave."""
        if name != "organisation":
            return FORM_CLIENT, name  # type: ignore[return-value]  # the two public ways are named as their pages
        link = read_link(self.desk.sealing, head.params["link"])
        return (link.client, link.way) if link else None

    def _sender(self, name: str, head: HttpHead) -> _Sender | None:
        """None when the form is closed, or the link is none that we gave, or its organisation is not a client any more."""
        whose = self._whose(name, head)
        client = self.desk.client(whose[0]) if whose else None
        return _Sender(client, whose[1]) if whose and client is not None and client.may(Scope.REFERRAL_CREATE) else None


def _message(asked: Asked, sender: _Sender) -> InboundMessage:
    body = asked.typed.body(asked.token.request, sender.way, asked.language)
    return InboundMessage(body, _TARGET, _MEDIA, {}, datetime.now(UTC), sender.client.id, sender.client.profile)


def _named(sender: _Sender) -> str | None:
    return None if sender.client.id == FORM_CLIENT else sender.client.name or sender.client.id


