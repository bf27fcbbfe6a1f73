"""Keywords of JSON Schema with plain values, those of later drafts in draft 4's words."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from egpo_verl.calls.type_names import Note, Schema
from egpo_verl.calls.values import in_form, nfc


def limits(spec: Mapping[str, Any], note: Note) -> Schema:
    """What `spec` says of values beside their types; a value that breaks draft 4 says nothing.

    Args:
        note: told of a `pattern`, which stays unchecked.
    """
    schema: Schema = {}
    for key, value in spec.items():
        if key in _READERS and (read := _READERS[key](value)) is not None:
            schema[key] = read
    if "const" in spec:
        schema["enum"] = [in_form(spec["const"], nfc)]
    for exclusive, limit in _EXCLUSIVE.items():
        bound = spec.get(exclusive)
        if bound is True and limit in schema:
            schema[exclusive] = True
        elif _number(bound) is not None:
            schema |= {limit: bound, exclusive: True}
    if isinstance(spec.get("pattern"), str):
        # A tool author's regular expression is foreign code of unbounded cost.
        note(f"pattern {spec['pattern']!r:.60}")
    return schema


def _number(value: Any) -> int | float | None:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _positive(value: Any) -> int | float | None:
    number = _number(value)
    return number if number is not None and number > 0 else None


def _count(value: Any) -> int | None:
    number = _number(value)
    return int(number) if number is not None and number >= 0 and number == int(number) else None


def _true(value: Any) -> bool | None:
    return True if value is True else None


def _choices(value: Any) -> list[Any] | None:
    return in_form(value, nfc) if isinstance(value, list) and value else None


_READERS: Mapping[str, Callable[[Any], Any]] = {
    "enum": _choices,
    "minimum": _number,
    "maximum": _number,
    "multipleOf": _positive,
    "minLength": _count,
    "maxLength": _count,
    "minItems": _count,
    "maxItems": _count,
    "minProperties": _count,
    "maxProperties": _count,
    "uniqueItems": _true,
}
"""Keyword -> its value as draft 4 has it, None where it has none."""
_EXCLUSIVE = {"exclusiveMinimum": "minimum", "exclusiveMaximum": "maximum"}
"""Draft 4 marks a bound as exclusive, later drafts write an exclusive bound."""

LIMITS = frozenset({*_READERS, *_EXCLUSIVE, "const", "pattern"})
