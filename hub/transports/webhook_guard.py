"""On the way out by webhook: to which addresses the hub never sends, whatever a name resolves to and however it is written."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from urllib.parse import SplitResult, urlsplit

PORTS = frozenset({443, 8443})
LONGEST_URL = 2_048
Allowed = frozenset[tuple[str, int]]
"""Receivers inside, by exact host and port: for demonstrations and tests, never in production."""

# Python's is_global says True of NAT64, 6to4, IPv4-compatible, multicast and site-local addresses, so the list is our own.
_DENIED_4 = """0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.0.2.0/24 192.31.196.0/24 192.52.193.0/24
192.88.99.0/24 192.168.0.0/16 192.175.48.0/24 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 224.0.0.0/4 240.0.0.0/4"""
_DENIED_6 = "2001::/23 2001:db8::/32 2002::/16 2620:4f:8000::/48 3fff::/20"
_UNICAST_6 = IPv6Network("2000::/3")
_NETWORKS_4 = tuple(IPv4Network(one) for one in _DENIED_4.split())
_NETWORKS_6 = tuple(IPv6Network(one) for one in _DENIED_6.split())
_NAME = re.compile(r"(?=.{4,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+(?:[a-z]{2,63}|xn--[a-z0-9-]{1,59})", re.IGNORECASE)
_PRINTABLE = re.compile(r"[\x21-\x7e]+")
_INSIDE = (".local", ".localhost", ".internal", ".lan", ".home", ".corp", ".arpa", ".test", ".invalid", ".example", ".onion")


class ForbiddenAddress(Exception):  # noqa: N818
    """The hub does not send there; registration refuses it, and a delivery to it fails. The message is a plain sentence without the URL."""


@dataclass(frozen=True, slots=True)
class Destination:
    """A URL that may be sent to, as far as can be seen without asking a name server."""

    scheme: str
    host: str
    port: int


def check_url(url: str, allowed: Allowed = frozenset()) -> Destination:
    """Where this URL leads. Raises ForbiddenAddress unless it is https to a public name or address on port 443 or 8443, or one that is
    allowed by host and port; never with a user, a fragment, or an address written in an unusual way."""
    parts, port = _split(url)
    host = (parts.hostname or "").rstrip(".") if parts.hostname != "." else ""
    if parts.scheme in ("http", "https") and (host, port) in allowed:
        return Destination(parts.scheme, host, port)
    if parts.scheme != "https":
        raise ForbiddenAddress("A webhook's address must begin with https://.")
    if port not in PORTS:
        raise ForbiddenAddress("A webhook's port must be 443 or 8443.")
    _check_host(host)
    return Destination(parts.scheme, host, port)


def denied(address: str) -> bool:
    """Whether nothing may be sent to this IP address: private, local, shared, documentation, multicast, reserved, or a wrapping of one of
    these in IPv6. What is no address is denied too."""
    try:
        found = ip_address(address)
    except ValueError:
        return True
    if isinstance(found, IPv4Address):
        return any(found in network for network in _NETWORKS_4)
    return _denied_6(found)


def _denied_6(found: IPv6Address) -> bool:
    """Outside 2000::/3 nothing is public: ::/96, mapped, NAT64, ULA, link- and site-local and multicast all lie there."""
    return found not in _UNICAST_6 or found.scope_id is not None or any(found in network for network in _NETWORKS_6)


def _split(url: str) -> tuple[SplitResult, int]:
    if len(url) > LONGEST_URL or not _PRINTABLE.fullmatch(url) or "\\" in url:
        raise ForbiddenAddress("A webhook's address must be at most 2048 plain characters without spaces or backslashes.")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ForbiddenAddress("A webhook's address cannot be read.") from None
    if "@" in parts.netloc or "#" in url or not parts.hostname:
        raise ForbiddenAddress("A webhook's address must have a host, no user and no fragment.")
    return parts, port if port is not None else 80 if parts.scheme == "http" else 443


def _check_host(host: str) -> None:
    """A public DNS name of two labels or more, or an IP address in its one usual form; an odd number is no name."""
    try:
        literal = ip_address(host)
    except ValueError:
        literal = None
    if literal is not None:
        if denied(host):
            raise ForbiddenAddress("A webhook's address must be a public one.")
    elif not _NAME.fullmatch(host) or host.lower().endswith(_INSIDE):
        raise ForbiddenAddress("A webhook's host must be a public name or an IP address in its usual form.")
