"""Parameters of values that hold nothing inside: nine of ten, and quick to tell.

What is said of them here, `egpo_verl.calls.shapes` says too; that takes thirty times as long.
"""

from __future__ import annotations

from typing import Any

from egpo_verl.calls.type_names import Schema

_LISTS = ("items", "additionalItems", "additionalProperties", "anyOf", "oneOf", "allOf")
_HOLDERS = frozenset({*_LISTS, "properties", "$ref"})
_FUNCTION = frozenset({"type", "properties", "required", "additionalProperties"})
_PLAIN = frozenset({"type", "default"})
_TYPES = {str: "string", int: "integer", float: "number", bool: "boolean"}
DEFINITIONS = ("$defs", "definitions")


def is_flat(schema: Schema) -> bool:
    """Whether a parameter's schema names no other schema."""
    return schema.keys().isdisjoint(_HOLDERS)


def flat_defaults(root: Schema) -> dict[str, Any] | None:
    """Parameter -> its default; None where that takes a closer look."""
    properties = root.get("properties", {})
    if not root.keys() <= _FUNCTION or not all(map(is_flat, properties.values())):
        return None
    defaults = {name: one["default"] for name, one in properties.items() if "default" in one}
    if all(fits_plainly(properties[name], default) for name, default in defaults.items()):
        return defaults
    return None


def fits_plainly(schema: Schema, value: Any) -> bool:
    """Whether a type is all that a schema asks for, and is that of `value`."""
    return schema.keys() <= _PLAIN and schema.get("type") == _TYPES.get(type(value))


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
