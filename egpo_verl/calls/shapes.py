"""What a schema says of floats and defaults, in one walk over it with its references resolved.

JSON does not keep 5.0 and 5 apart, and a default may be written or left out. So two values mean
the same where they are equal once whole numbers are floats wherever the schema declares a float,
and the defaults of objects are written out: `Shape.normal` is that form of a value. The walk
follows `properties`, `items`, `allOf` and `$ref`, and of `anyOf` and `oneOf` the first branch that
takes the value.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from threading import RLock
from typing import Any

import jsonschema_rs

from egpo_verl.calls.type_names import Schema
from egpo_verl.calls.values import float_of, nfc

_UNIONS = ("anyOf", "oneOf")
_DEFINITIONS = ("$defs", "definitions")
_LISTS = ("items", "additionalItems", "additionalProperties", "anyOf", "oneOf", "allOf")
_HOLDERS = frozenset({*_LISTS, "properties", "$ref"})
_MOST_NODES = 200
"""Values inside a default: one that unfolds into more states nothing."""


class Shapes:
    """The shapes of a schema and of all schemas inside it, each made when it is first needed."""

    def __init__(self, root: Schema) -> None:
        self.lock = RLock()
        self._root = root
        self._definitions = {key: root[key] for key in _DEFINITIONS if key in root}
        self.definitions_have_defaults = False
        named = [schema for group in self._definitions.values() for schema in group.values()]
        self.definitions_have_defaults = any(
            "default" in one or _has_inner_defaults(one, self) for one in named
        )
        self._shapes: dict[tuple[int, ...], Shape] = {}
        self._insides: dict[tuple[int, ...], Inside] = {}
        self._validators: dict[int, jsonschema_rs.Draft4Validator | None] = {}

    def shape(self, schemas: Sequence[Any]) -> Shape:
        """The shape of a value that all of `schemas`, parts of the root, describe."""
        key = tuple(map(id, schemas))
        shape = self._shapes.get(key)
        if shape is None:
            shape = self._shapes[key] = Shape(self, schemas)
        return shape

    def inside(self, parts: Sequence[Schema]) -> Inside:
        """What is inside a value that all of `parts` describe, once its unions are decided."""
        key = tuple(map(id, parts))
        inside = self._insides.get(key)
        if inside is None:
            inside = self._insides[key] = Inside(self, parts)
        return inside

    def resolved(self, schemas: Iterable[Any], before: Sequence[Schema] = ()) -> list[Schema]:
        """`before`, then `schemas` with every schema that must hold where they do."""
        parts, waiting = list(before), list(schemas)
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


class Shape:
    """The type of a value: `parts` are the schemas that hold whatever the value is."""

    def __init__(self, shapes: Shapes, schemas: Sequence[Any]) -> None:
        self.parts = parts = shapes.resolved(schemas)
        self._schemas = schemas
        self._shapes = shapes
        self._may_be_float: bool | None = None
        has_unions = any(key in part for part in parts for key in _UNIONS)
        self._inside = None if has_unions else shapes.inside(parts)

    def normal(self, value: Any) -> Any:
        """`value` with floats and defaults as the schema means them."""
        if isinstance(value, list):
            inside = self._inside or self._decided(value)
            return [inside.item(at).normal(inner) for at, inner in enumerate(value)]
        if isinstance(value, dict):
            inside = self._inside or self._decided(value)
            members = {name: inside.member(name).normal(inner) for name, inner in value.items()}
            return inside.completed(members)
        if type(value) is int:
            if self._may_be_float is None:
                self._may_be_float = self._declares_float(self.parts, [])
            return float_of(value) if self._may_be_float else value
        return value

    @cached_property
    def has_inner_defaults(self) -> bool:
        """Whether a value may hold an object some of whose members have a default."""
        return any(_has_inner_defaults(part, self._shapes) for part in self.parts)

    def takes(self, value: Any) -> bool:
        """Whether `value` fits."""
        return all(self._shapes.takes(part, value) for part in self._schemas)

    def _declares_float(self, schemas: Iterable[Any], seen: list[Schema]) -> bool:
        parts = self._shapes.resolved(schemas)
        if any(part.get("type") == "number" for part in parts):
            return True
        new = [part for part in parts if not any(part is old for old in seen)]
        seen += new
        branches = [branch for part in new for key in _UNIONS for branch in part.get(key, ())]
        return any(self._declares_float([branch], seen) for branch in branches)

    def _decided(self, value: Any) -> Inside:
        """What is inside `value`, with the branch of each union that takes it."""
        parts = list(self.parts)
        for part in parts:  # grows on the way
            for key in _UNIONS:
                if key in part:
                    parts[:] = self._shapes.resolved(self._branch(part[key], value), parts)
        return self._shapes.inside(parts)

    def _branch(self, branches: Sequence[Schema], value: Any) -> Sequence[Schema]:
        """The first branch that takes a list or an object, as far as there is a choice."""
        kind = "array" if isinstance(value, list) else "object"
        open_to_it = [branch for branch in branches if self._is_open_to(kind, [branch], [])]
        if len(open_to_it) > 1:
            taking = (branch for branch in open_to_it if self._shapes.takes(branch, value))
            return [next(taking, open_to_it[0])]
        return open_to_it

    def _is_open_to(self, kind: str, schemas: Iterable[Any], seen: list[Schema]) -> bool:
        """Whether the declared types leave room for a list or an object."""
        parts = self._shapes.resolved(schemas)
        if not all(part.get("type", kind) == kind for part in parts):
            return False
        new = [part for part in parts if not any(part is old for old in seen)]
        seen += new
        return all(
            any(self._is_open_to(kind, [branch], seen) for branch in part[key])
            for part in new
            for key in _UNIONS
            if key in part
        )


class Inside:
    """The members or items of a value, and the defaults of members that it leaves out."""

    def __init__(self, shapes: Shapes, parts: Sequence[Schema]) -> None:
        self._shapes = shapes
        self._parts = parts
        self._declared: dict[str, Shape] = {}
        self._items: dict[int, Shape] = {}
        self._defaults: Mapping[str, Any] | None = None
        self._is_busy = False

    @cached_property
    def _others(self) -> Shape:
        """Of members that are not declared."""
        return self._shapes.shape([_others(part) for part in self._parts if _others(part)])

    def member(self, name: str) -> Shape:
        """The shape of a member, declared or not."""
        name = nfc(name)
        shape = self._declared.get(name)
        if shape is None:
            if not any(name in part.get("properties", ()) for part in self._parts):
                return self._others
            schemas = [part.get("properties", {}).get(name, _others(part)) for part in self._parts]
            shape = self._declared[name] = self._shapes.shape([one for one in schemas if one])
        return shape

    def item(self, at: int) -> Shape:
        """The shape of the item at a place."""
        places = max((len(_places(part)) for part in self._parts), default=0)
        at = min(at, places)
        shape = self._items.get(at)
        if shape is None:
            schemas = [_item(part, at) for part in self._parts]
            shape = self._items[at] = self._shapes.shape([one for one in schemas if one])
        return shape

    def completed(self, members: dict[str, Any]) -> dict[str, Any]:
        """`members` with the defaults of those that are not there."""
        defaults = self.defaults
        if not defaults:
            return members
        present = set(map(nfc, members))
        return members | {name: v for name, v in defaults.items() if name not in present}

    @property
    def defaults(self) -> Mapping[str, Any]:
        """Member -> its default in normal form, where it states one that fits its own type.

        Datasets write `"default": ""` for whole numbers, which states nothing.
        """
        if self._defaults is None:
            with self._shapes.lock:
                if self._is_busy:  # an object that is the default of something inside it
                    return {}
                if self._defaults is None:
                    self._is_busy = True
                    self._defaults = dict(self._stated())
                    self._is_busy = False
        return self._defaults

    def _stated(self) -> Iterator[tuple[str, Any]]:
        names = dict.fromkeys(name for part in self._parts for name in part.get("properties", ()))
        for name in names:
            shape = self.member(name)
            for default in [part["default"] for part in shape.parts if "default" in part][:1]:
                if shape.takes(default) and _is_small(normal := shape.normal(default)):
                    yield name, normal


def _has_inner_defaults(schema: Any, shapes: Shapes) -> bool:
    if not isinstance(schema, dict) or schema.keys().isdisjoint(_HOLDERS):
        return False
    if "$ref" in schema and shapes.definitions_have_defaults:
        return True
    members = list(schema.get("properties", {}).values())
    if any("default" in member for member in members):
        return True
    listed = [one for key in _LISTS for one in _listed(schema.get(key))]
    return any(_has_inner_defaults(inner, shapes) for inner in [*members, *listed])


def _listed(schemas: Any) -> Sequence[Any]:
    return schemas if isinstance(schemas, list) else [schemas]


def _others(part: Schema) -> Schema | None:
    others = part.get("additionalProperties")
    return others if isinstance(others, dict) else None


def _places(part: Schema) -> Sequence[Schema]:
    items = part.get("items")
    return items if isinstance(items, list) else ()


def _item(part: Schema, at: int) -> Schema | None:
    places = _places(part)
    item = places[at] if at < len(places) else part.get("additionalItems" if places else "items")
    return item if isinstance(item, dict) else None


def _is_small(value: Any) -> bool:
    waiting, count = [value], 0
    while waiting and count <= _MOST_NODES:
        value = waiting.pop()
        count += 1
        if isinstance(value, list | dict):
            waiting += value.values() if isinstance(value, dict) else value
    return count <= _MOST_NODES
