"""Parameters of values that hold nothing inside: nine of ten, and quick to tell.

What is said of them here, `egpo_verl.calls.shapes` says too, and takes longer: it builds a JSON
Schema validator of each. The first verdict on a row compiles all its functions and the reference,
and is quicker by what is told here; later verdicts on the row gain nothing.
"""

from __future__ import annotations

from typing import Any

from egpo_verl.calls.type_names import Schema
from egpo_verl.calls.values import in_wholes

_LISTS = ("items", "additionalItems", "additionalProperties", "anyOf", "oneOf", "allOf")
_HOLDERS = frozenset({*_LISTS, "properties", "$ref"})
_FUNCTION = frozenset({"type", "properties", "required", "additionalProperties"})
_PLAIN = frozenset({"type", "default"})
_ELSEWHERE = frozenset({"$ref", "allOf"})
_TYPES = {
    str: ("string",),
    int: ("integer", "number"),
    float: ("number",),
    bool: ("boolean",),
    type(None): ("null",),
}
DEFINITIONS = ("$defs", "definitions")


def is_flat(schema: Schema) -> bool:
    """Whether a parameter's schema names no other schema."""
    return schema.keys().isdisjoint(_HOLDERS)


def flat_defaults(root: Schema) -> dict[str, Any] | None:
    """Parameter -> its default, where one fits; None where that takes a closer look."""
    if not root.keys() <= _FUNCTION:
        return None
    defaults = {}
    for name, schema in root.get("properties", {}).items():
        if "default" in schema:
            default = schema["default"]
            fits = fits_plainly(schema, default)
            if fits is None:
                return None
            if not fits and isinstance(default, float):
                default = in_wholes(default)
                fits = fits_plainly(schema, default)
            if fits:
                defaults[name] = default
        elif not schema.keys().isdisjoint(_ELSEWHERE):
            return None
    return defaults


def fits_plainly(schema: Schema, value: Any) -> bool | None:
    """Whether `value` fits a schema that asks for a type and no more; None of any other."""
    kinds = _TYPES.get(type(value))
    if kinds is None or "type" not in schema or not schema.keys() <= _PLAIN:
        return None
    return schema["type"] in kinds


def has_defaults_inside(schema: Any, root: Schema) -> bool:
    """Whether a value of `schema`, a part of `root`, may hold an object with defaults."""
    if not isinstance(schema, dict) or is_flat(schema):
        return False
    if "$ref" in schema and any(
        "default" in one or has_defaults_inside(one, {})
        for key in DEFINITIONS
        for one in root.get(key, {}).values()
    ):
        return True
    members = list(schema.get("properties", {}).values())
    if any("default" in member for member in members):
        return True
    listed = [one for key in _LISTS for one in _listed(schema.get(key))]
    return any(has_defaults_inside(inner, root) for inner in [*members, *listed])


def _listed(schemas: Any) -> list[Any]:
    return schemas if isinstance(schemas, list) else [schemas]
