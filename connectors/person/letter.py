"""On the way out: a letter as HTML, one `<article>` a page; the print queue sets the page around it."""

from __future__ import annotations

from datetime import datetime
from html import escape
from zoneinfo import ZoneInfo

from connectors.person.frame import in_language, languages, paragraphs
from schemas.addressee import Addressee
from schemas.messages import Notice
from schemas.words import Text, text

_WALES = ZoneInfo("Europe/London")


def letter(notice: Notice, to: Addressee) -> bytes:
    """One letter in UTF-8. The address stands in a window of its own, so that nothing else of the letter shows through the envelope; the
    sender's name stands within, not on the envelope. Everything that somebody typed is escaped."""
    written = languages(to)
    large = " large" if to.large else ""
    parts = [_sender(to, written), _block("to", (to.name, *to.address)), *(_words(notice, to, language) for language in written)]
    return f'<article class="letter{large}" lang="{written[0]}">\n{"".join(parts)}</article>\n'.encode()


def _sender(to: Addressee, written: tuple[str, ...]) -> str:
    names = dict.fromkeys(in_language(to.sender.name, language) for language in written)
    return _block("from", (*names, *to.sender.address, *([to.sender.phone] if to.sender.phone else [])))


def _day(moment: datetime) -> Text:
    """The day of what it tells, as it is in Wales."""
    on = moment.astimezone(_WALES)
    return text("notice.date", weekday=text(f"notice.weekday.{on.weekday()}"), day=on.day, month=text(f"notice.month.{on.month}"), year=on.year)


def _block(name: str, lines: tuple[str, ...]) -> str:
    return f'<address class="{name}">{"<br>".join(escape(line) for line in lines if line)}</address>\n'


def _words(notice: Notice, to: Addressee, language: str) -> str:
    greeting = in_language(text("person.greeting", name=to.name) if to.name else text("person.greeting-nobody"), language)
    said = (in_language(_day(notice.occurred_at), language), greeting, *paragraphs(notice, to, language), in_language(to.sender.name, language))
    return f'<section lang="{language}">{"".join(f"<p>{escape(line)}</p>" for line in said)}</section>\n'
