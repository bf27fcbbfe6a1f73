"""Rows whose structs Arrow merged, as they were before.

A struct column has the same keys in every row, so that a key which one row has is null in all
others: `{"x": 3}` comes back as `{"city": null, "x": 3}`. The functions' schemas tell most of
these nulls from those that somebody wrote.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from egpo_verl.calls import Call
from egpo_verl.calls.shapes import Shapes
from egpo_verl.datasets.checks.repair import admits_null
from egpo_verl.datasets.sample import Message, Sample
from egpo_verl.datasets.tools.features import Features, features_of
from egpo_verl.datasets.unusable import Unusable

Schema = dict[str, Any]
UNIONS = ("anyOf", "oneOf")


def unmerged(sample: Sample) -> Sample:
    """The sample without null-filled keys, or the sample itself where it has none.

    Raises:
        Unusable: a null of a call may be a value or an absent key.
    """
    tools = tuple([_without_nulls(tool) for tool in sample.tools])
    offered = {features.name: features for features in map(features_of, tools)}
    calls = tuple([_call(call, offered) for call in sample.calls])
    messages = tuple([_message(message, offered) for message in sample.messages])
    if (tools, calls, messages) == (sample.tools, sample.calls, sample.messages):
        return sample
    return replace(sample, tools=tools, calls=calls, messages=messages)


def _without_nulls(value: Any) -> Any:
    """A part of a function's specification; only a default may be null in a JSON Schema."""
    if isinstance(value, Mapping):
        keep_default = ("type" in value or "anyOf" in value) and admits_null(value)
        return {
            key: _without_nulls(item)
            for key, item in value.items()
            if item is not None or (key == "default" and keep_default)
        }
    return [_without_nulls(item) for item in value] if isinstance(value, list) else value


def _message(message: Message, offered: Mapping[str, Features]) -> Message:
    if "calls" not in message:
        return message
    return {**message, "calls": tuple([_call(call, offered) for call in message["calls"]])}


def _call(call: Call, offered: Mapping[str, Features]) -> Call:
    if not _has_null(call.arguments):
        return call
    schema = offered[call.name].signature.schema if call.name in offered else {}
    try:
        return Call(call.name, _Nulls(schema).removed(call.arguments, [schema]))
    except _Ambiguous as error:
        where = {"call": call.name, "argument": str(error)}
        raise Unusable("merged_structs", f"{call.name}({error}=None)", where) from error


class _Ambiguous(Exception):
    """A key whose null may be a value or a filled gap."""


class _Nulls:
    """Null-filled keys removed from values, each of which all of some schemas describe."""

    def __init__(self, root: Schema) -> None:
        self._shapes = Shapes(root)

    def removed(self, value: Mapping[str, Any], schemas: Sequence[Schema]) -> dict[str, Any]:
        """The object without the keys that nobody can have written; raises `_Ambiguous`."""
        certain, possible = self._parts(schemas)
        result = {}
        for key, item in value.items():
            sure = _declared(certain, key)
            declared = sure or _declared(possible, key)
            if item is not None:
                result[key] = self._value(item, declared or _others(possible))
            elif not declared:
                if not self._refuses(key, possible):
                    raise _Ambiguous(key)
            elif not (all if sure else any)(self._shapes.takes(one, None) for one in declared):
                continue  # nobody can have written it
            elif any(key in part.get("required", ()) for part in certain):
                result[key] = None  # it cannot be absent
            elif not self._is_default(declared):
                raise _Ambiguous(key)
        return result

    def _value(self, value: Any, schemas: Sequence[Schema]) -> Any:
        if isinstance(value, Mapping):
            return self.removed(value, schemas)
        if isinstance(value, list):
            _, possible = self._parts(schemas)
            items = [part["items"] for part in possible if isinstance(part.get("items"), Mapping)]
            return [self._value(item, items) for item in value]
        return value

    def _parts(self, schemas: Sequence[Schema]) -> tuple[list[Schema], list[Schema]]:
        """The schemas that hold for an object, and those with others that may hold."""
        certain = self._shapes.resolved(schemas)
        for part in certain:  # grows on the way
            for key in UNIONS:
                objects = [one for one in part.get(key, ()) if self._declares(one)]
                if len(objects) == 1:
                    certain[:] = self._shapes.resolved(objects, certain)
        possible = list(certain)
        for part in possible:
            for key in UNIONS:
                possible[:] = self._shapes.resolved(part.get(key, ()), possible)
        return certain, possible

    def _declares(self, schema: Schema) -> bool:
        """Whether the schema declares an object's keys."""
        return any("properties" in part for part in self._shapes.resolved([schema]))

    def _refuses(self, key: str, parts: Sequence[Schema]) -> bool:
        """Whether a key that none of the parts declares cannot be null."""
        if any(self._shapes.takes(one, None) for one in _others(parts)) or _is_open(parts):
            return False
        if any(
            part.get("properties") or part.get("additionalProperties") is False for part in parts
        ):
            return True
        others = _others(parts)
        return bool(others) and not all(self._shapes.takes(one, None) for one in others)

    def _is_default(self, schemas: Sequence[Schema]) -> bool:
        """Whether a key that is absent means null."""
        parts = self._shapes.resolved(schemas)
        return any(part.get("default", ...) is None for part in parts)


def _declared(parts: Sequence[Schema], key: str) -> list[Schema]:
    return [part["properties"][key] for part in parts if key in part.get("properties", ())]


def _others(parts: Sequence[Schema]) -> list[Schema]:
    """What the parts say of keys that they do not declare."""
    others = [part.get("additionalProperties") for part in parts]
    patterns = [one for part in parts for one in part.get("patternProperties", {}).values()]
    return [one for one in (*others, *patterns) if isinstance(one, dict)]


def _is_open(parts: Sequence[Schema]) -> bool:
    """Whether the parts say that keys which they do not declare may be anything."""
    return any(part.get("additionalProperties") is True for part in parts)


def _has_null(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(map(_has_null, value.values()))
    return any(map(_has_null, value)) if isinstance(value, list) else value is None
