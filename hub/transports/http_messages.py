"""At the HTTP door: a request as it arrives, the answer to it, a route that gives one, and the limits that come before all."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace

from hub.security.client import Client
from hub.security.scopes import Access, Open
from schemas.rejection import Reason

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class HttpHead:
    """A request before its body. `path` is as sent (undecoded), `params` its variable parts, decoded; `headers` have lower-case names, in
    order, repeats included; `peer` is the address at the other end of the connection, nobody's claim."""

    method: str
    path: str = field(repr=False)
    route: Route
    peer: str
    headers: Headers = field(repr=False)
    params: Mapping[str, str] = field(default_factory=dict, repr=False)
    query: Headers = field(default=(), repr=False)

    def all(self, name: str) -> tuple[str, ...]:
        """Every value of this header, in order; `name` in small letters."""
        return tuple([value for found, value in self.headers if found == name])

    @property
    def joined(self) -> dict[str, str]:
        """One value a header; those sent more than once are joined with ", " (RFC 9110 5.3), so that a repeat of what must be single shows."""
        found: dict[str, str] = {}
        for name, value in self.headers:
            found[name] = f"{found[name]}, {value}" if name in found else value
        return found

    @property
    def open_to_all(self) -> bool:
        """Whether nobody needs to say who they are."""
        return self.route.access is Open.TO_ALL


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """A request whole: within every limit, body unpacked, and from `client` (None only where the route is open to all)."""

    head: HttpHead
    client: Client | None
    body: bytes = field(repr=False)

    @property
    def sender(self) -> Client:
        """The client, on a route that asks for a scope."""
        assert self.client is not None
        return self.client


@dataclass(frozen=True, slots=True)
class HttpReply:
    """What goes back. `headers` come beside those that every answer has, and replace those of the same name."""

    status: int
    body: bytes = field(default=b"", repr=False)
    content_type: str = "application/fhir+json; fhirVersion=4.0"
    headers: Headers = ()

    def and_headers(self, more: Headers) -> HttpReply:
        """The same answer with these headers too."""
        return replace(self, headers=(*self.headers, *more)) if more else self


Respond = Callable[[HttpRequest], Awaitable[HttpReply]]
Authorize = Callable[[HttpHead], Client | HttpReply]
Refuse = Callable[[Reason, str, int], HttpReply]
"""The answer for a reason, the place of the fault (a header's name, or empty) and a status, in the door's format. Must not raise."""
Dress = Callable[[str, Reason, "HttpReply"], "HttpReply"]
"""The door's own refusal in the words of whoever stands at this path; status and headers stay. Must not raise."""


@dataclass(frozen=True, slots=True)
class Route:
    """One place at the door: `path` is `/fhir/Task/{id}`, each `{name}` one segment. `access` has no default: a route says who may come.

    `respond` may raise hub.errors.Unavailable (503 with Retry-After); anything else that it raises is a bug (500)."""

    method: str
    path: str
    respond: Respond
    access: Access


@dataclass(frozen=True, slots=True)
class Limits:
    """What the door takes. Sizes in bytes, times in seconds, rates per second. `hosts` are the names (without port) by which it may be
    called; empty: any that is well formed."""

    body: int = 2**20
    headers: int = 100
    head: int = 16 * 1024
    target: int = 8 * 1024
    query_fields: int = 100
    head_seconds: float = 10.0
    body_seconds: float = 10.0
    stop_seconds: float = 20.0
    connections: int = 1024
    in_flight_per_client: int = 256
    client_rate: float = 2_000.0
    client_burst: int = 4_000
    stranger_rate: float = 5.0
    stranger_burst: int = 100
    open_rate: float = 100.0
    open_burst: int = 200
    hosts: frozenset[str] = frozenset()
