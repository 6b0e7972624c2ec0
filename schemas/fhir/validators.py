"""Behind the check: the generated JSON Schemas, compiled when a type is first met, and what they say an object must have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Any

import jsonschema_rs
import orjson

Schema = Mapping[str, Any]  # Any: JSON Schema
Path = tuple[str | int, ...]


@cache
def schema_of(resource_type: str) -> Schema:
    """The whole schema of a type of `RESOURCE_TYPES`, with every definition that it may refer to."""
    schema = _generated(resource_type)
    return {**schema, "$defs": {**_generated("datatypes")["$defs"], **schema["$defs"]}}


@cache
def validator_of(resource_type: str) -> jsonschema_rs.Draft202012Validator:
    """The compiled schema; compiling takes some milliseconds, once."""
    return jsonschema_rs.Draft202012Validator(dict(schema_of(resource_type)), pattern_options=jsonschema_rs.RegexOptions())


def _generated(name: str) -> dict[str, Any]:  # Any: JSON Schema
    read: dict[str, Any] = orjson.loads(files(__package__).joinpath("generated", f"{name}.json").read_bytes())
    return read


def errors(resource_type: str, resource: Mapping[str, Any]) -> Sequence[jsonschema_rs.ValidationError]:
    """Every violation of the type's schema; nothing is computed for a resource that is sound."""
    validator = validator_of(resource_type)
    try:
        return () if validator.is_valid(resource) else tuple(validator.iter_errors(resource))
    except ValueError:  # a number that keeps its own text is none for the validator: show it a plain one
        return tuple(validator.iter_errors(_plain(resource)))


def _plain(node: Any) -> Any:  # Any: JSON
    if isinstance(node, dict):
        return {name: _plain(value) for name, value in node.items()}
    if isinstance(node, list):
        return [_plain(item) for item in node]
    return Decimal(node) if isinstance(node, Decimal) else node


def required_in(resource_type: str, path: Sequence[str | int]) -> frozenset[str]:
    """The names that the object at `path` must have; all names of a choice that must be made."""
    root = schema_of(resource_type)
    node = _resolved(root, root)
    for part in path:
        inner = node.get("items", {}) if isinstance(part, int) else node.get("properties", {}).get(part, {})
        node = _resolved(root, inner)
    required = set(node.get("required", ()))
    for rule in node.get("allOf", ()):
        required.update(rule.get("then", {}).get("required", ()))
        if "oneOf" in rule and not any("not" in option for option in rule["oneOf"]):
            required.update(name for option in rule["oneOf"] for name in _names(option))
    return frozenset(required)


def choice_names(resource_type: str, schema_path: Sequence[str | int]) -> tuple[str, frozenset[str]]:
    """The title of the choice whose rule stands at `schema_path` (ending in `oneOf`), and every name that belongs to it."""
    rule: Any = schema_of(resource_type)  # Any: walked down to one rule
    for part in schema_path[:-1]:
        rule = rule[part]
    return rule["title"], frozenset(name for option in rule["oneOf"] if "not" not in option for name in _names(option))


def _names(option: Schema) -> Iterator[str]:
    yield from option.get("required", ())
    for one in option.get("anyOf", ()):
        yield from one["required"]


def _resolved(root: Schema, node: Schema) -> Schema:
    node = node.get("else", node) if "if" in node else node
    while "$ref" in node:
        node = root["$defs"][node["$ref"].rpartition("/")[2]]
    return node
