"""On the way out to people: whom a connector writes to when there is no system, and who it is that writes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from schemas.fhir.contact import Way
from schemas.words import Text

Reader = Literal["person", "professional"]
"""Whose words: the person whom the referral is about, or a professional who referred without a system of their own."""


@dataclass(frozen=True, slots=True)
class Sender:
    """Who writes, as people know it: the service's name, the telephone that is answered, the e-mail address written from and the lines of
    the address for letters. Nothing of it may say what the service is for: a neighbour may see it."""

    name: Text
    phone: str | None = None
    email: str | None = None
    address: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Addressee:
    """One reader by one way. `language` None means both; `large` is for a letter alone."""

    reader: Reader
    way: Way
    sender: Sender
    name: str = field(default="", repr=False)
    email: str | None = field(default=None, repr=False)
    address: tuple[str, ...] = field(default=(), repr=False)
    language: Literal["cy", "en"] | None = None
    large: bool = False
