"""In reading: what this server does, as a FHIR CapabilityStatement made from the places at its door; a place that is not there is not claimed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from hub.reading.search import PARAMETERS
from schemas.fhir import build

JsonObject = dict[str, Any]  # Any: FHIR JSON
Place = tuple[str, str]
"""A method and a path, such as `GET`, `/fhir/Task/{id}`."""

BASE = "/fhir"
_INTERACTIONS: Mapping[Place, str] = {
    ("GET", "/{id}"): "read",
    ("PUT", "/{id}"): "update",
    ("PATCH", "/{id}"): "patch",
    ("DELETE", "/{id}"): "delete",
    ("POST", ""): "create",
    ("GET", ""): "search-type",
    ("POST", "/_search"): "search-type",
}
_OPERATIONS: Mapping[str, str] = {"validate": "http://hl7.org/fhir/OperationDefinition/Resource-validate"}
_DOCUMENT = ("POST", f"{BASE}/document")
_COMPOSITION = "http://hl7.org/fhir/StructureDefinition/Composition"
_OWN: Mapping[str, JsonObject] = {
    "ServiceRequest": {"versioning": "versioned-update", "conditionalCreate": True, "updateCreate": False},
    "Task": {"versioning": "versioned-update", "updateCreate": False},
}
_SECURITY = {"cors": False, "description": "Each client has a key of its own, sent as a bearer token, and sees what concerns its own referrals only."}


def capability_statement(places: Iterable[Place], version: str, date: str, base: str) -> JsonObject:
    """What stands at these places below `/fhir`: resources with their interactions, searches and operations; transactions; documents."""
    found = sorted({(method, path) for method, path in places if path == BASE or path.startswith(f"{BASE}/")})
    types = sorted({kind for _, path in found if (kind := _type(path))})
    made = build.capability_statement(version, date, base, {kind: list(dict.fromkeys(_interactions(found, kind))) for kind in types})
    rest = made["rest"][0]
    rest["security"] = _SECURITY
    rest["resource"] = [one | _more(found, one["type"], one["interaction"]) for one in rest["resource"]]
    if ("POST", BASE) in found:
        rest["interaction"] = [{"code": "transaction"}]
    if operations := _operations(found, BASE):
        rest["operation"] = operations
    return made | ({"document": [{"mode": "consumer", "profile": _COMPOSITION}]} if _DOCUMENT in found else {})


def _type(path: str) -> str | None:
    """The resource type that a path is about; types begin with a capital letter."""
    first = path.removeprefix(BASE).strip("/").partition("/")[0]
    return first if first[:1].isupper() else None


def _interactions(places: Iterable[Place], kind: str) -> Iterator[str]:
    for method, path in places:
        if _type(path) == kind and (code := _INTERACTIONS.get((method, path.removeprefix(f"{BASE}/{kind}")))):
            yield code


def _more(places: Iterable[Place], kind: str, interactions: list[JsonObject]) -> JsonObject:
    found = dict(_OWN.get(kind, {"versioning": "no-version"}))
    if {"code": "search-type"} in interactions:
        found["searchParam"] = [{"name": name, "type": type_} for name, type_ in PARAMETERS[kind].items()]
    if operations := _operations(places, f"{BASE}/{kind}"):
        found["operation"] = operations
    return found


def _operations(places: Iterable[Place], below: str) -> list[JsonObject]:
    names = [path.removeprefix(f"{below}/$") for method, path in places if method == "POST" and path.startswith(f"{below}/$")]
    return [{"name": name, "definition": _OPERATIONS.get(name, f"{build.HUB}/OperationDefinition/{name}")} for name in names]
