"""A function takes the arguments that it declares, wherever in its schema it declares them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from egpo_verl.calls.type_names import Schema

_COMBINED = ("allOf", "anyOf", "oneOf")
_MORE = frozenset({*_COMBINED, "$ref"})


def closed(root: Schema) -> Schema:
    """A function's schema that refuses every argument declared nowhere in it.

    JSON Schema refuses what is not declared beside the refusal itself, so what `allOf`, `anyOf`,
    `oneOf` or a `$ref` declares is named beside it too. A part that takes further arguments leaves
    all open.
    """
    if root.keys().isdisjoint(_MORE):
        return {"properties": {}, "additionalProperties": False} | root
    parts = list(_parts(root))
    declared: Schema = {name: {} for part in parts for name in part.get("properties", {})}
    schema = {**root, "properties": declared | root.get("properties", {})}
    if "$ref" in schema:  # draft 4 ignores what stands beside it
        schema["allOf"] = [*schema.get("allOf", ()), {"$ref": schema.pop("$ref")}]
    if "additionalProperties" not in schema and not any(
        part.get("additionalProperties") not in (None, False) for part in parts
    ):
        schema["additionalProperties"] = False
    return schema


def _parts(root: Schema) -> Iterator[Schema]:
    """The root and every schema that may hold for the arguments as a whole."""
    waiting: list[Any] = [root]
    seen: list[Schema] = []
    while waiting:
        part = waiting.pop()
        if not isinstance(part, dict) or any(part is one for one in seen):
            continue
        seen.append(part)
        yield part
        for key in _COMBINED:
            waiting += part.get(key, ())
        pointer = part.get("$ref", "")
        for key in ("$defs", "definitions"):
            waiting.append(root.get(key, {}).get(pointer.removeprefix(f"#/{key}/")))
