"""A schema as a document: its references resolved, and whether a value fits a part of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import jsonschema_rs

from egpo_verl.calls.flat import DEFINITIONS, fits_plainly
from egpo_verl.calls.type_names import Schema

_MORE = frozenset({"allOf", "$ref"})


class Document:
    """A schema with the definitions that its parts point at; each part is compiled once."""

    def __init__(self, root: Schema) -> None:
        self._root = root
        self._definitions = {key: root[key] for key in DEFINITIONS if key in root}
        self._validators: dict[int, jsonschema_rs.Draft4Validator | None] = {}

    def resolved(self, schemas: Iterable[Any], before: Sequence[Schema] = ()) -> list[Schema]:
        """`before`, then `schemas` with every schema that must hold where they do."""
        parts, waiting = list(before), list(schemas)
        if not parts and len(waiting) == 1 and waiting[0].keys().isdisjoint(_MORE):
            return waiting
        while waiting:
            schema = waiting.pop(0)
            if isinstance(schema, dict) and not any(schema is part for part in parts):
                parts.append(schema)
                waiting += schema.get("allOf", ())
                if "$ref" in schema:
                    waiting.append(self._target(schema["$ref"]))
        return parts

    def takes(self, schema: Schema, value: Any) -> bool:
        """Whether `value` fits `schema`, a part of the root."""
        fits = fits_plainly(schema, value)
        if fits is not None:
            return fits
        if id(schema) not in self._validators:
            try:
                compiled = jsonschema_rs.Draft4Validator({"allOf": [schema], **self._definitions})
            except (ValueError, jsonschema_rs.ReferencingError):
                compiled = None
            self._validators[id(schema)] = compiled
        validator = self._validators[id(schema)]
        try:
            return validator is not None and validator.is_valid(value)
        except ValueError:  # text that is no Unicode: a lone surrogate
            return False

    def _target(self, pointer: str) -> Any:
        """What `#/$defs/Name` points at, None where there is nothing."""
        target: Any = self._root
        for step in pointer.removeprefix("#/").split("/"):
            name = step.replace("~1", "/").replace("~0", "~")
            target = target.get(name) if isinstance(target, dict) else None
        return target


def others_of(part: Schema) -> Schema | None:
    """What a schema says of members that it does not name."""
    others = part.get("additionalProperties")
    return others if isinstance(others, dict) else None


def places_of(part: Schema) -> Sequence[Schema]:
    """What a schema says of the first items, each at its place."""
    items = part.get("items")
    return items if isinstance(items, list) else ()


def item_at(part: Schema, at: int) -> Schema | None:
    """What a schema says of the item at a place."""
    places = places_of(part)
    item = places[at] if at < len(places) else part.get("additionalItems" if places else "items")
    return item if isinstance(item, dict) else None
