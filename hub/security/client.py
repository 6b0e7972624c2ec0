"""At every door and way out: one system that may send to the hub, read from it, or be told by it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from hmac import compare_digest
from ipaddress import ip_address, ip_network
from typing import Literal

from hub.security.scopes import Access, Scope, allows
from schemas.profile import Profile

OutboundTransport = Literal["webhook", "mllp"]


@dataclass(frozen=True, slots=True)
class Outbound:
    """Where and by which connector this client is told: `url` for a webhook, `host` and `port` for MLLP."""

    transport: OutboundTransport
    connector: str
    url: str | None = None
    host: str | None = None
    port: int | None = None


@dataclass(frozen=True, slots=True)
class MllpBinding:
    """Who this client is on MLLP: addresses or networks it sends from, and the namespace ids of its MSH-3 and MSH-4. `certificates` are the
    names of which its TLS certificate must have one (`sha256:…`, a DNS name or a URI, in small letters); with any, it never comes without."""

    addresses: tuple[str, ...]
    sending_application: str
    sending_facility: str
    certificates: tuple[str, ...] = ()

    def covers(self, peer: str) -> bool:
        """Whether this address is one of its own."""
        try:
            found = ip_address(peer.partition("%")[0])
        except ValueError:
            return False
        return any(found in ip_network(one, strict=False) for one in self.addresses)

    def shows(self, names: frozenset[str] | None) -> bool:
        """Whether the certificate of these names is its own; None: the line has no TLS, which is enough where no certificate was agreed."""
        return not self.certificates if names is None else not names.isdisjoint(self.certificates)


@dataclass(frozen=True, slots=True)
class Client:
    """One client as the ledger has it. `secrets` sign what is sent to its webhook, newest first: two while one replaces the other."""

    id: str
    name: str
    organisation_type: str
    scopes: frozenset[Scope]
    profile: Profile = field(default_factory=Profile)
    outbound: Outbound | None = None
    mllp: MllpBinding | None = None
    kafka: bool = False
    key_hash: bytes | None = field(default=None, repr=False)
    key_expires_at: datetime | None = None
    secrets: tuple[str, ...] = field(default=(), repr=False)

    def may(self, access: Access) -> bool:
        """Whether it may go where this is asked for."""
        return allows(self.scopes, access)

    def has_key(self, key_hash: bytes, now: datetime) -> bool:
        """Whether this is the hash of its key, and the key still good. Takes as long for a wrong hash as for the right one."""
        same = compare_digest(self.key_hash or b"", key_hash)
        return same and self.key_expires_at is not None and now < self.key_expires_at
