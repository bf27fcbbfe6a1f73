"""A function's parameters, in any dialect, as one JSON Schema (draft 4).

Dialects: OpenAI's JSON Schema; BFCL's and ToolACE's with `dict`, `float`, `tuple`, `any`; xLAM's
flat map of parameters with types such as `str, optional`; Java and JavaScript names. What cannot
be understood is left unchecked and noted.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from egpo_verl.calls.closing import closed
from egpo_verl.calls.limits import LIMITS, limits
from egpo_verl.calls.required import (
    marked_required,
    may_be_left_out,
    names,
    without_empty_required,
)
from egpo_verl.calls.type_names import Note, Schema, any_of, basic_type, schema_of_name
from egpo_verl.calls.values import nfc

_MAX_NESTING = 16
_PLAIN = frozenset({"type", "description", "title", "name", "default"})
_ARRAYS = frozenset({"items", "prefixItems", "additionalItems"})
_OBJECTS = frozenset({"properties", "required", "additionalProperties", "patternProperties"})
_LISTS_OF_SCHEMAS = ("anyOf", "oneOf", "allOf")
_MAPS_OF_SCHEMAS = ("definitions", "$defs")
_COMBINED = frozenset({*_LISTS_OF_SCHEMAS, *_MAPS_OF_SCHEMAS, "$ref"})


def parameters_schema(parameters: Any, required: Any, note: Note) -> Schema:
    """The schema of all arguments of one function, as an object.

    An argument that is not declared is refused unless the dialect says otherwise, since a
    function's signature is closed.

    Args:
        parameters: JSON Schema, or xLAM's `{name: {"type", "description", "default"}}`; None or
            empty where the function takes no argument.
        required: a list beside `parameters`, as ToolACE has it; anything else is ignored.
        note: told of every part that stays unchecked.
    """
    if not isinstance(parameters, dict):
        if parameters is not None:
            note(f"parameters {parameters!r:.60}")
            return {"type": "object"}
        parameters = {}
    if is_json_schema(parameters):
        schema = _schema(parameters, note, 0)
        schema["type"] = "object"
        if "properties" in schema or not parameters.get("properties"):
            schema = closed(schema)
    else:
        schema = _object({"properties": parameters}, note, 0)
        schema["required"] = [
            nfc(str(name))
            for name, spec in parameters.items()
            if not may_be_left_out(spec) or marked_required(spec)
        ]
        schema |= {"type": "object", "additionalProperties": False}
    if isinstance(required, list):
        schema["required"] = [*schema.get("required", []), *names(required)]
    return without_empty_required(schema)


def is_json_schema(parameters: Mapping[str, Any]) -> bool:
    """Whether `parameters` is a JSON Schema and not a flat map of parameters.

    A flat map may describe parameters called `type` or `properties`, but then as mappings.
    """
    properties = parameters.get("properties")
    if isinstance(parameters.get("type"), str | list) or isinstance(parameters.get("$ref"), str):
        return True
    if any(isinstance(parameters.get(key), list) for key in _LISTS_OF_SCHEMAS):
        return True
    return isinstance(properties, dict) and all(
        isinstance(spec, dict) for spec in properties.values()
    )


def _schema(spec: Any, note: Note, depth: int) -> Schema:
    if isinstance(spec, str):
        return schema_of_name(spec, note)
    if not isinstance(spec, dict) or depth > _MAX_NESTING:
        if spec is not True:
            note(f"schema {spec!r:.60}")
        return {}
    kind = basic_type(spec.get("type"))
    schema = _typed(spec, note) if kind is None or "nullable" in spec else {"type": kind}
    if "default" in spec:
        schema["default"] = spec["default"]
    more = spec.keys() - _PLAIN
    if not more:
        return schema
    if more & _ARRAYS:
        schema |= _array(spec, note, depth)
    if more & _OBJECTS:
        schema |= _object(spec, note, depth)
    if more & LIMITS:
        schema |= limits(spec, note)
    if more & _COMBINED:
        schema |= _combined(spec, note, depth)
    return schema


def _combined(spec: Mapping[str, Any], note: Note, depth: int) -> Schema:
    """Keywords that hold whole schemas, or point at one."""
    schema: Schema = {}
    for key in _LISTS_OF_SCHEMAS:
        choices = spec.get(key)
        if isinstance(choices, list) and choices:
            schema[key] = [_schema(choice, note, depth + 1) for choice in choices]
    for key in _MAPS_OF_SCHEMAS:
        named = spec.get(key)
        if isinstance(named, dict):
            schema[key] = {str(name): _schema(s, note, depth + 1) for name, s in named.items()}
    if "$ref" in spec:
        schema |= _reference(spec["$ref"], note)
    return schema


def _reference(pointer: Any, note: Note) -> Schema:
    """A `$ref` into the same document; nothing is ever fetched from elsewhere."""
    if isinstance(pointer, str) and pointer.startswith(("#/$defs/", "#/definitions/")):
        return {"$ref": pointer}
    note(f"$ref {pointer!r:.60}")
    return {}


def _typed(spec: Mapping[str, Any], note: Note) -> Schema:
    """`type`, be it a name, a list of names, or missing."""
    kind = spec.get("type")
    if kind is None:
        return {}
    if isinstance(kind, str):
        schema = schema_of_name(kind, note)
    elif isinstance(kind, list) and all(isinstance(name, str) for name in kind):
        schema = any_of([schema_of_name(name, note) for name in kind]) if kind else {}
    else:
        note(f"type {kind!r:.60}")
        return {}
    if spec.get("nullable") is True and schema:
        schema = any_of([schema, {"type": "null"}])
    return schema


def _array(spec: Mapping[str, Any], note: Note, depth: int) -> Schema:
    items = spec.get("items")
    places, others = spec.get("prefixItems"), items
    if not isinstance(places, list):
        places, others = items, spec.get("additionalItems")
    if isinstance(places, list):
        rest = {} if others is None else {"additionalItems": _or_boolean(others, note, depth)}
        return {"items": [_schema(place, note, depth + 1) for place in places], **rest}
    if items is None or items is True:
        return {}
    return {"items": _schema(items, note, depth + 1)}


def _object(spec: Mapping[str, Any], note: Note, depth: int) -> Schema:
    schema: Schema = {}
    properties = spec.get("properties")
    required = names(spec.get("required"))
    if isinstance(properties, dict):
        members = schema["properties"] = {}
        for key, inner in properties.items():
            name = nfc(str(key))
            members[name] = _schema(inner, note, depth + 1)
            if marked_required(inner):
                required.append(name)
    if "additionalProperties" in spec:
        schema["additionalProperties"] = _or_boolean(spec["additionalProperties"], note, depth)
    if isinstance(spec.get("patternProperties"), dict):
        note(f"patternProperties {spec['patternProperties']!r:.60}")
        schema["additionalProperties"] = True
    if required:
        schema["required"] = required
    return without_empty_required(schema)


def _or_boolean(spec: Any, note: Note, depth: int) -> bool | Schema:
    return spec if isinstance(spec, bool) else _schema(spec, note, depth + 1)
