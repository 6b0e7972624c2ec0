"""Behind the form: what ties a sent form to a page that we made, and what an organisation's link says. Signed, so that nothing is stored."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from enum import Enum
from hmac import compare_digest
from typing import Literal, cast
from uuid import UUID

from hub.ledger.sealing import Sealing

GOOD_FOR = 24 * 3600
"""Seconds for which a page may be open before it is asked to be sent once more."""
TOO_FAST = 2
"""Nobody fills in the form in fewer seconds."""
_MAC = 16


@dataclass(frozen=True, slots=True)
class FormToken:
    """One page of the form: its request id, when it was made (seconds since 1970), for which client, and by which way."""

    request: str
    issued: int
    client: str
    way: str

    def signed(self, sealing: Sealing) -> str:
        """What stands in the page's hidden field."""
        return f"{self.issued}.{_mac(sealing, 'form', self.request, str(self.issued), self.client, self.way)}"


class Trust(Enum):
    """What a sent token shows."""

    GOOD = "good"
    TOO_FAST = "too-fast"
    OLD = "old"
    NONE = "none"


def trust(sealing: Sealing, token: FormToken, sent: str, now: float) -> Trust:
    """Whether `sent` is this page's token, and how long ago the page was made; `token.issued` is what `issued_in(sent)` gives."""
    if not compare_digest(token.signed(sealing).encode(), sent.encode()):
        return Trust.NONE
    age = now - token.issued
    return Trust.OLD if age > GOOD_FOR else Trust.TOO_FAST if age < TOO_FAST else Trust.GOOD


def issued_in(sent: str) -> int:
    """When the page of this token was made, by its own claim; 0 for what is no token."""
    written = sent.partition(".")[0]
    return int(written) if written.isascii() and written.isdecimal() and len(written) < 12 else 0


def is_request(sent: str) -> bool:
    """Whether this can be the id of a form."""
    try:
        return str(UUID(sent)) == sent
    except ValueError:
        return False


Staffed = Literal["professional", "call-handler"]
_SHORT: dict[str, Staffed] = {"p": "professional", "c": "call-handler"}


@dataclass(frozen=True, slots=True)
class Link:
    """An organisation's own address of the form: its staff need no system and no key. Revoking the client ends it."""

    client: str
    way: Staffed

    def signed(self, sealing: Sealing) -> str:
        """The last part of the address."""
        return f"{self.client}.{self.way[0]}.{_mac(sealing, 'form-link', self.client, self.way)}"


def read_link(sealing: Sealing, sent: str) -> Link | None:
    """The link of this address; None when it is not one of ours."""
    client, _, rest = sent.partition(".")
    way = _SHORT.get(rest.partition(".")[0])
    if way is None:
        return None
    link = Link(client, way)
    return link if compare_digest(link.signed(sealing).encode(), sent.encode()) else None


def link_path(sealing: Sealing, client: str, way: str, language: Literal["en", "cy"] = "en") -> str:
    """The path that an organisation is given. Raises ValueError for another way than professional or call-handler."""
    if way not in _SHORT.values():
        raise ValueError("a link is for a professional or a call handler")
    folder = "/refer/organisation/" if language == "en" else "/cyfeirio/sefydliad/"
    return folder + Link(client, cast(Staffed, way)).signed(sealing)


def _mac(sealing: Sealing, kind: str, *parts: str) -> str:
    return base64.urlsafe_b64encode(sealing.hash(kind, "|".join(parts))[:_MAC]).decode().rstrip("=")
