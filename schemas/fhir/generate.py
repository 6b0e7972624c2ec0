"""Beside the flow: writes `generated/*.json`, a JSON Schema for each resource type used, from the models of fhir.resources R4B.

    python -m schemas.fhir.generate

R4B and R4 (4.0.1) do not differ in these types but for two datatypes that R4 lacks. What the models do not say is added here: the regular
expressions of R4's primitive types (2.24.0.1, dates narrowed to those of the calendar), no null, nothing empty, one value for a choice, no
unknown element at any depth, and the code lists that the models cut short.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

from schemas.fhir.resource_types import RESOURCE_TYPES

Schema = dict[str, Any]  # Any: JSON Schema

GENERATED = Path(__file__).parent / "generated"

_YEAR = "([0-9]([0-9]([0-9][1-9]|[1-9]0)|[1-9]00)|[1-9]000)"
_LEAP = "(([02468][48]|[13579][26]|[2468]0)00|[0-9]{2}(0[48]|[2468][048]|[13579][26]))"
_DAY = f"({_YEAR}-((0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])|(0[13-9]|1[0-2])-(29|30)|(0[13578]|1[02])-31)|{_LEAP}-02-29)"
_CLOCK = r"([01][0-9]|2[0-3]):[0-5][0-9]:([0-5][0-9]|60)(\.[0-9]+)?"
_ZONE = r"(Z|[+-]((0[0-9]|1[0-3]):[0-5][0-9]|14:00))"
_PARTIAL = f"({_YEAR}(-(0[1-9]|1[0-2]))?|{_DAY}"
_TEXT = "^[^\\x00-\\x08\\x0B\\x0C\\x0E-\\x1F]+$"


def _pattern(expression: str) -> Schema:
    return {"type": "string", "pattern": f"^(?:{expression})$"}


PRIMITIVES: dict[str, Schema] = {
    "boolean": {"type": "boolean"},
    "integer": {"type": "integer", "minimum": -2147483648, "maximum": 2147483647},
    "unsignedInt": {"type": "integer", "minimum": 0, "maximum": 2147483647},
    "positiveInt": {"type": "integer", "minimum": 1, "maximum": 2147483647},
    "decimal": {"type": "number"},
    "string": {"type": "string", "pattern": _TEXT},
    "markdown": {"type": "string", "pattern": _TEXT},
    "xhtml": {"type": "string", "pattern": _TEXT},
    "uri": _pattern(r"\S+"),
    "url": _pattern(r"\S+"),
    "canonical": _pattern(r"\S+"),
    "uuid": _pattern("urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"),
    "oid": _pattern(r"urn:oid:[0-2](\.(0|[1-9][0-9]*))+"),
    "id": _pattern(r"[A-Za-z0-9\-.]{1,64}"),
    "code": _pattern(r"\S+(\s\S+)*"),
    "base64Binary": _pattern(r"(\s*[0-9a-zA-Z+/=]){4}((\s*[0-9a-zA-Z+/=]){4})*\s*"),
    "date": _pattern(f"{_PARTIAL})"),
    "dateTime": _pattern(f"{_PARTIAL}(T{_CLOCK}{_ZONE})?)"),
    "instant": _pattern(f"{_DAY}T{_CLOCK}{_ZONE}"),
    "time": _pattern(_CLOCK),
}
NOT_IN_R4 = frozenset({"CodeableReference", "RatioRange"})
# Lists that end in `+` or `etc.` in the models, and required bindings that they leave out. None: no closed list.
CODES: dict[str, str | None] = {
    "Encounter.status": "planned arrived triaged in-progress onleave finished cancelled entered-in-error unknown",
    "EncounterStatusHistory.status": "planned arrived triaged in-progress onleave finished cancelled entered-in-error unknown",
    "Observation.status": "registered preliminary final amended corrected cancelled entered-in-error unknown",
    "Task.status": """draft requested received accepted rejected ready cancelled in-progress on-hold failed completed entered-in-error""",
    "DeviceUdiCarrier.entryType": "barcode rfid manual card self-reported unknown",
    "QuestionnaireItem.type": """group display question boolean decimal integer date dateTime time string text url choice open-choice
        attachment reference quantity""",
    "OperationOutcomeIssue.code": """invalid structure required value invariant security login unknown expired forbidden suppressed processing
        not-supported duplicate multiple-matches not-found deleted too-long code-invalid extension too-costly business-rule conflict transient
        lock-error no-store exception timeout incomplete throttled informational""",
    "Quantity.comparator": "< <= >= >",
    "TimingRepeat.when": """MORN MORN.early MORN.late NOON AFT AFT.early AFT.late EVE EVE.early EVE.late NIGHT PHS HS WAKE C CM CD CV AC ACM ACD
        ACV PC PCM PCD PCV""",
    "CapabilityStatement.format": None,
    "Expression.language": None,
}
_PRIMITIVE_OF_MARKER = {name[0].upper() + name[1:]: name for name in PRIMITIVES}
_ANY_RESOURCE: Schema = {"type": "object", "required": ["resourceType"], "properties": {"resourceType": {"type": "string"}}}
_PRIMITIVE_EXTENSION: Schema = {
    "type": "object",
    "minProperties": 1,
    "additionalProperties": False,
    "properties": {"id": {"$ref": "#/$defs/string"}, "extension": {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/Extension"}}},
}


def schemas() -> dict[str, Schema]:
    """Every file to be written: `datatypes` with the definitions that all share, and one for each resource type."""
    from fhir.resources.R4B import get_fhir_model_class  # nothing but this command needs the models

    shared: dict[str, Schema] = PRIMITIVES | {"Element": _PRIMITIVE_EXTENSION}
    shared |= {f"{name}-or-null": {**schema, "type": [schema["type"], "null"]} for name, schema in PRIMITIVES.items()}
    made: dict[str, Schema] = {}
    for name in sorted(RESOURCE_TYPES):
        own: dict[str, Schema] = {}
        root = _object_schema(get_fhir_model_class(name), own, shared, resource_type=name)
        made[name] = {"$schema": "https://json-schema.org/draft/2020-12/schema", **root, "$defs": own}
    made["datatypes"] = {"$defs": shared}
    return made


def _object_schema(
    model: Any, own: dict[str, Schema], shared: dict[str, Schema], resource_type: str | None = None
) -> Schema:  # Any: a model class
    """One object: its elements, which of them are required, which are choices of one."""
    properties: Schema = {"resourceType": {"const": resource_type}} if resource_type else {}
    required: list[str] = ["resourceType"] if resource_type else []
    rules: list[Schema] = []
    choices: dict[str, tuple[bool, list[str]]] = {}
    for field in model.model_fields.values():
        said = field.json_schema_extra or {}
        if field.alias in ("fhir_comments", "resource_type") or _is_newer_than_r4(field.annotation):
            continue
        properties[field.alias] = _element_schema(model.__name__, field, own, shared)
        if "one_of_many" in said:
            choices.setdefault(said["one_of_many"], (said["one_of_many_required"], []))[1].append(field.alias)
        elif said.get("element_required"):
            rules.append({"if": {"not": {"required": [f"_{field.alias}"]}}, "then": {"required": [field.alias]}})
        elif field.is_required():
            required.append(field.alias)
    rules += [_choice(name, options, properties, needed) for name, (needed, options) in sorted(choices.items())]
    schema: Schema = {"type": "object", "minProperties": 1, "properties": properties, "additionalProperties": False}
    return schema | ({"required": required} if required else {}) | ({"allOf": rules} if rules else {})


def _choice(name: str, options: list[str], properties: Schema, needed: bool) -> Schema:
    """At most one of the options, at least one where `needed`; a value and its `_` sibling are one option."""
    given: list[Schema] = []
    for option in options:
        names = [spelt for spelt in (option, f"_{option}") if spelt in properties]
        given.append({"anyOf": [{"required": [spelt]} for spelt in names]} if len(names) > 1 else {"required": names})
    if not needed:
        given.append({"not": {"anyOf": list(given)}})
    return {"title": f"{name}[x]", "oneOf": given}


def _element_schema(model: str, field: Any, own: dict[str, Schema], shared: dict[str, Schema]) -> Schema:  # Any: pydantic's FieldInfo
    kind, is_list = _type_of(field.annotation)
    item = _item_schema(kind, own, shared)
    values = _codes(f"{model}.{field.alias}", (field.json_schema_extra or {}).get("enum_values"))
    if values:
        item = {"enum": values}
    if not is_list:
        return item
    if isinstance(kind, str):  # a primitive that has only an extension leaves null in its place (R4 2.6.2.3)
        item = {"enum": [*values, None]} if values else {"$ref": f"#/$defs/{kind}-or-null"}
    elif field.alias.startswith("_"):
        item = {"if": {"type": "null"}, "else": item}
    return {"type": "array", "minItems": 1, "items": item}


def _codes(element: str, listed: list[str] | None) -> list[str]:
    codes = CODES.get(element, "listed")
    if codes != "listed":
        return (codes or "").split()
    if listed and {"+", "etc."} & set(listed):
        raise ValueError(f"{element} has a list that is cut short: complete it in CODES")
    return listed or []


def _is_newer_than_r4(annotation: Any) -> bool:  # Any: typing forms
    return any(f"abc.{name}Type" in str(annotation) for name in NOT_IN_R4)


def _item_schema(kind: Any, own: dict[str, Schema], shared: dict[str, Schema]) -> Schema:  # Any: a type marker
    if isinstance(kind, str):
        return {"$ref": f"#/$defs/{kind}"}
    model = kind.get_model_klass()
    name = model.__name__
    if name in ("Resource", "FHIRAbstractModel"):
        return _ANY_RESOURCE
    if name == "FHIRPrimitiveExtension":
        return {"$ref": "#/$defs/Element"}
    defs = shared if _is_datatype(model) else own
    if name not in defs:
        defs[name] = {}
        defs[name] = _object_schema(model, own, shared)
    return {"$ref": f"#/$defs/{name}"}


def _is_datatype(model: Any) -> bool:  # Any: a model class
    """Types that any resource may use stand in one file; a resource's own parts (BackboneElements) in its."""
    bases = {base.__name__ for base in model.__mro__}
    return "BackboneElement" not in bases or model.__module__.rpartition(".")[2] in ("timing", "dosage", "elementdefinition")


