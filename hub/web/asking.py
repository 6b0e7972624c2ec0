"""Behind the form's page: what it asks, in which order, and what stands where. The same for an empty form and for one shown again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from connectors.self_referral.fields import CONSENT_VERSION, FIELDS, NEEDS_BY_GROUP, OWN_WORDS, Way
from hub.deciding.screen import screen_of
from hub.transports.http_messages import Headers, HttpReply
from hub.web.addresses import sending
from hub.web.parts import Desk
from hub.web.rendering import OTHER, Language, Page, reply
from hub.web.tokens import FormToken
from hub.web.typed import Typed
from schemas.rejection import Issue, Reason

_CHECKED = frozenset({"birth", "paper", "nhs_number", "postcode", "phone", "email", "helper_phone", "helper_email"})
"""Where what cannot be used is shown once before it is sent as it is: the person may have meant something else."""
_ANCHORS = {"birth": "birth_day", "paper": "paper_day", "contact": "phone"}
_OWN_WORDS = ("matters", "contact_notes", "access_notes", "language_other")
"""The boxes whose words intake hears whoever fills them in: what is promised of them here comes true when the form is sent."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What is to be corrected at one field, in both languages."""

    at: str
    en: str
    cy: str

    @property
    def anchor(self) -> str | None:
        """The field that a link leads to; None for a fault of the whole form."""
        name = _ANCHORS.get(self.at, self.at)
        return name if name in FIELDS and name != "request" else None


@dataclass(frozen=True, slots=True)
class Asked:
    """One showing of the form: which page, by which way, what was typed, what must be corrected, and what is said above it (`notice`)."""

    name: str
    way: Way
    language: Language
    token: FormToken
    typed: Typed
    params: Mapping[str, str]
    organisation: str | None = None
    faults: tuple[Fault, ...] = ()
    notice: str | None = None
    options: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: {name: one.options for name, one in FIELDS.items() if one.options})


def faults_of(issues: Iterable[Issue]) -> tuple[Fault, ...]:
    """Each issue at its field."""
    return tuple(Fault(issue.at, issue.text.en, issue.text.cy) for issue in issues)


def to_be_checked(warnings: Iterable[Issue]) -> tuple[Fault, ...]:
    """The warnings that the person can do something about."""
    return faults_of(one for one in warnings if one.at in _CHECKED)


def form_page(desk: Desk, asked: Asked, status: int, headers: Headers) -> HttpReply:
    """The page. It holds the request's id and its token; nothing of it is stored."""
    language = asked.language
    by_field = {fault.anchor or "": getattr(fault, language) for fault in reversed(asked.faults)}
    about = {
        "asked": asked,
        "typed": asked.typed,
        "mine": asked.way == "myself",
        "faults": [(fault.anchor, getattr(fault, language)) for fault in asked.faults],
        "by_field": by_field,
        "by_place": {fault.at: getattr(fault, language) for fault in asked.faults},
        "crisis": _crisis(desk, asked.typed),
        "minutes": str(desk.policy.rules.alert_minutes),
        "token": asked.token.signed(desk.sealing),
        "confirmed": asked.notice == "check" or (asked.notice != "wrong" and bool(asked.typed.get("confirmed"))),
        "agreed": asked.typed.has("consent", "yes") and asked.typed.get("consent_version") == CONSENT_VERSION,
        "consent_version": CONSENT_VERSION,
        "groups": NEEDS_BY_GROUP,
        "options": asked.options,
        "own_words": f"{OWN_WORDS:,}",
        "action": sending(asked.name, language, **asked.params),
        "switch_to": sending(asked.name, OTHER[language], **asked.params),
    }
    return reply(Page("form.html", language, desk.shown, about), status, headers)


def _crisis(desk: Desk, typed: Typed) -> bool:
    """Whether what stands on the page reads like a crisis: help is then named above it, before and whether or not it is sent."""
    words = "\n".join(typed.get(name)[:OWN_WORDS] for name in _OWN_WORDS)
    screen = screen_of(desk.policy)
    return bool(words.strip()) and Reason.CRISIS in screen.holds(screen.hear(words))
