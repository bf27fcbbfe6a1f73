"""What a schema says of floats and defaults, in one walk over it with its references resolved.

JSON does not keep 5.0 and 5 apart, and a default may be written or left out. So two values mean
the same where they are equal once whole numbers are floats wherever the schema declares a float,
and members that say no more than their default are gone: `Shape.normal` is that form of a value.
The walk follows `properties`, `items`, `allOf` and `$ref`, and of `anyOf` and `oneOf` the branch
that decides. It never makes a value larger, whatever the schema says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from itertools import chain, repeat
from threading import RLock
from typing import Any

from egpo_verl.calls.document import Document, item_at, others_of, places_of
from egpo_verl.calls.type_names import Schema
from egpo_verl.calls.unions import UNIONS, deciding_branch, declares_float
from egpo_verl.calls.values import SEQUENCES, TextForm, equal, float_of, in_wholes, nfc


class Shapes(Document):
    """The shapes of a schema and of all schemas inside it, each made when it is first needed."""

    def __init__(self, root: Schema) -> None:
        super().__init__(root)
        self.lock = RLock()
        self._shapes: dict[tuple[int, ...], Shape] = {}
        self._insides: dict[tuple[int, ...], Inside] = {}

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
            inside = self._insides[key] = Inside(self, parts, key)
        return inside


class Shape:
    """The type of a value, by the schemas that hold whatever the value is."""

    def __init__(self, shapes: Shapes, schemas: Sequence[Any]) -> None:
        self._parts = shapes.resolved(schemas)
        self._shapes = shapes
        self._may_be_float: bool | None = None

    @cached_property
    def _inside(self) -> Inside | None:
        """What is inside, where no union is to be decided first."""
        has_unions = any(key in part for part in self._parts for key in UNIONS)
        return None if has_unions else self._shapes.inside(self._parts)

    def normal(self, value: Any, text_form: TextForm = nfc) -> Any:
        """`value` with floats, defaults and texts in the form in which they are compared."""
        if isinstance(value, str):
            return text_form(value)
        if isinstance(value, SEQUENCES):
            inside = self._inside or self._decided(value)
            shapes = chain(inside.items[:-1], repeat(inside.items[-1]))
            return [
                shape.normal(inner, text_form) for inner, shape in zip(value, shapes, strict=False)
            ]
        if isinstance(value, dict):
            inside = self._inside or self._decided(value)
            members = {
                nfc(name): inside.member(name).normal(inner, text_form)
                for name, inner in value.items()
            }
            if len(members) < len(value):  # two spellings of one name are no spelling of it
                return value
            return inside.shortened(members, text_form)
        if type(value) is int:
            if self._may_be_float is None:
                self._may_be_float = declares_float(self._shapes, self._parts, [])
            return float_of(value) if self._may_be_float else value
        return value

    def _decided(self, value: Any) -> Inside:
        """What is inside `value`, with the branch of each union that takes it."""
        parts = list(self._parts)
        for part in parts:  # grows on the way
            for key in UNIONS:
                if key in part:
                    branch = deciding_branch(self._shapes, part[key], value)
                    parts[:] = self._shapes.resolved(branch, parts)
        return self._shapes.inside(parts)


class Inside:
    """The members or items of a value, and the defaults that members need not say."""

    def __init__(self, shapes: Shapes, parts: Sequence[Schema], key: tuple[int, ...]) -> None:
        self._shapes = shapes
        self._key = key
        self._parts = parts
        self._declared: dict[str, Shape] = {}
        self._normal: dict[TextForm, Mapping[str, Any]] = {}
        self._is_busy = False

    @cached_property
    def _others(self) -> Shape:
        """Of members that are not declared."""
        return self._shapes.shape([others_of(part) for part in self._parts if others_of(part)])

    def member(self, name: str) -> Shape:
        """The shape of a member, declared or not."""
        name = nfc(name)
        shape = self._declared.get(name)
        if shape is None:
            if not any(name in part.get("properties", ()) for part in self._parts):
                return self._others
            shape = self._declared[name] = self._shapes.shape(self._schemas_of(name))
        return shape

    def _schemas_of(self, name: str) -> list[Schema]:
        schemas = [part.get("properties", {}).get(name, others_of(part)) for part in self._parts]
        return [schema for schema in schemas if schema]

    @cached_property
    def items(self) -> list[Shape]:
        """The shapes of the first items, each at its place, and at the end that of all others."""
        places = max((len(places_of(part)) for part in self._parts), default=0)
        items = [[item_at(part, at) for part in self._parts] for at in range(places + 1)]
        return [self._shapes.shape([one for one in schemas if one]) for schemas in items]

    @cached_property
    def defaults(self) -> Mapping[str, Any]:
        """Member -> its default, where it states one that fits its type.

        Datasets write `"default": ""` for whole numbers, which states nothing, and 5.0 for 5.
        """
        names = dict.fromkeys(name for part in self._parts for name in part.get("properties", ()))
        defaults = {}
        for name in names:
            schemas = self._schemas_of(name)
            for part in self._shapes.resolved(schemas):
                if "default" in part:
                    for default in (part["default"], in_wholes(part["default"])):
                        if all(self._shapes.takes(schema, default) for schema in schemas):
                            defaults[name] = default
                            break
                    break
        return defaults

    def shortened(self, members: dict[Any, Any], text_form: TextForm) -> dict[Any, Any]:
        """`members` without those that equal their defaults, marked by whose defaults these are.

        The mark keeps `{}` apart from the `{}` that another branch of a union would mean.
        """
        if not self.defaults:
            return members
        defaults = self._normal_defaults(text_form)
        rest = {
            name: value
            for name, value in members.items()
            if name not in defaults or not equal(value, defaults[name])
        }
        return {**rest, self._key: True}

    def _normal_defaults(self, text_form: TextForm) -> Mapping[str, Any]:
        known = self._normal.get(text_form)
        if known is not None:
            return known
        with self._shapes.lock:
            if self._is_busy:  # a default inside itself: written out, it stays
                return {}
            self._is_busy = True
            self._normal[text_form] = {
                name: self.member(name).normal(default, text_form)
                for name, default in self.defaults.items()
            }
            self._is_busy = False
        return self._normal[text_form]