def _type_of(annotation: Any) -> tuple[Any, bool]:  # Any: typing forms
    """The innermost type (a primitive's name, or the marker class of a model), and whether it repeats."""
    is_list = "List[" in str(annotation)
    inner = annotation
    while get_args(inner) and not hasattr(inner, "__metadata__"):
        inner = next(part for part in get_args(inner) if part is not type(None))
    if inner is bool:
        return "boolean", is_list
    for marker in getattr(inner, "__metadata__", ()):
        name = "uuid" if type(marker).__name__ == "UuidVersion" else _PRIMITIVE_OF_MARKER.get(type(marker).__name__)
        if name:
            return name, is_list
    if not hasattr(inner, "get_model_klass"):
        raise TypeError(f"no FHIR type known for {annotation}")
    return inner, is_list


def text_of(schema: Schema) -> str:
    """A schema as it stands in its file."""
    return json.dumps(schema, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def main(folder: Path = GENERATED) -> None:
    """Writes every file and removes those whose type is no longer used."""
    folder.mkdir(exist_ok=True)
    made = schemas()
    for name, schema in made.items():
        (folder / f"{name}.json").write_text(text_of(schema), "utf-8")
    for path in folder.glob("*.json"):
        if path.stem not in made:
            path.unlink()


if __name__ == "__main__":
    main()
