"""At the HTTP door: what the head of a request shows to be wrong, before anybody asks who sent it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from hub.transports.http_messages import Headers, HttpHead, Limits
from hub.transports.http_routes import RouteTable, WrongMethod
from schemas.rejection import Reason

_HOST = re.compile(r"(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}[A-Za-z0-9])?)(?::[0-9]{1,5})?")


class WrongHead(Exception):  # noqa: N818
    """The request cannot go on: answer with this reason, place, status and headers."""

    def __init__(self, reason: Reason, at: str, status: int, headers: Headers = ()) -> None:
        super().__init__(reason.value)
        self.reason, self.at, self.status, self.headers = reason, at, status, headers


@dataclass(frozen=True, slots=True)
class Door:
    """What a head is held against."""

    table: RouteTable
    limits: Limits


def read_head(door: Door, scope: Mapping[str, Any], headers: Headers) -> HttpHead:  # Any: ASGI's scope
    """The head, its host allowed and its route found. Raises WrongHead. A method override in a header means nothing here."""
    _check_host(headers, door.limits)
    path = bytes(scope["raw_path"]).decode("latin-1")
    met = door.table.find(scope["method"], path)
    if met is None:
        raise WrongHead(Reason.NOT_FOUND, "", 404)
    if isinstance(met, WrongMethod):
        raise WrongHead(Reason.METHOD_NOT_ALLOWED, "", 405, (("allow", ", ".join(met.allowed)),))
    peer = str((scope.get("client") or ("unknown",))[0])
    return HttpHead(scope["method"], path, met.route, peer, headers, met.params, _query(scope["query_string"], door.limits))


def _check_host(headers: Headers, limits: Limits) -> None:
    """One Host, well formed, and one by which the hub may be called (RFC 9112 3.2)."""
    sent = [value for name, value in headers if name == "host"]
    found = _HOST.fullmatch(sent[0]) if len(sent) == 1 else None
    if found is None or (limits.hosts and found[1].lower() not in limits.hosts):
        raise WrongHead(Reason.INVALID, "Host", 400)


def _query(sent: bytes, limits: Limits) -> tuple[tuple[str, str], ...]:
    try:
        return tuple(
            parse_qsl(sent.decode("ascii"), keep_blank_values=True, max_num_fields=limits.query_fields, errors="strict", encoding="utf-8")
        ) if sent else ()  # fmt: skip
    except ValueError:
        raise WrongHead(Reason.INVALID, "", 400) from None
