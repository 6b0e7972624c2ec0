"""In publishing: every place at the HTTP door that systems may call, read from the routes and manifests themselves, as OpenAPI 3.1."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any, cast

import yaml

from hub.intake import http as intake_http
from hub.intake.door import Intake
from hub.reading import beside
from hub.reading import routes as reading_routes
from hub.registry import Registry, installed
from hub.security.scopes import Open
from hub.transports.http_messages import Limits, Route
from schemas.manifest import Manifest
from schemas.messages import InboundMessage, NotStored

Json = dict[str, Any]  # Any: OpenAPI
_FHIR = "application/fhir+json"
_PLAIN = frozenset({"/health/live", "/health/ready"})

# Which refusals a place may give: those of the door itself, of a door that knows its clients, of one that takes a body, of one that reads it.
_DOOR, _CLIENTS, _BODY = (400, 405, 408, 413, 414, 417, 421, 429, 431, 500, 503), (401, 403), (411, 415)
_TAKEN, _UPDATED, _READ = (404, 406, 409, 422, 425), (404, 406, 409, 412, 422, 425, 428), (404, 406)
_SAID: Mapping[int, str] = {
    200: "Done; or the first answer again, or nothing to do.", 201: "Taken: on durable storage. Location says where it can be read.",
    400: "It cannot be read, or a header is missing or wrong; every fault with its place.", 401: "No key, or one that is not known.",
    403: "A client that may not do this.", 404: "Absent, or not the client's own: the same bytes.", 405: "The place takes other methods, named in Allow.",
    406: "Only FHIR JSON R4 can be answered.", 408: "It took too long to arrive.", 409: "Received before, or not possible in its present state.",
    411: "Without a length.", 412: "For an older version; or there are several.", 413: "Larger than a megabyte.", 414: "The address is too long.",
    415: "Another kind of content.", 417: "Expect is not known.", 421: "Another host.",
    422: "Sound, and cannot be taken: another service, nobody known, a modifier.",
    425: "The same request is still being worked on.", 428: "Without the version that it changes.", 429: "Too many at once; Retry-After.",
    431: "The headers are too large.", 500: "A fault of ours; nothing was stored.", 503: "Cannot be stored now; Retry-After, and send the same again.",
}  # fmt: skip


def openapi(registry: Registry | None = None) -> str:
    """The OpenAPI document of this version; the pages for people are not in it (hub/web)."""
    found = registry or installed()
    made = {
        "openapi": "3.1.0",
        "info": {
            "title": "Referral hub", "version": version("referral-hub"),
            "description": "What systems may call. A refusal is an OperationOutcome: a plain sentence, then every fault with its place, in English and Welsh.",
        },
        "security": [{"key": []}],
        "paths": _paths(routes(found), found),
        "components": _COMPONENTS,
    }  # fmt: skip
    return str(yaml.dump(made, Dumper=_Plain, sort_keys=False, allow_unicode=True, width=160))


def routes(registry: Registry) -> tuple[Route, ...]:
    """Every route for systems, made as the composition root makes them; nothing is connected to and none is asked."""
    nothing: Any = None  # Any: a route is listed here, never called
    return (*intake_http.routes(cast(Intake, _Nobody()), registry), *reading_routes(nothing, nothing, (), registry), *beside.routes(registry, nothing, nothing))


class _Nobody:
    """Stands where an intake would: its routes are listed and never called."""

    receive: Any = None  # Any: as above


class _Plain(yaml.SafeDumper):
    """Writes a value that stands twice twice: no anchors."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002  Any: whatever is dumped
        return True


# --- places -----------------------------------------------------------------------------------------------------------------------------


def _paths(found: Sequence[Route], registry: Registry) -> Json:
    listeners: dict[tuple[str, str], Manifest] = {(one.method or "", one.path or ""): registered.manifest for registered, one in registry.listeners("http")}
    paths: dict[str, Json] = {}
    for route in sorted(found, key=lambda one: (one.path, one.method)):
        manifest = listeners.get((route.method, route.path))
        paths.setdefault(route.path, {})[route.method.lower()] = _listened(route, manifest, registry) if manifest else _asked(route)
    return paths


def _listened(route: Route, manifest: Manifest, registry: Registry) -> Json:
    """Where a connector's messages arrive."""
    updates = route.method == "PUT"
    answered = _answers_in(registry, manifest, route)
    statuses = (200, 201, *_DOOR, *_CLIENTS, *_BODY, *(_UPDATED if updates else (*_TAKEN, 412)))
    schema = {"$ref": "#/components/schemas/Resource"} if all("fhir" in kind or "json" in kind for kind in manifest.content_types) else {}
    return {
        "operationId": _name(route), "summary": manifest.title, "tags": [manifest.name], **_access(route),
        "parameters": [*_in_path(route), *_HEADERS, *([_IF_MATCH] if updates else [])],
        "requestBody": {"required": True, "content": {kind: {"schema": schema} for kind in manifest.content_types}},
        "responses": _responses(statuses, answered),
    }  # fmt: skip


