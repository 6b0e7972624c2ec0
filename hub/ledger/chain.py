"""In the ledger: each referral's events form a chain of hashes over what rests, so that a change behind our back shows."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from uuid import UUID

START = bytes(32)


@dataclass(frozen=True, slots=True)
class Link:
    """What is hashed of one event: its identity and the bytes as they rest (sealed payload, thin JSON), never the database's time."""

    event_id: UUID
    referral_id: UUID
    version: int
    type: str
    payload: bytes
    thin: bytes


def hash_of(previous: bytes, link: Link) -> bytes:
    """SHA-256 over the previous hash and this link; lengths are part of it, so that bytes cannot move between fields."""
    digest = sha256(previous)
    digest.update(link.event_id.bytes + link.referral_id.bytes + link.version.to_bytes(4, "big"))
    for part in (link.type.encode(), sha256(link.payload).digest(), link.thin):
        digest.update(len(part).to_bytes(4, "big") + part)
    return digest.digest()


def is_sound(links: list[tuple[Link, bytes, bytes]]) -> bool:
    """Whether (link, previous hash, hash) in order form one unbroken chain from `START`."""
    previous = START
    for place, (link, before, stored) in enumerate(links, start=1):
        if link.version != place or before != previous or hash_of(previous, link) != stored:
            return False
        previous = stored
    return True
