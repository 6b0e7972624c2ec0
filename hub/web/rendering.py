"""Behind every page: templates filled in one language, and the headers that a page has. Nothing is loaded from anywhere else."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Literal

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from hub.transports.http_messages import Headers, HttpReply
from hub.web.addresses import address
from hub.web.parts import Shown
from schemas.words import keys, text
from schemas.words.catalogue import Value

Language = Literal["en", "cy"]
OTHER: Mapping[Language, Language] = {"en": "cy", "cy": "en"}
_HERE = Path(__file__).parent
STYLE = (_HERE / "templates" / "style.css").read_bytes()
STYLE_PATH = f"/refer/style-{hashlib.sha256(STYLE).hexdigest()[:12]}.css"
_POLICY = "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
_URGENT = re.compile(r"\b(?:999|111|0808 80 10 800)\b")
_HEADERS: Headers = (
    ("content-security-policy", _POLICY),
    ("referrer-policy", "same-origin"),  # the browser then says in Origin where a form was sent from
    ("cross-origin-opener-policy", "same-origin"),
    ("permissions-policy", "camera=(), geolocation=(), microphone=()"),
    ("x-robots-tag", "noindex"),
)


@dataclass(frozen=True, slots=True)
class Page:
    """One page in one language: its template, what it is about, and where the same page stands in the other language. `switch` is None
    where that is a button of the page's own form, which keeps what was typed."""

    template: str
    language: Language
    shown: Shown
    about: Mapping[str, object] = field(default_factory=dict)
    switch: str | None = None


def reply(page: Page, status: int = 200, headers: Headers = ()) -> HttpReply:
    """The page as an answer."""
    own = (("content-language", page.language), *_HEADERS, *headers)
    return HttpReply(status, rendered(page).encode(), "text/html; charset=utf-8", own)


def rendered(page: Page) -> str:
    """Its HTML. What a person typed is escaped wherever it stands."""
    language = page.language

    def say(key: str, **params: Value) -> str:
        return text(f"web.{key}", **params).in_language(language)

    def marked(key: str, **params: Value) -> Markup:
        """Words with the telephone numbers in them as links, and **strong** parts; everything in them escaped."""
        escaped = str(Markup.escape(say(key, phone="\x01", **params)))
        return Markup(_tapped(_strong(escaped)).replace("\x01", _phone_link(page.shown)))  # noqa: S704  escaped above

    name = page.shown.name.in_language(language) if page.shown.name else say("service")

    def known(key: str) -> bool:
        return f"web.{key}" in keys()

    return _templates().get_template(page.template).render(
        **page.about, language=language, other=OTHER[language], say=say, marked=marked, known=known, shown=page.shown, style=STYLE_PATH,
        switch=page.switch, service=name, to=lambda name, **parts: address(name, language, **parts),
    )  # fmt: skip


def _phone_link(shown: Shown) -> str:
    return str(Markup('<a class="phone" href="tel:{}">{}</a>').format(shown.dialled, shown.phone))


def _tapped(escaped: str) -> str:
    """The numbers to ring at once (999, NHS 111, Live Fear Free): whoever reads it on a telephone need not type them."""
    return _URGENT.sub(lambda found: f'<a class="phone" href="tel:{found[0].replace(" ", "")}">{found[0]}</a>', escaped)


def _strong(escaped: str) -> str:
    parts = escaped.split("**")
    return "".join(part if at % 2 == 0 else f"<strong>{part}</strong>" for at, part in enumerate(parts))


@cache
def _templates() -> Environment:
    return Environment(
        loader=FileSystemLoader(_HERE / "templates"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, auto_reload=False
    )  # fmt: skip
