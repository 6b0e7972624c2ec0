"""At the HTTP door: which route a method and a path meet. Paths are compared as they were sent, segment by segment; nothing is normalised, but for
the `$` of FHIR's operations, which many clients write as `%24`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from hub.errors import Misconfigured
from hub.security.scopes import Open, Scope
from hub.transports.http_messages import Route

LONGEST_SEGMENT = 128
_UNSAFE = re.compile(r"[\x00-\x1f\x7f/\\]")
_METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE"})


@dataclass(frozen=True, slots=True)
class Met:
    """The route and the variable parts of the path, decoded."""

    route: Route
    params: dict[str, str]


@dataclass(frozen=True, slots=True)
class WrongMethod:
    """The path is known, the method is not among these."""

    allowed: tuple[str, ...]


class RouteTable:
    """All routes of one door."""

    def __init__(self, routes: Sequence[Route]) -> None:
        """Raises Misconfigured for two routes in one place, a method that no route may have, or a route that does not say who may come."""
        self.routes = tuple(routes)
        self._fixed: dict[str, dict[str, Route]] = {}
        self._variable: list[tuple[tuple[str, ...], dict[str, Route]]] = []
        for route in self.routes:
            if not isinstance(route.access, Scope | Open) or route.method not in _METHODS or not route.path.startswith("/"):
                raise Misconfigured(f"The route {route.method} {route.path} must have a method of {', '.join(sorted(_METHODS))} and say who may come.")
            methods = self._place(route.path)
            if route.method in methods:
                raise Misconfigured(f"Two routes stand at {route.method} {route.path}.")
            methods[route.method] = route

    def find(self, method: str, path: str) -> Met | WrongMethod | None:
        """The route; or which methods the path has; or None when there is no such path, or it holds what no id of ours can."""
        methods, params = self._fixed.get(path) or self._fixed.get(path.replace("/%24", "/$")), dict[str, str]()
        if methods is None:
            methods, params = self._find_variable(path)
        if methods is None:
            return None
        route = methods.get(method)
        return Met(route, params) if route else WrongMethod(tuple(sorted(methods)))

    def _find_variable(self, path: str) -> tuple[dict[str, Route] | None, dict[str, str]]:
        parts = path.split("/")
        for pattern, methods in self._variable:
            if len(pattern) == len(parts) and all(want == got or want.startswith("{") for want, got in zip(pattern, parts, strict=True)):
                decoded = {want[1:-1]: segment(got) for want, got in zip(pattern, parts, strict=True) if want.startswith("{")}
                found = {name: value for name, value in decoded.items() if value is not None}
                return (methods, found) if len(found) == len(decoded) else (None, {})
        return None, {}

    def _place(self, path: str) -> dict[str, Route]:
        if "{" not in path:
            return self._fixed.setdefault(path, {})
        pattern = tuple(path.split("/"))
        for known, methods in self._variable:
            if [part.startswith("{") or part for part in known] == [part.startswith("{") or part for part in pattern]:
                return methods
        self._variable.append((pattern, {}))
        return self._variable[-1][1]


def segment(sent: str) -> str | None:
    """One segment of a path, decoded; None when it is empty, too long, not UTF-8, or hides a separator or a control character."""
    try:
        found = unquote_to_bytes(sent).decode("utf-8")
    except UnicodeDecodeError:
        return None
    if not found or len(found) > LONGEST_SEGMENT or found in (".", "..") or _UNSAFE.search(found):
        return None
    return found
