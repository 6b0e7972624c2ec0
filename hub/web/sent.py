"""What stands on the page after the form was sent: the reference, what happens next, and what to do now if it cannot wait."""

from __future__ import annotations

import base64
from dataclasses import asdict, dataclass

import orjson

from connectors.self_referral.fields import Way
from hub.ledger.sealing import NotReadable
from hub.transports.http_messages import HttpReply
from hub.web.parts import Desk
from hub.web.rendering import Language, Page, reply
from hub.web.typed import read_typed
from schemas.identifiers import ReferralRef

_PURPOSE = "form-answer"
_URGENT = {"crisis": "crisis", "safeguarding": "danger", "domestic-abuse": "danger", "clinical": "clinical"}


@dataclass(frozen=True, slots=True)
class Told:
    """What the page says; nothing of it is about the person. `held`: why a human looks first; `practical`: help may be needed tonight;
    `changed`: the form had been sent before, and what is different now was not sent."""

    way: Way
    reference: str | None
    held: str | None
    practical: bool
    changed: bool = False

    @property
    def urgent(self) -> str | None:
        """Which words about what to do now, if any."""
        return _URGENT.get(self.held or "", "practical" if self.practical else None)

    @property
    def groups(self) -> tuple[str, ...]:
        """The reference in the groups in which it is read out."""
        read = ReferralRef.read(self.reference or "")
        return tuple((read.spoken if read else self.reference or "").split("-"))


def sent_page(desk: Desk, told: Told, language: Language, status: int = 200) -> HttpReply:
    """The page; its button for the other language carries what it says, sealed, so that nothing has to be looked up or stored."""
    carried = base64.urlsafe_b64encode(desk.sealing.seal(_PURPOSE, orjson.dumps(asdict(told)))).decode()
    about = {"told": told, "carried": carried, "minutes": str(desk.policy.rules.alert_minutes), "mine": told.way == "myself"}
    return reply(Page("sent.html", language, desk.shown, about), status)


def show_again(desk: Desk, body: bytes, language: Language) -> HttpReply:
    """The same page in the other language; the start page for anything that we did not seal."""
    try:
        sealed = base64.urlsafe_b64decode(read_typed(body).get("answer").encode())
        told = Told(**orjson.loads(desk.sealing.open(_PURPOSE, sealed)))
    except (NotReadable, ValueError, TypeError):
        return reply(Page("closed.html", language, desk.shown, {"name": "sent"}), 404)
    return sent_page(desk, told, language)


