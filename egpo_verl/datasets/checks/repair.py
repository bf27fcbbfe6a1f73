"""Values that say the right thing in the wrong type, put right where nothing is lost.

Datasets made by language models write `"1"` for 1 and `"True"` for true. Such a value would
make the reward punish a model that obeys the declared type, so it is repaired before training
or the row is dropped. A repair is made only where the old value could be told from the new one.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

from egpo_verl.calls.shapes import Shapes
from egpo_verl.datasets.reading.literals import literal

INTEGER = re.compile(r"[+-]?(0|[1-9]\d{0,17})(\.0+)?")
NUMBER = re.compile(r"[+-]?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d{1,3})?")
BOOLEANS = {"true": True, "True": True, "false": False, "False": False}
LONGEST_LITERAL = 100_000
NAMES: dict[type, str] = {str: "string", list: "array", dict: "object", type(None): "null"}

Schema = Mapping[str, Any]


def repaired(value: Any, schema: Schema, kinds: Counter[str], shapes: Shapes | None = None) -> Any:
    """`value` in a type that `schema` declares, or `value` itself where no repair is lossless.

    Args:
        schema: JSON Schema of the value; only `type`, `enum`, `anyOf`, `items` and `properties` are
            read, also those of a `$ref` and of `allOf`.
        kinds: each repair is counted here, as "str -> integer".
        shapes: of the whole schema, to which `$ref` points; None to follow none.
    """
    types = _types(schema, shapes)
    if not types or _fits(value, types):
        return _inside(value, schema, kinds, shapes)
    for kind in types:
        new = _as(kind, value)
        if new is not None:
            kinds[f"{type(value).__name__} -> {kind}"] += 1
            return _inside(new, schema, kinds, shapes)
    return value


def admits_null(schema: Schema, shapes: Shapes | None = None) -> bool:
    """Whether None is a value of the schema (one that declares no type admits everything)."""
    types = _types(schema, shapes)
    return not types or "null" in types


def _inside(value: Any, schema: Schema, kinds: Counter[str], shapes: Shapes | None) -> Any:
    """The parts of a list or an object repaired by the schemas of the parts."""
    schema = _whole(schema, shapes)
    items, properties = schema.get("items"), schema.get("properties")
    if isinstance(value, list) and isinstance(items, Mapping):
        return [repaired(item, items, kinds, shapes) for item in value]
    if isinstance(value, dict) and isinstance(properties, Mapping):
        return {
            key: repaired(item, properties[key], kinds, shapes)
            if isinstance(properties.get(key), Mapping)
            else item
            for key, item in value.items()
        }
    return value


def _whole(schema: Schema, shapes: Shapes | None) -> Schema:
    """The schema with what its references say; where two parts say something, the first does."""
    if shapes is None or schema.keys().isdisjoint(("$ref", "allOf")):
        return schema
    return {
        key: value for part in reversed(shapes.resolved([schema])) for key, value in part.items()
    }


def _types(schema: Schema, shapes: Shapes | None) -> list[str]:
    schema = _whole(schema, shapes)
    choices = schema.get("anyOf")
    if isinstance(choices, list):
        return [name for choice in choices for name in _types(choice, shapes)]
    declared = schema.get("type")
    if declared is None and isinstance(schema.get("enum"), list):
        return list(dict.fromkeys(map(_type_of, schema["enum"])))
    return [declared] if isinstance(declared, str) else list(declared or ())


def _type_of(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "integer" if isinstance(value, int) else "number"
    return NAMES.get(type(value), "")


def _fits(value: Any, types: list[str]) -> bool:
    if isinstance(value, bool):
        return "boolean" in types
    if isinstance(value, int):
        return "integer" in types or "number" in types
    if isinstance(value, float):
        return "number" in types
    return NAMES.get(type(value), "") in types


def _as(kind: str, value: Any) -> Any:
    """`value` as the JSON type `kind`; None where that would lose or invent something."""
    if isinstance(value, str):
        return _from_text(kind, value.strip())
    if isinstance(value, bool):
        return None
    if kind == "integer" and isinstance(value, float) and math.isfinite(value):
        return int(value) if value == int(value) and abs(value) < 2**53 else None
    if kind == "string" and isinstance(value, int | float):
        return str(value)
    return None


def _from_text(kind: str, text: str) -> Any:
    if kind == "integer" and INTEGER.fullmatch(text):
        return int(text.split(".")[0])
    if kind == "number" and NUMBER.fullmatch(text):
        number = float(text)
        if not math.isfinite(number):
            return None
        return int(text) if INTEGER.fullmatch(text) and "." not in text else number
    if kind == "boolean":
        return BOOLEANS.get(text)
    if kind in ("array", "object") and len(text) < LONGEST_LITERAL:
        return _literal(text, list if kind == "array" else dict)
    return None


def _literal(text: str, kind: type) -> Any:
    """A list or an object that is spelled in a text."""
    try:
        value = literal(text)
    except ValueError:
        return None
    return value if isinstance(value, kind) else None
