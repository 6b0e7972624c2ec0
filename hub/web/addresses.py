"""Behind every page: where each stands, in both languages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

ADDRESSES: Mapping[str, tuple[str, str]] = {
    "start": ("/refer", "/cyfeirio"),
    "myself": ("/refer/myself", "/cyfeirio/fi-fy-hun"),
    "someone-else": ("/refer/someone-else", "/cyfeirio/rhywun-arall"),
    "organisation": ("/refer/organisation/{link}", "/cyfeirio/sefydliad/{link}"),
    "sent": ("/refer/sent", "/cyfeirio/wedi-anfon"),
    "status": ("/refer/status", "/cyfeirio/statws"),
    "privacy": ("/refer/privacy", "/cyfeirio/preifatrwydd"),
}
"""English and Welsh."""
SENDING = ("/send", "/anfon")
"""What a form's address ends in: another one than its page's, because sending to the page's own would make a browser forget the page."""


def sending(name: str, language: Literal["en", "cy"], **parts: str) -> str:
    """Where the form of a page is sent to."""
    return address(name, language, **parts) + SENDING[language == "cy"]


def address(name: str, language: Literal["en", "cy"], **parts: str) -> str:
    """The path of a page in one language, its variable parts filled in."""
    return ADDRESSES[name][language == "cy"].format(**parts)