def _answers_in(registry: Registry, manifest: Manifest, route: Route) -> str:
    """The content type of this connector's own answers, by asking it for one."""
    reply = registry[manifest.name].connector.answer(InboundMessage(b"", f"{route.method} {route.path}", {}), NotStored())
    return reply.content_type.partition(";")[0]


def _asked(route: Route) -> Json:
    """Where something is read, searched or judged."""
    body: Json = {}
    if route.method == "POST":
        kind = "application/x-www-form-urlencoded" if route.path.endswith("_search") else _FHIR
        schema = {"type": "object"} if kind != _FHIR else {"$ref": "#/components/schemas/Resource"}
        body = {"requestBody": {"required": kind == _FHIR, "content": {kind: {"schema": schema}}}}
    own = () if route.access is Open.TO_ALL else _CLIENTS
    statuses = (200, *_DOOR, *own, *_READ, *((*_BODY, 422) if body else ()))
    kind = "application/json" if route.path in _PLAIN else "text/plain" if route.path == "/metrics" else _FHIR
    return {
        "operationId": _name(route), "tags": ["reading"], **_access(route),
        "parameters": _in_path(route), **body, "responses": _responses(statuses, kind),
    }  # fmt: skip


def _responses(statuses: Sequence[int], kind: str) -> Json:
    """What is done in the place's own content type; what is refused as an OperationOutcome, or in the place's own way of saying no."""
    done = {"content": {kind: {"schema": {"$ref": "#/components/schemas/Resource"} if kind == _FHIR else {}}}}
    return {str(status): {"description": _SAID[status], **done} if status < 300 else _refused(status, kind) for status in sorted(set(statuses))}


def _refused(status: int, kind: str) -> Json:
    if kind == _FHIR:
        return {"$ref": f"#/components/responses/{status}"}
    return {"description": _SAID[status], "content": {**_OUTCOME, kind: {"schema": {}}}}


def _access(route: Route) -> Json:
    if route.access is Open.TO_ALL:
        return {"description": "Open to all.", "security": []}
    return {"description": f"For a client that holds {route.access.value}.", "x-scope": route.access.value}


def _in_path(route: Route) -> list[Json]:
    names = re.findall(r"{(\w+)}", route.path)
    return [{"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1, "maxLength": 128}} for name in names]


def _name(route: Route) -> str:
    words = [word for word in re.split(r"[^A-Za-z0-9]+", route.path) if word]
    return "-".join([route.method.lower(), *words])


def _header(name: str, words: str, **schema: str) -> Json:
    return {"name": name, "in": "header", "required": False, "description": words, "schema": {"type": "string", **schema}}


_HEADERS = [
    _header("X-Request-Id", "The request's own id, a GUID: the same id with the same body is the same request. Or Idempotency-Key.", format="uuid"),
    _header("X-Correlation-Id", "The journey, a GUID; comes back with everything that is said of the referral.", format="uuid"),
]
_IF_MATCH = _header("If-Match", 'The version that was read, W/"3".')
_ISSUE: Json = {
    "type": "object",
    "required": ["severity", "code", "details"],
    "properties": {
        "severity": {"enum": ["fatal", "error", "warning", "information"]},
        "code": {"type": "string"},
        "details": {"type": "object", "required": ["text"], "properties": {"text": {"type": "string", "minLength": 1}}},
        "expression": {"type": "array", "items": {"type": "string"}},
        "diagnostics": {"type": "string"},
    },
}
_OUTCOME: Json = {_FHIR: {"schema": {"$ref": "#/components/schemas/OperationOutcome"}}}
_COMPONENTS: Json = {
    "responses": {str(status): {"description": words, "content": _OUTCOME} for status, words in _SAID.items() if status >= 300},
    "securitySchemes": {"key": {"type": "http", "scheme": "bearer", "description": f"The client's key. A body may have {Limits().body} bytes."}},
    "schemas": {
        "Resource": {"type": "object", "required": ["resourceType"], "properties": {"resourceType": {"type": "string"}}},
        "OperationOutcome": {
            "type": "object",
            "required": ["resourceType", "issue"],
            "properties": {"resourceType": {"const": "OperationOutcome"}, "issue": {"type": "array", "minItems": 1, "items": _ISSUE}},
        },
    },
}
