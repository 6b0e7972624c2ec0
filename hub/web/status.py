"""The status page: how a referral stands, for who knows its reference and the person's date of birth or postcode. Else always one answer."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, field

from connectors.self_referral.reading import Form
from hub.errors import Unavailable
from hub.transports.http_messages import Headers, HttpReply, HttpRequest
from hub.web.addresses import address
from hub.web.looking import Second, Standing, standing
from hub.web.parts import Desk
from hub.web.rendering import OTHER, Language, Page, reply
from hub.web.same_site import from_our_page
from hub.web.typed import Typed, read_typed
from schemas.identifiers import Postcode, ReferralRef

_AS_LONG_AS = 0.25
"""Seconds that every answer takes at least, so that its time tells nothing."""
_WHOLE_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True, slots=True)
class _Seen:
    """One showing of the page: what was typed, what can be seen to be wrong with it, what is said above it, and what was found."""

    typed: Typed = field(default_factory=Typed)
    faults: tuple[str, ...] = ()
    notice: str | None = None
    found: Standing | None = None


@dataclass(frozen=True, slots=True)
class Status:
    """Asks for the two things, and answers. Nothing of them stands in an address."""

    desk: Desk

    async def ask(self, _request: HttpRequest, language: Language) -> HttpReply:
        """The empty page."""
        return self._page(language, _Seen())

    async def look(self, request: HttpRequest, language: Language) -> HttpReply:
        """How it stands; or what is missing; or, whatever else is the matter, that these two do not fit."""
        typed = read_typed(request.body)
        if typed.get("go") == "language":
            return self._page(language, _Seen(typed))
        waits = self.desk.looking.take(request.head.peer)
        if waits:
            return self._page(language, _Seen(typed, notice="too-many"), 429, (("retry-after", str(max(1, round(waits)))),))
        faults = _faults(typed)
        if faults:
            return self._page(language, _Seen(typed, faults, "wrong"), 422)
        if not from_our_page(request.head, self.desk.shown.public_url):
            return self._page(language, _Seen(typed, notice="not-trusted"), 403)
        found, _ = await asyncio.gather(self._look(typed), asyncio.sleep(_AS_LONG_AS), return_exceptions=True)
        if isinstance(found, Unavailable):
            return self._page(language, _Seen(typed, notice="not-now"), 503, (("retry-after", "30"),))
        if isinstance(found, BaseException):
            raise found
        return self._page(language, _Seen(found=found) if found else _Seen(notice="no-fit"))

    async def _look(self, typed: Typed) -> Standing | None:
        ref = ReferralRef.read(typed.get("reference"))
        if ref is None or self.desk.references.take(ref.value):
            return None
        return await standing(self.desk.pool, self.desk.sealing, ref.value, _second(typed))

    def _page(self, language: Language, seen: _Seen, status: int = 200, headers: Headers = ()) -> HttpReply:
        about = {"seen": seen, "typed": seen.typed, "action": address("status", language), "switch_to": address("status", OTHER[language])}
        return reply(Page("status.html", language, self.desk.shown, about), status, headers)


def _second(typed: Typed) -> Second:
    born, _ = Form({name: tuple(value.strip() for value in values) for name, values in typed.values.items()}).date("birth")
    read = Postcode.read(typed.get("postcode"))
    return Second(born if born and _WHOLE_DATE.fullmatch(born) else None, read.value if read else None)


def _faults(typed: Typed) -> tuple[str, ...]:
    """What can be seen to be wrong without looking anything up."""
    second = _second(typed)
    wrong = (("reference", ReferralRef.read(typed.get("reference")) is None), ("second", second.born is None and second.postcode is None))
    return tuple(name for name, is_wrong in wrong if is_wrong)
