"""A value as its schema means it: whole numbers as floats, stated defaults written out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jsonschema_rs

from egpo_verl.calls.type_names import Schema

_HOLDERS = frozenset({"properties", "items", "additionalItems", "additionalProperties"})


def widened(value: Any, schema: Any) -> Any:
    """`value` with whole numbers as floats wherever `schema` declares a float.

    JSON does not keep 5.0 and 5 apart, so a reference may say 5 and mean either.
    """
    if isinstance(value, str) or not isinstance(schema, dict):
        return value
    if type(value) is int and _allows_float(schema):
        return float(value) if abs(value) <= 2**53 else value
    if isinstance(value, list):
        return [widened(inner, _item_schema(schema, at)) for at, inner in enumerate(value)]
    if isinstance(value, dict):
        return {name: widened(inner, _member_schema(schema, name)) for name, inner in value.items()}
    return value


def has_inner_defaults(schema: Any) -> bool:
    """Whether a value of `schema` can hold an object some of whose members have a default."""
    if not isinstance(schema, dict) or schema.keys().isdisjoint(_HOLDERS):
        return False
    members = schema.get("properties", {}).values()
    items = schema.get("items")
    inside = [*members, *(items if isinstance(items, list) else [items])]
    inside += [schema.get("additionalItems"), schema.get("additionalProperties")]
    return any("default" in member for member in members) or any(map(has_inner_defaults, inside))


def with_inner_defaults(value: Any, schema: Any) -> Any:
    """`value` with the stated defaults of objects inside it written out."""
    if not isinstance(schema, dict):
        return value
    if isinstance(value, list):
        return [with_inner_defaults(v, _item_schema(schema, at)) for at, v in enumerate(value)]
    if isinstance(value, dict):
        return stated_defaults(schema) | {
            name: with_inner_defaults(inner, _member_schema(schema, name))
            for name, inner in value.items()
        }
    return value


def stated_defaults(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Member -> its default, for an object's members whose default fits their own schema.

    Datasets write `"default": ""` for whole numbers, which states nothing.
    """
    return {
        name: widened(member["default"], member)
        for name, member in schema.get("properties", {}).items()
        if "default" in member and _fits(member["default"], member)
    }


def _fits(value: Any, schema: Schema) -> bool:
    try:
        return jsonschema_rs.Draft4Validator(schema).is_valid(value)
    except (ValueError, jsonschema_rs.ReferencingError):
        return False


def _allows_float(schema: Mapping[str, Any]) -> bool:
    kind = schema.get("type")
    if kind is not None:
        return bool(kind == "number")
    return any(
        _allows_float(choice) for key in ("anyOf", "oneOf") for choice in schema.get(key, ())
    )


def _item_schema(schema: Mapping[str, Any], at: int) -> Any:
    items = schema.get("items")
    if isinstance(items, list):
        return items[at] if at < len(items) else schema.get("additionalItems")
    return items


def _member_schema(schema: Mapping[str, Any], name: str) -> Any:
    return schema.get("properties", {}).get(name, schema.get("additionalProperties"))
