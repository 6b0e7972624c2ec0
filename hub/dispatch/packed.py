"""In dispatch: what a delivery to a person holds: the words for whoever must say them instead, the e-mail, and the letter for when it fails. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from email import message_from_bytes
from email.headerregistry import AddressHeader
from email.policy import SMTP
from typing import Any

import orjson

from hub.errors import Misconfigured
from hub.transports.mail import Envelope
from schemas.fhir.contact import Way
from schemas.words import Text


def packed(tell: str, words: Text, made: Mapping[Way, bytes]) -> bytes:
    """The body of one delivery; `made` has the e-mail as `mail` and the letter as `letter`, either or both."""
    return orjson.dumps({"tell": tell, "en": words.en, "cy": words.cy, **{way: body.decode() for way, body in made.items()}})


def has_letter(body: bytes) -> bool:
    """Whether a letter can go where the e-mail could not."""
    return bool(body) and "letter" in orjson.loads(body)


def envelope(body: bytes) -> Envelope:
    """The e-mail with the addresses that it names. Raises Misconfigured when there is none."""
    held: dict[str, Any] = orjson.loads(body)  # Any: JSON
    if "mail" not in held:
        raise Misconfigured("No e-mail was composed for this delivery.")
    message = held["mail"].encode("ascii")
    read = message_from_bytes(message, policy=SMTP)
    sender, recipient = (_address(read[name]) for name in ("From", "To"))
    return Envelope(sender, recipient, message)


def _address(header: AddressHeader) -> str:
    return str(header.addresses[0].addr_spec)
